"""The ground that the text kernels stand on: the compiler's settings, and strings of bytes as hash keys.

A string of at most seven bytes *is* its key: the bytes and the length in one 64-bit word, so that equal keys
mean equal strings. Longer strings are hashed by multiply and shift over eight bytes at a time, and marked by
the top bit; wherever such keys meet, the bytes decide. So no two strings are ever taken for one.

Tables are open-addressing with linear probing, and at most half full. An entry is two words, the key and the id
plus one (zero is a free slot), so that one cache line holds both. A key's first slot is the top bits of its
product with an odd constant (multiply-shift: Dietzfelbinger, Hagerup, Katajainen and Penttonen, "A reliable
randomized algorithm for the closest-pair problem", J. Algorithms 25, 1997; the constant is Knuth's golden
ratio, TAOCP 3, section 6.4).
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from training.model.kernels_machine import load_word

Bytes = npt.NDArray[np.uint8]
Table = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.int32]
Positions = npt.NDArray[np.int64]

F = TypeVar("F", bound=Callable[..., Any])

logger = logging.getLogger(__name__)

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
LONG = np.uint64(1 << 63)
SHIFT_32 = np.uint64(32)
LOW_HALF = np.uint64(2**32 - 1)
ONE = np.uint64(1)
SHORT = 7  # bytes that fit a key beside their count
PADDING = 8  # bytes that may be read past the end of a string
EMPTY = -1

# NumPy's int64 as what Python calls int: in kernels, int() of an unsigned number would stay unsigned.
whole = cast(Callable[[Any], int], np.int64)
# The same for indices in hot loops: a signed one is tested for being negative each time.
unsigned = cast(Callable[[Any], int], np.uint64)


def _cache_folder() -> Path | None:
    """Where machine code is kept between runs: beside the package, else the user's, else the system's.

    Numba looks for changes in the file of a function, but not of those that it calls: so the folder has the name
    of all sources together. What it keeps is unpickled, so a folder in which others can put files is not used.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for source in [*sorted(here.glob("kernels*.py")), here / "characters.py"]:
        digest.update(source.read_bytes())
    own = Path(tempfile.gettempdir()) / f"conflict-topics-{os.getuid()}"
    for place in (here / "__pycache__", Path("~/.cache/conflict-topics"), own):
        try:
            parent = place.expanduser()
            folder = parent / f"kernels-{digest.hexdigest()[:16]}"
            parent.mkdir(mode=0o700 if parent == own else 0o777, parents=True, exist_ok=True)
            folder.mkdir(exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            if is_ours(parent) and is_ours(folder):
                return folder
        except (OSError, RuntimeError):  # RuntimeError: there is no home
            continue
    return None


def is_ours(folder: Path) -> bool:
    """Whether a folder, not a link to one, is this user's and not open to everyone's writing."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & stat.S_IWOTH


_folder = _cache_folder()
_cold = _folder is None or not any(_folder.iterdir())


@functools.cache
def note_if_cold() -> None:
    """Say once that compiling takes a while, if nothing is kept from an earlier run."""
    if _folder is None and not numba.config.CACHE_DIR:
        logger.warning(
            "Compiling the text kernels takes some seconds each time, as no folder to keep them in can be written. "
            "NUMBA_CACHE_DIR may name one."
        )
    elif _cold:
        logger.info("Compiling the text kernels for this machine; this happens once and takes some seconds.")


def _jit(function: F, **options: Any) -> F:
    chosen = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = chosen or str(_folder)
    try:
        keep = bool(chosen) or _folder is not None
        return cast(F, numba.njit(cache=keep, nogil=True, error_model="numpy", **options)(function))
    finally:
        numba.config.CACHE_DIR = chosen


def compiled(function: F) -> F:
    """Compile for nopython mode without the GIL, and keep the machine code on disk.

    No fast-math: results must not depend on how a compiler may reorder sums.
    """
    return _jit(function)


def unordered(function: F) -> F:
    """The same, but sums may be reordered: for what is learned from."""
    return _jit(function, fastmath=True)


def lean(function: F) -> F:
    """The same for a function that makes no arrays: without it, each array passed on is counted, atomically."""
    return _jit(function, _nrt=False)


def inner(function: F) -> F:
    """The same for a function that only kernels call: half the code is else for taking Python's arguments apart."""
    return _jit(function, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def inlined(function: F) -> F:
    """The same for a small function of hot loops: a call would put seven words on the stack for each array."""
    return _jit(function, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)


@inlined
def low_bytes(word: np.uint64, count: int) -> np.uint64:
    """The lowest `count` bytes of `word`, from none to all eight, the others zero. More counts as eight."""
    kept = np.uint64(8 * min(max(count, 0), 8))
    # Shifting by 64 is not defined, so in two steps.
    return word & ~((~np.uint64(0) << (kept >> ONE)) << (kept - (kept >> ONE)))


@inlined
def short_key(word: np.uint64, size: int) -> np.uint64:
    """The key of the lowest `size` bytes of `word`, at most `SHORT`."""
    return low_bytes(word, size) | (np.uint64(size) << np.uint64(56))


@inlined
def span_key(data: Bytes, start: int, end: int) -> np.uint64:
    """The key of the bytes `start:end`, of which `PADDING` more must be readable."""
    size = end - start
    if size <= SHORT:
        return short_key(load_word(data, start), size)
    mixed = np.uint64(size) * GOLDEN
    at = start
    while at < end:
        mixed = (mixed ^ low_bytes(load_word(data, at), end - at)) * GOLDEN
        mixed ^= mixed >> SHIFT_32
        at += 8
    return mixed | LONG


@inlined
def is_exact(key: np.uint64) -> bool:
    """Whether the key holds its string, so that equal keys need no look at the bytes."""
    return bool(key < LONG)


@inlined
def slot_of(key: np.uint64, bits: int) -> int:
    """The first slot to look at in a table of ``2**bits``."""
    return whole(((key ^ (key >> SHIFT_32)) * GOLDEN) >> np.uint64(64 - bits))


@inlined
def pair_key(first: int, second: int) -> np.uint64:
    """Two ids in one word. Exact."""
    return (np.uint64(first) << SHIFT_32) | np.uint64(second)


@inlined
def same_bytes(left: Bytes, left_start: int, right: Bytes, right_start: int, count: int) -> bool:
    for i in range(count):
        if left[unsigned(left_start + i)] != right[unsigned(right_start + i)]:
            return False
    return True


@inlined
def copy_bytes(target: Bytes, target_start: int, source: Bytes, start: int, end: int) -> None:
    """Copy the bytes `start:end`. (Assigning slices would make an array.)"""
    for i in range(end - start):
        target[unsigned(target_start + i)] = source[unsigned(start + i)]


@inlined
def id_at(table: Table, slot: int) -> int:
    """The id in a slot, or EMPTY."""
    return whole(table[unsigned(2 * slot + 1)]) - 1


@inlined
def put(table: Table, slot: int, key: np.uint64, known: int) -> None:
    """Fill a slot."""
    table[2 * slot] = key
    table[2 * slot + 1] = np.uint64(known + 1)


@inlined
def find_exact(table: Table, key: np.uint64, bits: int) -> int:
    """The slot of an exact key, or the free slot where it belongs."""
    slot = slot_of(key, bits)
    while table[unsigned(2 * slot + 1)] != 0 and table[unsigned(2 * slot)] != key:
        slot = (slot + 1) & ((1 << bits) - 1)
    return slot


@compiled
def insertion_sort(keys: Table | Ids, values: Ids, first: int, end: int) -> None:
    """Sort a short range by its keys, with the values beside them."""
    for i in range(first + 1, end):
        key, value = keys[i], values[i]
        j = i - 1
        while j >= first and keys[j] > key:
            keys[j + 1] = keys[j]
            values[j + 1] = values[j]
            j -= 1
        keys[j + 1] = key
        values[j + 1] = value


@compiled
def rehash(table: Table, larger: Table, bits: int) -> None:
    """Copy every entry to an empty table of ``2**bits`` slots."""
    for old in range(table.size // 2):
        if table[2 * old + 1] != 0:
            slot = slot_of(table[2 * old], bits)
            while larger[2 * slot + 1] != 0:
                slot = (slot + 1) & ((1 << bits) - 1)
            larger[2 * slot] = table[2 * old]
            larger[2 * slot + 1] = table[2 * old + 1]
