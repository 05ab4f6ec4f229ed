"""Arrow columns of any kind into rows: text in whatever type it comes, kept columns as they are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa

from training.errors import UserError, did_you_mean, listed
from training.tagging.options import Options
from training.tagging.records import RowChecker, Rows, fits, ids
from training.tagging.rejects import Reject
from training.tagging.strings import column_as_json, column_as_text, is_text, json_text, simple, value_of
from training.tagging.work import Reading


def check_schema(shown: str, schema: pa.Schema, options: Options) -> None:
    """Raise if the columns that are needed are not there or cannot be text or ids."""
    for name in (options.text_column, *options.keep):
        if name not in schema.names:
            option = "--text-column" if name == options.text_column else "--keep"
            raise UserError(
                f'{shown}: no column "{name}".{did_you_mean(name, schema.names)} '
                f"Columns found: {listed(schema.names, 20)}. Name the column with {option}."
            )
    for name in options.wanted:
        if schema.names.count(name) > 1:
            raise UserError(f'{shown}: two columns are named "{name}". Rename one of them.')
    kinds = {name: _value_type(schema.field(name).type) for name in options.wanted if name in schema.names}
    text = kinds[options.text_column]
    if not (is_text(text) or _is_bytes(text) or pa.types.is_null(text)):
        raise UserError(f'{shown}: column "{options.text_column}" is {text}, expected text.')
    for name in (options.paragraph_column, options.article_column):
        kind = kinds.get(name, pa.null())
        if not (is_text(kind) or _is_bytes(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
            raise UserError(f'{shown}: column "{name}" is {kind}, expected text or whole numbers.')


def rows_of(shown: str, reading: Reading, batch: pa.RecordBatch, first: int) -> tuple[Rows, list[Reject]]:
    """The rows of a batch that can be tagged, and those that are rejected; ``first`` is the number of the first row."""
    options = reading.options
    columns = {name: _no_view(batch.column(name)) for name in batch.schema.names}
    for name in (options.paragraph_column, options.article_column):
        columns.setdefault(name, pa.nulls(batch.num_rows, pa.string()))
    try:
        for column in columns.values():
            column.validate(full=True)
        texts = _text_column(columns[options.text_column])
        paragraphs, articles = (
            ids(_text_column(columns[name])) for name in (options.paragraph_column, options.article_column)
        )
        if fits(texts, options):
            lines = np.arange(first, first + batch.num_rows)
            return Rows(paragraphs, articles, texts, _kept(columns, reading), lines), []
    except pa.ArrowInvalid:  # a string or bytes that are not UTF-8
        pass
    return _row_by_row(shown, reading, columns, first)


def _row_by_row(shown: str, reading: Reading, columns: dict[str, pa.Array], first: int) -> tuple[Rows, list[Reject]]:
    """Sort the rows into good ones, whose kept columns stay columns, and rejected ones."""
    options = reading.options
    checker = RowChecker(shown, options, reading.kept_as_json)
    needed = {options.text_column, options.paragraph_column, options.article_column}
    good = []
    columns = {name: _no_dictionary(column) for name, column in columns.items()}
    for at in range(len(columns[options.text_column])):
        values = {name: _value(column, at) for name, column in columns.items()}
        rejected = len(checker.rejects)
        broken = next((name for name in options.keep if isinstance(values[name], _NotText)), None)
        raw = _raw(values)
        if broken is not None:
            checker.reject(first + at, f'"{broken}" is not UTF-8', raw)
        else:
            checker.add(first + at, {name: _plain(value) for name, value in values.items() if name in needed}, raw)
        if len(checker.rejects) == rejected:
            good.append(at)
    rows = checker.rows()
    where = pa.array(good, pa.int64())
    kept = _kept({name: columns[name].take(where) for name in options.keep}, reading)
    return Rows(rows.paragraph_ids, rows.article_ids, rows.texts, kept, rows.lines), checker.rejects


def _kept(columns: dict[str, pa.Array], reading: Reading) -> tuple[pa.Array, ...]:
    kept = [columns[name] for name in reading.options.keep]
    if reading.kept_types:
        return tuple(
            column if column.type == kind else column.cast(kind)
            for column, kind in zip(kept, reading.kept_types, strict=True)
        )
    return tuple(map(column_as_json if reading.kept_as_json else column_as_text, kept))


class _NotText(bytes):
    """Bytes in a column of text that are not UTF-8."""


def _value(column: pa.Array, at: int) -> Any:
    try:
        return value_of(column[at])
    except UnicodeDecodeError:
        value = column[at]
        # Within lists and structs it is not told which bytes they are.
        return _NotText(value.as_buffer().to_pybytes() if hasattr(value, "as_buffer") else b"(not UTF-8)")


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


def _no_dictionary(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )
