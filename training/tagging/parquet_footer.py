"""Footers of Parquet row groups that are written apart, moved to their place in one file and merged.

A Parquet footer is a Thrift structure in the compact protocol. It is read here into plain lists without knowing its
schema, so whatever pyarrow puts in stays in; only the places of row groups are changed. Sources:
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md and
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift (the field numbers below).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Thrift types. A field is [number, type, value]; the value of a struct is a list of fields, that of a list is
# [type of its items, items]. A whole number is kept as a number, a double and bytes as bytes.
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)

_FILE_ROWS, _FILE_GROUPS = 3, 4
_GROUP_COLUMNS, _GROUP_ROWS, _GROUP_OFFSET, _GROUP_ORDINAL = 1, 3, 5, 7
_CHUNK_OFFSET, _CHUNK_META, _CHUNK_INDEXES = 2, 3, (4, 6)
_META_OFFSETS = (9, 10, 11, 14)

Fields = list[list[Any]]


def row_group(footer: bytes, move: int) -> bytes:
    """The one row group of ``footer``, with all its places in the file ``move`` bytes further back."""
    groups = value_of(Reader(footer).struct(), _FILE_GROUPS)[1]
    if len(groups) != 1:
        raise ValueError(f"{len(groups)} row groups in a footer, expected one")
    group: Fields = groups[0]
    _move(group, (_GROUP_OFFSET,), move)
    for chunk in value_of(group, _GROUP_COLUMNS)[1]:
        _move(chunk, (_CHUNK_OFFSET, *_CHUNK_INDEXES), move)
        _move(value_of(chunk, _CHUNK_META), _META_OFFSETS, move)
    return _struct(group)


def merged_footer(empty: bytes, groups: Sequence[bytes]) -> bytes:
    """The footer of a file with these row groups in order; ``empty`` is that of a file with none."""
    file = Reader(empty).struct()
    parsed = [Reader(group).struct() for group in groups]
    for place, group in enumerate(parsed):
        for field in group:
            if field[0] == _GROUP_ORDINAL:
                field[2] = min(place, 2**15 - 1)
    for field in file:
        if field[0] == _FILE_ROWS:
            field[2] = sum(int(value_of(group, _GROUP_ROWS)) for group in parsed)
        elif field[0] == _FILE_GROUPS:
            field[2] = [_STRUCT, parsed]
    return _struct(file)


def value_of(fields: Fields, number: int) -> Any:
    """The value of a field. Raises ``ValueError`` if there is none of that number."""
    for field in fields:
        if field[0] == number:
            return field[2]
    raise ValueError(f"field {number} is not there")


def _move(fields: Fields, numbers: Sequence[int], move: int) -> None:
    for field in fields:
        if field[0] in numbers and field[2] > 0:
            field[2] += move


class Reader:
    """Thrift values from the front of ``data``; ``at`` is how far they were read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _bytes(self, size: int) -> bytes:
        self.at += size
        return self._data[self.at - size : self.at]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self) -> Fields:
        """The fields of a struct, to its end."""
        fields: Fields = []
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 15
            fields.append([number, kind, None if kind in (_TRUE, _FALSE) else self._item(kind)])
        return fields

    def _item(self, kind: int) -> Any:
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind in (_I16, _I32, _I64):
            return self._zigzag()
        if kind == _DOUBLE:
            return self._bytes(8)
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind in (_LIST, _SET):
            head = self._byte()
            size = head >> 4 if head >> 4 < 15 else self._varint()
            return [head & 15, [self._item(head & 15) for _ in range(size)]]
        if kind == _STRUCT:
            return self.struct()
        raise ValueError(f"Thrift type {kind} does not occur in Parquet footers")


def _struct(fields: Fields) -> bytes:
    out = bytearray()
    _put_struct(out, fields)
    return bytes(out)


def _put_struct(out: bytearray, fields: Fields) -> None:
    before = 0
    for number, kind, value in fields:
        if 0 < number - before < 16:
            out.append((number - before) << 4 | kind)
        else:
            out.append(kind)
            _put_varint(out, _zigzagged(number))
        before = number
        if kind not in (_TRUE, _FALSE):
            _put_item(out, kind, value)
    out.append(0)


def _put_item(out: bytearray, kind: int, value: Any) -> None:
    if kind in (_TRUE, _FALSE, _BYTE):
        out.append(value)
    elif kind in (_I16, _I32, _I64):
        _put_varint(out, _zigzagged(value))
    elif kind == _DOUBLE:
        out += value
    elif kind == _BINARY:
        _put_varint(out, len(value))
        out += value
    elif kind in (_LIST, _SET):
        item_kind, items = value
        out.append(min(len(items), 15) << 4 | item_kind)
        if len(items) >= 15:
            _put_varint(out, len(items))
        for item in items:
            _put_item(out, item_kind, item)
    else:
        _put_struct(out, value)


def _zigzagged(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _put_varint(out: bytearray, value: int) -> None:
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
