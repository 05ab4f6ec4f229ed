"""Labels as they come back: Label Studio's exports (JSON, JSON-MIN, CSV) and this project's own JSONL and CSV."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.corpus.files import data_suffix, numbered_lines, open_binary
from training.errors import UserError, listed
from training.review.label_studio import CONTROL
from training.review.write import NO_TOPIC, SEPARATOR

FLAT = ("annotation_id", "created_at", "updated_at", "lead_time")  # what every flat export has beside the data
_BESIDE = (*FLAT, "annotator", "agreement", "id")


@dataclass(frozen=True)
class Annotation:
    """What one annotator said of one paragraph. ``final`` ones decide alone: marked as ground truth, or adjudicated."""

    place: str
    data: dict[str, Any]
    topics: tuple[str, ...]
    annotator: str | None
    at: str | None
    final: bool = False


@dataclass
class Export:
    """All annotations of some files, and how many tasks were ``skipped``, ``drafts`` or ``unlabelled``."""

    annotations: list[Annotation] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def read_annotations(path: Path, control: str | None, export: Export) -> None:
    """Add the annotations of one file to ``export``. Raises :class:`UserError` by file, task and field."""
    suffix = data_suffix(path)
    if suffix == ".json":
        _read_json(path, control, export)
    elif suffix in (".jsonl", ".ndjson"):
        for place, record in _json_lines(path):
            _own_record(path, place, record, export)
    elif suffix == ".csv":
        _read_csv(path, control, export)
    else:
        raise UserError(
            f"{path}: labels cannot be read from {suffix or 'a file without suffix'}. Expected an export of Label "
            f"Studio (.json, .csv), or the .jsonl or .csv that review queue wrote."
        )


def _read_json(path: Path, control: str | None, export: Export) -> None:
    try:
        with open_binary(path) as stream:
            tasks = json.load(stream)
    except (ValueError, OSError, EOFError, RecursionError) as problem:
        raise UserError(f"{path}: cannot be read as JSON ({problem}). Export it again from Label Studio.") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise UserError(
            f"{path}: found a JSON {type(tasks).__name__}, expected a list of tasks as Label Studio exports."
        )
    for number, task in enumerate(tasks, start=1):
        where = f"{path}: task {task.get('id', f'number {number}')}"
        if "annotations" in task or "completions" in task:
            _task(where, task, control, export)
        elif "annotation_id" in task:
            _flat(where, task, task.get(_flat_control(where, task, control)), export)
        elif "data" in task:
            export.left_out["unlabelled"] += 1
        else:
            raise UserError(
                f"{where}: has neither annotations (JSON) nor annotation_id (JSON-MIN). "
                f"Expected an export of Label Studio; fields found: {listed(task)}."
            )


def _task(where: str, task: dict[str, Any], control: str | None, export: Export) -> None:
    """A task of the full JSON export, with any number of annotations."""
    data = task.get("data")
    if not isinstance(data, dict):
        raise UserError(f"{where}: data: found {type(data).__name__}, expected an object with the text.")
    found = task.get("annotations", task.get("completions")) or []
    drafts = task.get("drafts") or []
    export.left_out["drafts"] += len(drafts)
    if not found:
        export.left_out["unlabelled"] += not drafts
    for annotation in found:
        if not isinstance(annotation, dict):
            raise UserError(f"{where}: annotations: found {annotation!r:.40}, expected objects. Export as JSON.")
        inner = f"{where}, annotation {annotation.get('id', '?')}"
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            export.left_out["skipped"] += 1
            continue
        export.annotations.append(
            Annotation(
                inner,
                _named(data, task.get("id")),
                _choices(inner, annotation.get("result"), control),
                _person(annotation.get("completed_by")),
                _time(annotation.get("updated_at") or annotation.get("created_at")),
                bool(annotation.get("ground_truth")),
            )
        )


def _choices(where: str, result: Any, control: str | None) -> tuple[str, ...]:
    """The choices of one annotation; none if nothing was ticked."""
    if result is None:
        result = []
    if not isinstance(result, list):
        raise UserError(f"{where}: result: found {type(result).__name__}, expected a list.")
    ticked = [part for part in result if isinstance(part, dict) and part.get("type") == "choices"]
    names = sorted({str(part.get("from_name")) for part in ticked})
    wanted = control or (CONTROL if CONTROL in names else names[0] if len(names) == 1 else None)
    if wanted is None and names:
        raise UserError(f"{where}: result: has several choices ({listed(names)}). Say which are topics with --control.")
    topics: list[str] = []
    for part in ticked:
        if part.get("from_name") == wanted:
            value = part.get("value")
            chosen = value.get("choices") if isinstance(value, dict) else None
            topics += _topic_list(f"{where}: result.value.choices", chosen)
    return tuple(dict.fromkeys(topics))


def _flat_control(where: str, record: dict[str, Any], control: str | None) -> str:
    name = control or CONTROL
    if control is not None and control not in record and record.get("annotation_id") is not None:
        raise UserError(f"{where}: no field {control!r} (--control). Fields found: {listed(record, 20)}.")
    return name


def _flat(where: str, record: dict[str, Any], value: Any, export: Export) -> None:
    """A record of JSON-MIN or of a CSV export: one annotation each, its choices prettified."""
    if record.get("annotation_id") in (None, ""):
        export.left_out["unlabelled"] += 1
        return
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            value = json.loads(value)
        except ValueError:
            raise UserError(f"{where}: {CONTROL}: found {value!r:.60}, expected choices as JSON.") from None
    if isinstance(value, dict):
        value = value.get("choices")
    value = [value] if isinstance(value, str) and value else value or []
    data = {name: kept for name, kept in record.items() if name not in (*_BESIDE, CONTROL)}
    export.annotations.append(
        Annotation(
            where,
            _named(data, record.get("id")),
            tuple(dict.fromkeys(_topic_list(f"{where}: {CONTROL}", value))),
            _person(record.get("annotator")),
            _time(record.get("updated_at") or record.get("created_at")),
        )
    )


def _read_csv(path: Path, control: str | None, export: Export) -> None:
    csv.field_size_limit(2**31 - 1)
    reader = csv.DictReader(line for _, line in numbered_lines(path))
    columns = reader.fieldnames or []
    studio = {"annotation_id", "lead_time"} <= set(columns)
    if not studio and "topics" not in columns:
        raise UserError(
            f'{path}:1: no column "topics". Expected a CSV export of Label Studio, or the queue.csv that review queue '
            f"wrote. Columns found: {listed(columns, 20)}."
        )
    line = 1
    for record in reader:
        place = f"{path}:{line + 1}"
        line = reader.line_num
        if None in record or None in record.values():
            raise UserError(
                f"{place}: has another number of columns than line 1 ({len(columns)}). Save it as CSV again."
            )
        if studio:
            _flat(place, dict(record), record.get(_flat_control(place, record, control)), export)
        else:
            _own_record(path, place, {**record, "topics": _cell(record["topics"])}, export)


def _cell(cell: str) -> list[str] | None:
    """Topics of a spreadsheet cell: joined by ``;``, ``none`` for no topic, None where nothing was written."""
    parts = [part.strip() for part in cell.replace("\n", SEPARATOR).split(SEPARATOR) if part.strip()]
    if not parts:
        return None
    return [] if [part.lower() for part in parts] in ([NO_TOPIC], ["-"]) else parts


def _own_record(path: Path, place: str, record: dict[str, Any], export: Export) -> None:
    """A record of this project's own formats; topics that are null were not labelled."""
    if record.get("topics") is None:
        export.left_out["unlabelled"] += 1
        return
    aside = ("topics", "suggested", "annotator", "annotated_at", "final")
    data = {name: kept for name, kept in record.items() if name not in aside and kept != ""}
    topics = tuple(dict.fromkeys(_topic_list(f"{place}: topics", record["topics"])))
    annotator = _person(record.get("annotator")) or Path(path.name.split(".")[0]).name
    final = record.get("final") in (True, "true", "True", "TRUE", "1")
    export.annotations.append(Annotation(place, data, topics, annotator, _time(record.get("annotated_at")), final))


def _json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as problem:
            raise UserError(f"{path}:{number}: not a JSON record ({problem}). Expected one object a line.") from None
        if not isinstance(record, dict):
            raise UserError(f"{path}:{number}: found a JSON {type(record).__name__}, expected an object.")
        yield f"{path}:{number}", record


def _topic_list(where: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(topic, str) and topic for topic in value):
        raise UserError(f"{where}: found {value!r:.60}, expected a list of topic ids (may be empty).")
    return value


def _named(data: dict[str, Any], task: Any) -> dict[str, Any]:
    """Data with a paragraph id: its own, or the number of the task."""
    return data if data.get("paragraph_id") not in (None, "") else {"paragraph_id": f"task-{task}", **data}


def _person(value: Any) -> str | None:
    """``completed_by`` is a number, or an object with the person's address; exports as CSV have either as text."""
    if isinstance(value, dict):
        value = value.get("email") or value.get("id")
    return None if value in (None, "") else str(value)


def _time(value: Any) -> str | None:
    return None if value in (None, "") else str(value)
