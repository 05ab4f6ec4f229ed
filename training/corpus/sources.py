"""Rows out of labelled data: JSONL line by line; CSV, TSV, Parquet and Hub data sets through ``datasets``."""

from __future__ import annotations

import csv
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.corpus.delimiters import other_delimiter
from training.corpus.files import COMPRESSIONS, data_suffix, matching_files, numbered_lines
from training.errors import UserError

SUFFIXES = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
_HUB = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<config>[\w.-]+))?(?::(?P<split>[\w.\[\]%:+-]+))?")


@dataclass(frozen=True)
class Row:
    """One row as it stands in its source. ``line`` counts lines from 1 in text files, rows from 1 elsewhere."""

    source: str
    line: int
    values: dict[str | int, Any]

    @property
    def place(self) -> str:
        return f"{self.source}:{self.line}"


def read_rows(spec: str | Sequence[str], *, where: str, by_position: bool = False) -> list[Row]:
    """All rows of a path, a glob, a list of these, or a Hub data set (``hub:owner/name[/config][:split]``)."""
    rows: list[Row] = []
    for part in [spec] if isinstance(spec, str) else spec:
        hub = _hub_address(part)
        if hub:
            rows.extend(_hub_rows(*hub, where=where))
        else:
            for path in matching_files(part, where=where):
                rows.extend(_file_rows(path, by_position))
    if not rows:
        raise UserError(f"{where}: {spec} holds no rows. Expected labelled paragraphs, one a row.")
    return rows


def _hub_address(spec: str) -> tuple[str, str | None, str] | None:
    explicit = spec.startswith("hub:")
    match = _HUB.fullmatch(spec.removeprefix("hub:"))
    plausible = match and not Path(spec).exists() and not Path(spec).suffix and not Path(spec).parent.exists()
    if match and (explicit or plausible):
        return match["repo"], match["config"], match["split"] or "train"
    if explicit:
        raise UserError(f"{spec}: expected hub:owner/name, hub:owner/name/config or hub:owner/name:split.")
    return None


def _file_rows(path: Path, by_position: bool) -> Iterator[Row]:
    suffix = data_suffix(path)
    if suffix in (".jsonl", ".ndjson"):
        return _json_rows(path)
    if suffix in (".csv", ".tsv"):
        return _delimited_rows(path, "\t" if suffix == ".tsv" else ",", by_position)
    if suffix == ".parquet":
        return _parquet_rows(path)
    raise UserError(
        f"{path}: labelled data cannot be read from {suffix or 'a file without suffix'}. "
        f"Expected one of {' '.join(SUFFIXES)}, plain, .gz or .zst."
    )


def _json_rows(path: Path) -> Iterator[Row]:
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        yield Row(str(path), number, json_record(path, number, line))


def json_record(path: Path, number: int, line: str) -> dict[Any, Any]:
    """The object in a line of a file. Raises :class:`UserError` for what is none."""
    try:
        record = json.loads(line, object_pairs_hook=_once)
    except json.JSONDecodeError as problem:
        reason = f"{problem.msg}, column {problem.colno}"
    except ValueError as problem:  # a key given twice, a number of thousands of digits
        reason = str(problem).partition(";")[0]
    except RecursionError:
        reason = "nested too deep"
    else:
        if isinstance(record, dict):
            return record
        raise UserError(f"{path}:{number}: found a JSON {type(record).__name__}, expected an object.")
    raise UserError(f"{path}:{number}: not a JSON record ({reason}). Expected one object a line.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, unless a key stands in it twice: nobody knows which value was meant."""
    record = dict(pairs)
    if len(record) < len(pairs):
        repeated = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f'the key "{repeated[:40]}" stands twice')
    return record


def _delimited_rows(path: Path, separator: str, by_position: bool) -> Iterator[Row]:
    lines = numbered_lines(path)  # also proves the whole file to be UTF-8, with the line where it is not
    places: list[int] = []
    width: int | None = None
    header: list[str] = []
    for begins, record in csv_records(path, (line for _, line in lines), separator):
        if record:
            if width is None:
                width, header = len(record), record
                other = "" if by_position else other_delimiter(header, separator)
                if other:
                    raise UserError(f'{path}:{begins}: found one column, "{header[0]}".{other}')
            if len(record) != width:
                raise UserError(f"{path}:{begins}: found {len(record)} columns, expected {width} as in line 1.")
            places.append(begins)
    if width is None or not places[0 if by_position else 1 :]:
        return
    names = [str(position) for position in range(width)] if by_position else header
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise UserError(f"{path}:1: the header names a column twice: {', '.join(sorted(repeated))}.")
    table = _load("csv", path, sep=separator, header=None if by_position else 0, names=names, strings=names)
    for line, record in zip(places if by_position else places[1:], table, strict=True):
        values: dict[str | int, Any] = {int(k): v for k, v in record.items()} if by_position else record
        yield Row(str(path), line, values)


def csv_records(path: Path, lines: Iterator[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """Every CSV record with the line in which it begins. Raises :class:`UserError` for what is none."""
    csv.field_size_limit(2**31 - 1)
    records = csv.reader(lines, delimiter=separator, strict=True)
    begins = 1
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error as problem:
            remedy = (
                "Lines seem to end in CR alone: save the file with LF."
                if "new-line" in str(problem)
                else f'Lines {begins} to {records.line_num} were read as one record: write a quote within quotes as "".'
            )
            raise UserError(f"{path}:{begins}: not a CSV record ({problem}). {remedy}") from None
        yield begins, record
        begins = records.line_num + 1


def _parquet_rows(path: Path) -> Iterator[Row]:
    records = iter(_load("parquet", path))
    number = 0
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except (OverflowError, ValueError, KeyError) as problem:  # a date of the year 10000, a time zone of Mars
            raise UserError(
                f"{path}:{number + 1}: a value cannot be read ({problem}). Leave its column out, or make it text."
            ) from None
        number += 1
        yield Row(str(path), number, record)


def _load(builder: str, path: Path, strings: Sequence[str] = (), **options: Any) -> Any:
    """Rows of one file through ``datasets``; every CSV field as the text that it is, no guessing of types."""
    datasets = _datasets()
    if strings:
        options["features"] = datasets.Features({name: datasets.Value("string") for name in strings})
        options |= {"keep_default_na": False, "na_filter": False, "encoding": "utf-8-sig"}
    with tempfile.TemporaryDirectory(prefix="conflict-topics-") as cache:
        compression = path.suffix.lower() if path.suffix.lower() in COMPRESSIONS else ""
        link = Path(cache) / f"data{data_suffix(path)}{compression}"  # what a glob would read as one may be a name
        link.symlink_to(path.resolve())
        try:
            return datasets.load_dataset(
                builder, data_files=[str(link)], split="train", cache_dir=cache, keep_in_memory=True, **options
            )
        except Exception as problem:  # datasets wraps whatever its readers raise
            reason = str(problem.__cause__ or problem).splitlines()[0].rstrip(".").replace(str(link), path.name)
            raise UserError(f"{path}: cannot be read as {builder}: {reason}.") from problem


def _hub_rows(repository: str, config: str | None, split: str, *, where: str) -> Iterator[Row]:
    datasets = _datasets()
    try:
        table = datasets.load_dataset(repository, config, split=split)
    except Exception as problem:  # network, permission, unknown name, unknown split: many types
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise UserError(f"{where}: the Hub data set {repository} ({split}) cannot be loaded: {reason}") from problem
    named = {name: feature for name, feature in table.features.items() if _class_labels(feature, datasets)}
    for number, record in enumerate(table, start=1):
        for name, feature in named.items():
            record[name] = _names(record[name], _class_labels(feature, datasets))
        yield Row(f"hub:{repository}:{split}", number, record)


def _class_labels(feature: Any, datasets: Any) -> Any:
    inner = getattr(feature, "feature", feature)
    return inner if isinstance(inner, datasets.ClassLabel) else None


def _names(value: Any, labels: Any) -> Any:
    """Names in the place of numbers; what names nothing (null, or -1 for "not labelled") stays as it is."""
    if isinstance(value, list):
        return [_names(item, labels) for item in value]
    known = value is not None and 0 <= value < labels.num_classes
    return labels.int2str(value) if known else value


def _datasets() -> Any:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # what it says of damaged files is in the error
    return datasets
