"""Finding the features of a model in text: a table of strings, and a table of pairs for n-grams of words.

As in counting, an n-gram of several words is a pair: the n-gram without its last word, and the last word. The id
of a feature is its index; words and beginnings that are needed on the way, but are not features, come after.
"""

from __future__ import annotations

from typing import NamedTuple

from training.model.kernels import (
    EMPTY,
    Bytes,
    Ids,
    Keys,
    Positions,
    compiled,
    find_pair,
    is_exact,
    pair_key,
    same_bytes,
    slot_of,
    span_key,
)
from training.model.kernels_tokens import BLANK


class Lookup(NamedTuple):
    """keys, ids: table of strings. spans: [ids, 2], where each string stands in `text`, which is padded.

    pair_keys, pair_ids: table of pairs. features: ids below this are features.
    """

    keys: Keys
    ids: Ids
    spans: Positions
    text: Bytes
    pair_keys: Keys
    pair_ids: Ids
    bits: int
    pair_bits: int
    features: int


@compiled
def find_string(text: Bytes, start: int, end: int, lookup: Lookup) -> int:
    """The id of the string ``text[start:end]``, or EMPTY. `text` must be padded."""
    key = span_key(text, start, end)
    mask = lookup.keys.size - 1
    slot = slot_of(key, lookup.bits)
    while lookup.ids[slot] != EMPTY:
        if lookup.keys[slot] == key:
            known = lookup.ids[slot]
            at = lookup.spans[known, 0]
            if is_exact(key) or (
                lookup.spans[known, 1] - at == end - start and same_bytes(lookup.text, at, text, start, end - start)
            ):
                return int(known)
        slot = (slot + 1) & mask
    return EMPTY


@compiled
def add_string(start: int, end: int, known: int, lookup: Lookup) -> None:
    """Enter the string ``lookup.text[start:end]``, which must be new, under an id."""
    key = span_key(lookup.text, start, end)
    mask = lookup.keys.size - 1
    slot = slot_of(key, lookup.bits)
    while lookup.ids[slot] != EMPTY:
        slot = (slot + 1) & mask
    lookup.keys[slot] = key
    lookup.ids[slot] = known
    lookup.spans[known, 0] = start
    lookup.spans[known, 1] = end


@compiled
def add_strings(offsets: Positions, order: Ids, lookup: Lookup) -> None:
    """Enter every term as one string: term ``order[i]`` under id i."""
    for known in range(order.size):
        term = order[known]
        add_string(offsets[term], offsets[term + 1], known, lookup)


@compiled
def count_words(text: Bytes, offsets: Positions) -> tuple[int, int]:
    """How many words all terms have together, and the most in one."""
    total = most = 0
    for term in range(offsets.size - 1):
        words = 1
        for at in range(offsets[term], offsets[term + 1]):
            words += text[at] == BLANK
        total += words
        most = max(most, words)
    return total, most


@compiled
def add_word_ngrams(offsets: Positions, order: Ids, most: int, lookup: Lookup) -> int:
    """Enter every term as the pairs of its words, shorter terms first: term ``order[i]`` under id i.

    Returns:
        the number of ids.
    """
    extra = lookup.features
    for words in range(1, most + 1):
        for feature in range(order.size):
            term = order[feature]
            end = offsets[term + 1]
            blanks = 0
            for at in range(offsets[term], end):
                blanks += lookup.text[at] == BLANK
            if blanks + 1 != words:
                continue
            known = EMPTY
            start = offsets[term]
            for place in range(words):
                stop = start
                while stop < end and lookup.text[stop] != BLANK:
                    stop += 1
                word = find_string(lookup.text, start, stop, lookup)
                if word == EMPTY:
                    word = feature if words == 1 else extra
                    extra += words != 1
                    add_string(start, stop, word, lookup)
                if place == 0:
                    known = word
                else:
                    key = pair_key(known, word)
                    slot = find_pair(lookup.pair_keys, lookup.pair_ids, key, lookup.pair_bits)
                    if lookup.pair_ids[slot] == EMPTY:
                        last = place == words - 1
                        lookup.pair_keys[slot] = key
                        lookup.pair_ids[slot] = feature if last else extra
                        extra += not last
                    known = lookup.pair_ids[slot]
                start = stop + 1
    return int(extra)
