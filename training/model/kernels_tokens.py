"""Cutting UTF-8 text at white space, and lower-casing one token, by the rules of a `CharacterTable`.

A token is a longest run without white space. Everything that the features need is decided within one: words
(runs of two or more ``\\w``) hold no white space, character n-grams stay inside a token, and the final-sigma
rule of lower-casing looks no further, because no white space is case-ignorable.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.model.characters import (
    BLOCK,
    BLOCK_BITS,
    CASED,
    CODE_POINTS,
    EXPANDS,
    FINAL_SIGMA,
    IGNORABLE,
    MAYBE_SPACE_BYTE,
    MEDIAL_SIGMA,
    ORDINARY_BYTE,
    REPLACEMENT,
    SHIFT,
    SIGMA,
    SPACE,
    SPACE_BYTE,
    WORD,
    CharacterArrays,
)
from training.model.kernels import Bytes, Ids, inlined, inner, whole
from training.model.kernels_machine import load_word, trailing_zeros
from training.model.kernels_utf8 import decode, encode

BELOW_GRAPHIC = np.uint64(0x2121212121212121)
HIGH_BITS = np.uint64(0x8080808080808080)
BLANK = 32


class Folded(NamedTuple):
    """A lower-cased token between two blanks; room for the longest token, plus padding.

    text: its UTF-8. starts: where code point i begins, and the end. flags: their `CharacterTable` flags.
    sources: which code point of the token each came from.
    """

    text: Bytes
    starts: Ids
    flags: Ids
    sources: Ids


def folded_buffers(size: int) -> Folded:
    """Room for a token of `size` bytes and code points when lower-cased."""
    return Folded(np.zeros(size, np.uint8), *(np.zeros(size, np.int32) for _ in range(3)))


class Recipe(NamedTuple):
    """Which n-grams: of `smallest` to `largest` words, or characters within tokens.

    growth: how many bytes one byte of text may become when lower-cased.
    """

    of_words: bool
    lowercase: bool
    smallest: int
    largest: int
    growth: int


@inlined
def record_of(characters: CharacterArrays, code_point: int) -> int:
    if code_point < 0 or code_point >= CODE_POINTS:
        code_point = REPLACEMENT
    block = whole(characters.stage1[code_point >> BLOCK_BITS])
    return whole(characters.records[characters.stage2[block << BLOCK_BITS | code_point & (BLOCK - 1)]])


@inlined
def token_start(data: Bytes, at: int, end: int, characters: CharacterArrays) -> int:
    """Where the next token begins, or `end`."""
    while at < end:
        kind = characters.byte_kinds[data[at]]
        if kind == ORDINARY_BYTE:
            return at
        if kind == SPACE_BYTE:
            at += 1
        else:
            code_point, after = decode(data, at, end)
            if record_of(characters, code_point) & SPACE == 0:
                return at
            at = after
    return end


@inlined
def token_end(data: Bytes, at: int, end: int, characters: CharacterArrays) -> int:
    """Where the token that `at` stands in ends.

    Looks at eight bytes at once for one that is below "!" or not ASCII (the tests for bytes within a word are
    those of Mycroft and of Warren, "Hacker's Delight", section 6-1; the lowest byte that they find is right).
    """
    while at < end:
        word = load_word(data, at)
        special = (((word - BELOW_GRAPHIC) & ~word) | word) & HIGH_BITS
        if special == 0:
            at += 8
            continue
        at += trailing_zeros(special) >> 3
        if at >= end:
            break
        kind = characters.byte_kinds[data[at]]
        if kind == SPACE_BYTE:
            return at
        if kind == MAYBE_SPACE_BYTE:
            code_point, _ = decode(data, at, end)
            if record_of(characters, code_point) & SPACE:
                return at
        at += 1
    return end


@inner
def sigma_is_final(data: Bytes, at: int, end: int, characters: CharacterArrays) -> bool:
    """Whether no cased letter follows, looking through case-ignorable characters."""
    while at < end:
        code_point, at = decode(data, at, end)
        record = record_of(characters, code_point)
        if record & IGNORABLE == 0:
            return record & CASED == 0
    return True


@inner
def append(code_point: int, source: int, place: int, count: int, folded: Folded, characters: CharacterArrays) -> int:
    """Write code point number `count` at `place`; where the next one goes."""
    folded.starts[count] = place
    folded.flags[count] = record_of(characters, code_point)
    folded.sources[count] = source
    return encode(code_point, folded.text, place)


@inner
def fold(data: Bytes, start: int, end: int, lowercase: bool, characters: CharacterArrays, folded: Folded) -> int:
    """Lower-case the token `start:end` into `folded`, between blanks; the number of code points with them.

    As CPython's `str.lower` does it, with the context of a sigma as in Unicode section 3.13 (Final_Sigma).
    """
    # whole: a literal would be a type of its own, and compiled apart.
    blank, source, count = whole(BLANK), whole(0), whole(0)
    place = append(blank, source, count, count, folded, characters)
    count += 1
    after_cased = False
    at = start
    while at < end:
        byte = data[at]
        if lowercase and byte < 0x80:
            record = whole(characters.ascii[byte])
            if record & EXPANDS == 0:
                folded.starts[count] = place
                folded.flags[count] = record
                folded.sources[count] = source
                folded.text[place] = record >> SHIFT
                if record & IGNORABLE == 0:
                    after_cased = record & CASED != 0
                place += 1
                count += 1
                source += 1
                at += 1
                continue
        code_point, at = decode(data, at, end)
        record = record_of(characters, code_point)
        if not lowercase:
            place = append(code_point, source, place, count, folded, characters)
            count += 1
        elif record & EXPANDS:
            which = record >> SHIFT
            for i in range(characters.expansion_offsets[which], characters.expansion_offsets[which + 1]):
                place = append(whole(characters.expansions[i]), source, place, count, folded, characters)
                count += 1
        else:
            lower = code_point + (record >> SHIFT)
            if record & SIGMA:
                final = after_cased and sigma_is_final(data, at, end, characters)
                lower = FINAL_SIGMA if final else MEDIAL_SIGMA
            place = append(lower, source, place, count, folded, characters)
            count += 1
        if record & IGNORABLE == 0:
            after_cased = record & CASED != 0
        source += 1
    place = append(blank, max(source - 1, 0), place, count, folded, characters)
    count += 1
    folded.starts[count] = place
    return count


@inlined
def next_word(folded: Folded, at: int, count: int) -> tuple[int, int]:
    """The next run of two or more ``\\w`` from code point `at` on, as code points (start, end).

    This is what ``(?u)\\b\\w\\w+\\b`` finds. If there is none, start is `count`.
    """
    while at < count:
        while at < count and folded.flags[at] & WORD == 0:
            at += 1
        start = at
        while at < count and folded.flags[at] & WORD:
            at += 1
        if at - start >= 2:
            return start, at
    return count, count


@inner
def count_ngrams(count: int, smallest: int, largest: int) -> int:
    """How many n-grams a padded token of `count` code points has.

    As scikit-learn's ``char_wb``: a token no longer than n counts once, and ends the list.
    """
    total = 0
    for size in range(smallest, largest + 1):
        if size >= count:
            return total + 1
        total += count - size + 1
    return total
