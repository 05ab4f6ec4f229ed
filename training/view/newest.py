"""Questions that overtake one another: what a page does not wait for any more is given up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple, Protocol

from training.errors import UserError


class Asked(NamedTuple):
    """Who asks, and which of their questions it is, counted from one."""

    asker: str
    number: int

    def of(self, kind: str) -> Asked:
        """The same for one kind of question: each kind has its own newest."""
        return Asked(f"{kind} {self.asker}", self.number)


class Interruptible(Protocol):
    def interrupt(self) -> None: ...


class Newest:
    """Of the questions of each asker only the newest runs on, in whatever order they arrive."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[int, Interruptible]] = {}
        self._lock = Lock()

    @contextmanager
    def of(self, asked: Asked, cursor: Interruptible) -> Iterator[None]:
        """Interrupt an older question that runs. Raises :class:`UserError` where a newer one does."""
        mine = (asked.number, cursor)
        with self._lock:
            before = self._running.get(asked.asker)
            if before is not None and before[0] > asked.number:
                raise given_up()
            self._running[asked.asker] = mine
        if before is not None:
            before[1].interrupt()
        try:
            yield
        finally:
            with self._lock:
                if self._running.get(asked.asker) is mine:
                    del self._running[asked.asker]


def given_up() -> UserError:
    return UserError("This was given up for a newer question.")
