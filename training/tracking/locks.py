"""One at a time: locks between processes, and patience with a database that another process holds."""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")

PATIENCE = 60.0
"""Seconds for which a busy database is tried again."""
MOST_CONFLICTS = 4
"""Tries of a call that met with its own double."""


def try_lock(handle: int) -> bool:
    """Take the lock of an open file or folder unless another process has it. It ends when ``handle`` is closed.

    A file system without locks gives it to everyone.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[bool]:
    """Hold the lock file ``path``, waiting up to ``seconds`` for it. Yields whether it is held.

    Where there can be no lock (a read-only folder, a file system without locks) the work goes on without one.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        yield False
        return
    try:
        yield _wait_for(handle, time.monotonic() + seconds)
    finally:
        os.close(handle)


def _wait_for(handle: int, deadline: float) -> bool:
    pause = 0.02
    while not try_lock(handle):
        if time.monotonic() > deadline:
            return False
        time.sleep(pause * random.uniform(0.5, 1))
        pause = min(2 * pause, 0.5)
    return True


def is_busy(problem: BaseException) -> bool:
    """Whether an error says that SQLite was held by another process, so that nothing was done."""
    text = str(problem)
    return "database is locked" in text or "database table is locked" in text


def is_conflict(problem: BaseException) -> bool:
    """Whether an error says that a server was writing the same at the same time.

    That is what becomes of a request that is sent again because its answer is late. Nothing was done, and when the
    first one is through, the same call finds that it is.
    """
    text = str(problem)
    return "UNIQUE constraint failed" in text or "duplicate key value violates unique constraint" in text


def patiently(call: Callable[[], Result]) -> Result:
    """The result of ``call``, tried again with growing pauses while the database is held by another process."""
    deadline = time.monotonic() + PATIENCE
    pause = 0.05
    conflicts = 0
    while True:
        try:
            return call()
        except Exception as problem:
            conflicts += is_conflict(problem)
            again = is_busy(problem) or (is_conflict(problem) and conflicts < MOST_CONFLICTS)
            if not again or time.monotonic() > deadline:
                raise
        time.sleep(pause * random.uniform(0.5, 1))
        pause = min(2 * pause, 2.0)


class Patient:
    """An object whose methods are called with :func:`patiently`."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._inner, name)
        return lambda *args, **kwargs: patiently(lambda: method(*args, **kwargs))
