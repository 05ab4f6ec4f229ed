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


def write_settled(settled: Settled, output: Path, *, force: bool = False) -> list[Path]:
    """Write the labelled records and, where there are any, the disagreements beside them; gives what was written."""
    aside = output.with_name(output.name.removesuffix(".jsonl") + ".disagreements.jsonl")
    wanted = {output: settled.labelled} | ({aside: settled.disagreements} if settled.disagreements else {})
    for path in wanted:
        if path.exists() and not force:
            raise UserError(f"{path}: exists already. Choose another --output, or give --force to replace it.")
    for path, records in wanted.items():
        write_output(path, jsonl(records).encode())
    return list(wanted)


def jsonl(records: Sequence[Mapping[str, Any]]) -> str:
    """One JSON record a line."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
