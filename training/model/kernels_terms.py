"""Sorting and joining lists of terms: strings of UTF-8 one after the other, and where each begins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.model.kernels import EMPTY, SHORT, Bytes, Ids, Positions, Table, compiled, insertion_sort, whole

FEW = 12  # up to which insertion beats partition


@compiled
def piece(data: Bytes, start: int, end: int) -> np.uint64:
    """The next seven bytes, the first highest, then how many bytes are left (8 for more than seven).

    Pieces compare as their strings do, a prefix first, and equal pieces that say 8 have more to compare.
    """
    word = np.uint64(0)
    size = end - start
    for i in range(SHORT):
        byte = data[start + i] if i < size else np.uint8(0)
        word = (word << np.uint64(8)) | np.uint64(byte)
    return (word << np.uint64(8)) | np.uint64(min(size, SHORT + 1))


@compiled
def push(stack: Positions, used: int, first: int, end: int, depth: int) -> Positions:
    """Put a range on a stack that may grow."""
    if used == stack.shape[0]:
        larger = np.empty((2 * used, 3), np.int64)
        larger[:used] = stack
        stack = larger
    stack[used, 0] = first
    stack[used, 1] = end
    stack[used, 2] = depth
    return stack


@compiled
def partition(keys: Table, order: Ids, first: int, end: int, pivot: np.uint64) -> tuple[int, int]:
    """Put smaller keys before and greater ones behind those that equal the pivot; where these begin and end."""
    less, at, more = first, first, end
    while at < more:
        key = keys[at]
        if key < pivot:
            keys[at], keys[less] = keys[less], key
            order[at], order[less] = order[less], order[at]
            less += 1
            at += 1
        elif key > pivot:
            more -= 1
            keys[at], keys[more] = keys[more], key
            order[at], order[more] = order[more], order[at]
        else:
            at += 1
    return less, more


@compiled
def sort_terms(data: Bytes, starts: Positions, ends: Positions) -> Ids:
    """int32 [terms], the order of the terms by code points, which for UTF-8 is that of the bytes.

    Multikey quicksort (Bentley and Sedgewick, "Fast algorithms for sorting and searching strings", SODA 1997)
    with seven bytes for a character.
    """
    count = starts.size
    order = np.arange(count).astype(np.int32)
    keys = np.empty(count, np.uint64)
    for i in range(count):
        keys[i] = piece(data, starts[i], ends[i])
    stack = push(np.empty((64, 3), np.int64), 0, 0, count, 0)
    used = 1
    while used:
        used -= 1
        first, end, depth = stack[used, 0], stack[used, 1], stack[used, 2]
        if end - first <= FEW:
            insertion_sort(keys, order, first, end)
            less, more = first, first
        else:
            low, middle, high = keys[first], keys[(first + end) // 2], keys[end - 1]
            pivot = max(min(low, middle), min(max(low, middle), high))
            less, more = partition(keys, order, first, end, pivot)
            for left, right in ((first, less), (more, end)):
                if right - left > 1:
                    stack = push(stack, used, left, right, depth)
                    used += 1
            end = more
        # Runs of equal keys go on with the next seven bytes, if there are more.
        while less < end:
            more = less + 1
            while more < end and keys[more] == keys[less]:
                more += 1
            if more - less > 1 and keys[less] & np.uint64(0xFF) > np.uint64(SHORT):
                for i in range(less, more):
                    keys[i] = piece(data, starts[order[i]] + SHORT * (depth + 1), ends[order[i]])
                stack = push(stack, used, less, more, depth + 1)
                used += 1
            less = more
    return order


@compiled
def term_sizes(ids: Ids, parents: Ids, spans: Positions) -> Positions:
    """int64 [ids + 1], where the string of each id goes when they are written one after the other."""
    offsets = np.zeros(ids.size + 1, np.int64)
    for i in range(ids.size):
        size = 0
        known = ids[i]
        while parents[known] != EMPTY:
            word = spans[known, 0]
            size += spans[word, 1] - spans[word, 0] + 1
            known = parents[known]
        offsets[i + 1] = offsets[i] + size + spans[known, 1] - spans[known, 0]
    return offsets


@compiled
def write_terms(ids: Ids, parents: Ids, spans: Positions, pool: Bytes, offsets: Positions, text: Bytes) -> None:
    """Write the string of each id, its words joined by blanks."""
    for i in range(ids.size):
        end = offsets[i + 1]
        known = ids[i]
        while parents[known] != EMPTY:
            word = spans[known, 0]
            start, stop = spans[word, 0], spans[word, 1]
            end -= stop - start
            text[end : end + stop - start] = pool[start:stop]
            end -= 1
            text[end] = 32
            known = parents[known]
        text[offsets[i] : end] = pool[spans[known, 0] : spans[known, 1]]


@compiled
def compare(left: Bytes, left_start: int, left_end: int, right: Bytes, right_start: int, right_end: int) -> int:
    """Negative, zero or positive, as the left string stands before, at or after the right one."""
    for i in range(min(left_end - left_start, right_end - right_start)):
        difference = whole(left[left_start + i]) - whole(right[right_start + i])
        if difference:
            return difference
    return (left_end - left_start) - (right_end - right_start)


@compiled
def join_terms(data: Bytes, offsets: Positions, other: Bytes, other_offsets: Positions) -> Ids:
    """int32 [terms], where each term of a sorted list stands in the other, or EMPTY."""
    found = np.full(offsets.size - 1, EMPTY, np.int32)
    i = j = 0
    while i < offsets.size - 1 and j < other_offsets.size - 1:
        order = compare(data, offsets[i], offsets[i + 1], other, other_offsets[j], other_offsets[j + 1])
        if order == 0:
            found[i] = j
        i += order <= 0
        j += order >= 0
    return found


@compiled
def is_sorted(data: Bytes, offsets: Positions) -> bool:
    """Whether each term stands after the one before it."""
    for i in range(1, offsets.size - 1):
        if compare(data, offsets[i - 1], offsets[i], data, offsets[i], offsets[i + 1]) >= 0:
            return False
    return True


@compiled
def take_terms(
    data: Bytes, offsets: Positions, which: npt.NDArray[np.int64], new_offsets: Positions, text: Bytes
) -> None:
    """Copy the terms `which` to the places that `new_offsets` gives."""
    for i in range(which.size):
        text[new_offsets[i] : new_offsets[i + 1]] = data[offsets[which[i]] : offsets[which[i] + 1]]
