"""The ground that the text kernels stand on: the compiler's settings, and strings of bytes as hash keys.

A string of at most seven bytes *is* its key: the bytes and the length in one 64-bit word, so that equal keys
mean equal strings. Longer strings are hashed by multiply and shift over eight bytes at a time, and marked by
the top bit; wherever such keys meet, the bytes decide. So no two strings are ever taken for one.

All tables are open-addressing, linear probing, with a power of two of slots and at most half of them taken;
a key's first slot is the top bits of its product with an odd constant (multiply-shift: Dietzfelbinger,
Hagerup, Katajainen and Penttonen, "A reliable randomized algorithm for the closest-pair problem", J.
Algorithms 25, 1997; the constant is Knuth's golden ratio, TAOCP 3, section 6.4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj

Bytes = npt.NDArray[np.uint8]
Keys = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.int32]
Positions = npt.NDArray[np.int64]

F = TypeVar("F", bound=Callable[..., Any])

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
LONG = np.uint64(1 << 63)
SHIFT_32 = np.uint64(32)
SHORT = 7  # bytes that fit a key beside their count
LANES = 16  # float32 that one step of vector arithmetic takes
PADDING = 8  # bytes that may be read past the end of a string
EMPTY = -1


def compiled(function: F) -> F:
    """Compile for nopython mode without the GIL, and keep the machine code on disk.

    No fast-math: results must not depend on how a compiler may reorder sums.
    """
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


@intrinsic  # type: ignore[untyped-decorator]
def load_word(typing_context: Any, data: Any, index: Any) -> Any:
    """load_word(data, index): the eight bytes from `index` on, the first lowest. They must exist."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = arrayobj.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(data, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def add_scaled(
    typing_context: Any, target: Any, target_at: Any, source: Any, source_at: Any, width: Any, scale: Any
) -> Any:
    """add_scaled(target, target_at, source, source_at, width, scale): ``target[...] += scale * source[...]``.

    For runs of `width`, a multiple of `LANES`, that do not overlap: a float32 source, and a target of float32 or
    float64, which also is what the arithmetic is in. Written in vectors, because the compiler cannot know so much,
    and its checks would cost more than the sums. Each element is one product and one sum, rounded in between, so
    every machine gives the same bits.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        narrow = ir.VectorType(ir.FloatType(), LANES)
        number = ir.DoubleType() if wide else ir.FloatType()
        vector = ir.VectorType(number, LANES)
        into, into_at, of, of_at, count, factor = arguments
        arrays = [
            arrayobj.make_array(kind)(context, builder, value)
            for kind, value in ((signature.args[0], into), (signature.args[2], of))
        ]
        lane = builder.insert_element(ir.Constant(vector, ir.Undefined), factor, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        factors = builder.shuffle_vector(lane, ir.Constant(vector, ir.Undefined), zeros)
        step = ir.Constant(count.type, LANES)
        with cgutils.for_range_slice(builder, ir.Constant(count.type, 0), count, step, count.type) as (place, _):
            left = builder.bitcast(
                builder.gep(arrays[0].data, [builder.add(into_at, place)]), vector.as_pointer()
            )
            right = builder.bitcast(builder.gep(arrays[1].data, [builder.add(of_at, place)]), narrow.as_pointer())
            addend = builder.load(right, align=4)
            if wide:
                addend = builder.fpext(addend, vector)
            total = builder.fadd(builder.load(left, align=4), builder.fmul(addend, factors))
            builder.store(total, left, align=4)
        return context.get_dummy_value()

    wide = target.dtype == types.float64
    scale_type = types.float64 if wide else types.float32
    return types.void(target, types.intp, source, types.intp, types.intp, scale_type), generate


@compiled
def low_bytes(word: np.uint64, count: int) -> np.uint64:
    """The lowest `count` bytes of `word`, the others zero."""
    if count >= 8:
        return word
    return word & ((np.uint64(1) << np.uint64(8 * count)) - np.uint64(1))


@compiled
def span_key(data: Bytes, start: int, end: int) -> np.uint64:
    """The key of the bytes `start:end`, of which `PADDING` more must be readable."""
    size = end - start
    if size <= SHORT:
        return low_bytes(load_word(data, start), size) | (np.uint64(size) << np.uint64(56))
    mixed = np.uint64(size) * GOLDEN
    at = start
    while at < end:
        mixed = (mixed ^ low_bytes(load_word(data, at), end - at)) * GOLDEN
        mixed ^= mixed >> SHIFT_32
        at += 8
    return mixed | LONG


@compiled
def is_exact(key: np.uint64) -> bool:
    """Whether the key holds its string, so that equal keys need no look at the bytes."""
    return key < LONG


@compiled
def slot_of(key: np.uint64, bits: int) -> int:
    """The first slot to look at in a table of ``2**bits``."""
    return np.int64(((key ^ (key >> SHIFT_32)) * GOLDEN) >> np.uint64(64 - bits))


@compiled
def pair_key(first: int, second: int) -> np.uint64:
    """Two ids in one word. Exact."""
    return (np.uint64(first) << SHIFT_32) | np.uint64(second)


@compiled
def same_bytes(left: Bytes, left_start: int, right: Bytes, right_start: int, count: int) -> bool:
    for i in range(count):
        if left[left_start + i] != right[right_start + i]:
            return False
    return True


@compiled
def find_pair(keys: Keys, ids: Ids, key: np.uint64, bits: int) -> int:
    """The slot of an exact key, or the free slot where it belongs."""
    mask = keys.size - 1
    slot = slot_of(key, bits)
    while ids[slot] != EMPTY and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@compiled
def rehash(keys: Keys, ids: Ids, new_keys: Keys, new_ids: Ids, bits: int) -> None:
    """Move every entry to an empty table of ``2**bits`` slots."""
    mask = new_keys.size - 1
    for old in range(keys.size):
        if ids[old] != EMPTY:
            slot = slot_of(keys[old], bits)
            while new_ids[slot] != EMPTY:
                slot = (slot + 1) & mask
            new_keys[slot] = keys[old]
            new_ids[slot] = ids[old]
