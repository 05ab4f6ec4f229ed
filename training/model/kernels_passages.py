"""Parts of texts, cut between tokens: the beginning, and passages of about equal length.

They make no arrays: what Numba has for that takes as long to import as reading thousands of paragraphs.
"""

from __future__ import annotations

from training.model.characters import CharacterArrays
from training.model.kernels import Bytes, Positions, lean
from training.model.kernels_tokens import token_end, token_start


@lean
def beginning_ends(
    data: Bytes, starts: Positions, ends: Positions, tokens: int, characters: CharacterArrays, cut: Positions
) -> None:
    """Write where the first `tokens` tokens of each text end to `cut`, int64 [texts]."""
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


@lean
def count_tokens(
    data: Bytes, starts: Positions, ends: Positions, least: int, characters: CharacterArrays, counts: Positions
) -> None:
    """Write how many tokens each text has to `counts`, int64 [texts].

    0 for one that is too short to have `least`, which is not read.
    """
    for row in range(starts.size):
        end = ends[row]
        counts[row] = 0
        if end - starts[row] < 2 * least - 1:
            continue
        at = token_start(data, starts[row], end, characters)
        while at < end:
            counts[row] += 1
            at = token_start(data, token_end(data, at, end, characters), end, characters)


@lean
def passage_bounds(
    data: Bytes, starts: Positions, ends: Positions, tokens: Positions, parts: Positions, characters: CharacterArrays,
    begin: Positions, stop: Positions,
) -> None:  # fmt: skip
    """Write where the passages of each text begin and end, int64 [sum of `parts`] each, in the order of the texts.

    Text i has `tokens[i]` tokens and is cut into `parts[i]` passages, whose lengths differ by one token at most.
    """
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
