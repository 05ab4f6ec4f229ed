"""What the running Python makes of every code point: lower case, words, white space, the final sigma."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.model.characters import (
    BLOCK,
    CAPITAL_SIGMA,
    CASED,
    CODE_POINTS,
    EXPANDS,
    FINAL_SIGMA,
    IGNORABLE,
    MEDIAL_SIGMA,
    SHIFT,
    SIGMA,
    SPACE,
    WORD,
    CharacterTable,
)


def measure() -> CharacterTable:
    """Ask this Python about every code point.

    The classes behind the final sigma are not exposed, but show in what a capital sigma becomes beside a
    character (`handle_capital_sigma` in CPython's Objects/unicodeobject.c, after Unicode section 3.13).
    """
    everything = _decoded(np.arange(CODE_POINTS))
    count = CODE_POINTS
    flags = np.zeros(count, np.int32)
    flags[np.fromiter(map(str.isalnum, everything), bool, count)] |= WORD
    flags[ord("_")] |= WORD
    flags[np.fromiter(map(str.isspace, everything), bool, count)] |= SPACE

    lowered = [everything[i : i + BLOCK].lower() for i in range(0, count, BLOCK)]
    expanding = [
        i * BLOCK + j
        for i, block in enumerate(lowered)
        if len(block) != BLOCK
        for j in range(BLOCK)
        if len(chr(i * BLOCK + j).lower()) != 1
    ]
    inert = str.maketrans({chr(c): "\n" for c in expanding})
    simple = everything.translate(inert) if expanding else everything
    lower = np.frombuffer(simple.lower().encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    distance = lower - np.arange(count)
    distance[CAPITAL_SIGMA] = MEDIAL_SIGMA - CAPITAL_SIGMA
    flags[CAPITAL_SIGMA] |= SIGMA
    for which, code_point in enumerate(expanding):
        distance[code_point] = which
        flags[code_point] |= EXPANDS

    seen_through = _makes_sigma_final("a", expanding)
    cased = _makes_sigma_final("", expanding)
    flags[cased] |= CASED
    flags[seen_through & ~cased] |= IGNORABLE

    rows = (distance << SHIFT | flags).astype(np.int32).reshape(-1, BLOCK)
    blocks: dict[bytes, int] = {}
    stage1 = [blocks.setdefault(row.tobytes(), len(blocks)) for row in rows]
    records, stage2 = np.unique(np.frombuffer(b"".join(blocks), np.int32), return_inverse=True)
    texts = [chr(c).lower() for c in expanding]
    return CharacterTable(
        stage1=np.array(stage1, np.uint16),
        stage2=stage2.astype(np.uint16),
        records=records,
        expansion_offsets=np.cumsum([0, *map(len, texts)]).astype(np.int32),
        expansions=np.array([ord(c) for text in texts for c in text], np.int32),
    )


def _makes_sigma_final(before: str, expanding: list[int]) -> npt.NDArray[np.bool_]:
    """bool [1114112]: whether a capital sigma at the end of a line is final behind `before` and each code point."""
    line = [*map(ord, before), 0, CAPITAL_SIGMA, ord("\n")]
    lines = np.tile(np.array(line), (CODE_POINTS, 1))
    lines[:, len(before)] = np.arange(CODE_POINTS)
    lowered = _decoded(lines).lower()
    # Lower-casing may lengthen a line, so the sigma is found from the line's end.
    units = np.frombuffer(lowered.encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.full(CODE_POINTS, len(line))
    for code_point in expanding:
        lengths[code_point] += len(chr(code_point).lower()) - 1
    sigmas = np.cumsum(lengths) - 2
    return np.asarray(units[sigmas] == FINAL_SIGMA)


def _decoded(code_points: npt.NDArray[Any]) -> str:
    return code_points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
