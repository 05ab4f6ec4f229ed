"""The words of a text under a model that has no characters.

Most words are runs of ASCII letters, digits and "_", which are cut 64 bytes at a time and found by their bytes. Tokens
with any other byte are folded as everywhere, and so are long words; what words the short ones of such tokens have is
kept in a small cache of each thread. What that gives does not depend on what it holds, so it needs no order of age: a
line of 64 bytes has two tokens, and a third pushes the older one out.
"""

from __future__ import annotations

import numpy as np

from training.model.characters import SPACE_BYTE, CharacterArrays
from training.model.kernels import LONG, LOW_HALF, ONE, PADDING, SHIFT_32, Bytes, Table, inlined, inner, unsigned, whole
from training.model.kernels_lines import LETTER_BITS, LONGEST, find_word, line_of, lower, short_word
from training.model.kernels_machine import BLOCK, high_bytes, ones, prefetch, trailing_zeros, word_bytes
from training.model.kernels_model import Model, list_features
from training.model.kernels_tokens import token_end, token_start
from training.model.kernels_workspace import Workspace

FULL = -1
MANY = 24  # beginnings and ends of words that are written at once, whether or not there are so many


@inlined
def cut_words(
    data: Bytes, start: int, end: int, model: Model, characters: CharacterArrays, lines: Table, tokens: Table,
    first: int, work: Workspace,
) -> int:  # fmt: skip
    """Write the spans and keys of a text's words, and of tokens that are not plain, as number `first` and on.

    Keys of words to be folded have the top bit. Asks for the lines of all. `lines` has no element if all are to be
    folded.

    Returns:
        the number to go on with, or FULL.
    """
    letter_bits = LETTER_BITS if model.words.recipe.lowercase else np.uint64(0)
    if first + (end - start) // 2 + 4 * MANY > work.spans.shape[0]:
        return FULL
    entries = first
    at = start
    while at < end:
        stop = end
        if lines.size == 0:
            stop = at
        else:
            edge, stop = cut_plain(data, at, end, characters, 2 * entries, work)
            for i in range(entries, edge >> 1):
                left = work.edges[unsigned(2 * i)]
                size = work.edges[unsigned(2 * i + 1)] - left
                low, high = short_word(data, left, size)
                low, high = lower(low, letter_bits), lower(high, letter_bits)
                work.edges[unsigned(2 * entries)] = left
                work.edges[unsigned(2 * entries + 1)] = left + size
                work.keys[unsigned(2 * entries)] = low
                work.keys[unsigned(2 * entries + 1)] = high | unsigned(size > LONGEST) * LONG
                prefetch(lines, line_of(low, high, lines))
                entries += size >= 2
        if stop < end:
            at = token_start(data, stop, end, characters)
            stop = blank_after(data, at, end, characters)
            while at < stop:
                last = token_end(data, at, stop, characters)
                work.spans[entries, 0] = at
                work.spans[entries, 1] = last
                if last - at <= LONGEST:
                    low, high = short_word(data, at, last - at)
                    work.keys[2 * entries] = low
                    work.keys[2 * entries + 1] = high
                    prefetch(tokens, line_of(low, high, tokens))
                work.keys[2 * entries + 1] |= LONG
                entries += 1
                at = token_start(data, last, stop, characters)
        at = stop
    return entries


@inlined
def cut_plain(
    data: Bytes, start: int, end: int, characters: CharacterArrays, edge: int, work: Workspace
) -> tuple[int, int]:
    """Write where words begin and end, to `Workspace.edges` from number `edge` on, up to the first token that is not
    ASCII; the number of the next, and where that token begins, or `end`.
    """
    first = edge
    inside = np.uint64(0)
    at = start
    while at < end:
        letters, high = block_of(data, at, end)
        if high != 0:
            stop = at + trailing_zeros(high)
            while stop > start and characters.byte_kinds[data[stop - 1]] != SPACE_BYTE:
                stop -= 1
            if stop > at:
                letters &= (ONE << unsigned(stop - at)) - ONE
                edge = write_edges(letters ^ (letters << ONE | inside), at, edge, work)
            while edge > first and work.edges[edge - 1] >= stop:
                edge -= 1
            return edge, stop
        edge = write_edges(letters ^ (letters << ONE | inside), at, edge, work)
        inside = letters >> np.uint64(63)
        at += BLOCK
    if inside != 0:
        work.edges[edge] = end
        edge += 1
    return edge, end


@inlined
def block_of(data: Bytes, at: int, end: int) -> tuple[np.uint64, np.uint64]:
    """A bit for each byte of a block before `end` that is of a word, and for each that is not ASCII."""
    if at + BLOCK <= data.size:
        letters, high = word_bytes(data, at), high_bytes(data, at)
        if end - at < BLOCK:
            kept = (ONE << unsigned(end - at)) - ONE
            letters &= kept
            high &= kept
        return letters, high
    letters, high = np.uint64(0), np.uint64(0)
    for i in range(end - at):
        byte = data[at + i]
        small = byte | 0x20
        letter = (small >= 97) & (small <= 122) | (byte >= 48) & (byte <= 57) | (byte == 95)
        letters |= unsigned(letter) << unsigned(i)
        high |= unsigned(byte >= 0x80) << unsigned(i)
    return letters, high


@inlined
def write_edges(edges: np.uint64, at: int, edge: int, work: Workspace) -> int:
    """Write the places of the bits of a block that begins at `at`, as edge number `edge` and on; the next number."""
    count = ones(edges)
    # Many at once, and too many, which the next overwrite: the end of a loop is often mispredicted.
    for i in range(0, count, MANY):
        for j in range(MANY):
            work.edges[unsigned(edge + i + j)] = at + trailing_zeros(edges)
            edges &= edges - ONE
    return whole(edge + count)


@inlined
def blank_after(data: Bytes, at: int, end: int, characters: CharacterArrays) -> int:
    """Where the next white space of ASCII is, or `end`."""
    while at < end and characters.byte_kinds[data[at]] != SPACE_BYTE:
        at += 1
    return at


@inlined
def take_words(
    data: Bytes, first: int, end: int, model: Model, characters: CharacterArrays, lines: Table, tokens: Table,
    words: int, work: Workspace,
) -> int:  # fmt: skip
    """Write the ids of the words that were cut as numbers `first` to `end`, as number `words` and on.

    Returns:
        the number to go on with, or FULL.
    """
    if words + end - first > work.words.size:
        return FULL
    for entry in range(first, end):
        low, high = work.keys[unsigned(2 * entry)], work.keys[unsigned(2 * entry + 1)]
        if high < LONG:
            work.words[unsigned(words)] = find_word(low, high, line_of(low, high, lines), lines)
            words += 1
            continue
        words = take_token(
            data, work.spans[entry, 0], work.spans[entry, 1], low, high ^ LONG, model, characters, tokens, words, work
        )
        if words == FULL or words + end - entry > work.words.size:
            return FULL
    return words


@inner
def take_token(
    data: Bytes, at: int, stop: int, low: np.uint64, high: np.uint64, model: Model, characters: CharacterArrays,
    tokens: Table, words: int, work: Workspace,
) -> int:  # fmt: skip
    """Write the ids of the words of one token; see `take_words`."""
    longest = model.words.recipe.growth * (stop - at) + 3
    if words + longest > work.words.size or longest + PADDING > work.folded.starts.size:
        return FULL
    short = stop - at <= LONGEST
    line = line_of(low, high, tokens) if short else whole(0)
    newer = (tokens[line] == low) & (tokens[line + 1] == high)
    older = (tokens[line + 3] == low) & (tokens[line + 4] == high)
    found = tokens[line + 2] if newer else tokens[line + 5]
    if not (short & (newer | older)):
        last, _ = list_features(
            data, at, stop, model, characters, work.folded, work.words, words, work.direct, whole(0), work.gram_keys
        )
        if not short or last - words > 2:
            return whole(last)
        # A word's id plus two: zero is no word, and one a word that the model does not know.
        found = np.uint64(0)
        for i in range(last - 1, words - 1, -1):
            found = found << SHIFT_32 | np.uint64(work.words[i] + 2)
        for i in range(3):
            tokens[line + 3 + i] = tokens[line + i]
        tokens[line], tokens[line + 1], tokens[line + 2] = low, high, found
    while found != 0:
        work.words[words] = whole(found & LOW_HALF) - 2
        words += 1
        found >>= SHIFT_32
    return words
