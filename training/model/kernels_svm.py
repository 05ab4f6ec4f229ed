"""Dual coordinate descent for up to sixteen linear SVMs at once, on rows that they share.

The algorithm is that of LIBLINEAR's ``-s 1 -B 1`` (Hsieh et al., ICML 2008, algorithm 3, with shrinking). Reading the
rows takes the time, and one reading serves the SVMs of sixteen topics, the lanes: a feature's weights for all lanes are
one cache line, and one vector. All go through the rows in one order, each epoch another; each lane passes over the
rows that it has shrunk away. So what comes out for a lane depends on that lane alone.

Features come in the order of their frequency, so that those that are read all the time stay in the cache. A feature of
one row alone has no weight here: it adds to the row's margin what its alpha makes of it, and to nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from training.model.kernels import Ids, Positions, compiled
from training.model.kernels_machine import LANES, ask_for_line, pointer, prefetch
from training.model.kernels_model import Doubles, Floats

SEED = np.uint64(88172645463325252)
LEAST_STEP = 0.03  # of the tolerance; a smaller one is not worth reading the row again
AHEAD = 32  # entries between asking for a feature's weights and using them
SQUARES_AHEAD = 64  # the same for its scales, which nobody has read shortly before


def _vector_at(builder: Any, place: Any, vector: Any) -> Any:
    return builder.bitcast(place, vector.as_pointer())


def _spread(builder: Any, value: Any, vector: Any) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    lane = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(lane, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def _row_of(builder: Any, signature: Any, context: Any, table: Any, of: int, indices: Any, where: int, at: Any) -> Any:
    """The first element of the row of `table` that ``indices[at]`` names."""
    feature = builder.load(pointer(context, builder, signature.args[where], indices, at))
    place = builder.mul(builder.zext(feature, ir.IntType(64)), ir.Constant(ir.IntType(64), LANES))
    return pointer(context, builder, signature.args[of], table, place)


def _ahead(builder: Any, at: Any, end: Any, entries: int) -> Any:
    """``min(at + entries, end - 1)``"""
    ahead, last = builder.add(at, ir.Constant(at.type, entries)), builder.sub(end, ir.Constant(end.type, 1))
    return builder.select(builder.icmp_signed("<", ahead, last), ahead, last)


@intrinsic  # type: ignore[untyped-decorator]
def dot_lanes(typing_context: Any, table: Any, indices: Any, data: Any, begin: Any, end: Any, out: Any) -> Any:
    """dot_lanes(table, indices, data, begin, end, out): ``out[lane] = sum of data[k] * table[indices[k], lane]``.

    Over k from `begin` to `end`; the table is float32 [features * LANES], `out` float32 [LANES].
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table_, indices_, data_, begin_, end_, out_ = arguments
        vector = ir.VectorType(ir.FloatType(), LANES)
        sums = [cgutils.alloca_once(builder, vector) for _ in range(2)]
        for total in sums:
            builder.store(ir.Constant(vector, [0.0] * LANES), total)

        def add(at: Any, total: Any) -> None:
            ahead = _ahead(builder, at, end_, AHEAD)
            ask_for_line(builder, _row_of(builder, signature, context, table_, 0, indices_, 1, ahead))
            row = _vector_at(builder, _row_of(builder, signature, context, table_, 0, indices_, 1, at), vector)
            value = builder.load(pointer(context, builder, signature.args[2], data_, at))
            product = builder.fmul(builder.load(row, align=4), _spread(builder, value, vector), flags=("contract",))
            builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)

        one, two = ir.Constant(begin_.type, 1), ir.Constant(begin_.type, 2)
        odd = builder.and_(builder.sub(end_, begin_), one)
        even_end = builder.sub(end_, odd)
        with cgutils.for_range_slice(builder, begin_, even_end, two, begin_.type) as (at, _):
            add(at, sums[0])
            add(builder.add(at, one), sums[1])
        with builder.if_then(builder.icmp_signed("!=", odd, ir.Constant(odd.type, 0))):
            add(even_end, sums[0])
        target = pointer(context, builder, signature.args[5], out_, ir.Constant(ir.IntType(64), 0))
        total = builder.fadd(builder.load(sums[0]), builder.load(sums[1]))
        builder.store(total, _vector_at(builder, target, vector), align=4)
        return context.get_dummy_value()

    return types.void(table, indices, data, types.intp, types.intp, out), generate


@intrinsic  # type: ignore[untyped-decorator]
def step_lanes(
    typing_context: Any, table: Any, square: Any, indices: Any, data: Any, begin: Any, end: Any, by: Any
) -> Any:
    """step_lanes(table, square, indices, data, begin, end, by): the table's rows take a step in every lane.

    ``table[indices[k], lane] += by[lane] * data[k] * square[indices[k], lane]`` for k from `begin` to `end`.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table_, square_, indices_, data_, begin_, end_, by_ = arguments
        vector = ir.VectorType(ir.FloatType(), LANES)
        start = pointer(context, builder, signature.args[6], by_, ir.Constant(ir.IntType(64), 0))
        steps = builder.load(_vector_at(builder, start, vector), align=4)
        with cgutils.for_range_slice(builder, begin_, end_, ir.Constant(begin_.type, 1), begin_.type) as (at, _):
            ahead = _ahead(builder, at, end_, SQUARES_AHEAD)
            ask_for_line(builder, _row_of(builder, signature, context, square_, 1, indices_, 2, ahead))
            row = _vector_at(builder, _row_of(builder, signature, context, table_, 0, indices_, 2, at), vector)
            scale = _vector_at(builder, _row_of(builder, signature, context, square_, 1, indices_, 2, at), vector)
            value = builder.load(pointer(context, builder, signature.args[3], data_, at))
            change = builder.fmul(steps, _spread(builder, value, vector))
            product = builder.fmul(change, builder.load(scale, align=4), flags=("contract",))
            builder.store(builder.fadd(builder.load(row, align=4), product, flags=("contract",)), row, align=4)
        return context.get_dummy_value()

    return types.void(table, square, indices, data, types.intp, types.intp, by), generate


@compiled
def shuffle(order: Positions, state: np.uint64) -> np.uint64:
    """Fisher–Yates, with Marsaglia's xorshift64 (J. Stat. Softw. 8(14), 2003); the state to go on with."""
    for last in range(order.size - 1, 0, -1):
        state ^= state << np.uint64(13)
        state ^= state >> np.uint64(7)
        state ^= state << np.uint64(17)
        other = np.int64(state % np.uint64(last + 1))
        order[last], order[other] = order[other], order[last]
    return state


@compiled
def fit_lanes(
    indptr: Positions, indices: Ids, data: Floats, own: Doubles, positive: npt.NDArray[np.bool_],
    members: npt.NDArray[np.uint64], square: Floats, cost: float, epochs: int, tolerance: float,
    weights: Floats, alpha: Doubles, intercepts: Doubles,
) -> Positions:  # fmt: skip
    """For each lane min ½‖w‖² + cost · Σ max(0, 1 − signᵢ·w·xᵢ)², a constant feature of 1 included.

    Args:
        indptr, indices, data: the rows, without features of one row alone.
        own: float64 [rows, lanes], the squared length of each row's features that no other row has.
        positive: bool [rows, lanes].
        members: uint64 [rows], the lanes that learn from each row, a bit for each.
        square: float32 [features * LANES], the squared scale of each feature in each lane.
        epochs: the most.
        tolerance: how far apart the greatest and the least projected gradient may be, as LIBLINEAR's ``-e``.
        weights: float32 [features * LANES], zeros; becomes the weights for rows as they are, not scaled.
        alpha: float64 [rows, lanes], where to begin: zeros, or the dual variables of a like problem, none below 0 and
            those of rows that a lane does not learn from 0; becomes the dual variables, with the sign of the label.
        intercepts: float64 [lanes], zeros.

    Returns:
        int64 [lanes], the epochs that each needed.
    """
    rows, lanes = positive.shape
    used = np.zeros(lanes, np.int64)
    diagonal = np.empty((rows, lanes))
    margins = np.zeros(LANES, np.float32)
    steps = np.zeros(LANES, np.float32)
    squared = data * data
    for row in range(rows):
        dot_lanes(square, indices, squared, indptr[row], indptr[row + 1], margins)
        for lane in range(lanes):
            diagonal[row, lane] = 1.0 + margins[lane] + own[row, lane] + 0.5 / cost
    for row in range(rows):
        begun = False
        for lane in range(lanes):
            if alpha[row, lane] != 0.0:
                steps[lane] = alpha[row, lane] if positive[row, lane] else -alpha[row, lane]
                intercepts[lane] += steps[lane]
                begun = True
        if begun:
            step_lanes(weights, square, indices, data, indptr[row], indptr[row + 1], steps)
            steps[:] = 0
    least = LEAST_STEP * tolerance
    every = np.uint64((1 << lanes) - 1)
    active = members.copy()
    shrunk = np.zeros(lanes, np.int64)
    bound = np.full(lanes, np.inf)
    highest, lowest = np.empty(lanes), np.empty(lanes)
    live = every
    order = np.arange(rows)
    state = SEED
    epoch = 0
    while live != 0 and epoch < epochs:
        epoch += 1
        highest[:] = -np.inf
        lowest[:] = np.inf
        state = shuffle(order, state)
        for place in range(rows):
            row = order[place]
            wanted = active[row] & live
            ahead = indptr[order[min(place + 2, rows - 1)]]
            prefetch(indices, ahead)
            prefetch(data, ahead)
            if wanted == 0:
                continue
            dot_lanes(weights, indices, data, indptr[row], indptr[row + 1], margins)
            moving = False
            for lane in range(lanes):
                if (wanted >> np.uint64(lane)) & np.uint64(1) == 0:
                    continue
                sign = 1.0 if positive[row, lane] else -1.0
                old = alpha[row, lane]
                gradient = sign * (margins[lane] + intercepts[lane]) + old * (own[row, lane] + 0.5 / cost) - 1.0
                projected = gradient
                if old == 0.0:
                    if gradient > bound[lane]:
                        active[row] &= ~(np.uint64(1) << np.uint64(lane))
                        shrunk[lane] += 1
                        continue
                    projected = min(gradient, 0.0)
                highest[lane] = max(highest[lane], projected)
                lowest[lane] = min(lowest[lane], projected)
                if abs(projected) > least:
                    alpha[row, lane] = max(old - gradient / diagonal[row, lane], 0.0)
                    step = (alpha[row, lane] - old) * sign
                    steps[lane] = step
                    intercepts[lane] += step
                    moving = True
            if moving:
                step_lanes(weights, square, indices, data, indptr[row], indptr[row + 1], steps)
                steps[:] = 0
        for lane in range(lanes):
            bit = np.uint64(1) << np.uint64(lane)
            if live & bit == 0:
                continue
            used[lane] = epoch
            if highest[lane] - lowest[lane] > tolerance:
                bound[lane] = highest[lane] if highest[lane] > 0 else np.inf
            elif shrunk[lane] == 0:
                live &= ~bit
            else:
                shrunk[lane] = 0
                bound[lane] = np.inf
                for row in range(rows):
                    active[row] |= bit & members[row]
    for row in range(rows):
        for lane in range(lanes):
            if not positive[row, lane]:
                alpha[row, lane] = -alpha[row, lane]
    return used
