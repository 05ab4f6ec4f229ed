"""The tables in which the scoring kernels find the features of a model, made at load."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.model import kernels_lines, kernels_lookup
from training.model.characters import CharacterTable
from training.model.kernels import PADDING
from training.model.kernels_lines import LINE
from training.model.kernels_lookup import Lookup
from training.model.kernels_model import Part
from training.model.memory import zeros
from training.model.terms import Terms

MOST_PER_BUCKET = 1.5  # pairs on average, of the four that fit
MOST_PER_LINE = 1.5  # words on average, of the three that fit
MOST_FILTER_BITS = 16  # of a number of words: half a megabyte, which the cache of a core may hold


def lookup_of(terms: Terms, ids: npt.NDArray[np.int32], of_words: bool) -> Lookup:
    """The tables of terms, term i under ``ids[i]``. Raises ``ValueError`` if no table would hold them."""
    text = np.concatenate([terms.data, np.zeros(PADDING, np.uint8)])
    features = len(terms)
    if not of_words:
        lookup = empty_lookup(text, features, 0, features, features)
        _refuse_colliding(kernels_lookup.add_strings(terms.offsets, ids, lookup))
        return lookup
    ones, total, most = kernels_lookup.count_words(text, terms.offsets)
    extra = 1 << 10
    while True:
        # Pairs that are only the beginning of a feature are rare, unless n-grams of three words are.
        lookup = empty_lookup(text, ones + extra, total - features + extra, features + extra, features)
        code = kernels_lookup.add_word_ngrams(terms.offsets, ids, most, lookup)
        _refuse_colliding(code)
        if code != kernels_lookup.NO_ROOM:
            return lookup
        extra *= 4


def lines_of(part: Part, characters: CharacterTable) -> npt.NDArray[np.uint64]:
    """The short words of a model; none where ASCII is not what it is everywhere."""
    if not characters.has_plain_ascii:
        return np.zeros(0, np.uint64)
    words = int((part.lookup.spans[:, 1] > part.lookup.spans[:, 0]).sum())
    bits = max(1, int(words / MOST_PER_LINE).bit_length())
    lines = zeros(LINE << bits, np.uint64)
    if not kernels_lines.enter_words(part, characters.kernel_arrays, lines):
        _refuse_colliding(kernels_lookup.COLLIDING)
    return lines


def _refuse_colliding(code: int) -> None:
    if code == kernels_lookup.COLLIDING:
        raise ValueError("terms that were chosen to collide in a hash table, as no text has them")


def empty_lookup(text: npt.NDArray[np.uint8], strings: int, pairs: int, ids: int, features: int) -> Lookup:
    """Tables with room for so many strings and pairs."""
    bits, pair_bits = _bits(strings), max(1, int(pairs / MOST_PER_BUCKET).bit_length())
    filter_bits = min(MOST_FILTER_BITS, max(4, (pairs // 8).bit_length()))
    return Lookup(
        strings=zeros(2 << bits, np.uint64),
        pairs=zeros(kernels_lookup.BUCKET << pair_bits, np.uint64),
        filter=np.zeros(1 << filter_bits, np.uint64),
        spans=zeros(2 * ids, np.int64).reshape(ids, 2),
        text=text,
        bits=bits,
        pair_bits=pair_bits,
        filter_bits=filter_bits,
        features=features,
    )


def _bits(entries: int) -> int:
    return max(4, (2 * entries).bit_length())
