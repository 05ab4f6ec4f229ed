"""Counted n-grams as tf-idf rows, weighed with what some rows have taught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn import get_config

from training.model import kernels_weighing
from training.model.counts import Counts, Rows
from training.model.terms import Terms

NORMS = {None: 0, "l1": 1, "l2": 2}


class Weighing(NamedTuple):
    """How a count becomes a value, as the options of these names of `NgramVectorizer` say."""

    norm: str | None
    sublinear_tf: bool
    dtype: np.dtype[Any]


@dataclass(frozen=True, eq=False)
class FoldFeatures:
    """The features of one fold: which terms it keeps and what they weigh, learned from its training rows.

    Attributes:
        counts: the counts of all texts, of all folds.
        kept: int64, ascending, the columns of `counts` that are features.
        idf: float [features], or None where idf is not used.
    """

    counts: Counts
    kept: npt.NDArray[np.int64]
    idf: npt.NDArray[Any] | None
    weighing: Weighing

    @property
    def terms(self) -> Terms:
        """The features, sorted."""
        return self.counts.terms.take(self.kept)

    def matrix(self, rows: Rows) -> Any:
        """CSR [len(rows), features], what `NgramVectorizer.transform` gives for the texts of these rows."""
        columns = np.full(len(self.counts.terms), -1, np.int32)
        columns[self.kept] = np.arange(self.kept.size, dtype=np.int32)
        return weighed(self.counts, np.asarray(rows, np.int64), columns, self.kept.size, self.idf, self.weighing)


def weighed(
    counts: Counts,
    rows: Rows,
    columns: npt.NDArray[np.int32],
    width: int,
    idf: npt.NDArray[Any] | None,
    weighing: Weighing,
) -> Any:
    """CSR [rows, width] of the tf-idf of ``rows``; ``columns`` gives the column of each counted term, -1 for none."""
    dtype = weighing.dtype
    frequencies = np.arange(int(counts.counts.max(initial=1)) + 1, dtype=dtype)
    if weighing.sublinear_tf:
        frequencies[1:] = np.log(frequencies[1:]) + dtype.type(1)
    weights = np.ones(width, dtype) if idf is None else idf
    pointer = kernels_weighing.kept_entries(counts.indptr, counts.indices, rows, columns)
    indices = np.empty(int(pointer[-1]), np.int32)
    data = np.empty(int(pointer[-1]), dtype)
    kernels_weighing.weigh(
        counts.indptr, counts.indices, counts.counts, rows, columns, frequencies, weights,
        NORMS[weighing.norm], pointer, indices, data,
    )  # fmt: skip
    if pointer[-1] <= np.iinfo(np.int32).max:
        pointer = pointer.astype(np.int32)
    array = get_config()["sparse_interface"] == "sparray"
    result = (sp.csr_array if array else sp.csr_matrix)((data, indices, pointer), shape=(rows.size, width))
    result.has_sorted_indices = True
    result.has_canonical_format = True
    return result
