"""How large the pages of a Parquet column become: a page is decompressed whole, so a file of kilobytes can fill memory.

A column chunk is a run of pages, each a Thrift header and its data:
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift (``PageHeader``).
"""

from __future__ import annotations

from typing import Any, BinaryIO

from training.tagging.parquet_footer import Reader, value_of

MOST_PAGE_BYTES = 256 << 20
_UNCOMPRESSED, _COMPRESSED = 2, 3
_WINDOW = 64 << 10


def largest_page(stream: BinaryIO, column: Any) -> int:
    """Bytes of the largest page of a column chunk (``pyarrow.parquet.ColumnChunkMetaData``) when decompressed.

    Where the pages cannot be followed to the end, the largest of those before: what is damaged fails when it is read.
    """
    begin = column.data_page_offset
    if column.has_dictionary_page and column.dictionary_page_offset is not None:
        begin = min(begin, column.dictionary_page_offset)
    end = begin + column.total_compressed_size
    largest = 0
    while begin < end:
        stream.seek(begin)
        reader = Reader(stream.read(min(_WINDOW, end - begin)))
        try:
            header = reader.struct()
            size, stored = int(value_of(header, _UNCOMPRESSED)), int(value_of(header, _COMPRESSED))
        except (ValueError, IndexError, TypeError, RecursionError):
            break
        if stored < 0:
            break
        largest = max(largest, size)
        begin += reader.at + stored
    return largest
