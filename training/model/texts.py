"""Texts as the kernels take them: one buffer of UTF-8, and where each text begins and ends in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

READABLE_PAST_END = 8


class TextBuffer(NamedTuple):
    """data: uint8, with eight bytes more than the texts need. starts, ends: int64 [texts]."""

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


def as_string_array(texts: Any) -> pa.Array:
    """An Arrow array of strings (`string` or `large_string`) of the texts: any iterable of str, or Arrow data.

    Raises:
        TypeError: one string instead of several, or an item that is not a string.
        ValueError: a string that UTF-8 cannot hold (a lone surrogate).
    """
    if isinstance(texts, (str, bytes)):
        raise TypeError(f"Expected a list of texts, got one {type(texts).__name__}. Put it in a list.")
    if hasattr(texts, "to_arrow") and not isinstance(texts, (pa.Array, pa.ChunkedArray)):  # polars
        texts = texts.to_arrow()
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.chunk(0) if texts.num_chunks == 1 else _combine(texts)
    if not isinstance(texts, pa.Array):
        texts = _from_python(texts)
    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_decode()
    if pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type):
        return texts
    if pa.types.is_null(texts.type) or pa.types.is_string_view(texts.type):
        return texts.cast(pa.large_string())
    raise TypeError(f"Expected an array of strings, got an Arrow array of {texts.type}.")


def text_buffer(texts: pa.Array) -> TextBuffer:
    """The buffer of a `string` or `large_string` array, any offset. A null is an empty text. Copies the bytes."""
    count = len(texts)
    offset_type = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, offset_buffer, data_buffer = texts.buffers()
    if count == 0:
        empty = np.zeros(0, np.int64)
        return TextBuffer(np.zeros(READABLE_PAST_END, np.uint8), empty, empty)
    offsets = np.frombuffer(offset_buffer, offset_type)[texts.offset : texts.offset + count + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    # Arrow promises nothing about the bytes after the last string, and the kernels read eight at a time.
    data = np.empty(last - first + READABLE_PAST_END, np.uint8)
    if last > first:
        data[: last - first] = np.frombuffer(data_buffer, np.uint8)[first:last]
    data[last - first :] = 0
    positions = offsets.astype(np.int64) - first
    starts, ends = positions[:-1], positions[1:]
    if texts.null_count:
        ends = np.where(texts.is_null().to_numpy(zero_copy_only=False), starts, ends)
    return TextBuffer(data, np.ascontiguousarray(starts), np.ascontiguousarray(ends))


def _combine(texts: pa.ChunkedArray) -> pa.Array:
    wide = texts.cast(pa.large_string())
    combined = wide.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def _from_python(texts: Iterable[Any]) -> pa.Array:
    items = texts if isinstance(texts, (list, tuple)) else list(texts)
    try:
        return pa.array(items, pa.large_string())
    except UnicodeEncodeError as error:
        raise ValueError(
            f"A text holds {error.object[error.start]!r}, half of a surrogate pair, which UTF-8 cannot hold. "
            "Read the file with the right encoding, or encode with errors='replace'."
        ) from None
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError):
        for place, item in enumerate(items):
            if item is not None and not isinstance(item, str):
                raise TypeError(
                    f"Expected texts, but item {place} is a {type(item).__name__}: {str(item)[:40]!r}."
                ) from None
        raise
