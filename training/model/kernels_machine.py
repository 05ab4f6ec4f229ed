"""What compiled kernels need and Numba does not offer: unaligned loads, bit scans, prefetch, vectors."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES = 16  # float32 that one step of vector arithmetic takes
BLOCK = 64  # bytes that one step of cutting takes


def pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """The address of an element."""
    from numba.np import arrayobj  # what is compiled already does without

    data = arrayobj.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index])


@intrinsic  # type: ignore[untyped-decorator]
def load_word(typing_context: Any, data: Any, index: Any) -> Any:
    """load_word(data, index): the eight bytes from `index` on as uint64, the first lowest. They must exist."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[0], *arguments)
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(data, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def trailing_zeros(typing_context: Any, word: Any) -> Any:
    """trailing_zeros(word): how many low bits of a uint64 are zero."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


def ask_for_line(builder: Any, place: Any) -> None:
    """Ask for the cache line of an address."""
    word = ir.IntType(32)
    function = builder.module.declare_intrinsic(
        "llvm.prefetch", [place.type], ir.FunctionType(ir.VoidType(), [place.type, word, word, word])
    )
    read, keep, data = (ir.Constant(word, value) for value in (0, 3, 1))
    builder.call(function, [place, read, keep, data])


def _mask_of_block(context: Any, builder: Any, signature: Any, arguments: Any, chosen: Any) -> Any:
    """A bit for each byte from an index on that `chosen` picks, given vectors of the bytes and of a constant."""
    vector = ir.VectorType(ir.IntType(8), BLOCK)
    place = pointer(context, builder, signature.args[0], *arguments)
    block = builder.load(builder.bitcast(place, vector.as_pointer()), align=1)
    picked = chosen(block, lambda byte: ir.Constant(vector, [byte] * BLOCK))
    return builder.bitcast(picked, ir.IntType(64))


@intrinsic  # type: ignore[untyped-decorator]
def word_bytes(typing_context: Any, data: Any, index: Any) -> Any:
    """word_bytes(data, index): uint64, a bit for each of `BLOCK` bytes that is a letter or digit of ASCII, or "_"."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def chosen(block: Any, every: Any) -> Any:
            letter = builder.sub(builder.or_(block, every(0x20)), every(ord("a")))
            digit = builder.sub(block, every(ord("0")))
            alphanumeric = builder.or_(
                builder.icmp_unsigned("<", letter, every(26)), builder.icmp_unsigned("<", digit, every(10))
            )
            return builder.or_(alphanumeric, builder.icmp_unsigned("==", block, every(ord("_"))))

        return _mask_of_block(context, builder, signature, arguments, chosen)

    return types.uint64(data, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def high_bytes(typing_context: Any, data: Any, index: Any) -> Any:
    """high_bytes(data, index): uint64, a bit for each of `BLOCK` bytes that is not ASCII."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def chosen(block: Any, every: Any) -> Any:
            return builder.icmp_signed("<", block, every(0))

        return _mask_of_block(context, builder, signature, arguments, chosen)

    return types.uint64(data, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def equal_words(typing_context: Any, table: Any, index: Any, key: Any) -> Any:
    """equal_words(table, index, key): uint64, a bit for each of the four elements from `index` on that are `key`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table_, index_, key_ = arguments
        vector = ir.VectorType(ir.IntType(64), 4)
        place = pointer(context, builder, signature.args[0], table_, index_)
        words = builder.load(builder.bitcast(place, vector.as_pointer()), align=8)
        undefined = ir.Constant(vector, ir.Undefined)
        lane = builder.insert_element(undefined, key_, ir.Constant(ir.IntType(32), 0))
        keys = builder.shuffle_vector(lane, undefined, ir.Constant(ir.VectorType(ir.IntType(32), 4), [0] * 4))
        equal = builder.bitcast(builder.icmp_unsigned("==", words, keys), ir.IntType(4))
        return builder.zext(equal, ir.IntType(64))

    return types.uint64(table, types.intp, types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def ones(typing_context: Any, word: Any) -> Any:
    """ones(word): how many bits of a uint64 are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """prefetch(array, index): ask for the cache line of an element that will be read soon."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        ask_for_line(builder, pointer(context, builder, signature.args[0], *arguments))
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def add_rows(
    typing_context: Any,
    target: Any,
    target_at: Any,
    source: Any,
    starts: Any,
    scales: Any,
    first: Any,
    end: Any,
    width: Any,
) -> Any:
    """add_rows(target, target_at, source, starts, scales, first, end, width): add scaled rows to a float64 row.

    ``target[target_at + k] += scales[i] * source[starts[i] + k]`` for i from `first` to `end` and k below `width`, a
    multiple of `LANES`; the source is float32 and does not overlap, `starts` int64, `scales` float64. Written in
    vectors, because the compiler cannot know so much, and its checks would cost more than the sums; `LANES` sums at a
    time, which then stay in registers. Each is one product and one sum, rounded in between, row after row, so every
    machine gives the same bits.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        into, into_at, of, starts_, scales_, first_, end_, count = arguments
        narrow, vector = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.DoubleType(), LANES)
        undefined = ir.Constant(vector, ir.Undefined)
        every = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        left_start = pointer(context, builder, signature.args[0], into, into_at)
        sums = cgutils.alloca_once(builder, vector)
        zero, one, step = (ir.Constant(count.type, value) for value in (0, 1, LANES))
        with cgutils.for_range_slice(builder, zero, count, step, count.type) as (place, _):
            left = builder.bitcast(builder.gep(left_start, [place]), vector.as_pointer())
            builder.store(builder.load(left, align=8), sums)
            with cgutils.for_range_slice(builder, first_, end_, one, first_.type) as (row, _):
                start = builder.load(pointer(context, builder, signature.args[3], starts_, row))
                scale = builder.load(pointer(context, builder, signature.args[4], scales_, row))
                right = pointer(context, builder, signature.args[2], of, builder.add(start, place))
                addend = builder.fpext(builder.load(builder.bitcast(right, narrow.as_pointer()), align=4), vector)
                lane = builder.insert_element(undefined, scale, ir.Constant(ir.IntType(32), 0))
                product = builder.fmul(addend, builder.shuffle_vector(lane, undefined, every))
                builder.store(builder.fadd(builder.load(sums), product), sums)
            builder.store(builder.load(sums), left, align=8)
        return context.get_dummy_value()

    return types.void(target, types.intp, source, starts, scales, types.intp, types.intp, types.intp), generate
