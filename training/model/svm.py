"""Linear SVMs of many topics on the same sparse rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from training.model.kernels_machine import LANES
from training.model.kernels_svm import fit_lanes, split_rows
from training.model.memory import zeros
from training.model.weighting import document_frequency

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


class SharedRows:
    """Rows as the solver wants them, made once for all topics; see :mod:`training.model.kernels_svm`."""

    def __init__(self, rows: csr_array) -> None:
        self.count, self.features = rows.shape
        indptr = np.asarray(rows.indptr, np.int64)
        self.held = document_frequency(indptr, rows.indices, np.arange(self.count), self.features)
        by_frequency = np.argsort(-self.held, kind="stable").astype(np.int32)
        self._several = by_frequency[: int((self.held > 1).sum())]
        place = np.empty_like(by_frequency)
        place[by_frequency] = np.arange(self.features, dtype=np.int32)
        split = split_rows(indptr, np.asarray(rows.indices, np.int32), rows.data, self.held, place)
        self._shared, (single, self._single_feature, self._single_value) = split[:3], split[3:]
        self._single_row = np.repeat(np.arange(self.count), np.diff(single))

    def fit(
        self,
        positive: Bools,
        among: Bools | None,
        scales: Sequence[Floats],
        cost: float,
        epochs: int,
        tolerance: float,
    ) -> tuple[Floats, npt.NDArray[np.float64], int]:
        """Fit up to `LANES` topics; what comes out for one does not depend on the others.

        Args:
            positive: bool [rows, topics].
            among: bool [rows, topics], the rows that each topic learns from; None for all.
            scales: for each topic float32 [features]; it is trained on rows times this.
            cost: LIBLINEAR's ``C``.
            epochs: the most passes over the rows.
            tolerance: LIBLINEAR's ``-e``.

        Returns:
            the weights for rows as they are, [features, topics], the intercepts, [topics], and the most epochs
            that one needed.
        """
        topics = positive.shape[1]
        bits = np.uint64(1) << np.arange(topics, dtype=np.uint64)
        members = (np.ones_like(positive) if among is None else among) @ bits
        size = len(self._several) * LANES
        # Each row one cache line, not parts of two.
        square, shared = (zeros(size, np.float32).reshape(-1, LANES) for _ in range(2))
        own = np.empty((self.count, topics))
        for at, scale in enumerate(scales):
            square[:, at] = scale[self._several] ** 2
            values = (self._single_value * scale[self._single_feature]).astype(float)
            own[:, at] = np.bincount(self._single_row, values**2, minlength=self.count)
        alpha, intercepts = np.zeros((self.count, topics)), np.zeros(topics)
        used = fit_lanes(
            *self._shared, own, np.ascontiguousarray(positive), members, square.reshape(-1), cost, epochs, tolerance,
            shared.reshape(-1), alpha, intercepts,
        )  # fmt: skip
        weights = np.zeros((self.features, topics), np.float32)
        weights[self._several] = shared[:, :topics]
        for at, scale in enumerate(scales):
            step = alpha[self._single_row, at] * self._single_value
            weights[self._single_feature, at] = step * scale[self._single_feature] ** 2
        return weights, intercepts, int(used.max())
