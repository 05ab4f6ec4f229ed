"""The columns of tags in each format, and the SELECT that reads them under the same names."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from training.corpus.files import COMPRESSIONS, data_suffix, numbered_lines
from training.corpus.sources import json_record
from training.errors import UserError, did_you_mean, listed
from training.view.filters import quoted

NEEDED = ("paragraph_id", "topics", "probabilities")
SEPARATOR, EACH = ";", "probability_"  # as ``tag`` writes them in CSV
_LONGEST = 32 << 20


@dataclass(frozen=True)
class Found:
    """A file of tags: its ``format``, its whole ``suffix`` with the compression, and the columns that there are."""

    format: str
    suffix: str
    names: tuple[str, ...]
    text: str
    date: str | None
    every: tuple[str, ...]


def columns_of(path: Path, text_column: str, date_column: str) -> Found:
    """Look at the head of a file. Raises :class:`UserError` if it is not the output of ``tag`` with its text."""
    form = data_suffix(path).lstrip(".")
    every: tuple[str, ...] = ()
    if form == "parquet":
        schema = _schema(path)
        names = tuple(schema.names)
        _check(path, names, text_column)
        _check_types(path, schema)
        if "all_probabilities" in names and pa.types.is_struct(schema.field("all_probabilities").type):
            every = tuple(field.name for field in schema.field("all_probabilities").type)
    elif form in ("jsonl", "ndjson"):
        first = _first_record(path)
        names = tuple(first)
        _check(path, names, text_column)
        each = first.get("all_probabilities")
        every = tuple(each) if isinstance(each, dict) else ()
    elif form == "csv":
        names = _header(path)
        _check(path, names, text_column)
        every = tuple(name.removeprefix(EACH) for name in names if name.startswith(EACH))
    else:
        raise UserError(
            f"{path}: tags cannot be read from {data_suffix(path) or 'a file without suffix'}. Expected .parquet, "
            f".jsonl or .csv, plain, .gz or .zst, as conflict-topics tag writes them."
        )
    if date_column not in names and date_column != "date":
        raise UserError(f'{path}: no column "{date_column}" (--date-column).{did_you_mean(date_column, names)}')
    compression = path.suffix.lower() if path.suffix.lower() in COMPRESSIONS else ""
    return Found(
        "jsonl" if form == "ndjson" else form,
        f".{form}{compression}",
        names,
        text_column,
        date_column if date_column in names else None,
        every,
    )


def source_sql(path: Path, found: Found) -> str:
    """SELECT with the same columns whatever the format; of a Parquet file also the number of the row."""
    file = str(path).replace("'", "''")
    article = "CAST(article_id AS VARCHAR)" if "article_id" in found.names else "CAST(NULL AS VARCHAR)"
    model = "CAST(model AS VARCHAR)" if "model" in found.names else "CAST(NULL AS VARCHAR)"
    date = f"CAST({quoted(found.date)} AS VARCHAR)" if found.date else "CAST(NULL AS VARCHAR)"
    common = (
        f"CAST(paragraph_id AS VARCHAR) AS paragraph_id, {article} AS article_id, "
        f"CAST({quoted(found.text)} AS VARCHAR) AS text, {date} AS date, {model} AS model"
    )
    if found.format == "csv":
        topics = f"string_split(nullif(topics, ''), '{SEPARATOR}')"
        numbers = f"CAST(string_split(nullif(probabilities, ''), '{SEPARATOR}') AS FLOAT[])"
        each = ", ".join(f"{quoted(topic)} := CAST({quoted(EACH + topic)} AS FLOAT)" for topic in found.every)
        every = f", struct_pack({each}) AS every" if each else ""
        columns = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in found.names)
        dialect = "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', parallel = false"
        sizes = f"max_line_size = {_LONGEST}, buffer_size = {2 * _LONGEST}"
        reader = f"read_csv('{file}', columns = {{{columns}}}, {dialect}, {sizes})"
        return f"SELECT {common}, {topics} AS topics, {numbers} AS probabilities{every} FROM {reader}"
    every = ", all_probabilities AS every" if found.every else ""
    both = "topics, CAST(probabilities AS FLOAT[]) AS probabilities"
    if found.format == "parquet":
        return f"SELECT file_row_number, {common}, {both}{every} FROM read_parquet('{file}', file_row_number = true)"
    types = {name: "VARCHAR" for name in ("paragraph_id", "article_id", "model", found.text, found.date) if name}
    types = {name: kind for name, kind in types.items() if name in found.names}
    types |= {"topics": "VARCHAR[]", "probabilities": "FLOAT[]"}
    if found.every:
        types["all_probabilities"] = f"STRUCT({', '.join(f'{quoted(topic)} FLOAT' for topic in found.every)})"
    columns = ", ".join(f"{quoted(name)}: '{_escaped(kind)}'" for name, kind in types.items())
    reader = (
        f"read_json('{file}', format = 'newline_delimited', maximum_object_size = {_LONGEST}, columns = {{{columns}}})"
    )
    return f"SELECT {common}, {both}{every} FROM {reader}"


def _check(path: Path, names: tuple[str, ...], text_column: str) -> None:
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise UserError(
            f'{path}: no column "{missing[0]}". Expected tags, as conflict-topics tag writes them. '
            f"Columns found: {listed(names, 20)}."
        )
    if text_column not in names:
        asked = "" if text_column == "text" else f" (--text-column {text_column})"
        raise UserError(
            f'{path}: these tags are without their text: no column "{text_column}"{asked}. Tag again with --keep text '
            f"(and --keep date to see dates), or name its column with --text-column. Columns found: {listed(names)}."
        )


def _check_types(path: Path, schema: pa.Schema) -> None:
    for name, what in (("topics", "a list of topic ids"), ("probabilities", "a list of numbers")):
        kind = schema.field(name).type
        inner = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else pa.null()
        wanted = pa.types.is_floating(inner) if name == "probabilities" else "string" in str(inner)
        if not wanted:
            raise UserError(f"{path}: column {name} is {kind}, expected {what}, as conflict-topics tag writes them.")


def _schema(path: Path) -> pa.Schema:
    if path.suffix.lower() != ".parquet":
        raise UserError(f"{path}: a compressed Parquet file cannot be opened. Decompress it first.")
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as problem:
        raise UserError(f"{path}: cannot be read as Parquet: {' '.join(str(problem).split())[:200]}.") from None


def _first_record(path: Path) -> dict[str, object]:
    for number, line in numbered_lines(path):
        if line.strip():
            return json_record(path, number, line)
    raise UserError(f"{path}: holds no rows. Expected the output of conflict-topics tag.")


def _header(path: Path) -> tuple[str, ...]:
    rows = csv.reader(line for _, line in numbered_lines(path))
    return tuple(next(rows, ()))


def _escaped(text: str) -> str:
    return text.replace("'", "''")
