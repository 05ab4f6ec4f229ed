"""Scores of texts under linear models over tf-idf, straight from the bytes.

With g(c) the weight of a count c (1 + ln c, or c), the score is the sum over features of g(count) * idf * weight.

For character n-grams, a text adds up g(m) times the share of each of its distinct tokens, where m is the token's
multiplicity and the share is kept in the cache. That is exact for every feature that occurs in one token only,
once. The others are noted with their whole count and with what was added for them, and the difference is added at
the end; and likewise for the norm. N-grams of words, and all of tokens outside the cache, are noted from the start.

Every sum runs in an order that the text decides, so scores depend on nothing else. Memory is what takes the time:
so a text goes through in steps, each of which asks for the cache lines of the next.
"""

from __future__ import annotations

import numpy as np

from training.model.characters import CharacterArrays
from training.model.kernels import LOW_HALF, SHIFT_32, Bytes, Positions, inlined, lean, unsigned, whole
from training.model.kernels_cache import FEATURES, FIRST_FEATURE, OCCURRENCES, SQUARE, TokenCache
from training.model.kernels_machine import LANES, add_rows
from training.model.kernels_model import Floats, Model, prefetch_row
from training.model.kernels_ngrams import add_word_ngrams
from training.model.kernels_text import cut, take_tokens
from training.model.kernels_workspace import (
    DONE,
    ROOM_FULL,
    Workspace,
    note,
    note_bits,
    see,
    weight_of,
)

LAST_MARK = 2**31 - 2


@inlined
def add_shares(distinct: int, direct: int, model: Model, cache: TokenCache, work: Workspace) -> tuple[int, int, float]:
    """Add the shares of a text's tokens to its totals, and list the features that occur more than once.

    Returns:
        (code, how many pairs of token and such feature, the sum of squares).
    """
    word_features = model.words.lookup.features
    if distinct * cache.most + LANES > work.flat.size:
        return ROOM_FULL, 0, 0.0
    square = 0.0
    features = 0
    for token in range(distinct):
        record = whole(work.slots[unsigned(token)]) * cache.stride
        header = record + cache.header
        weight = weight_of(work.counts[unsigned(token), 0], model.letters.sublinear, work.logs)
        work.counts[unsigned(token), 1] = weight
        work.starts[unsigned(token)], work.scales[unsigned(token)] = record, weight
        square += weight * weight * cache.squares[unsigned((header + SQUARE) >> 1)]
        count = whole(cache.records[unsigned(header + FEATURES)])
        # Many at once, and too many, which the next overwrite: the end of a loop is often mispredicted.
        for block in range(0, count, LANES):
            for place in range(LANES):
                feature = unsigned(cache.records[unsigned(header + FIRST_FEATURE + block + place)])
                work.flat[unsigned(features + block + place)] = unsigned(token) << SHIFT_32 | feature
        features += count
        for place in range(count, whole(cache.records[unsigned(header + OCCURRENCES)])):
            see(unsigned(cache.records[unsigned(header + FIRST_FEATURE + place)]), work)
    add_rows(work.total, model.width, cache.shares, work.starts, work.scales, 0, distinct, model.width)
    for i in range(direct):
        if work.direct[i] >= word_features:
            see(unsigned(work.direct[i] - word_features), work)
    for i in range(features):
        see(work.flat[unsigned(i)] & LOW_HALF, work)
    pairs = unsigned(0)
    for i in range(features):
        # Kept, or overwritten by the next.
        work.pairs[pairs] = work.flat[unsigned(i)]
        pairs += unsigned(work.seen[work.flat[unsigned(i)] & LOW_HALF] >> 1)
    for i in range(features):
        work.seen[work.flat[unsigned(i)] & LOW_HALF] = 0
    for i in range(direct):
        if work.direct[i] >= word_features:
            work.seen[work.direct[i] - word_features] = 0
    return DONE, whole(pairs), square


@inlined
def note_shared(
    distinct: int, pairs: int, bits: int, noted: int, model: Model, cache: TokenCache, work: Workspace
) -> int:
    """Note the listed features with their counts and what was added for them; how many are noted now."""
    word_features = model.words.lookup.features
    for i in range(pairs):
        feature = word_features + whole(work.pairs[unsigned(i)] & LOW_HALF)
        prefetch_row(model, feature)
        number, noted = note(feature, bits, noted, work)
        token = work.pairs[unsigned(i)] >> SHIFT_32
        count, weight = work.counts[token, 0], work.counts[token, 1]
        work.sums[unsigned(number), 0] += count
        work.sums[unsigned(number), 1] += weight
        work.sums[unsigned(number), 2] += weight * weight
    for token in range(distinct):
        header = whole(work.slots[unsigned(token)]) * cache.stride + cache.header
        start = header + FIRST_FEATURE
        for repeated in range(
            start + whole(cache.records[unsigned(header + FEATURES)]),
            start + whole(cache.records[unsigned(header + OCCURRENCES)]),
        ):
            feature = word_features + whole(cache.records[unsigned(repeated)])
            number, noted = note(feature, bits, noted, work)
            work.sums[unsigned(number), 0] += work.counts[unsigned(token), 0]
    return noted


@inlined
def put_right(noted: int, model: Model, work: Workspace) -> tuple[float, float]:
    """Add what is missing for the noted features, and forget them; what that adds to the sums of squares."""
    square_words = square_letters = 0.0
    # Rows of words from the front, rows of characters from the back.
    words, letters = whole(0), noted
    for number in range(noted):
        at = unsigned(number)
        feature = whole(work.noted[at])
        of_letters = feature >= model.words.lookup.features
        idf = np.float64(model.table[unsigned((feature + 1) * model.width - 1)])
        weight = weight_of(
            work.sums[at, 0], model.letters.sublinear if of_letters else model.words.sublinear, work.logs
        )
        square = (weight * weight - work.sums[at, 2]) * idf * idf
        letters -= of_letters
        place = letters if of_letters else words
        words += not of_letters
        work.starts[unsigned(place)] = feature * model.width
        work.scales[unsigned(place)] = weight - work.sums[at, 1]
        if of_letters:
            square_letters += square
        else:
            square_words += square
        for i in range(3):
            work.sums[at, i] = 0.0
    add_rows(work.total, 0, model.table, work.starts, work.scales, 0, words, model.width)
    add_rows(work.total, model.width, model.table, work.starts, work.scales, letters, noted, model.width)
    return square_words, square_letters


@lean
def score_rows(
    data: Bytes, starts: Positions, ends: Positions, first_row: int, model: Model, characters: CharacterArrays,
    cache: TokenCache, work: Workspace, scores: Floats,
) -> tuple[int, int]:  # fmt: skip
    """Add the model's scores of each text to its row of `scores`; (code, the row to go on with).

    Args:
        data: with `PADDING` readable bytes after the last text.
        starts: int64 [texts], where each begins in the bytes.
        ends: int64 [texts], where each ends.
        first_row: the text to begin with.
        scores: float32 [texts, topics].
    """
    for row in range(first_row, starts.size):
        # The marks of a new text are above all earlier ones.
        if work.clock[0] + work.slots.size > LAST_MARK:
            cache.buckets[:] = 0
            work.clock[0] = 1
        tokens = cut(data, starts[row], ends[row], characters, cache, work)
        code, distinct, words, direct = take_tokens(data, tokens, model, characters, cache, work)
        work.clock[0] += distinct
        if tokens < 0 or code != DONE or direct + words * model.words.recipe.largest >= work.direct.size:
            return ROOM_FULL, row
        direct = add_word_ngrams(words, direct, model, work)
        for i in range(work.total.size):
            work.total[i] = 0.0
        code, pairs, square = add_shares(distinct, direct, model, cache, work)
        bits = note_bits(direct + pairs)
        if code != DONE or (1 << bits) > work.notes.size:
            return ROOM_FULL, row
        for slot in range(1 << bits):
            work.notes[unsigned(slot)] = np.uint64(0)
        noted = whole(0)
        for i in range(direct):
            number, noted = note(whole(work.direct[unsigned(i)]), bits, noted, work)
            work.sums[unsigned(number), 0] += 1.0
        noted = note_shared(distinct, pairs, bits, noted, model, cache, work)
        square_words, square_letters = put_right(noted, model, work)
        square_letters += square

        if square_words > 0.0:
            scale = 1.0 / np.sqrt(square_words) if model.words.norm else 1.0
            for topic in range(scores.shape[1]):
                scores[row, topic] += work.total[topic] * scale
        if square_letters > 0.0:
            scale = 1.0 / np.sqrt(square_letters) if model.letters.norm else 1.0
            for topic in range(scores.shape[1]):
                scores[row, topic] += work.total[model.width + topic] * scale
    return DONE, int(starts.size)
