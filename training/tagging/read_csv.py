"""CSV and TSV with a header: whole blocks through Arrow's parser, record by record where a block does not pass."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from training.corpus.delimiters import other_delimiter
from training.errors import UserError, did_you_mean, listed
from training.tagging.blocks import Block, csv_records, record_blocks
from training.tagging.inputs import Source
from training.tagging.options import Options
from training.tagging.read_jsonl import is_utf8
from training.tagging.records import Batch, RowChecker, Rows, batch_of, fits, ids
from training.tagging.streams import ByteStream
from training.tagging.strings import column_as_json
from training.tagging.work import Position, Reading, Work

DELIMITERS = {"csv": b",", "tsv": b"\t"}
_LONGEST_HEADER = 1 << 20
_BOM = b"\xef\xbb\xbf"
_RETURN_FIRST = re.compile(rb"(?:\A|\n)\r+[^\r\n]")


def read_csv(source: Source, stream: ByteStream, start: Position, reading: Reading) -> Iterator[Work]:
    """Work from ``start`` to the end of one source."""
    delimiter = DELIMITERS[source.format]
    header = read_header(source, stream, reading.options)
    if start.offset == 0:
        start = Position(start.source, header.offset, header.line)
    else:
        stream.skip(start.offset - header.offset)
    parser = _Parser(source, reading, header.names, delimiter)
    blocks = record_blocks(
        stream,
        start.offset,
        start.line,
        size=reading.tuning.block_bytes,
        longest=reading.options.longest_line,
        delimiter=delimiter,
    )
    for block in blocks:
        after = Position(start.source, block.end, block.line + block.lines)
        yield Work(partial(parser.decode, block), after, block.lines, stream.raw_bytes)


class Header:
    """Column names, and where the first row behind them begins."""

    def __init__(self, names: list[str], offset: int, line: int) -> None:
        self.names = names
        self.offset = offset
        self.line = line


def read_header(source: Source, stream: ByteStream, options: Options) -> Header:
    """Read the header and leave ``stream`` behind it. Raises :class:`UserError` if it lacks a column that is needed."""
    data = stream.read(_LONGEST_HEADER)
    body = data.removeprefix(_BOM)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UserError(f"{source.shown}:1: the file is UTF-16. Save it as UTF-8 (e.g. iconv -f UTF-16 -t UTF-8).")
    for record in csv_records(body, DELIMITERS[source.format]):
        if record.fields == []:
            continue
        if record.fields is None or record.open or record.end == len(body) >= _LONGEST_HEADER - len(_BOM):
            break
        try:
            names = [name.encode("latin-1").decode("utf-8").strip() for name in record.fields]
        except UnicodeDecodeError:
            raise UserError(f"{source.shown}:1: the header is not UTF-8. Save the file as UTF-8.") from None
        _check_header(source, names, options)
        end = record.end + len(data) - len(body)
        stream.unread(data[end:])
        return Header(names, end, 1 + data[:end].count(b"\n"))
    if not body.strip() and len(data) < _LONGEST_HEADER:
        return Header([], len(data), 1 + data.count(b"\n"))
    alone = " Lines seem to end in CR alone: save the file with LF." if b"\r" in body and b"\n" not in body else ""
    raise UserError(
        f"{source.shown}:1: no header found. Expected column names in the first line, within {_LONGEST_HEADER:,} bytes."
        f"{alone}"
    )


def _check_header(source: Source, names: list[str], options: Options) -> None:
    for name in (options.text_column, *options.keep):
        if name not in names:
            option = "--text-column" if name == options.text_column else "--keep"
            other = other_delimiter(names, DELIMITERS[source.format].decode("ascii"))
            raise UserError(
                f'{source.shown}:1: no column "{name}".{did_you_mean(name, names)} '
                f"Columns found: {listed(names, 20)}.{other or f' Name the column with {option}.'}"
            )
    for name in options.wanted:
        if names.count(name) > 1:
            raise UserError(f'{source.shown}:1: the header names the column "{name}" twice. Rename one of them.')


class _Parser:
    def __init__(self, source: Source, reading: Reading, names: list[str], delimiter: bytes) -> None:
        self._source = source
        self._reading = reading
        self._names = names
        self._delimiter = delimiter
        wanted = [name for name in reading.options.wanted if name in names]
        # Arrow wants every name once; columns that are not asked for get names of their own.
        unique = [name if name in wanted else f"\0{at}" for at, name in enumerate(names)]
        self._read = {"column_names": unique, "use_threads": False}
        self._convert = arrow_csv.ConvertOptions(
            column_types={name: pa.string() for name in wanted},
            include_columns=wanted,
            strings_can_be_null=False,
        )

    def decode(self, block: Block) -> Batch:
        if block.problem is None and block.records and is_utf8(block.data) and not _begins_with_return(block.data):
            rows = self._whole(block)
            if rows is not None:
                return batch_of(rows, self._source.article_id, blank=block.lines - len(rows.lines))
        return self._record_by_record(block)

    def _whole(self, block: Block) -> Rows | None:
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(block.data),
                read_options=arrow_csv.ReadOptions(block_size=len(block.data) + 1, **self._read),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=self._delimiter.decode("ascii"), newlines_in_values=True
                ),
                convert_options=self._convert,
            )
        except pa.ArrowInvalid:
            return None
        options = self._reading.options
        texts = _column(table, options.text_column)
        if table.num_rows != block.records or not fits(texts, options):
            return None
        paragraphs = ids(_column(table, options.paragraph_column))
        if paragraphs.null_count and block.records != block.lines:
            return None  # an article without an id is named by its line, which only the slow way knows
        kept = [_column(table, name) for name in options.keep]
        return Rows(
            paragraphs,
            ids(_column(table, options.article_column)),
            texts,
            tuple(map(column_as_json, kept)) if self._reading.kept_as_json else tuple(kept),
            np.arange(block.line, block.line + table.num_rows),
        )

    def _record_by_record(self, block: Block) -> Batch:
        checker = RowChecker(self._source.shown, self._reading.options, self._reading.kept_as_json)
        if block.problem is not None:
            checker.reject(block.line, block.problem, block.data, block.size)
            return batch_of(checker.rows(), self._source.article_id, checker.rejects)
        good = 0
        for record in csv_records(block.data, self._delimiter, whole=True):
            if record.fields == []:
                continue
            raw = block.data[record.start : record.end].rstrip(b"\r\n")
            line = block.line + record.line
            try:
                checker.add(line, self._values(record.fields, record.problem), raw)
            except ValueError as problem:
                checker.reject(line, str(problem), raw)
            good += 1
        return batch_of(
            checker.rows(), self._source.article_id, checker.rejects, blank=block.lines - good
        )  # fmt: skip

    def _values(self, fields: list[str] | None, problem: str | None) -> dict[str, object]:
        if fields is None:
            raise ValueError(problem or "not a CSV record")
        if len(fields) != len(self._names):
            raise ValueError(f"{len(fields)} columns, expected {len(self._names)} as in the header")
        values: dict[str, object] = {}
        for name, field in zip(self._names, fields, strict=True):
            try:
                values[name] = field.encode("latin-1").decode("utf-8")
            except UnicodeDecodeError:
                raise ValueError(f'column "{name}" is not UTF-8') from None
        return values


def _begins_with_return(data: bytes) -> bool:
    """Whether a line begins with a lone CR: Arrow ends a row there, and so would pass over what is no record."""
    if not data.startswith(b"\r") and b"\n\r" not in data:
        return False
    return _RETURN_FIRST.search(data) is not None


def _column(table: pa.Table, name: str) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
