"""The arrays that one thread scores texts with, and the features that a text's totals are corrected for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.model.kernels import GOLDEN, SHIFT_32, Bytes, Ids, Positions, Table, inlined, unsigned, whole
from training.model.kernels_model import Doubles
from training.model.kernels_tokens import Folded

DONE, ROOM_FULL = range(2)


class Workspace(NamedTuple):
    """One thread's arrays. A long text may outgrow those down to `folded`.

    spans: [.., 2], of tokens in the bytes. edges: the same memory in one row. keys: of tokens, up to two each.
    gram_keys: of the n-grams of a token.
    slots: of distinct tokens. counts: [.., 2], how often each occurs, and g of that. words: of the text. direct:
    occurrences of features outside cached tokens. flat: number of a distinct token << 32 | feature, of all. pairs:
    the same where the feature occurs more than once. notes: table of the noted features, (feature + 1) << 32 | number,
    and zeros. noted: the feature of each number. sums: [.., 4], the noted features' counts, the g added for them, and
    the squares of g; else zeros. starts, scales: of rows to be added.

    clock: [1], marks of tokens from here on are the text's own. seen: uint8 [features of characters, or of words if
    there are none], zero, or one or two for occurrences in this text. logs: 1 + ln c of small c. total: [2 * width],
    the sums over words and over characters. group: [texts, ..], where the lists of each text begin and end.
    """

    spans: Positions
    edges: Positions
    keys: Table
    gram_keys: Table
    slots: Ids
    counts: Doubles
    words: Ids
    direct: Ids
    flat: Table
    pairs: Table
    notes: Table
    noted: Ids
    sums: Doubles
    starts: Positions
    scales: Doubles
    folded: Folded
    clock: Positions
    seen: Bytes
    logs: Doubles
    total: Doubles
    group: Positions


@inlined
def weight_of(count: float, sublinear: bool, logs: Doubles) -> float:
    """g(count)."""
    if not sublinear:
        return count
    if count < logs.size:
        return float(logs[unsigned(count)])
    return float(1.0 + np.log(count))


@inlined
def note_bits(most: int) -> int:
    """The logarithm of the size of `Workspace.notes` for up to `most` features: sparse, but in the L1 cache."""
    bits = 6
    while (1 << bits) < 4 * most:
        bits += 1
    return bits


@inlined
def note(feature: int, bits: int, noted: int, work: Workspace) -> tuple[int, int]:
    """The number under which a feature is noted, from now on if need be; and how many are.

    Without a branch on whether it is new, which would be mispredicted too often: what is written for a feature that
    is noted already is the same as before, or overwritten by the next.
    """
    tag = np.uint64(feature + 1) << SHIFT_32
    slot = whole((np.uint64(feature) * GOLDEN) >> np.uint64(64 - bits))
    found = work.notes[unsigned(slot)]
    while (found != 0) & (found >> SHIFT_32 != np.uint64(feature + 1)):
        slot = (slot + 1) & ((1 << bits) - 1)
        found = work.notes[unsigned(slot)]
    new = found == 0
    number = noted if new else whole(found ^ tag)
    work.notes[unsigned(slot)] = tag | np.uint64(number)
    work.noted[unsigned(noted)] = feature
    return number, noted + new


@inlined
def see(feature: int, work: Workspace) -> None:
    """Count to two."""
    work.seen[feature] = 1 + (work.seen[feature] != 0)
