"""What goes into the solver for sixteen topics at once, and what comes out of it.

One topic's scales, and one topic's weights, lie in a row or a column of their own; the solver has those of sixteen
topics, the lanes, side by side, a cache line for each feature. Going through the features once for all lanes reads and
writes whole lines.

Features are numbered by frequency: first those that several rows hold, then those of a single row, which have a table
of their own, then those of none.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.model.kernels import Ids, Positions, compiled, lean, unsigned, whole
from training.model.kernels_machine import LANES
from training.model.kernels_model import Doubles, Floats
from training.model.kernels_svm import dot_lanes


@compiled
def split_rows(
    indptr: Positions, indices: Ids, data: Floats, place: Ids, several: int, single: int
) -> tuple[Positions, Ids, Floats, Positions, Ids, Floats]:
    """The entries of features that several rows hold, and those of features of a single row, under their numbers.

    `place` is int32 [features], their numbers by frequency; the single ones are counted from 0, too. Entries of
    features that no row holds are left out.
    """
    rows = indptr.size - 1
    shared_ptr, single_ptr = np.zeros(rows + 1, np.int64), np.zeros(rows + 1, np.int64)
    for row in range(rows):
        shared_ptr[row + 1], single_ptr[row + 1] = shared_ptr[row], single_ptr[row]
        for at in range(indptr[row], indptr[row + 1]):
            number = place[indices[at]]
            shared_ptr[row + 1] += number < several
            single_ptr[row + 1] += several <= number < several + single
    shared_indices, shared_data = np.empty(shared_ptr[rows], np.int32), np.empty(shared_ptr[rows], np.float32)
    single_indices, single_data = np.empty(single_ptr[rows], np.int32), np.empty(single_ptr[rows], np.float32)
    i, j = 0, 0
    for at in range(indices.size):
        number = place[indices[at]]
        if number < several:
            shared_indices[i], shared_data[i] = number, data[at]
            i += 1
        elif number < several + single:
            single_indices[j], single_data[j] = number - several, data[at]
            j += 1
    return shared_ptr, shared_indices, shared_data, single_ptr, single_indices, single_data


@lean
def join_scales(scales: Floats, place: Ids, square: Floats, single: Floats) -> None:
    """Write the scales of all topics side by side: of shared features their squares, of single ones as they are.

    Args:
        scales: float32 [topics, features].
        place: int32 [features].
        square: float32 [features that several rows hold * LANES].
        single: float32 [features of a single row * LANES].
    """
    several, known = square.size // LANES, (square.size + single.size) // LANES
    for feature in range(scales.shape[1]):
        number = whole(place[feature])
        for topic in range(scales.shape[0]):
            scale = scales[topic, feature]
            if number < several:
                square[unsigned(number * LANES + topic)] = scale * scale
            elif number < known:
                single[unsigned((number - several) * LANES + topic)] = scale


@lean
def own_squares(indptr: Positions, indices: Ids, data: Floats, single: Floats, own: Doubles) -> None:
    """Write the squared length of the features that a row alone has to `own`, float64 [rows, topics]."""
    for row in range(own.shape[0]):
        for topic in range(own.shape[1]):
            own[row, topic] = 0.0
        for at in range(indptr[row], indptr[row + 1]):
            first = whole(indices[at]) * LANES
            for topic in range(own.shape[1]):
                value = np.float64(data[at] * single[unsigned(first + topic)])
                own[row, topic] += value * value


@lean
def weigh_single(indptr: Positions, indices: Ids, data: Floats, alpha: Doubles, single: Floats) -> None:
    """Turn the scales of features that one row alone has into their weights, which the row's alpha makes.

    Args:
        indptr, indices, data: the entries of those features, by row.
        alpha: float64 [rows, topics].
        single: float32 [features of a single row * LANES], from :func:`join_scales`.
    """
    for row in range(indptr.size - 1):
        for at in range(indptr[row], indptr[row + 1]):
            first = whole(indices[at]) * LANES
            for topic in range(alpha.shape[1]):
                scale = single[unsigned(first + topic)]
                step = alpha[row, topic] * np.float64(data[at])
                single[unsigned(first + topic)] = step * np.float64(scale * scale)


@lean
def write_weights(shared: Floats, single: Floats, place: Ids, columns: npt.NDArray[np.intp], weights: Floats) -> None:
    """Write what the solver found to columns of `weights`, float32 [features, all topics].

    Args:
        shared: float32 [features that several rows hold * LANES].
        single: float32 [features of a single row * LANES], in which :func:`weigh_single` has put their weights.
        place: int32 [features].
        columns: intp [topics].
    """
    several, known = shared.size // LANES, (shared.size + single.size) // LANES
    for feature in range(place.size):
        number = whole(place[feature])
        for topic in range(columns.size):
            if number < several:
                weights[feature, columns[topic]] = shared[unsigned(number * LANES + topic)]
            elif number < known:
                weights[feature, columns[topic]] = single[unsigned((number - several) * LANES + topic)]


@compiled
def score_rows(
    indptr: Positions, indices: Ids, data: Floats, single_indptr: Positions, single_indices: Ids, single_data: Floats,
    shared: Floats, single: Floats, scores: Floats,
) -> None:  # fmt: skip
    """Add to `scores`, float32 [rows, topics], the products of rows, split as by :func:`split_rows`, and weights."""
    of_shared, of_single = np.zeros(LANES, np.float32), np.zeros(LANES, np.float32)
    for row in range(scores.shape[0]):
        dot_lanes(shared, indices, data, indptr[row], indptr[row + 1], of_shared)
        dot_lanes(single, single_indices, single_data, single_indptr[row], single_indptr[row + 1], of_single)
        for topic in range(scores.shape[1]):
            scores[row, topic] += of_shared[topic] + of_single[topic]
