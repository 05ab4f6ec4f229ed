"""Scores of texts under a linear model over tf-idf of words alone, straight from the bytes.

With g(c) the weight of a count c (1 + ln c, or c), the score is the sum over features of g(count) * idf * weight. Most
features occur once in a text, and those that do not are counted apart.

Memory is what takes the time: so texts go through in groups, one step after the other, each of which asks for the cache
lines of the next. What comes out for a text depends on it alone: every sum runs in an order that the text decides.
"""

from __future__ import annotations

import numpy as np

from training.model.characters import CharacterArrays
from training.model.kernels import Bytes, Positions, Table, inlined, lean, unsigned, whole
from training.model.kernels_machine import add_rows
from training.model.kernels_model import Floats, Model
from training.model.kernels_ngrams import add_ngrams, add_words, ask_for_ngrams
from training.model.kernels_words import FULL, cut_words, take_words
from training.model.kernels_workspace import DONE, ROOM_FULL, Workspace, note, note_bits, see, weight_of

GROUP = 8  # texts that go through together, unless they are long
MOST_ENTRIES = 512  # words of a group, but for its last text: what is asked for should stay in the cache of a core
# For each text of a group: its words, its features so far, how many n-grams go on.
FIRST, END, DIRECT, DIRECT_END, GRAMS = range(5)


@inlined
def list_words(
    data: Bytes, starts: Positions, ends: Positions, row: int, model: Model, characters: CharacterArrays,
    lines: Table, tokens: Table, work: Workspace,
) -> int:  # fmt: skip
    """Write the words of texts from `row` on, as many as make a group; how many texts, or FULL."""
    texts, entries = whole(0), whole(0)
    while texts < GROUP and row + texts < starts.size and entries < MOST_ENTRIES:
        last = cut_words(data, starts[row + texts], ends[row + texts], model, characters, lines, tokens, entries, work)
        if last == FULL:
            return FULL
        work.group[texts, FIRST], work.group[texts, END] = entries, last
        entries = last
        texts += 1
    words, direct = whole(0), whole(0)
    orders = 1 + model.words.recipe.largest - model.words.recipe.smallest
    for text in range(texts):
        first = words
        words = take_words(
            data, work.group[text, FIRST], work.group[text, END], model, characters, lines, tokens, words, work
        )
        if words == FULL or direct + orders * (words - first) >= work.direct.size:
            return FULL
        work.group[text, FIRST], work.group[text, END] = first, words
        work.group[text, DIRECT] = direct
        direct += orders * (words - first)
    return texts


@inlined
def sum_features(first: int, end: int, model: Model, work: Workspace) -> float:
    """Add up the rows of the direct features from `first` to `end`; the sum of the squares of their tf-idf."""
    for i in range(first, end):
        see(unsigned(work.direct[unsigned(i)]), work)
    single, repeated = whole(0), whole(0)
    for i in range(first, end):
        # Each is kept in one of the lists, and overwritten in the other.
        feature = whole(work.direct[unsigned(i)])
        again = whole(work.seen[unsigned(feature)] >> 1)
        work.noted[unsigned(single)] = feature
        work.direct[unsigned(first + repeated)] = feature
        single += 1 - again
        repeated += again
    square = 0.0
    for i in range(single):
        start = whole(work.noted[unsigned(i)]) * model.width
        work.seen[unsigned(work.noted[unsigned(i)])] = 0
        work.starts[unsigned(i)], work.scales[unsigned(i)] = start, 1.0
        idf = np.float64(model.table[unsigned(start + model.width - 1)])
        square += idf * idf
    rows = single
    if repeated != 0:
        bits = note_bits(repeated)
        for slot in range(1 << bits):
            work.notes[slot] = np.uint64(0)
        noted = whole(0)
        for i in range(first, first + repeated):
            feature = whole(work.direct[i])
            work.seen[unsigned(feature)] = 0
            number, noted = note(feature, bits, noted, work)
            work.sums[number, 0] += 1.0
        for number in range(noted):
            start = whole(work.noted[number]) * model.width
            weight = weight_of(work.sums[number, 0], model.words.sublinear, work.logs)
            work.sums[number, 0] = 0.0
            value = weight * np.float64(model.table[start + model.width - 1])
            square += value * value
            work.starts[rows], work.scales[rows] = start, weight
            rows += 1
    for i in range(model.width):
        work.total[i] = 0.0
    add_rows(work.total, 0, model.table, work.starts, work.scales, 0, rows, model.width)
    return square


@lean
def score_words(
    data: Bytes, starts: Positions, ends: Positions, row: int, model: Model, characters: CharacterArrays,
    lines: Table, tokens: Table, work: Workspace, scores: Floats,
) -> tuple[int, int]:  # fmt: skip
    """Add the model's scores of each text to its row of `scores`; (code, the row to go on with).

    Args:
        data: with `PADDING` readable bytes after the last text.
        starts: int64 [texts], where each begins in the bytes.
        ends: int64 [texts], where each ends.
        row: the text to begin with.
        lines: what `enter_words` has filled, or no element.
        tokens: zeros at first, this thread's own.
        scores: float32 [texts, topics].
    """
    group = work.group
    while row < starts.size:
        texts = list_words(data, starts, ends, row, model, characters, lines, tokens, work)
        if texts == FULL:
            return ROOM_FULL, row
        for text in range(texts):
            group[text, DIRECT_END], group[text, GRAMS] = add_words(
                group[text, FIRST], group[text, END], group[text, DIRECT], model, work
            )
        for size in range(2, model.words.recipe.largest + 1):
            for text in range(texts):
                group[text, GRAMS] = ask_for_ngrams(
                    group[text, FIRST], group[text, END], size, group[text, GRAMS], model, work
                )
            for text in range(texts):
                group[text, DIRECT_END], group[text, GRAMS] = add_ngrams(
                    group[text, FIRST], size, group[text, GRAMS], group[text, DIRECT_END], model, work
                )
        for text in range(texts):
            square = sum_features(group[text, DIRECT], group[text, DIRECT_END], model, work)
            if square > 0.0:
                scale = 1.0 / np.sqrt(square) if model.words.norm else 1.0
                for topic in range(scores.shape[1]):
                    scores[row + text, topic] += work.total[topic] * scale
        row += texts
    return DONE, int(starts.size)
