"""Scores of texts under linear models over tf-idf, straight from the bytes.

With g(c) the weight of a count c (1 + ln c, or c), the score is the sum over features of g(count) * idf * weight.
Over its distinct tokens, each with its multiplicity m, a text adds up g(m) times the token's share, kept in the
cache. That is exact for every feature that occurs in one token only, once. The others are noted with their whole
count and with what was added for them, and the difference is added at the end; and likewise for the norm.
Features outside cached tokens (n-grams of several words, odd tokens) are noted from the start.

Every sum runs in the order of the text, so scores depend on nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.model.characters import CharacterArrays
from training.model.kernels import (
    EMPTY,
    PADDING,
    Bytes,
    Ids,
    Positions,
    add_scaled,
    compiled,
    find_pair,
    pair_key,
    span_key,
)
from training.model.kernels_cache import (
    FEATURES,
    FIRST_WORD,
    LONGEST,
    MOST_WORDS,
    NO_SLOT,
    OCCURRENCES,
    TEXT,
    TIMES,
    WORD_FEATURES,
    WORDS,
    Floats,
    Model,
    TokenCache,
    find_slot,
    keep_token,
    list_features,
)
from training.model.kernels_tokens import Folded, token_end, token_start

DONE, ROOM_FULL = range(2)
LAST_CODE = 2**31 - 2


class Workspace(NamedTuple):
    """One thread's arrays.

    clock: [the number of the text, the first code of `owners` that is its own].
    slots: the slots of the text's distinct tokens. times: float64 [slots, 2], g of their multiplicity, by part.
    owners: int32 [features]: below the clock, not seen in this text; above by 2k, in distinct token k alone; above
    by 2n + 1, noted as number n. noted: [features + 1], which feature. sums: float64 [features + 1, 3], its count,
    the g added for it, and their squares. words: the text's words. direct: occurrences outside cached tokens.
    logs: 1 + ln c of small c. total: float64 [2 * width], the sums by part.
    """

    clock: Positions
    slots: Ids
    times: Positions
    owners: Ids
    noted: Ids
    sums: Positions
    words: Ids
    direct: Ids
    logs: Positions
    total: Positions
    folded: Folded


@compiled
def weight_of(count: float, sublinear: bool, logs: Positions) -> float:
    """g(count)."""
    if not sublinear:
        return count
    if count < logs.size:
        return logs[np.int64(count)]
    return 1.0 + np.log(count)


@compiled
def note(feature: int, base: int, noted: int, part: int, work: Workspace) -> tuple[int, int]:
    """The number under which a feature is noted, from now on if need be; and how many are."""
    owner = np.int64(work.owners[feature]) - base
    if owner >= 0 and owner & 1:
        return owner >> 1, noted
    number = noted
    work.owners[feature] = base + 2 * number + 1
    work.noted[number] = feature
    work.sums[number, 0] = 0.0
    work.sums[number, 1] = 0.0
    work.sums[number, 2] = 0.0
    if owner >= 0:
        token = owner >> 1
        weight = work.times[token, 1 + part]
        work.sums[number, 0] = work.times[token, 0]
        work.sums[number, 1] = weight
        work.sums[number, 2] = weight * weight
    return number, noted + 1


@compiled
def score_rows(
    data: Bytes, starts: Positions, ends: Positions, first_row: int, model: Model, characters: CharacterArrays,
    cache: TokenCache, work: Workspace, scores: Floats,
) -> tuple[int, int]:  # fmt: skip
    """Add the model's scores of each text to its row of `scores`; (code, the row to go on with)."""
    width = model.width
    topics = scores.shape[1]
    row_size = cache.shares.size // cache.keys.size
    letters_at = row_size - width
    word_features = model.words.lookup.features
    joins = model.words.used and model.words.recipe.largest > 1
    orders = max(model.words.recipe.largest, 1 + model.letters.recipe.largest - model.letters.recipe.smallest)
    growth = model.words.recipe.growth
    for row in range(first_row, starts.size):
        # A new text: its number, and codes of owners above all earlier ones.
        end = ends[row]
        if work.clock[0] >= LAST_CODE:
            cache.keys[:] = 0
            work.clock[0] = 0
        work.clock[0] += 1
        text = work.clock[0]
        if work.clock[1] + 2 * (max(work.noted.size, work.slots.size) + 1) > LAST_CODE:
            work.owners[:] = 0
            work.clock[1] = 1
        base = work.clock[1]
        tokens = words = direct = 0

        # Its tokens.
        at = token_start(data, starts[row], end, characters)
        while at < end:
            stop = token_end(data, at, end, characters)
            slot = NO_SLOT
            known = False
            key = np.uint64(0)
            if stop - at <= LONGEST:
                key = span_key(data, at, stop)
                known, slot = find_slot(data, at, stop - at, key, text, cache)
            if words + MOST_WORDS > work.words.size:
                return ROOM_FULL, row
            if not known:
                longest = growth * (stop - at) + 3
                if longest + PADDING > work.folded.starts.size or words + longest > work.words.size:
                    return ROOM_FULL, row
                if direct + orders * longest > work.direct.size:
                    return ROOM_FULL, row
                now, of_words, last = list_features(
                    data, at, stop, model, characters, work.folded, work.words, words, work.direct, direct
                )
                if slot != NO_SLOT and now - words <= MOST_WORDS and last - direct <= cache.features.shape[1]:
                    keep_token(
                        data, at, stop, key, slot, text - 1, model, cache,
                        work.words[words:now], now - words, work.direct[direct:last], of_words - direct, last - direct,
                    )  # fmt: skip
                else:
                    slot = NO_SLOT
                    words = now
                    direct = last
            if slot != NO_SLOT:
                facts = cache.facts[slot]
                if facts[TEXT] != text:
                    facts[TEXT] = text
                    facts[TIMES] = 0
                    work.slots[tokens] = slot
                    tokens += 1
                facts[TIMES] += 1
                if joins:
                    for i in range(facts[WORDS]):
                        work.words[words] = facts[FIRST_WORD + i]
                        words += 1
            at = token_start(data, stop, end, characters)

        # N-grams of several words.
        if joins:
            if direct + words * model.words.recipe.largest > work.direct.size:
                return ROOM_FULL, row
            for first in range(words):
                gram = np.int64(work.words[first])
                if gram == EMPTY:
                    continue
                for size in range(2, min(model.words.recipe.largest, words - first) + 1):
                    word = work.words[first + size - 1]
                    if word == EMPTY:
                        break
                    lookup = model.words.lookup
                    place = find_pair(lookup.pair_keys, lookup.pair_ids, pair_key(gram, word), lookup.pair_bits)
                    gram = np.int64(lookup.pair_ids[place])
                    if gram == EMPTY:
                        break
                    if size >= model.words.recipe.smallest and gram < word_features:
                        work.direct[direct] = gram
                        direct += 1

        # Shares of the tokens; features that others have too are noted.
        total = work.total
        total[:] = 0
        square_words = square_letters = 0.0
        noted = 0
        for token in range(tokens):
            slot = work.slots[token]
            facts = cache.facts[slot]
            count = np.float64(facts[TIMES])
            weight_words = weight_of(count, model.words.sublinear, work.logs)
            weight_letters = weight_of(count, model.letters.sublinear, work.logs)
            work.times[token, 0] = count
            work.times[token, 1] = weight_words
            work.times[token, 2] = weight_letters
            if model.words.used:
                add_scaled(total, 0, cache.shares, slot * row_size, width, weight_words)
                square_words += weight_words * weight_words * cache.squares[slot, 0]
            if model.letters.used:
                add_scaled(total, width, cache.shares, slot * row_size + letters_at, width, weight_letters)
                square_letters += weight_letters * weight_letters * cache.squares[slot, 1]
            code = base + 2 * token
            distinct = facts[FEATURES]
            of_words = facts[WORD_FEATURES]
            for i in range(distinct):
                feature = np.int64(cache.features[slot, i])
                if work.owners[feature] < base:
                    work.owners[feature] = code
                else:
                    number, noted = note(feature, base, noted, i >= of_words, work)
                    weight = weight_words if i < of_words else weight_letters
                    work.sums[number, 0] += count
                    work.sums[number, 1] += weight
                    work.sums[number, 2] += weight * weight
            for i in range(distinct, facts[OCCURRENCES]):
                feature = np.int64(cache.features[slot, i])
                number, noted = note(feature, base, noted, feature >= word_features, work)
                work.sums[number, 0] += count
        for i in range(direct):
            feature = np.int64(work.direct[i])
            number, noted = note(feature, base, noted, feature >= word_features, work)
            work.sums[number, 0] += 1.0

        # What was added for those, put right.
        for number in range(noted):
            feature = np.int64(work.noted[number])
            letters = feature >= word_features
            sublinear = model.letters.sublinear if letters else model.words.sublinear
            weight = weight_of(work.sums[number, 0], sublinear, work.logs)
            by = weight - work.sums[number, 1]
            add_scaled(total, width if letters else 0, model.table, feature * width, width, by)
            square = (weight * weight - work.sums[number, 2]) * model.idf[feature] * model.idf[feature]
            if letters:
                square_letters += square
            else:
                square_words += square
        work.clock[1] = base + 2 * (max(tokens, noted) + 1)

        if square_words > 0.0:
            scale = 1.0 / np.sqrt(square_words) if model.words.norm else 1.0
            for topic in range(topics):
                scores[row, topic] += total[topic] * scale
        if square_letters > 0.0:
            scale = 1.0 / np.sqrt(square_letters) if model.letters.norm else 1.0
            for topic in range(topics):
                scores[row, topic] += total[width + topic] * scale
    return DONE, int(starts.size)
