"""Near-duplicate paragraphs, and the groups of rows that must stay on one side of any split."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rensa import RMinHash, RMinHashLSH
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from training.corpus.records import numbered

SHINGLE_WORDS = 5
# Rows of a band: 3 find a pair of Jaccard 0.5 with probability 0.996, 2 one of 0.3 with 0.997, 1 one of 0.1 with 1.000.
# Every pair found is then checked exactly.
_ROWS = ((0.5, 3), (0.3, 2), (0.0, 1))
_PERMUTATIONS, _SEED = 126, 42
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Chinese and Japanese: each character is a word
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")

Shingles = frozenset[str]
Pairs = npt.NDArray[np.intp]


def shingles(text: str) -> Shingles:
    """The distinct runs of five lower-cased words, in whatever form of Unicode; a shorter text is one shingle."""
    words = _WORD.findall(unicodedata.normalize("NFC", text).lower())
    if not words:
        return frozenset()
    if len(words) < SHINGLE_WORDS:
        return frozenset([" ".join(words)])
    return frozenset(map(" ".join, zip(*(words[at:] for at in range(SHINGLE_WORDS)), strict=False)))


def jaccard(a: Shingles, b: Shingles) -> float:
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0


def near_duplicate_pairs(texts: Sequence[str], threshold: float) -> Pairs:
    """Row pairs [pairs, 2] (first < second) whose Jaccard similarity of word 5-shingles reaches ``threshold``.

    Candidates come from MinHash with banding (Broder 1997; Leskovec et al., Mining of Massive Datasets, §3.4) and
    are verified exactly. Identical texts are tied through their first occurrence, so many copies stay cheap.
    """
    first_of: dict[Shingles, int] = {}
    pairs: list[tuple[int, int]] = []
    rows = next(rows for least, rows in _ROWS if threshold >= least)
    index = RMinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS, num_bands=_PERMUTATIONS // rows)
    shingles_of: dict[int, Shingles] = {}
    for row, text in enumerate(texts):
        found = shingles(text)
        if not found:
            continue
        original = first_of.setdefault(found, row)
        if original != row:
            pairs.append((original, row))
            continue
        sketch = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
        sketch.update(list(found))
        pairs.extend((other, row) for other in index.query(sketch) if jaccard(shingles_of[other], found) >= threshold)
        index.insert(row, sketch)
        shingles_of[row] = found
    return np.array(sorted(pairs), dtype=np.intp).reshape(-1, 2)


def tied_groups(articles: Sequence[str], pairs: Pairs) -> npt.NDArray[np.intp]:
    """A group number for each row: rows of one article, and rows tied by ``pairs``, share theirs."""
    n = len(articles)
    article = numbered(articles)
    left = np.concatenate([np.arange(n), pairs[:, 0]])
    right = np.concatenate([n + article, pairs[:, 1]])
    size = n + int(article.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    _, groups = np.unique(component[:n], return_inverse=True)
    return groups.astype(np.intp)
