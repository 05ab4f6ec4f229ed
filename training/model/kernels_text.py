"""The tokens of a text: cut, found in the cache or added to it, each once."""

from __future__ import annotations

from training.model.characters import CharacterArrays
from training.model.kernels import EMPTY, PADDING, Bytes, inlined, span_key, unsigned, whole
from training.model.kernels_cache import (
    BUCKET_WORDS,
    LONGEST,
    MARKS,
    MOST_WORDS,
    NO_SLOT,
    SEVERAL_WORDS,
    WORD_COUNT,
    WORDS,
    TokenCache,
    ask_for,
    bucket_of,
    find_slot,
    holds,
    keep_token,
    mark_at,
)
from training.model.kernels_machine import prefetch
from training.model.kernels_model import Model, list_features
from training.model.kernels_tokens import token_end, token_start
from training.model.kernels_workspace import DONE, ROOM_FULL, Workspace

# Tokens of one text that are scored from the cache; any others are not. Shares are rounded to float32, which shows
# when thousands of them have a feature in common, and most of their sum is taken back.
MOST_DISTINCT = 1024


@inlined
def cut(data: Bytes, start: int, end: int, characters: CharacterArrays, cache: TokenCache, work: Workspace) -> int:
    """Write the spans and keys of a text's tokens; how many, or -1 if there is no room."""
    tokens = 0
    at = token_start(data, start, end, characters)
    while at < end:
        if tokens == work.slots.size:
            return -1
        stop = token_end(data, at, end, characters)
        work.spans[unsigned(tokens), 0] = at
        work.spans[unsigned(tokens), 1] = stop
        if stop - at <= LONGEST:
            key = span_key(data, at, stop)
            work.keys[unsigned(tokens)] = key
            bucket = bucket_of(key, cache)
            prefetch(cache.buckets, bucket * BUCKET_WORDS)
            prefetch(cache.marks, bucket * 2 * BUCKET_WORDS + MARKS)
        tokens += 1
        at = token_start(data, stop, end, characters)
    return tokens


@inlined
def take_tokens(
    data: Bytes, tokens: int, model: Model, characters: CharacterArrays, cache: TokenCache, work: Workspace
) -> tuple[int, int, int, int]:
    """Find a text's tokens in the cache, each once, and its words, in order.

    Returns:
        (code, how many distinct tokens, words, and occurrences of features outside the cache).
    """
    orders = 2 + model.letters.recipe.largest - model.letters.recipe.smallest
    base = work.clock[0]
    for token in range(tokens):
        work.slots[unsigned(token)] = NO_SLOT
        if work.spans[unsigned(token), 1] - work.spans[unsigned(token), 0] <= LONGEST:
            work.slots[unsigned(token)] = ask_for(work.keys[unsigned(token)], cache)
    # whole: a literal would be a type of its own, and compiled apart.
    distinct = words = direct = whole(0)
    for token in range(tokens):
        at, stop = work.spans[unsigned(token), 0], work.spans[unsigned(token), 1]
        key = work.keys[unsigned(token)]
        # What was found may have been given up since, for another token of this text.
        slot = whole(work.slots[unsigned(token)])
        known = slot != NO_SLOT and holds(data, at, stop - at, key, slot, cache)
        if not known and stop - at <= LONGEST:
            known, slot = find_slot(data, at, stop - at, key, base, cache)
        if distinct == MOST_DISTINCT and (not known or cache.marks[mark_at(slot)] < base):
            known, slot = False, NO_SLOT
        if words + MOST_WORDS > work.words.size:
            return ROOM_FULL, distinct, words, direct
        if not known:
            longest = model.words.recipe.growth * (stop - at) + 3
            if (
                longest + PADDING > work.folded.starts.size
                or words + longest > work.words.size
                or direct + orders * longest > work.direct.size
                or orders * longest > work.gram_keys.size
            ):
                return ROOM_FULL, distinct, words, direct
            last_word, last = list_features(
                data, at, stop, model, characters, work.folded, work.words, words, work.direct, direct, work.gram_keys
            )
            if slot == NO_SLOT or last_word - words > MOST_WORDS or last - direct > cache.most:
                for i in range(direct, last):
                    work.direct[i] += model.words.lookup.features
                words = last_word
                direct = last
                continue
            keep_token(
                data, at, stop, key, slot, model, cache, work.words, words, last_word, work.direct, direct, last,
                work.starts, work.scales,
            )  # fmt: skip
        mark = mark_at(slot)
        number = whole(cache.marks[unsigned(mark)]) - base
        if number >= 0:
            work.counts[unsigned(number), 0] += 1.0
        else:
            cache.marks[unsigned(mark)] = base + distinct
            work.slots[unsigned(distinct)] = slot
            work.counts[unsigned(distinct), 0] = 1.0
            distinct += 1
        if model.words.used:
            word = whole(cache.marks[unsigned(mark + WORDS - MARKS)])
            if word >= EMPTY:
                work.words[unsigned(words)] = word
                words += 1
            elif word == SEVERAL_WORDS:
                record = slot * cache.stride
                for i in range(whole(cache.records[record + cache.header + WORD_COUNT])):
                    work.words[words] = cache.records[record + cache.words_at + i]
                    words += 1
    return DONE, distinct, words, direct
