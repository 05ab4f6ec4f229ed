"""Texts as the kernels take them: one buffer of UTF-8, and where each text begins and ends in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

if TYPE_CHECKING:
    from training.model.characters import CharacterTable

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
    if hasattr(texts, "columns"):
        raise TypeError(f"Expected a column of texts, got a {type(texts).__name__}. Give one column of it.")
    if hasattr(texts, "to_arrow") and not isinstance(texts, (pa.Array, pa.ChunkedArray)):  # polars
        texts = texts.to_arrow()
    elif type(texts).__module__.partition(".")[0] == "pandas":
        texts = _of_pandas(texts)
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.chunk(0) if texts.num_chunks == 1 else _combine(texts)
    if not isinstance(texts, pa.Array):
        return _from_python(texts if isinstance(texts, (list, tuple)) else list(texts))
    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_decode()
    if pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type):
        return texts
    if pa.types.is_null(texts.type) or pa.types.is_string_view(texts.type):
        return texts.cast(pa.large_string())
    raise TypeError(f"Expected an array of strings, got an Arrow array of {texts.type}.")


def _of_pandas(texts: Any) -> list[Any]:
    return [None if empty else text for text, empty in zip(texts.tolist(), texts.isna().tolist(), strict=True)]


def text_buffer(texts: pa.Array) -> TextBuffer:
    """The buffer of a `string` or `large_string` array, any offset. A null is an empty text. Copies the bytes."""
    count = len(texts)
    offset_type = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    validity, offset_buffer, data_buffer = texts.buffers()
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
        bits = np.frombuffer(validity, np.uint8)
        first_byte, shift = divmod(texts.offset, 8)
        valid = np.unpackbits(bits[first_byte:], count=shift + count, bitorder="little")[shift:]
        ends = np.where(valid, ends, starts)
    return TextBuffer(data, np.ascontiguousarray(starts), np.ascontiguousarray(ends))


def beginnings(texts: TextBuffer, tokens: int | None, characters: CharacterTable) -> TextBuffer:
    """The same texts, each cut behind its first `tokens` tokens between white space; None leaves them whole."""
    if tokens is None:
        return texts
    from training.model.kernels_passages import beginning_ends

    ends = np.empty_like(texts.ends)
    beginning_ends(texts.data, texts.starts, texts.ends, tokens, characters.kernel_arrays, ends)
    return texts._replace(ends=ends)


def _combine(texts: pa.ChunkedArray) -> pa.Array:
    wide = texts.cast(pa.large_string())
    combined = wide.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def _from_python(items: Sequence[Any]) -> pa.Array:
    """Like `pyarrow.array`, which would import pandas to see whether the list is not one of its objects."""
    encoded = []
    missing = np.zeros(len(items), bool)
    for place, item in enumerate(items):
        if isinstance(item, str):
            try:
                encoded.append(item.encode())
            except UnicodeEncodeError as error:
                raise ValueError(
                    f"Text {place} holds {item[error.start]!r}, half of a surrogate pair, which UTF-8 cannot hold. "
                    "Read the file with the right encoding, or encode with errors='replace'."
                ) from None
        elif item is None:
            encoded.append(b"")
            missing[place] = True
        else:
            raise TypeError(f"Expected texts, but item {place} is a {type(item).__name__}: {str(item)[:40]!r}.")
    offsets = np.zeros(len(items) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(items)), out=offsets[1:])
    validity = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.large_string(), len(items), buffers)
