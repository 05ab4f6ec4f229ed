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

from typing import NamedTuple

import numpy as np

from training.model.characters import CharacterArrays
from training.model.kernels import (
    EMPTY,
    PADDING,
    Bytes,
    Ids,
    Positions,
    Table,
    inlined,
    lean,
    pair_key,
    slot_of,
    span_key,
    whole,
)
from training.model.kernels_cache import (
    BUCKET_WORDS,
    FEATURES,
    FIRST_FEATURE,
    LONGEST,
    MARKS,
    MOST_WORDS,
    NO_SLOT,
    OCCURRENCES,
    SEVERAL_WORDS,
    SQUARE,
    WORD_COUNT,
    WORDS,
    Doubles,
    Floats,
    Model,
    TokenCache,
    ask_for,
    bucket_of,
    find_slot,
    holds,
    keep_token,
    list_features,
    mark_at,
    prefetch_row,
)
from training.model.kernels_lookup import find_pair
from training.model.kernels_machine import add_scaled, prefetch
from training.model.kernels_tokens import Folded, token_end, token_start

DONE, ROOM_FULL = range(2)
LAST_MARK = 2**31 - 2
TOKEN_MARK, FEATURE_MARK = range(2)
LOW_HALF = np.uint64(2**32 - 1)


class Workspace(NamedTuple):
    """One thread's arrays. A long text may outgrow those down to `folded`.

    spans: [.., 2], of tokens in the bytes. keys: of tokens. gram_keys: of the n-grams of a token. slots: of distinct
    tokens. counts: [.., 2], how often each occurs, and g of that. words: of the text. direct: occurrences that are
    noted from the start. pairs: number of a distinct token << 32 | feature, where that occurs more than once.

    clock: the first marks of tokens and of features that are the text's own. numbers: int32 [features], the mark
    of a noted feature: its number, from the clock on. noted: [features + 1], the feature of each number. sums:
    [features + 1, 4], zero or the noted features' counts, the g added for them, and their squares. seen: uint8
    [features of characters], zero, or one or two for occurrences in this text. logs: 1 + ln c of small c. total:
    [2 * width], the sums over words and over characters.
    """

    spans: Positions
    keys: Table
    gram_keys: Table
    slots: Ids
    counts: Doubles
    words: Ids
    direct: Ids
    pairs: Table
    folded: Folded
    clock: Positions
    numbers: Ids
    noted: Ids
    sums: Doubles
    seen: Bytes
    logs: Doubles
    total: Doubles


@inlined
def weight_of(count: float, sublinear: bool, logs: Doubles) -> float:
    """g(count)."""
    if not sublinear:
        return count
    if count < logs.size:
        return float(logs[whole(count)])
    return float(1.0 + np.log(count))


@inlined
def note(feature: int, base: int, noted: int, model: Model, work: Workspace) -> tuple[int, int]:
    """The number under which a feature is noted, from now on if need be; and how many are.

    Without a branch, which would be mispredicted too often. What is written for a feature that is noted already
    is either the same or overwritten by the next.
    """
    number = whole(work.numbers[feature]) - base
    new = number < 0
    number = noted if new else number
    work.numbers[feature] = base + number
    work.noted[noted] = feature
    prefetch_row(model, feature)
    return number, noted + new


@inlined
def see(feature: np.uint64, work: Workspace) -> None:
    """Count to two."""
    work.seen[feature] = 1 + (work.seen[feature] != 0)


@inlined
def cut(data: Bytes, start: int, end: int, characters: CharacterArrays, cache: TokenCache, work: Workspace) -> int:
    """Write the spans and keys of a text's tokens; how many, or -1 if there is no room."""
    tokens = 0
    at = token_start(data, start, end, characters)
    while at < end:
        if tokens == work.slots.size:
            return -1
        stop = token_end(data, at, end, characters)
        work.spans[tokens, 0] = at
        work.spans[tokens, 1] = stop
        if stop - at <= LONGEST:
            key = span_key(data, at, stop)
            work.keys[tokens] = key
            bucket, _ = bucket_of(key, cache)
            prefetch(cache.buckets, bucket * BUCKET_WORDS)
            prefetch(cache.marks, bucket * 2 * BUCKET_WORDS + MARKS)
        tokens += 1
        at = token_start(data, stop, end, characters)
    return tokens


@inlined
def add_word(word: int, words: int, joins: bool, model: Model, work: Workspace) -> int:
    """Put a word after the others of the text; how many there are now."""
    work.words[words] = word
    if joins and words and word != EMPTY and work.words[words - 1] != EMPTY:
        key = pair_key(whole(work.words[words - 1]), word)
        prefetch(model.words.lookup.pairs, 2 * slot_of(key, model.words.lookup.pair_bits))
    return words + 1


@lean
def score_rows(
    data: Bytes, starts: Positions, ends: Positions, first_row: int, model: Model, characters: CharacterArrays,
    cache: TokenCache, work: Workspace, scores: Floats,
) -> tuple[int, int]:  # fmt: skip
    """Add the model's scores of each text to its row of `scores`; (code, the row to go on with)."""
    width = model.width
    topics = scores.shape[1]
    word_features = model.words.lookup.features
    recipe = model.words.recipe
    joins = recipe.largest > 1
    orders = 2 + model.letters.recipe.largest - model.letters.recipe.smallest
    for row in range(first_row, starts.size):
        # A new text, whose marks are above all earlier ones.
        if work.clock[TOKEN_MARK] + work.slots.size > LAST_MARK:
            cache.buckets[:] = 0
            work.clock[TOKEN_MARK] = 1
        if work.clock[FEATURE_MARK] + work.noted.size > LAST_MARK:
            work.numbers[:] = 0
            work.clock[FEATURE_MARK] = 1
        token_base = work.clock[TOKEN_MARK]
        base = work.clock[FEATURE_MARK]

        tokens = cut(data, starts[row], ends[row], characters, cache, work)
        if tokens < 0:
            return ROOM_FULL, row

        for token in range(tokens):
            work.slots[token] = NO_SLOT
            if work.spans[token, 1] - work.spans[token, 0] <= LONGEST:
                work.slots[token] = ask_for(work.keys[token], model.letters.used, cache)

        # Its tokens in the cache, each once, and its words, in order. What was found may have been lost since.
        distinct = words = direct = whole(0)  # whole: a literal would be a type of its own, compiled apart
        for token in range(tokens):
            at, stop = work.spans[token, 0], work.spans[token, 1]
            key = work.keys[token]
            slot = whole(work.slots[token])
            known = slot != NO_SLOT and holds(data, at, stop - at, key, slot, cache)
            if not known and stop - at <= LONGEST:
                known, slot = find_slot(data, at, stop - at, key, token_base, cache)
            if words + MOST_WORDS > work.words.size:
                return ROOM_FULL, row
            if not known:
                longest = recipe.growth * (stop - at) + 3
                if (
                    longest + PADDING > work.folded.starts.size
                    or words + longest > work.words.size
                    or direct + orders * longest > work.direct.size
                    or orders * longest > work.gram_keys.size
                ):
                    return ROOM_FULL, row
                last_word, last = list_features(
                    data, at, stop, model, characters, work.folded, work.words, words, work.direct, direct,
                    work.gram_keys,
                )  # fmt: skip
                if slot == NO_SLOT or last_word - words > MOST_WORDS or last - direct > cache.most:
                    for i in range(direct, last):
                        work.direct[i] += word_features
                    words = last_word
                    direct = last
                    continue
                keep_token(
                    data, at, stop, key, slot, model, cache, work.words, words, last_word, work.direct, direct, last
                )
            mark = mark_at(slot)
            number = whole(cache.marks[mark]) - token_base
            if number >= 0:
                work.counts[number, 0] += 1.0
            else:
                cache.marks[mark] = token_base + distinct
                work.slots[distinct] = slot
                work.counts[distinct, 0] = 1.0
                distinct += 1
            if model.words.used:
                word = whole(cache.marks[mark + WORDS - MARKS])
                if word >= EMPTY:
                    words = add_word(word, words, joins, model, work)
                elif word == SEVERAL_WORDS:
                    record = slot * cache.stride
                    for i in range(cache.records[record + cache.header + WORD_COUNT]):
                        word = whole(cache.records[record + cache.words_at + i])
                        words = add_word(word, words, joins, model, work)
        work.clock[TOKEN_MARK] = token_base + distinct

        # N-grams of words, and what else is outside the cache.
        if direct + words * recipe.largest > work.direct.size:
            return ROOM_FULL, row
        for first in range(words):
            gram = whole(work.words[first])
            for size in range(1, min(recipe.largest, words - first) + 1):
                if size > 1:
                    word = whole(work.words[first + size - 1])
                    if word == EMPTY:
                        break
                    gram = find_pair(gram, word, model.words.lookup)
                if gram == EMPTY:
                    break
                if size >= recipe.smallest and gram < word_features:
                    work.direct[direct] = gram
                    direct += 1
                    prefetch(work.numbers, gram)
                    prefetch_row(model, gram)
        noted = whole(0)
        for i in range(direct):
            number, noted = note(whole(work.direct[i]), base, noted, model, work)
            work.sums[number, 0] += 1.0

        # Shares of the tokens, and which features several have.
        total = work.total
        for i in range(total.size):
            total[i] = 0.0
        square_words = square_letters = 0.0
        if model.letters.used:
            room = work.pairs.size - cache.most
            for i in range(direct):
                if work.direct[i] >= word_features:
                    see(np.uint64(work.direct[i] - word_features), work)
            for token in range(distinct):
                record = whole(work.slots[token]) * cache.stride
                header = record + cache.header
                weight = weight_of(work.counts[token, 0], model.letters.sublinear, work.logs)
                work.counts[token, 1] = weight
                add_scaled(total, width, cache.shares, record, width, weight)
                square_letters += weight * weight * cache.squares[(header + SQUARE) // 2]
                first = np.uint64(header + FIRST_FEATURE)
                for place in range(first, first + np.uint64(cache.records[header + OCCURRENCES])):
                    see(np.uint64(cache.records[place]), work)
            pairs = 0
            for token in range(distinct):
                if pairs > room:
                    break
                header = whole(work.slots[token]) * cache.stride + cache.header
                first = np.uint64(header + FIRST_FEATURE)
                owner = np.uint64(token) << np.uint64(32)
                for place in range(first, first + np.uint64(cache.records[header + FEATURES])):
                    feature = np.uint64(cache.records[place])
                    work.pairs[pairs] = owner | feature
                    pairs += work.seen[feature] >> 1
            for i in range(direct):
                if work.direct[i] >= word_features:
                    work.seen[work.direct[i] - word_features] = 0
            for token in range(distinct):
                header = whole(work.slots[token]) * cache.stride + cache.header
                first = np.uint64(header + FIRST_FEATURE)
                for place in range(first, first + np.uint64(cache.records[header + OCCURRENCES])):
                    work.seen[np.uint64(cache.records[place])] = 0
            if pairs > room:
                for number in range(noted):
                    work.sums[number, 0] = 0.0
                work.clock[FEATURE_MARK] = base + noted
                return ROOM_FULL, row
            for i in range(pairs):
                feature = word_features + whole(work.pairs[i] & LOW_HALF)
                number, noted = note(feature, base, noted, model, work)
                token = whole(work.pairs[i] >> np.uint64(32))
                count, weight = work.counts[token, 0], work.counts[token, 1]
                work.sums[number, 0] += count
                work.sums[number, 1] += weight
                work.sums[number, 2] += weight * weight
            for token in range(distinct):
                header = whole(work.slots[token]) * cache.stride + cache.header
                first = header + FIRST_FEATURE
                for place in range(
                    first + whole(cache.records[header + FEATURES]), first + whole(cache.records[header + OCCURRENCES])
                ):
                    number = whole(work.numbers[word_features + cache.records[place]]) - base
                    work.sums[number, 0] += work.counts[token, 0]

        # What was added for the noted features, put right.
        for number in range(noted):
            feature = whole(work.noted[number])
            idf = np.float64(model.table[(feature + 1) * width - 1])
            letters = feature >= word_features
            weight = weight_of(
                work.sums[number, 0], model.letters.sublinear if letters else model.words.sublinear, work.logs
            )
            square = (weight * weight - work.sums[number, 2]) * idf * idf
            weight -= work.sums[number, 1]
            work.sums[number, 0] = 0.0
            work.sums[number, 1] = 0.0
            work.sums[number, 2] = 0.0
            add_scaled(total, width if letters else 0, model.table, feature * width, width, weight)
            if letters:
                square_letters += square
            else:
                square_words += square
        work.clock[FEATURE_MARK] = base + noted

        if square_words > 0.0:
            scale = 1.0 / np.sqrt(square_words) if model.words.norm else 1.0
            for topic in range(topics):
                scores[row, topic] += total[topic] * scale
        if square_letters > 0.0:
            scale = 1.0 / np.sqrt(square_letters) if model.letters.norm else 1.0
            for topic in range(topics):
                scores[row, topic] += total[width + topic] * scale
    return DONE, int(starts.size)
