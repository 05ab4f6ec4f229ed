"""Linear SVMs of many topics on the same sparse rows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from training.model.kernels_lanes import (
    join_scales,
    own_squares,
    score_rows,
    split_rows,
    weigh_single,
    write_weights,
)
from training.model.kernels_machine import LANES
from training.model.kernels_svm import fit_lanes
from training.model.kernels_weighing import document_frequency
from training.model.memory import zeros

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]
Rows = npt.NDArray[np.intp]
SplitRows = tuple[npt.NDArray[np.int64], Ints, Floats, npt.NDArray[np.int64], Ints, Floats]


class Solved(NamedTuple):
    """What the solver found for some topics.

    Attributes:
        shared: float32 [features that several rows have * LANES], weights in the order of the solver.
        single: float32 [features that one row has * LANES], their weights.
        intercepts: float64 [topics].
        epochs: the most that one topic needed.
    """

    shared: Floats
    single: Floats
    intercepts: npt.NDArray[np.float64]
    epochs: int


class SharedRows:
    """Rows as the solver wants them, made once for all topics; see :mod:`training.model.kernels_svm`."""

    def __init__(self, rows: csr_array) -> None:
        self.count, features = rows.shape
        every = np.arange(self.count)
        self.held = document_frequency(np.asarray(rows.indptr, np.int64), rows.indices, every, features)
        by_frequency = np.argsort(-self.held, kind="stable").astype(np.int32)
        self._several, self._alone = int((self.held > 1).sum()), int((self.held == 1).sum())
        self._place = np.empty_like(by_frequency)
        self._place[by_frequency] = np.arange(features, dtype=np.int32)
        split = self.split(rows)
        self._shared, self._single = split[:3], split[3:]

    def split(self, rows: csr_array) -> SplitRows:
        """Other rows of the same features as :meth:`scores` wants them."""
        indptr, indices = np.asarray(rows.indptr, np.int64), np.asarray(rows.indices, np.int32)
        return split_rows(indptr, indices, rows.data, self._place, self._several, self._alone)

    def fit_all(
        self,
        topics: Rows,
        positive: Bools,
        among: Bools | None,
        scale_of: Callable[[int], Floats],
        cost: float,
        epochs: int,
        tolerance: float,
        duals: Floats,
        keep: Callable[[Solved, Rows], None],
        threads: int,
    ) -> int:
        """Fit ``topics`` as :meth:`fit` does, as many at once, and give what is found for some of them to ``keep``.

        ``positive`` and ``among`` are [rows, all topics]; ``scale_of`` gives the scales of a topic, float32 [features].
        Returns the most epochs that a topic needed.
        """
        if not len(topics):
            return 1
        # Topics of like support need about as many epochs.
        ranked = topics[np.argsort(-positive[:, topics].sum(axis=0), kind="stable")]
        groups = np.array_split(ranked, min(len(ranked), max(threads, -(-len(ranked) // LANES))))

        def fit_group(group: Rows) -> int:
            scales = np.stack([scale_of(int(at)) for at in group])
            taken = None if among is None else among[:, group]
            solved = self.fit(positive[:, group], taken, scales, cost, epochs, tolerance, duals, group)
            keep(solved, group)
            return solved.epochs

        with ThreadPoolExecutor(threads) as pool:
            return max(pool.map(fit_group, groups))

    def fit(
        self,
        positive: Bools,
        among: Bools | None,
        scales: Floats,
        cost: float,
        epochs: int,
        tolerance: float,
        duals: Floats,
        columns: Rows,
    ) -> Solved:
        """Fit up to `LANES` topics; what comes out for one does not depend on the others.

        Args:
            positive: bool [rows, topics].
            among: bool [rows, topics], the rows that each topic learns from; None for all.
            scales: float32 [topics, features]; each topic is trained on rows times its own.
            cost: LIBLINEAR's ``C``.
            epochs: the most passes over the rows.
            tolerance: LIBLINEAR's ``-e``.
            duals: float32 [rows, all topics]; its ``columns`` are where to begin, and become the dual variables, with
                the sign of the label.
            columns: intp [topics].
        """
        topics = positive.shape[1]
        bits = np.uint64(1) << np.arange(topics, dtype=np.uint64)
        members = (np.ones_like(positive) if among is None else among) @ bits
        # Each row one cache line, not parts of two.
        square, shared = (zeros(self._several * LANES, np.float32) for _ in range(2))
        single = zeros(self._alone * LANES, np.float32)
        join_scales(scales, self._place, square, single)
        own = np.empty((self.count, topics))
        own_squares(*self._single, single, own)
        alpha, intercepts = np.abs(duals[:, columns], dtype=np.float64), np.zeros(topics)
        used = fit_lanes(
            *self._shared, own, np.ascontiguousarray(positive), members, square, cost, epochs, tolerance,
            shared, alpha, intercepts,
        )  # fmt: skip
        duals[:, columns] = alpha
        weigh_single(*self._single, alpha, single)
        return Solved(shared, single, intercepts, int(used.max()))

    def write(self, solved: Solved, columns: Rows, weights: Floats) -> None:
        """Write the weights for rows as they are to ``columns`` [topics] of float32 [features, all topics]."""
        write_weights(solved.shared, solved.single, self._place, columns, weights)

    def scores(self, solved: Solved, others: SplitRows) -> Floats:
        """What the weights make of other rows, float32 [rows, topics]; sooner than writing and multiplying them."""
        scores = np.tile(solved.intercepts.astype(np.float32), (len(others[0]) - 1, 1))
        score_rows(*others, solved.shared, solved.single, scores)
        return scores
