"""Memory for tables that are read at random places."""

from __future__ import annotations

import contextlib
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

HUGE_PAGE = 2 << 20


def zeros(size: int, kind: Any) -> npt.NDArray[Any]:
    """Zeros that begin at a page, a huge one if the system has them: else looking up pages takes most of the time.

    Pages that are never touched take no memory.
    """
    size_bytes = size * np.dtype(kind).itemsize
    if size_bytes < HUGE_PAGE // 4:
        return np.zeros(size, kind)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        pages = mmap.mmap(-1, size_bytes + HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with contextlib.suppress(OSError):
            pages.madvise(mmap.MADV_HUGEPAGE)
        room = np.frombuffer(pages, np.uint8)
    else:
        room = np.zeros(size_bytes + HUGE_PAGE, np.uint8)
    first = -room.ctypes.data % HUGE_PAGE
    return room[first : first + size_bytes].view(kind)
