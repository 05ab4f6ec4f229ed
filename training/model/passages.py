"""Passages: long texts are scored as a whole and once more part by part, and the part that scores best counts too.

A label of a long text is often earned by a few sentences of it. Passage-level evidence is due to Callan (SIGIR 1994);
taking the best passage, to Dai & Callan (SIGIR 2019, MaxP).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.model.characters import CharacterTable
from training.model.texts import TextBuffer, as_string_array, text_buffer

Rows = npt.NDArray[np.intp]


class Passages(NamedTuple):
    """tokens: how long a passage is, about. share: how much of a score is that of the best; the whole has the rest."""

    tokens: int
    share: float


def split(texts: TextBuffer, tokens: int, characters: CharacterTable) -> tuple[TextBuffer, Rows]:
    """The passages of all texts that are long enough for two, and intp [passages], ascending, the text of each.

    As many passages of equal length as bring it nearest to ``tokens`` tokens between white space, so texts of less than
    one and a half times that have none.
    """
    from training.model.kernels_passages import count_tokens, passage_bounds

    found = np.empty_like(texts.starts)
    count_tokens(texts.data, texts.starts, texts.ends, tokens + tokens // 2, characters.kernel_arrays, found)
    parts = (2 * found + tokens) // (2 * tokens)
    rows = np.flatnonzero(parts > 1)
    of = np.repeat(rows, parts[rows])
    starts, ends = np.empty(len(of), np.int64), np.empty(len(of), np.int64)
    passage_bounds(
        texts.data, texts.starts[rows], texts.ends[rows], found[rows], parts[rows], characters.kernel_arrays,
        starts, ends,
    )  # fmt: skip
    return texts._replace(starts=starts, ends=ends), of


def passages_of(texts: pa.Array, tokens: int) -> tuple[pa.LargeStringArray, Rows]:
    """:func:`split` with the passages as Arrow strings."""
    parts, of = split(text_buffer(as_string_array(texts)), tokens, CharacterTable.current())
    data = parts.data.tobytes()
    cut = [data[start:end] for start, end in zip(parts.starts.tolist(), parts.ends.tolist(), strict=True)]
    return pa.array(cut, type=pa.large_binary()).cast(pa.large_string()), of


def best_of(scores: npt.NDArray[np.float32], of: Rows, into: npt.NDArray[np.float32]) -> None:
    """Raise ``into`` [texts, topics] to the ``scores`` [passages, topics] of the texts' passages; ``of`` as above."""
    if len(of):
        firsts = np.flatnonzero(np.diff(of, prepend=-1))
        rows = of[firsts]
        into[rows] = np.maximum(into[rows], np.maximum.reduceat(scores, firsts, axis=0))
