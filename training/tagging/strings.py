"""Text of values: JSON literals and plain text, for whole Arrow columns and for single Python values."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_NO_VALUE = (OverflowError, ValueError, KeyError)
_SHORT = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CONTROL = {char: _SHORT.get(char, f"\\u{ord(char):04x}") for char in map(chr, range(32))}


def json_quoted(array: pa.Array) -> pa.Array:
    """A string column as JSON strings, byte for byte as ``json.dumps(value, ensure_ascii=False)``; null stays."""
    if pc.any(pc.match_substring_regex(array, r'["\\\x00-\x1f]')).as_py():
        array = pc.replace_substring(array, "\\", "\\\\")
        array = pc.replace_substring(array, '"', '\\"')
        if pc.any(pc.match_substring_regex(array, r"[\x00-\x1f]")).as_py():
            for char, escaped in _CONTROL.items():
                if pc.any(pc.match_substring(array, char)).as_py():
                    array = pc.replace_substring(array, char, escaped)
    quote = pa.scalar('"', array.type)
    return pc.binary_join_element_wise(quote, array, quote, pa.scalar("", array.type))


def column_as_json(array: pa.Array) -> pa.Array:
    """Any column as a string column of JSON literals; null stays null."""
    array = simple(array)
    if pa.types.is_string(array.type):
        return json_quoted(array)
    if pa.types.is_integer(array.type) or pa.types.is_boolean(array.type):
        return array.cast(pa.string())
    return pa.array([json_text(value) for value in values_of(array)], pa.string())


def column_as_text(array: pa.Array) -> pa.Array:
    """Any column as plain text: strings as they are, everything else as its JSON literal; null stays null."""
    array = simple(array)
    if pa.types.is_string(array.type):
        return array
    if pa.types.is_integer(array.type) or pa.types.is_boolean(array.type):
        return array.cast(pa.string())
    return pa.array([plain_text(value) for value in values_of(array)], pa.string())


def values_of(array: pa.Array) -> list[Any]:
    """The values as Python has them; days and times that it cannot have (those of the year 10000) as Arrow's text."""
    try:
        return list(array.to_pylist())
    except _NO_VALUE:
        return [value_of(item) for item in array]


def value_of(item: pa.Scalar) -> Any:
    """One value, as in :func:`values_of`."""
    try:
        return item.as_py()
    except UnicodeDecodeError:
        raise
    except _NO_VALUE:
        with suppress(pa.ArrowException):
            return item.cast(pa.string()).as_py()
        return f"({item.type} that is no date or time: {getattr(item, 'value', 'within others')})"


def simple(array: pa.Array) -> pa.Array:
    """Dictionaries decoded; every kind of string column as ``string`` where it is UTF-8."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if is_text(array.type):
        array = array.cast(pa.string())
    return array


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def json_text(value: Any) -> str | None:
    """A Python value as a JSON literal on one line, or None. Values that JSON lacks are written as text or null."""
    if value is None:
        return None
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_as_json)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, default=_as_json)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = json.dumps(_finite(value), default=_as_json)
    return text


def plain_text(value: Any) -> str | None:
    """A Python value as plain text: strings (half a surrogate pair as U+FFFD), numbers and bytes as they are."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Decimal | bytes):
        return plain_text(_as_json(value))
    return str(value.isoformat()) if hasattr(value, "isoformat") else json_text(value)


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
