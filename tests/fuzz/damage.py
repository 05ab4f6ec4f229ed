"""Bytes damaged at random, for where no coverage guides the fuzzing."""

from __future__ import annotations

import random

PIECES = (b'"', b"\n", b"\r\n", b"{", b"}", b"\\", b"\0", b"\xff", b",", b"\\ud800", b"<", b">", b"[", b"]", b"9" * 30)


def damaged(choice: random.Random, data: bytes) -> bytes:
    """Bytes changed, cut, doubled or swapped at random places."""
    changed = bytearray(data)
    for _ in range(choice.randint(1, 8)):
        at = choice.randrange(len(changed) + 1)
        kind = choice.randrange(5)
        if kind == 0:
            changed[at:at] = choice.choice(PIECES)
        elif kind == 1:
            del changed[at : at + choice.randint(1, 30)]
        elif kind == 2 and at < len(changed):
            changed[at] = choice.randrange(256)
        elif kind == 3:
            changed[at:at] = changed[at : at + choice.randint(1, 200)]
        else:
            other = choice.randrange(len(changed) + 1)
            changed[at : at + 5], changed[other : other + 5] = changed[other : other + 5], changed[at : at + 5]
    return bytes(changed)
