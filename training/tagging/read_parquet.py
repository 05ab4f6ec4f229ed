"""Parquet: batches of a size that keeps memory bounded, one row group after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import UserError, did_you_mean, listed
from training.tagging.inputs import Source
from training.tagging.options import Options
from training.tagging.records import Batch, RowChecker, Rows, batch_of, fits, ids
from training.tagging.strings import column_as_json, column_as_text, is_text, json_text, simple
from training.tagging.work import Position, Reading, Work

_MOST_ROWS = 32_768


def open_parquet(source: Source) -> pq.ParquetFile:
    """The file with its footer read. What is not Parquet is a :class:`UserError`."""
    assert source.path is not None
    try:
        return pq.ParquetFile(source.path)
    except FileNotFoundError as problem:
        raise UserError(f"{source.shown}: cannot be read: {problem.strerror}. Put it back and run again.") from None
    except (pa.ArrowException, OSError) as problem:
        raise UserError(f"{source.shown}: cannot be read as Parquet: {_one_line(problem)}.") from None


def check_schema(source: Source, schema: pa.Schema, options: Options) -> None:
    """Raise if the columns that are needed are not there or cannot be text or ids."""
    for name in (options.text_column, *options.keep):
        if name not in schema.names:
            option = "--text-column" if name == options.text_column else "--keep"
            raise UserError(
                f'{source.shown}: no column "{name}".{did_you_mean(name, schema.names)} '
                f"Columns found: {listed(schema.names, 20)}. Name the column with {option}."
            )
    for name in options.wanted:
        if schema.names.count(name) > 1:
            raise UserError(f'{source.shown}: two columns are named "{name}". Rename one of them.')
    kinds = {name: _value_type(schema.field(name).type) for name in options.wanted if name in schema.names}
    text = kinds[options.text_column]
    if not (is_text(text) or _is_bytes(text) or pa.types.is_null(text)):
        raise UserError(f'{source.shown}: column "{options.text_column}" is {text}, expected text.')
    for name in (options.paragraph_column, options.article_column):
        kind = kinds.get(name, pa.null())
        if not (is_text(kind) or _is_bytes(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
            raise UserError(f'{source.shown}: column "{name}" is {kind}, expected text or whole numbers.')


def read_parquet(source: Source, start: Position, reading: Reading) -> Iterator[Work]:
    """Work from the row ``start.offset`` to the end of one source."""
    options = reading.options
    with open_parquet(source) as file:
        columns = [name for name in options.wanted if name in file.schema_arrow.names]
        decoder = _Decoder(source, reading)
        first = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if first + rows > start.offset:
                size = _batch_rows(file.metadata.row_group(group), reading.tuning.block_bytes)
                at = first
                for batch in file.iter_batches(size, row_groups=[group], columns=columns, use_threads=False):
                    end = at + batch.num_rows
                    if end > start.offset:
                        after = Position(start.source, end, end + 1)
                        done = int(source.size * end / max(1, file.metadata.num_rows))
                        yield Work(partial(decoder.decode, batch, at + 1), after, batch.num_rows, done)
                    at = end
            first += rows


def _batch_rows(group: Any, block_bytes: int) -> int:
    """Rows of about ``block_bytes``, the same for the same row group."""
    each: int = max(1, group.total_byte_size // max(1, group.num_rows))
    return max(1, min(_MOST_ROWS, block_bytes // each))


class _Decoder:
    def __init__(self, source: Source, reading: Reading) -> None:
        self._source = source
        self._reading = reading

    def decode(self, batch: pa.RecordBatch, first: int) -> Batch:
        options = self._reading.options
        columns = {name: _no_view(batch.column(name)) for name in batch.schema.names}
        for name in (options.paragraph_column, options.article_column):
            columns.setdefault(name, pa.nulls(batch.num_rows, pa.string()))
        try:
            for column in columns.values():
                column.validate(full=True)
            texts = _text_column(columns[options.text_column])
            kept = tuple(self._kept(columns[name], at) for at, name in enumerate(options.keep))
            paragraphs, articles = (
                ids(_text_column(columns[name])) for name in (options.paragraph_column, options.article_column)
            )
        except pa.ArrowInvalid:  # a string or bytes that are not UTF-8
            return self._row_by_row(columns, batch.num_rows, first)
        if not fits(texts, options):
            return self._row_by_row(columns, batch.num_rows, first)
        lines = np.arange(first, first + batch.num_rows)
        return batch_of(Rows(paragraphs, articles, texts, kept, lines), self._source.article_id)

    def _row_by_row(self, columns: dict[str, pa.Array], rows: int, first: int) -> Batch:
        """Sort the rows into good ones, taken as columns, and rejected ones."""
        options = self._reading.options
        checker = RowChecker(self._source.shown, options, self._reading.kept_as_json)
        needed = {options.text_column, options.paragraph_column, options.article_column}
        good = []
        for at in range(rows):
            values = {name: _value(column, at) for name, column in columns.items()}
            taken = len(checker.rejects)
            own = {name: value for name, value in values.items() if name in needed}
            broken = next((name for name in options.keep if isinstance(values[name], _NotText)), None)
            raw = _raw(values)
            if broken is not None:
                checker.reject(first + at, f'"{broken}" is not UTF-8', raw)
            else:
                checker.add(first + at, {name: _plain(value) for name, value in own.items()}, raw)
            if len(checker.rejects) == taken:
                good.append(at)
        rows_taken = checker.rows()
        where = pa.array(good, pa.int64())
        kept = tuple(self._kept(columns[name].take(where), at) for at, name in enumerate(options.keep))
        taken_rows = Rows(rows_taken.paragraph_ids, rows_taken.article_ids, rows_taken.texts, kept, rows_taken.lines)
        return batch_of(taken_rows, self._source.article_id, checker.rejects)

    def _kept(self, column: pa.Array, at: int) -> pa.Array:
        if self._reading.kept_types:
            kind = self._reading.kept_types[at]
            return column if column.type == kind else column.cast(kind)
        return column_as_json(column) if self._reading.kept_as_json else column_as_text(column)


class _NotText(bytes):
    """Bytes in a column of text that are not UTF-8."""


def _value(column: pa.Array, at: int) -> Any:
    try:
        return column[at].as_py()
    except UnicodeDecodeError:
        return _NotText(column[at].as_buffer().to_pybytes())


def _plain(value: Any) -> Any:
    if isinstance(value, bytes) and not isinstance(value, _NotText):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value
    return value


def _raw(values: dict[str, Any]) -> bytes:
    """A row as one JSON object; the bytes of text that is not UTF-8 as they are, so that nothing is lost."""
    broken = [value for value in values.values() if isinstance(value, bytes) and isinstance(_plain(value), bytes)]
    if broken:
        return b"\n".join(
            json.dumps(name).encode() + b": " + (value if isinstance(value, bytes) else _literal(value))
            for name, value in values.items()
        )
    return _literal(values)


def _literal(value: Any) -> bytes:
    return (json_text(value) or "null").encode()


def _text_column(array: pa.Array) -> pa.Array:
    array = simple(array)
    if pa.types.is_string(array.type):
        return array
    return array.cast(pa.string())


def kept_type(kind: pa.DataType) -> pa.DataType:
    """The type in which a column is passed through: views and dictionaries as what they stand for."""
    kind = _value_type(kind)
    if pa.types.is_string_view(kind):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(kind) else kind


def _no_view(array: pa.Array) -> pa.Array:
    """Views have few of Arrow's functions; as bytes they keep even what is not UTF-8."""
    if pa.types.is_string_view(array.type) or pa.types.is_binary_view(array.type):
        return array.cast(pa.binary())
    return array


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split())[:300].rstrip(".")
