"""Parquet: batches of a size that keeps memory bounded, one row group after the other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training.errors import UserError
from training.tagging.columns import rows_of
from training.tagging.inputs import Source
from training.tagging.parquet_pages import large_page
from training.tagging.records import Batch, batch_of
from training.tagging.strings import is_text
from training.tagging.work import Position, Reading, Work

_MOST_ROWS = 32_768
_MOST_TEXT = 64 << 20
DAMAGED = (pa.ArrowException, OSError, RuntimeError, ValueError, IndexError, OverflowError)
"""What pyarrow raises for damaged files; for a footer that contradicts itself, also Python's own errors."""


def open_parquet(source: Source) -> pq.ParquetFile:
    """The file with its footer read. What is not Parquet is a :class:`UserError`."""
    assert source.path is not None
    try:
        return pq.ParquetFile(source.path)
    except FileNotFoundError as problem:
        raise UserError(f"{source.shown}: cannot be read: {problem.strerror}. Put it back and run again.") from None
    except DAMAGED as problem:
        raise UserError(f"{source.shown}: cannot be read as Parquet: {_one_line(problem)}.") from None


def parquet_schema(source: Source) -> pa.Schema:
    """The columns of the file. What is not Parquet is a :class:`UserError`."""
    with open_parquet(source) as file:
        try:
            return file.schema_arrow
        except DAMAGED as problem:
            raise UserError(f"{source.shown}: cannot be read as Parquet: {_one_line(problem)}.") from None


def read_parquet(source: Source, start: Position, reading: Reading) -> Iterator[Work]:
    """Work from the row ``start.offset`` to the end of one source."""
    options = reading.options
    with open_parquet(source) as file:
        columns = [name for name in options.wanted if name in file.schema_arrow.names]
        _check_pages(source, columns)
        first = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if first + rows > start.offset:
                size = _batch_rows(file.metadata.row_group(group), reading.tuning.block_bytes)
                at = first
                batches = file.iter_batches(size, row_groups=[group], columns=columns, use_threads=False)
                for batch in chain.from_iterable(map(_written_out, batches)):
                    end = at + batch.num_rows
                    if end > start.offset:
                        after = Position(start.source, end, end + 1)
                        done = int(source.size * end / max(1, file.metadata.num_rows))
                        yield Work(partial(_decode, source, reading, batch, at + 1), after, batch.num_rows, done)
                    at = end
            first += rows


def _check_pages(source: Source, columns: list[str]) -> None:
    """Refuse a file of which one page would fill the memory. Raises ``pyarrow.ArrowInvalid``."""
    with Path(source.path or "").open("rb") as stream:
        problem = large_page(stream, columns)
    if problem is not None:
        raise pa.ArrowInvalid(problem)


def _batch_rows(group: Any, block_bytes: int) -> int:
    """Rows of about ``block_bytes``, the same for the same row group."""
    each: int = max(1, group.total_byte_size // max(1, group.num_rows))
    return max(1, min(_MOST_ROWS, block_bytes // each))


def _written_out(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in parts: a dictionary of a few texts can stand for more than a column of strings can hold."""
    total = 0
    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and is_text(column.type.value_type):
            total += pc.sum(pc.binary_length(column.dictionary).cast(pa.int64()).take(column.indices)).as_py() or 0
    step = max(1, batch.num_rows * _MOST_TEXT // max(total, _MOST_TEXT))
    for first in range(0, batch.num_rows, step):
        yield batch.slice(first, step)


def _decode(source: Source, reading: Reading, batch: pa.RecordBatch, first: int) -> Batch:
    rows, rejects = rows_of(source.shown, reading, batch, first)
    return batch_of(rows, source.article_id, rejects)


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split())[:300].rstrip(".")
