"""JSON lines: whole blocks through Arrow's parser, and line by line where a block does not pass."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from json import JSONDecodeError
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as arrow_json

from training.tagging.blocks import Block, line_blocks
from training.tagging.inputs import Source
from training.tagging.records import Batch, Pairs, RowChecker, Rows, batch_of, fits, ids, load_json
from training.tagging.streams import ByteStream
from training.tagging.strings import column_as_json, column_as_text
from training.tagging.work import Position, Reading, Work

_BOM = b"\xef\xbb\xbf"
_NEWLINE, _RETURN, _OPEN, _CLOSE = b"\n\r{}"


def read_jsonl(source: Source, stream: ByteStream, start: Position, reading: Reading) -> Iterator[Work]:
    """Work from ``start`` to the end of one source."""
    if start.offset == 0:
        head = stream.read(len(_BOM))
        if head == _BOM:
            start = Position(start.source, len(_BOM), 1)
        else:
            stream.unread(head)
    else:
        stream.skip(start.offset)
    options = reading.options
    parser = _Parser(source, reading)
    blocks = line_blocks(
        stream, start.offset, start.line, size=reading.tuning.block_bytes, longest=options.longest_line
    )
    for block in blocks:
        after = Position(start.source, block.end, block.line + block.lines)
        yield Work(partial(parser.decode, block), after, block.lines, stream.raw_bytes)


class _Parser:
    """Decodes blocks of one source.

    Arrow's parser is several times as fast as Python's but takes several objects on a line, and objects over several
    lines. Where every line begins with ``{`` and ends with ``}``, no object can span lines; then as many rows as
    lines means one object a line. Anything else is read by :meth:`_line_by_line`, which gives the same for good lines.
    """

    def __init__(self, source: Source, reading: Reading) -> None:
        self._source = source
        self._reading = reading
        self._schema = pa.schema([(name, pa.string()) for name in reading.options.wanted])

    def decode(self, block: Block) -> Batch:
        if block.problem is None and _one_object_a_line(block) and is_utf8(block.data):
            for schema in self._schemas(block):
                rows = self._whole(block, schema)
                if rows is not None:
                    self._schema = schema
                    return batch_of(rows, self._source.article_id)
        return self._line_by_line(block)

    def _schemas(self, block: Block) -> Iterator[pa.Schema]:
        """The schema that fitted last, then one made after the first line: ids and kept columns may be numbers."""
        schema = self._schema
        yield schema
        options = self._reading.options
        try:
            first = load_json(block.data[: block.data.find(b"\n") + 1 or None].decode("utf-8"))
        except (ValueError, RecursionError):
            return
        if not isinstance(first, dict):
            return
        typed = {name: _arrow_type(first.get(name), name in options.keep) for name in options.wanted}
        typed[options.text_column] = pa.string()
        guess = pa.schema(list(typed.items()))
        if guess != schema:
            yield guess

    def _whole(self, block: Block, schema: pa.Schema) -> Rows | None:
        table = _arrow_rows(block.data, schema)
        if table is None or table.num_rows != block.lines:
            return None
        options = self._reading.options
        columns = {name: _one_chunk(table.column(name)) for name in schema.names}
        texts = columns[options.text_column]
        if not fits(texts, options):
            return None
        to_kept = column_as_json if self._reading.kept_as_json else column_as_text
        return Rows(
            ids(columns[options.paragraph_column]),
            ids(columns[options.article_column]),
            texts,
            tuple(to_kept(columns[name]) for name in options.keep),
            np.arange(block.line, block.line + block.lines),
        )

    def _line_by_line(self, block: Block) -> Batch:
        checker = RowChecker(self._source.shown, self._reading.options, self._reading.kept_as_json)
        blank = 0
        if block.problem is not None:
            checker.reject(block.line, block.problem, block.data, block.size)
        else:
            lines = block.data.split(b"\n")
            if not lines[-1]:
                lines.pop()
            for number, line in enumerate(lines, start=block.line):
                if not line.strip(b" \t\r"):
                    blank += 1
                    continue
                try:
                    checker.add(number, self._record(line), line)
                except ValueError as problem:
                    checker.reject(number, str(problem), line)
        return batch_of(checker.rows(), self._source.article_id, checker.rejects, blank)

    def _record(self, line: bytes) -> dict[str, Any]:
        """One line as an object; :class:`ValueError` says why it is none."""
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as problem:
            raise ValueError(f"not UTF-8 (byte {problem.start + 1} of the line)") from None
        try:
            record = load_json(text)
        except JSONDecodeError as problem:
            raise ValueError(f"not a JSON record ({problem.msg}, column {problem.colno})") from None
        except (ValueError, RecursionError):
            return self._deep(line)
        if not isinstance(record, Pairs):
            kind = type(record).__name__ if record is not None else "null"
            raise ValueError(f"a JSON {kind}, expected an object")
        twice = sorted(record.twice.intersection(self._reading.options.wanted))
        if twice:
            raise ValueError(f'"{twice[0]}" stands twice in the record')
        return record

    def _deep(self, line: bytes) -> dict[str, Any]:
        """A line too deep for Python's parser, or with a number too long for it, where Arrow has no such limit."""
        schema = pa.schema([(name, pa.string()) for name in self._reading.options.wanted])
        table = _arrow_rows(line, schema)
        if table is None or table.num_rows != 1:
            raise ValueError("not a JSON record (nested too deep, or a number that is too long)")
        row: dict[str, Any] = table.to_pylist()[0]
        return row


def _one_object_a_line(block: Block) -> bool:
    data = block.data
    if not data.startswith(b"{") or not data.endswith((b"}\n", b"}\r\n", b"}")):
        return False
    buffer = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(buffer[:-1] == _NEWLINE)
    before = buffer[breaks - 1]
    if (before == _RETURN).all() and len(breaks):
        before = buffer[breaks - 2]
    return bool((before == _CLOSE).all() and (buffer[breaks + 1] == _OPEN).all())


def is_utf8(data: bytes) -> bool:
    """Whether ``data`` is UTF-8, at the speed of memory: Arrow checks it as one long string."""
    ends = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _arrow_rows(data: bytes, schema: pa.Schema) -> pa.Table | None:
    try:
        return arrow_json.read_json(
            pa.BufferReader(data),
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        return None


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _arrow_type(value: object, kept: bool) -> pa.DataType:
    if isinstance(value, bool):
        return pa.bool_() if kept else pa.string()
    return pa.int64() if isinstance(value, int) else pa.string()
