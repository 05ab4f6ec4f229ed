"""Where the features of a model occur in one text, for explaining its scores."""

from __future__ import annotations

from typing import NamedTuple

from training.model.characters import CharacterArrays
from training.model.kernels import EMPTY, PADDING, Bytes, Ids, Positions, inner, lean, pair_key, whole
from training.model.kernels_lookup import Lookup, find_pair, find_string
from training.model.kernels_tokens import Folded, Recipe, count_ngrams, fold, next_word, token_end, token_start

DONE, FOLDED_FULL, FOUND_FULL = range(3)


class Found(NamedTuple):
    """The occurrences of known n-grams in one text: feature, and first and last source character.

    words: the ids of the words of one text, and their places.
    """

    features: Ids
    starts: Positions
    ends: Positions
    words: Ids
    word_starts: Positions
    word_ends: Positions


@inner
def code_points(data: Bytes, start: int, end: int) -> int:
    """How many code points the bytes hold."""
    total = 0
    for at in range(start, end):
        total += data[at] & 0xC0 != 0x80
    return total


@lean
def find_features(
    data: Bytes, start: int, end: int, recipe: Recipe, characters: CharacterArrays, lookup: Lookup,
    folded: Folded, found: Found,
) -> tuple[int, int]:  # fmt: skip
    """Write every occurrence of a feature in ``data[start:end]`` to `found`; (code, how many)."""
    count = 0
    words = 0
    at = token_start(data, start, end, characters)
    before = code_points(data, start, at)
    while at < end:
        stop = token_end(data, at, end, characters)
        if recipe.growth * (stop - at) + 3 + PADDING > folded.starts.size:
            return FOLDED_FULL, count
        size = fold(data, at, stop, recipe.lowercase, characters, folded)
        if recipe.of_words:
            if words + size > found.words.size:
                return FOUND_FULL, count
            first, last = next_word(folded, 0, size)
            while first < size:
                found.words[words] = find_string(folded.text, folded.starts[first], folded.starts[last], lookup)
                found.word_starts[words] = before + folded.sources[first]
                found.word_ends[words] = before + folded.sources[last - 1] + 1
                words += 1
                first, last = next_word(folded, last, size)
        else:
            if count + count_ngrams(size, recipe.smallest, recipe.largest) > found.features.size:
                return FOUND_FULL, count
            for length in range(recipe.smallest, recipe.largest + 1):
                shown = min(length, size)
                for first in range(size - shown + 1):
                    last = first + shown
                    known = find_string(folded.text, folded.starts[first], folded.starts[last], lookup)
                    if known != EMPTY:
                        found.features[count] = known
                        found.starts[count] = before + folded.sources[first]
                        found.ends[count] = before + folded.sources[last - 1] + 1
                        count += 1
                if length >= size:
                    break
        after = token_start(data, stop, end, characters)
        before += code_points(data, at, after)
        at = after
    if recipe.of_words:
        if words * (recipe.largest - recipe.smallest + 1) > found.features.size:
            return FOUND_FULL, count
        for first in range(words):
            known = whole(found.words[first])
            for length in range(1, min(recipe.largest, words - first) + 1):
                if length > 1:
                    word = found.words[first + length - 1]
                    if word == EMPTY:
                        break
                    known = find_pair(pair_key(known, word), lookup)
                if known == EMPTY:
                    break
                if length >= recipe.smallest and known < lookup.features:
                    found.features[count] = known
                    found.starts[count] = found.word_starts[first]
                    found.ends[count] = found.word_ends[first + length - 1]
                    count += 1
    return DONE, count
