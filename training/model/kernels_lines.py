"""The words of a model that are short and ASCII, three to a cache line, so that finding one reads one line.

A word of up to fifteen bytes is its own key, of two 64-bit words: eight bytes, and the others with the size on top. A
line has the first words of three keys, the second ones, and three ids plus one of 32 bits; its last 32 bits are zero.
What finds no room in its line is in the next one.

Lower-casing is part of the key: in a word of ASCII letters, digits and "_", a byte with the bit of 64 gets that of 32,
which makes letters small, and of "_" what no word has. Words that the rules of the model would not leave as they are,
have no key.
"""

from __future__ import annotations

import numpy as np

from training.model.characters import SHIFT, WORD, CharacterArrays
from training.model.kernels import (
    GOLDEN,
    LOW_HALF,
    ONE,
    SHIFT_32,
    Bytes,
    Table,
    inlined,
    lean,
    low_bytes,
    unsigned,
    whole,
)
from training.model.kernels_lookup import MOST_BUCKETS, Lookup
from training.model.kernels_machine import equal_words, load_word, trailing_zeros
from training.model.kernels_model import Part

LINE = 8  # 64-bit words
WAYS = 3
IDS = 2 * WAYS  # where they begin
ALL_WAYS = np.uint64(7)
LONGEST = 15
LETTER_BITS = np.uint64(0x4040404040404040)


@inlined
def short_word(data: Bytes, start: int, size: int) -> tuple[np.uint64, np.uint64]:
    """The bytes and the size of a string of at most `LONGEST` bytes, as they are. `PADDING` must follow."""
    # Where the string is short, so may be the text after it: what is masked away must still be readable.
    further = min(start + 8, data.size - 8)
    high = low_bytes(load_word(data, further), size - 8) | (unsigned(size) << np.uint64(56))
    return low_bytes(load_word(data, start), size), high


@inlined
def lower(word: np.uint64, letter_bits: np.uint64) -> np.uint64:
    """Lower-case the bytes of a word if `letter_bits` are `LETTER_BITS`; zeros leave it as it is."""
    return word | ((word & letter_bits) >> ONE)


@inlined
def line_of(low: np.uint64, high: np.uint64, lines: Table) -> int:
    """Where the line of a key begins, in 64-bit words."""
    mixed = (low ^ (high * GOLDEN)) * GOLDEN
    return whole((mixed ^ (mixed >> SHIFT_32)) & unsigned(lines.size // LINE - 1)) * LINE


@inlined
def find_word(low: np.uint64, high: np.uint64, line: int, lines: Table) -> int:
    """The id of the word with a key whose line begins at `line`, or EMPTY."""
    while True:
        ways = equal_words(lines, line, low) & equal_words(lines, line + WAYS, high) & ALL_WAYS
        # Where no key is equal, this is the half that is always zero.
        way = trailing_zeros(ways | ALL_WAYS + ONE)
        ids = lines[unsigned(line + IDS + (way >> 1))]
        found = (ids >> unsigned(32 * (way & 1))) & LOW_HALF
        if found != 0 or lines[unsigned(line + LINE - 1)] == 0:
            return whole(found) - 1
        line = (line + LINE) & (lines.size - 1)


@lean
def enter_words(part: Part, characters: CharacterArrays, lines: Table) -> bool:
    """Enter all words that have a key; whether a place for each was near."""
    lookup = part.lookup
    letter_bits = LETTER_BITS if part.recipe.lowercase else np.uint64(0)
    for word in range(lookup.spans.shape[0]):
        start, size = lookup.spans[word, 0], lookup.spans[word, 1] - lookup.spans[word, 0]
        if size == 0 or size > LONGEST or not _is_plain(start, start + size, lookup, characters, part.recipe.lowercase):
            continue
        low, high = short_word(lookup.text, start, size)
        low, high = lower(low, letter_bits), lower(high, letter_bits)
        line = line_of(low, high, lines)
        steps = 1
        while lines[line + LINE - 1] != 0:
            if steps == MOST_BUCKETS:
                return False
            steps += 1
            line = (line + LINE) & (lines.size - 1)
        way = 0
        while (lines[line + IDS + (way >> 1)] >> unsigned(32 * (way & 1))) & LOW_HALF != 0:
            way += 1
        lines[line + way], lines[line + WAYS + way] = low, high
        lines[line + IDS + (way >> 1)] |= unsigned(word + 1) << unsigned(32 * (way & 1))
    return True


@inlined
def _is_plain(start: int, end: int, lookup: Lookup, characters: CharacterArrays, lowercase: bool) -> bool:
    """Whether a text can have this word, of ASCII alone."""
    for at in range(start, end):
        byte = lookup.text[at]
        if byte >= 0x80:
            return False
        record = whole(characters.ascii[byte])
        if record & WORD == 0 or (lowercase and record >> SHIFT != byte):
            return False
    return True
