"""How large the pages of a Parquet file become: a page is decompressed whole, so a file of kilobytes can fill memory.

A row group is a chunk for each column; a chunk is a run of pages, each a Thrift header and its data:
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift (``FileMetaData``, ``PageHeader``).
The footer is read here and not asked of pyarrow, which ends the process where a column's own metadata are damaged.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from training.tagging.parquet_footer import Fields, Reader, value_of

MOST_PAGE_BYTES = 256 << 20
MOST_FOOTER_BYTES = 64 << 20
_FILE_GROUPS, _GROUP_COLUMNS, _CHUNK_META = 4, 1, 3
_META_PATH, _META_SIZE, _META_DATA, _META_DICTIONARY = 3, 7, 9, 11
_PAGE_SIZE, _PAGE_STORED = 2, 3
_WINDOW = 64 << 10
_TAIL = struct.Struct("<I4s")


def large_page(stream: BinaryIO, columns: list[str]) -> str | None:
    """What is too large to be read, in words: a page of one of the ``columns``, or the footer; None if nothing is.

    What is damaged is passed over, because it fails when it is read.
    """
    size = stream.seek(0, 2)
    if size < _TAIL.size:
        return None
    stream.seek(size - _TAIL.size)
    footer, _ = _TAIL.unpack(stream.read(_TAIL.size))
    if footer > MOST_FOOTER_BYTES:
        return f"its footer has {footer:,} bytes, more than the {MOST_FOOTER_BYTES:,} that are taken"
    if footer > size - _TAIL.size:
        return None
    stream.seek(size - _TAIL.size - footer)
    for name, begin, end in _chunks(stream.read(footer)):
        largest = largest_page(stream, begin, end) if name in columns else 0
        if largest > MOST_PAGE_BYTES:
            return (
                f'a page of column "{name}" has {largest:,} bytes when decompressed, more than the '
                f"{MOST_PAGE_BYTES:,} that are read at once"
            )
    return None


def largest_page(stream: BinaryIO, begin: int, end: int) -> int:
    """Bytes of the largest page between two places of the file, when decompressed."""
    largest = 0
    while begin < end:
        stream.seek(begin)
        reader = Reader(stream.read(min(_WINDOW, end - begin)))
        try:
            header = reader.struct()
            size, stored = int(value_of(header, _PAGE_SIZE)), int(value_of(header, _PAGE_STORED))
        except (ValueError, IndexError, TypeError, RecursionError):
            break
        if stored < 0:
            break
        largest = max(largest, size)
        begin += reader.at + stored
    return largest


def _chunks(footer: bytes) -> Iterator[tuple[str, int, int]]:
    """The top-level column of each chunk, and where it begins and ends."""
    try:
        for group in value_of(Reader(footer).struct(), _FILE_GROUPS)[1]:
            for chunk in value_of(group, _GROUP_COLUMNS)[1]:
                meta: Fields = value_of(chunk, _CHUNK_META)
                begins = [_number(meta, at) for at in (_META_DATA, _META_DICTIONARY)]
                begin = min(at for at in begins if at > 0)
                yield value_of(meta, _META_PATH)[1][0].decode(), begin, begin + _number(meta, _META_SIZE)
    except (ValueError, IndexError, TypeError, AttributeError, RecursionError):
        return


def _number(fields: Fields, number: int) -> int:
    found: list[Any] = [field[2] for field in fields if field[0] == number]
    return int(found[0]) if found else 0
