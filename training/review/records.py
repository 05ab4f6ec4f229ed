"""Labelled records on the disk: read from any number of exports, written whole or not at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.atomic import write_output
from training.corpus.files import matching_files
from training.errors import UserError
from training.review.annotations import Export
from training.review.corrected import Corrected
from training.review.label_files import read_annotations, stem
from training.review.settle import Settled


def read_all(patterns: Sequence[str], control: str | None = None) -> Export:
    """The annotations of files and globs, each file once. Raises :class:`UserError`, also where nothing was labelled.

    Who labelled a file that does not say is told by its stem, or by its path where several files share the stem, as
    copies of one queue.csv do: two people taken for one would overrule each other in silence.
    """
    export = Export()
    paths = {path.resolve(): path for pattern in patterns for path in matching_files(pattern, where="FILE")}
    people = Counter(stem(path) for path in paths.values())
    for path in paths.values():
        read_annotations(path, control, export, str(path) if people[stem(path)] > 1 else stem(path))
    if not export.annotations:
        left = ", ".join(f"{count} {what}" for what, count in export.left_out.items() if count) or "no tasks at all"
        raise UserError(
            f"{', '.join(patterns)}: holds no labels ({left}), expected at least one. In a spreadsheet "
            f'write topics joined by ";", or "none", into the column topics.'
        )
    return export


def write_settled(
    settled: Settled, output: Path, *, into: Corrected | None = None, force: bool = False
) -> dict[str, Path]:
    """Write the labelled records and, where there are any, the disagreements beside them.

    With ``into``, all the records of the data that were corrected take the place of the labelled ones. Gives what was
    written, by what it holds: ``data.train`` and ``data.test``, or ``labelled``; and ``disagreements``.
    """
    contents: dict[str, list[dict[str, Any]]] = dict(into.parts) if into else {"labelled": settled.labelled}
    if settled.disagreements:
        contents["disagreements"] = settled.disagreements
    names = {"data.test": ".test.jsonl", "disagreements": ".disagreements.jsonl"}
    paths = {
        what: output.with_name(output.name.removesuffix(".jsonl") + names[what]) if what in names else output
        for what in contents
    }
    for path in paths.values():
        if into is not None and path.resolve() in into.sources:
            raise UserError(
                f"{path}: is among the data that are corrected and stay as they are. Choose another --output."
            )
        if path.exists() and not force:
            raise UserError(f"{path}: exists already. Choose another --output, or give --force to replace it.")
    for what, path in paths.items():
        write_output(path, jsonl(contents[what]).encode())
    return paths


def jsonl(records: Sequence[Mapping[str, Any]]) -> str:
    """One JSON record a line; what JSON has no form for, such as the dates of Parquet, as text."""
    return "".join(json.dumps(record, ensure_ascii=False, default=str) + "\n" for record in records)
