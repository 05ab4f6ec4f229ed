"""Files that hold labels: exports of Label Studio, and this project's own JSONL and CSV."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from training.corpus.delimiters import other_delimiter
from training.corpus.files import data_suffix, numbered_lines
from training.corpus.sources import csv_records, json_record
from training.errors import UserError, listed
from training.review.annotations import Annotation, Export, person_of, time_of, topic_list
from training.review.studio_exports import read_flat, read_json
from training.review.write import NO_TOPIC, SEPARATOR, text_of_cell


def stem(path: Path) -> str:
    """The name of a file up to its first dot: the person who labelled it, if nothing else says who."""
    return path.name.split(".")[0]


def read_annotations(path: Path, control: str | None, export: Export, person: str) -> None:
    """Add the annotations of one file to ``export``; ``person`` made those that name nobody in the project's own files.

    Raises :class:`UserError` by file, task and field.
    """
    suffix = data_suffix(path)
    if suffix == ".json":
        read_json(path, control, export)
    elif suffix in (".jsonl", ".ndjson"):
        for place, record in _json_lines(path):
            _own_record(person, place, record, export)
    elif suffix == ".csv":
        _read_csv(path, control, export, person)
    else:
        raise UserError(
            f"{path}: labels cannot be read from {suffix or 'a file without suffix'}. Expected an export of Label "
            f"Studio (.json, .csv), or the .jsonl or .csv that review queue wrote."
        )


def _read_csv(path: Path, control: str | None, export: Export, person: str) -> None:
    columns, rows = _table(path)
    if {"annotation_id", "lead_time"} <= set(columns):
        read_flat(path, rows, control, export)
        return
    if "topics" not in columns:
        raise UserError(
            f'{path}:1: no column "topics".{other_delimiter(columns, ",")} Expected a CSV export of Label Studio, or '
            f"the queue.csv that review queue wrote. Columns found: {listed(columns, 20)}."
        )
    for place, record in rows:
        told = {name: text_of_cell(cell) for name, cell in record.items()}
        _own_record(person, place, {**told, "topics": _cell(told["topics"])}, export)


def _table(path: Path) -> tuple[list[str], list[tuple[str, dict[str, Any]]]]:
    """The header of a CSV file and its rows, each with its place. Many spreadsheets separate by ``;`` or tabs."""
    lines = (line for _, line in numbered_lines(path))
    first = next(lines, "")
    columns: list[str] = []
    rows: list[tuple[str, dict[str, Any]]] = []
    for line, record in csv_records(path, chain([first], lines), _delimiter(first)):
        if not columns:
            columns = record
        elif record:
            if len(record) != len(columns):
                raise UserError(
                    f"{path}:{line}: has another number of columns than line 1 ({len(columns)}). Save it as CSV again."
                )
            rows.append((f"{path}:{line}", dict(zip(columns, record, strict=True))))
    return columns, rows


def _delimiter(header: str) -> str:
    return next((mark for mark in (",", ";", "\t") if mark in header), ",")


def _cell(cell: str) -> list[str] | None:
    """Topics of a spreadsheet cell: joined by ``;``, ``none`` for no topic, None where nothing was written."""
    parts = [part.strip() for part in cell.replace("\n", SEPARATOR).split(SEPARATOR) if part.strip()]
    if not parts:
        return None
    return [] if [part.lower() for part in parts] in ([NO_TOPIC], ["-"]) else parts


def _own_record(person: str, place: str, record: dict[str, Any], export: Export) -> None:
    """A record of this project's own formats; topics that are null were not labelled."""
    if record.get("topics") is None:
        export.left_out["unlabelled"] += 1
        return
    aside = ("topics", "suggested", "annotator", "annotated_at", "final")
    data = {name: kept for name, kept in record.items() if name not in aside and kept != ""}
    topics = tuple(dict.fromkeys(topic_list(f"{place}: topics", record["topics"])))
    annotator = person_of(record.get("annotator")) or person
    final = record.get("final") in (True, "true", "True", "TRUE", "1")
    export.annotations.append(Annotation(place, data, topics, annotator, time_of(record.get("annotated_at")), final))


def _json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        yield f"{path}:{number}", json_record(path, number, line)
