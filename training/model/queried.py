"""Where the terms of a keyword query stand among the n-grams of a model."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from training.keywords import LAST, folded, words_of_term
from training.model.terms import Terms


def ngrams_of_terms(terms: Terms, queried: Iterable[str], ngram_range: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Ascending indices of the word n-grams in `terms` that a queried term matches as a whole, ``*`` and all."""
    found: set[int] = set()
    smallest, largest = ngram_range
    for term in queried:
        words = words_of_term(term)
        if smallest <= len(words) <= largest:
            beginning = " ".join(folded(term).split()).partition("*")[0]
            matches = re.compile(" ".join(words)).fullmatch
            alike = range(bisect_left(terms, beginning), bisect_left(terms, beginning + LAST))
            found.update(at for at in alike if matches(terms[at]))
    return np.array(sorted(found), np.int64)
