"""What goes into the solver for sixteen topics at once, and what comes out of it.

One topic's scales, and one topic's weights, lie in a row or a column of their own; the solver has those of sixteen
topics, the lanes, side by side, a cache line for each feature. Going through the features once for all lanes reads and
writes whole lines.
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
    indptr: Positions, indices: Ids, data: Floats, held: Positions, place: Ids
) -> tuple[Positions, Ids, Floats, Positions, Ids, Floats]:
    """The entries of features that several rows hold, numbered as in `place`; and those of one row, as they are.

    `held` counts the rows that the solver learns from; features of none of them are left out.
    """
    rows = indptr.size - 1
    shared, single = np.zeros(rows + 1, np.int64), np.zeros(rows + 1, np.int64)
    for row in range(rows):
        alone, several = 0, 0
        for at in range(indptr[row], indptr[row + 1]):
            alone += held[indices[at]] == 1
            several += held[indices[at]] > 1
        single[row + 1] = single[row] + alone
        shared[row + 1] = shared[row] + several
    shared_indices, shared_data = np.empty(shared[rows], np.int32), np.empty(shared[rows], np.float32)
    single_indices, single_data = np.empty(single[rows], np.int32), np.empty(single[rows], np.float32)
    for row in range(rows):
        i, j = shared[row], single[row]
        for at in range(indptr[row], indptr[row + 1]):
            if held[indices[at]] == 1:
                single_indices[j] = indices[at]
                single_data[j] = data[at]
                j += 1
            elif held[indices[at]] > 1:
                shared_indices[i] = place[indices[at]]
                shared_data[i] = data[at]
                i += 1
    return shared, shared_indices, shared_data, single, single_indices, single_data


@lean
def join_scales(scales: Floats, place: Ids, several: int, lanes: Floats, square: Floats) -> None:
    """Write the scales of all topics side by side, and their squares in the order of the solver.

    Args:
        scales: float32 [topics, features].
        place: int32 [features], the number of each feature by frequency.
        several: how many features more than one row has; they come first by frequency.
        lanes: float32 [features * LANES].
        square: float32 [several * LANES].
    """
    for feature in range(scales.shape[1]):
        target = whole(place[feature])
        for topic in range(scales.shape[0]):
            scale = scales[topic, feature]
            lanes[unsigned(feature * LANES + topic)] = scale
            if target < several:
                square[unsigned(target * LANES + topic)] = scale * scale


@lean
def own_squares(indptr: Positions, indices: Ids, data: Floats, lanes: Floats, own: Doubles) -> None:
    """Write the squared length of the features that a row alone has to `own`, float64 [rows, topics]."""
    for row in range(own.shape[0]):
        for topic in range(own.shape[1]):
            own[row, topic] = 0.0
        for at in range(indptr[row], indptr[row + 1]):
            first = whole(indices[at]) * LANES
            for topic in range(own.shape[1]):
                value = np.float64(data[at] * lanes[unsigned(first + topic)])
                own[row, topic] += value * value


@lean
def weigh_single(indptr: Positions, indices: Ids, data: Floats, alpha: Doubles, lanes: Floats) -> None:
    """Turn the scales of features that one row alone has into their weights, which the row's alpha makes.

    Args:
        indptr, indices, data: those features, by row.
        alpha: float64 [rows, topics].
        lanes: float32 [features * LANES], from :func:`join_scales`.
    """
    for row in range(indptr.size - 1):
        for at in range(indptr[row], indptr[row + 1]):
            first = whole(indices[at]) * LANES
            for topic in range(alpha.shape[1]):
                scale = lanes[unsigned(first + topic)]
                step = alpha[row, topic] * np.float64(data[at])
                lanes[unsigned(first + topic)] = step * np.float64(scale * scale)


@lean
def write_weights(
    shared: Floats, place: Ids, held: Positions, lanes: Floats, columns: npt.NDArray[np.intp], weights: Floats
) -> None:
    """Write what the solver found to columns of `weights`, float32 [features, all topics].

    Args:
        shared: float32, the weights of the features that more than one row has, in the order of the solver.
        place: int32 [features], the number of each feature in that order.
        held: int64 [features], how many rows have each.
        lanes: float32 [features * LANES], in which :func:`weigh_single` has put those that one row has.
        columns: intp [topics].
    """
    for feature in range(place.size):
        if held[feature] == 1:
            for topic in range(columns.size):
                weights[feature, columns[topic]] = lanes[unsigned(feature * LANES + topic)]
        elif held[feature] > 1:
            source = whole(place[feature])
            for topic in range(columns.size):
                weights[feature, columns[topic]] = shared[unsigned(source * LANES + topic)]


@compiled
def score_rows(
    indptr: Positions, indices: Ids, data: Floats, single_indptr: Positions, single_indices: Ids, single_data: Floats,
    shared: Floats, lanes: Floats, scores: Floats,
) -> None:  # fmt: skip
    """Add to `scores`, float32 [rows, topics], the products of rows, split as by :func:`split_rows`, and weights."""
    of_shared, of_single = np.zeros(LANES, np.float32), np.zeros(LANES, np.float32)
    for row in range(scores.shape[0]):
        dot_lanes(shared, indices, data, indptr[row], indptr[row + 1], of_shared)
        dot_lanes(lanes, single_indices, single_data, single_indptr[row], single_indptr[row + 1], of_single)
        for topic in range(scores.shape[1]):
            scores[row, topic] += of_shared[topic] + of_single[topic]
