"""Parts of texts, cut between tokens: the beginning, and passages of about equal length."""

from __future__ import annotations

import numpy as np

from training.model.characters import CharacterArrays
from training.model.kernels import Bytes, Positions, compiled
from training.model.kernels_tokens import token_end, token_start


@compiled
def beginning_ends(
    data: Bytes, starts: Positions, ends: Positions, tokens: int, characters: CharacterArrays
) -> Positions:
    """int64 [texts], where the first `tokens` tokens of each text end."""
    cut = np.empty(starts.size, np.int64)
    for row in range(starts.size):
        end = ends[row]
        stop = starts[row]
        at = token_start(data, stop, end, characters)
        for _ in range(tokens):
            if at >= end:
                break
            stop = token_end(data, at, end, characters)
            at = token_start(data, stop, end, characters)
        cut[row] = stop
    return cut


@compiled
def token_counts(data: Bytes, starts: Positions, ends: Positions, least: int, characters: CharacterArrays) -> Positions:
    """int64 [texts], how many tokens each text has; 0 for one that is too short to have `least`, which is not read."""
    counts = np.zeros(starts.size, np.int64)
    for row in range(starts.size):
        end = ends[row]
        if end - starts[row] < 2 * least - 1:
            continue
        at = token_start(data, starts[row], end, characters)
        while at < end:
            counts[row] += 1
            at = token_start(data, token_end(data, at, end, characters), end, characters)
    return counts


@compiled
def passage_bounds(
    data: Bytes, starts: Positions, ends: Positions, tokens: Positions, parts: Positions, characters: CharacterArrays
) -> tuple[Positions, Positions]:
    """Where the passages of each text begin and end, int64 [sum of `parts`] each, in the order of the texts.

    Text i has `tokens[i]` tokens and is cut into `parts[i]` passages, whose lengths differ by one token at most.
    """
    total = parts.sum()
    begin, stop = np.empty(total, np.int64), np.empty(total, np.int64)
    which = 0
    for row in range(starts.size):
        end = ends[row]
        at, seen, last = token_start(data, starts[row], end, characters), 0, starts[row]
        for part in range(parts[row]):
            begin[which] = at
            until = tokens[row] * (part + 1) // parts[row]
            while seen < until:
                last = token_end(data, at, end, characters)
                at = token_start(data, last, end, characters)
                seen += 1
            stop[which] = last
            which += 1
    return begin, stop
