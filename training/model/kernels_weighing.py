"""From counts in the order of occurrence to sorted rows, document frequencies and tf-idf rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.model.kernels import EMPTY, Ids, Positions, compiled, insertion_sort

FEW = 24  # up to which insertion beats radix sort
DIGIT = 8  # bits of a radix


@compiled
def document_frequency(indptr: Positions, indices: Ids, rows: Positions, terms: int) -> Positions:
    """int64 [terms], in how many of `rows` each term occurs."""
    frequency = np.zeros(terms, np.int64)
    for row in rows:
        for i in range(indptr[row], indptr[row + 1]):
            frequency[indices[i]] += 1
    return frequency


@compiled
def term_frequency(indptr: Positions, indices: Ids, counts: Ids, rows: Positions, terms: int) -> Positions:
    """int64 [terms], how often each term occurs in `rows`."""
    frequency = np.zeros(terms, np.int64)
    for row in rows:
        for i in range(indptr[row], indptr[row + 1]):
            frequency[indices[i]] += counts[i]
    return frequency


@compiled
def kept_entries(indptr: Positions, indices: Ids, rows: Positions, columns: Ids) -> Positions:
    """int64 [rows + 1], the row pointer of the entries whose column is kept."""
    pointer = np.zeros(rows.size + 1, np.int64)
    kept = 0
    for i in range(rows.size):
        for j in range(indptr[rows[i]], indptr[rows[i] + 1]):
            kept += columns[indices[j]] != EMPTY
        pointer[i + 1] = kept
    return pointer


@compiled
def sort_pairs(keys: Ids, values: Ids, start: int, end: int, bits: int, spare: Ids) -> None:
    """Sort ``keys[start:end]``, each below ``2**bits``, with their values. `spare` holds four times as many."""
    size = end - start
    if size <= FEW:
        insertion_sort(keys, values, start, end)
        return
    places = np.zeros((1 << DIGIT) + 1, np.int64)
    source_keys, source_values = keys[start:end], values[start:end]
    target_keys, target_values = spare[:size], spare[size : 2 * size]
    swapped = False
    for shift in range(0, bits, DIGIT):
        places[:] = 0
        for i in range(size):
            places[((source_keys[i] >> shift) & ((1 << DIGIT) - 1)) + 1] += 1
        for digit in range(1 << DIGIT):
            places[digit + 1] += places[digit]
        for i in range(size):
            digit = (source_keys[i] >> shift) & ((1 << DIGIT) - 1)
            target_keys[places[digit]] = source_keys[i]
            target_values[places[digit]] = source_values[i]
            places[digit] += 1
        source_keys, target_keys = target_keys, source_keys
        source_values, target_values = target_values, source_values
        swapped = not swapped
    if swapped:
        target_keys[:] = source_keys
        target_values[:] = source_values


@compiled
def arrange(
    indptr: Positions, indices: Ids, counts: Ids, columns: Ids, bits: int,
    pointer: Positions, new_indices: Ids, new_counts: Ids,
) -> None:  # fmt: skip
    """Copy the entries whose column is kept, under their new columns (each below ``2**bits``), sorted by row."""
    longest = 0
    for row in range(pointer.size - 1):
        longest = max(longest, pointer[row + 1] - pointer[row])
    spare = np.empty(2 * longest, np.int32)
    for row in range(pointer.size - 1):
        place = pointer[row]
        for i in range(indptr[row], indptr[row + 1]):
            column = columns[indices[i]]
            if column != EMPTY:
                new_indices[place] = column
                new_counts[place] = counts[i]
                place += 1
        sort_pairs(new_indices, new_counts, pointer[row], pointer[row + 1], bits, spare)


@compiled
def weigh(
    indptr: Positions, indices: Ids, counts: Ids, rows: Positions, columns: Ids,
    frequencies: npt.NDArray[Any], idf: npt.NDArray[Any], norm: int,
    pointer: Positions, new_indices: Ids, data: npt.NDArray[Any],
) -> None:  # fmt: skip
    """tf-idf of `rows` in the kept columns, whose order is that of the old ones.

    Rounds where scikit-learn's `TfidfTransformer` and `normalize` round, so that the results are the same.

    Args:
        frequencies: the tf of each count, in the type of `data`.
        norm: 2, 1 or 0 for none.
    """
    for i in range(rows.size):
        place = pointer[i]
        total = 0.0
        for j in range(indptr[rows[i]], indptr[rows[i] + 1]):
            column = columns[indices[j]]
            if column != EMPTY:
                value = frequencies[counts[j]] * idf[column]
                new_indices[place] = column
                data[place] = value
                total += np.float64(value * value) if norm == 2 else np.float64(abs(value))
                place += 1
        if norm and total > 0.0:
            if norm == 2:
                total = np.sqrt(total)
            for j in range(pointer[i], pointer[i + 1]):
                data[j] = data[j] / total
