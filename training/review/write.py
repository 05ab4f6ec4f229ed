"""Paragraphs to label as files: Label Studio tasks with their interface, JSONL, and CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.atomic import check_writable, write_output
from training.errors import UserError
from training.review import label_studio

FILES = ("tasks.json", "labelling.xml", "queue.jsonl", "queue.csv")
SEPARATOR = ";"
NO_TOPIC = "none"
_FORMULA = re.compile(r"'*[=+\-@\t\r]")  # what a spreadsheet may run; and what would be taken for guarded


@dataclass(frozen=True)
class ToLabel:
    """A paragraph as labellers get it. ``data`` is kept as it is through labelling and import.

    ``suggested`` are the topics that a model or earlier labels propose, None to propose nothing.
    """

    data: Mapping[str, Any]
    suggested: tuple[str, ...] | None = None
    score: float = 0.0
    model: str = ""


def write_to_label(output: Path, entries: Sequence[ToLabel], interface: str, *, force: bool = False) -> list[Path]:
    """Write every format into the folder ``output``, or the one format that the suffix of a file tells.

    An existing file is left alone unless ``force``: it may hold labels by now. Raises :class:`UserError`.
    """
    made = {
        "tasks.json": lambda: tasks_json(entries),
        "labelling.xml": lambda: interface,
        "queue.jsonl": lambda: jsonl(entries),
        "queue.csv": lambda: spreadsheet(entries),
    }
    paths = check_free(output, force)
    for path, name in paths.items():
        write_output(path, made[name]().encode())
    return list(paths)


def check_free(output: Path, force: bool) -> dict[Path, str]:
    """What would be written to ``output``: each path with its format. Raises :class:`UserError` where it may not be."""
    one = {".json": "tasks.json", ".xml": "labelling.xml", ".jsonl": "queue.jsonl", ".csv": "queue.csv"}
    suffix = output.suffix.lower()
    folder = output.is_dir() or not suffix
    if not folder and suffix not in one:
        raise UserError(f"--output {output}: expected a folder, or a file ending in {' '.join(one)}.")
    if folder and output.is_file():
        raise UserError(f"--output {output}: is a file, expected a folder. Choose another name.")
    paths = {output / name: name for name in FILES} if folder else {output: one[suffix]}
    for path in paths:
        if path.exists() and not force:
            raise UserError(f"{path}: exists already and may hold labels. Choose another --output, or give --force.")
        check_writable(path.parent)
    return paths


def tasks_json(entries: Sequence[ToLabel]) -> str:
    """Tasks to import into Label Studio."""
    tasks = [label_studio.task(entry.data, entry.suggested, entry.score, entry.model) for entry in entries]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def jsonl(entries: Sequence[ToLabel]) -> str:
    """Records whose ``topics`` are null: a list in its place is a label, an empty one says that there is no topic."""
    records = (_with_suggestion(entry) | {"topics": None} for entry in entries)
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def spreadsheet(entries: Sequence[ToLabel]) -> str:
    """CSV with an empty column ``topics``: topics joined by ``;``, or ``none``; what is left empty is not labelled."""
    names = list(dict.fromkeys(name for entry in entries for name in _with_suggestion(entry)))
    names = ["topics", *sorted(names, key=("suggested", "text", *names).index)]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*names, "annotator"], restval="", lineterminator="\n")
    writer.writeheader()
    for entry in entries:
        row = _with_suggestion(entry)
        if entry.suggested is not None:
            row["suggested"] = joined(entry.suggested)
        writer.writerow({name: _cell(value) for name, value in row.items()})
    # Spreadsheets take a CSV file without a byte-order mark for Windows-1252.
    return "\ufeff" + stream.getvalue()


def _cell(value: Any) -> Any:
    """A value as a spreadsheet shows it and leaves it: behind an apostrophe, which import takes off, no formula."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def text_of_cell(cell: str) -> str:
    """What stood in a cell before it was guarded."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def joined(topics: Sequence[str]) -> str:
    """Topics as a cell holds them."""
    return SEPARATOR.join(topics) or NO_TOPIC


def _with_suggestion(entry: ToLabel) -> dict[str, Any]:
    """The data with the suggestion; where nothing may be suggested, not with the tags of the model either."""
    if entry.suggested is None:
        return {name: value for name, value in entry.data.items() if name != "model_tags"}
    return {**entry.data, "suggested": list(entry.suggested)}
