"""Shards: the pieces in which output is appended to one growing file, each a whole that stands on its own.

No shard is ever copied. JSONL and CSV are appended as they are, compressed output as one gzip member or zstd frame a
shard. Parquet is appended as one row group a shard: its footer is kept apart in the journal and all of them are
merged into the one footer at the end, so that even a resumed job ends with one ordinary Parquet file.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from training.tagging.parquet_footer import merged_footer, row_group

_MAGIC = b"PAR1"
_GZIP_LEVEL = 5
_ZSTD_LEVEL = 3
_PARQUET_ZSTD_LEVEL = 1


class Shards(Protocol):
    """Output in the making. ``add`` takes what the encoder gives."""

    def add(self, piece: Any) -> None: ...

    def begin(self) -> bytes:
        """What stands at the front of the file."""
        ...

    def shard(self, offset: int) -> tuple[bytes, bytes]:
        """All that was added since the last shard, to be appended at ``offset``, and its footer to be kept."""
        ...

    def end(self, footers: Sequence[bytes]) -> bytes:
        """What stands at the end of the file, given the footers of all shards."""
        ...


class TextShards:
    """JSONL and CSV, plain or compressed."""

    def __init__(self, compression: str | None, header: bytes = b"") -> None:
        self._compression = compression
        self._header = header
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def begin(self) -> bytes:
        return self._compressed(self._header) if self._header else b""

    def shard(self, offset: int) -> tuple[bytes, bytes]:
        data = b"".join(self._pieces)
        self._pieces = []
        return (self._compressed(data) if data else b""), b""

    def end(self, footers: Sequence[bytes]) -> bytes:
        return b""

    def _compressed(self, data: bytes) -> bytes:
        if self._compression == "gz":
            packer = zlib.compressobj(_GZIP_LEVEL, wbits=31)
            return packer.compress(data) + packer.flush()
        if self._compression == "zst":
            import zstandard

            return bytes(zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(data))
        return data


class ParquetShards:
    """One row group a shard."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._batches: list[pa.RecordBatch] = []

    def add(self, piece: pa.RecordBatch) -> None:
        self._batches.append(piece)

    def begin(self) -> bytes:
        return _MAGIC

    def shard(self, offset: int) -> tuple[bytes, bytes]:
        table = pa.Table.from_batches(self._batches, self._schema)
        self._batches = []
        if not table.num_rows:
            return b"", b""
        body, footer = _parquet_file(table)
        return body, row_group(footer, offset - len(_MAGIC))

    def end(self, footers: Sequence[bytes]) -> bytes:
        """One footer out of those of all row groups."""
        _, empty = _parquet_file(self._schema.empty_table())
        footer = merged_footer(empty, [group for group in footers if group])
        return footer + struct.pack("<I", len(footer)) + _MAGIC


def _parquet_file(table: pa.Table) -> tuple[bytes, bytes]:
    """The body of a Parquet file without the magic in front, and its footer. A table with rows is one row group."""
    unique = ("paragraph_id", "probabilities", "evidence", "all_probabilities")
    dictionaries = [name for name in table.schema.names if name not in unique]
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": _PARQUET_ZSTD_LEVEL,
        "use_dictionary": [f"{name}.list.element" if name == "topics" else name for name in dictionaries],
    }
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema, **options) as writer:
        if table.num_rows:
            writer.write_table(table, row_group_size=table.num_rows)
    data = sink.getvalue()
    (length,) = struct.unpack("<I", data[-8:-4])
    body = len(data) - 8 - length
    return data[len(_MAGIC) : body], data[body:-8]
