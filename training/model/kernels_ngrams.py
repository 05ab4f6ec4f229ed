"""The features among the n-grams of a text's words.

All of one order, then all of the next: those that may go on are listed, then asked for, then looked up. Without a
branch on what is found, which would be mispredicted too often: what is no feature is overwritten.
"""

from __future__ import annotations

from training.model.kernels import EMPTY, LOW_HALF, SHIFT_32, inlined, pair_key, unsigned, whole
from training.model.kernels_lookup import find_pair, may_be_pair, pair_bucket
from training.model.kernels_machine import prefetch
from training.model.kernels_model import Model, prefetch_row
from training.model.kernels_workspace import Workspace


@inlined
def add_word_ngrams(words: int, direct: int, model: Model, work: Workspace) -> int:
    """Put the features among the n-grams of a text's words behind the direct ones; how many there are now."""
    first = whole(0)
    direct, grams = add_words(first, words, direct, model, work)
    for size in range(2, model.words.recipe.largest + 1):
        longer = ask_for_ngrams(first, words, size, grams, model, work)
        direct, grams = add_ngrams(first, size, longer, direct, model, work)
    return direct


@inlined
def add_words(first: int, end: int, direct: int, model: Model, work: Workspace) -> tuple[int, int]:
    """Put the features among the words from `first` to `end` behind the direct ones, and list those that are known.

    The lists of known n-grams of these words, here and below, begin at `first` too.

    Returns:
        how many direct ones there are now, and how many are listed.
    """
    recipe, lookup = model.words.recipe, model.words.lookup
    grams = whole(0)  # known n-grams of one order: where each begins << 32 | its id
    for place in range(first, end):
        gram = whole(work.words[unsigned(place)])
        known = gram != EMPTY
        work.direct[unsigned(direct)] = gram
        direct += (recipe.smallest == 1) & known & (gram < lookup.features)
        prefetch_row(model, max(gram, 0))
        work.flat[unsigned(first + grams)] = unsigned(place) << SHIFT_32 | unsigned(gram)
        grams += known
    return direct, grams


@inlined
def ask_for_ngrams(first: int, end: int, size: int, grams: int, model: Model, work: Workspace) -> int:
    """List what may be n-grams of `size` words and begins with those that are listed, and ask for them; how many."""
    lookup = model.words.lookup
    longer = whole(0)
    for i in range(first, first + grams):
        gram = work.flat[unsigned(i)]
        place = whole(gram >> SHIFT_32)
        last = place + size - 1
        word = whole(work.words[unsigned(min(last, end - 1))])
        key = pair_key(whole(gram & LOW_HALF), word)
        work.flat[unsigned(first + longer)] = unsigned(place)
        work.pairs[unsigned(first + longer)] = key
        longer += (last < end) & (word != EMPTY) & may_be_pair(key, lookup)
    for i in range(first, first + longer):
        prefetch(lookup.pairs, pair_bucket(work.pairs[unsigned(i)], lookup))
    return longer


@inlined
def add_ngrams(first: int, size: int, longer: int, direct: int, model: Model, work: Workspace) -> tuple[int, int]:
    """Put the features among the n-grams that were asked for behind the direct ones, and list those that are known.

    Returns:
        how many direct ones there are now, and how many are listed.
    """
    recipe, lookup = model.words.recipe, model.words.lookup
    grams = whole(0)
    for i in range(first, first + longer):
        gram = find_pair(work.pairs[unsigned(i)], lookup)
        known = gram != EMPTY
        work.direct[unsigned(direct)] = gram
        direct += (size >= recipe.smallest) & known & (gram < lookup.features)
        prefetch_row(model, max(gram, 0))
        work.flat[unsigned(first + grams)] = work.flat[unsigned(i)] << SHIFT_32 | unsigned(gram)
        grams += known
    return direct, grams
