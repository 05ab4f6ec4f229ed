"""Code points from UTF-8 and back, safe on any bytes."""

from __future__ import annotations

from training.model.characters import REPLACEMENT
from training.model.kernels import Bytes, inlined, inner, whole


@inner
def decode(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The code point at `at` and where the next one begins. What is not UTF-8 reads as U+FFFD, byte by byte."""
    first = whole(data[at])
    if first < 0x80:
        return first, at + 1
    if 0xC2 <= first < 0xE0 and at + 1 < end:
        return (first & 0x1F) << 6 | whole(data[at + 1]) & 0x3F, at + 2
    if 0xE0 <= first < 0xF0 and at + 2 < end:
        return (first & 0x0F) << 12 | (whole(data[at + 1]) & 0x3F) << 6 | whole(data[at + 2]) & 0x3F, at + 3
    if 0xF0 <= first < 0xF5 and at + 3 < end:
        high = (first & 0x07) << 18 | (whole(data[at + 1]) & 0x3F) << 12
        return high | (whole(data[at + 2]) & 0x3F) << 6 | whole(data[at + 3]) & 0x3F, at + 4
    return REPLACEMENT, at + 1


@inlined
def encode(code_point: int, text: Bytes, at: int) -> int:
    """Write a code point as UTF-8; where the next one goes."""
    if code_point < 0x80:
        text[at] = code_point
        return at + 1
    if code_point < 0x800:
        text[at] = 0xC0 | code_point >> 6
        text[at + 1] = 0x80 | code_point & 0x3F
        return at + 2
    if code_point < 0x10000:
        text[at] = 0xE0 | code_point >> 12
        text[at + 1] = 0x80 | (code_point >> 6) & 0x3F
        text[at + 2] = 0x80 | code_point & 0x3F
        return at + 3
    text[at] = 0xF0 | code_point >> 18
    text[at + 1] = 0x80 | (code_point >> 12) & 0x3F
    text[at + 2] = 0x80 | (code_point >> 6) & 0x3F
    text[at + 3] = 0x80 | code_point & 0x3F
    return at + 4
