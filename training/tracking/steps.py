"""The steps of sending: which one failed and why, in a line, and an end to them when the time is over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from training.errors import UserError

LONGEST = 400
CONTACT = ("opening the store", "finding the experiment")
"""The first steps: when one of these fails, the store did not answer."""


class SendingError(Exception):
    """A step of sending that failed. ``unanswered`` if the store itself did not answer."""

    def __init__(self, message: str, *, unanswered: bool = False) -> None:
        super().__init__(message)
        self.unanswered = unanswered


class Steps:
    """Names the store and the step that fails. After ``seconds`` no further step begins."""

    def __init__(self, store: str, seconds: float | None = None) -> None:
        self._store = store
        self._began = time.monotonic()
        self._seconds = seconds

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        taken = time.monotonic() - self._began
        if self._seconds is not None and taken > self._seconds:
            raise SendingError(f"{self._store} is slow: {taken:.0f} s had passed before {what}")
        try:
            yield
        except Exception as problem:
            unanswered = what in CONTACT and not isinstance(problem, UserError)
            raise SendingError(f"{self._store}: {what} failed: {reason(problem)}", unanswered=unanswered) from problem


def reason(problem: BaseException) -> str:
    """What went wrong, in a line: the operating system's own word where there is one, else that of the library."""
    if isinstance(problem, KeyboardInterrupt):
        return "interrupted"
    said = " ".join(str(problem).split("\n", 1)[0].split()) or type(problem).__name__
    deepest = _of_the_system(problem)
    if deepest is None or isinstance(problem, SendingError | UserError):
        return said[:LONGEST]
    return " ".join(str(deepest).split()) or type(deepest).__name__


def _of_the_system(problem: BaseException) -> OSError | None:
    found, link = None, problem
    while link is not None and link is not link.__context__:
        if isinstance(link, OSError) and type(link).__module__ in ("builtins", "socket", "http.client"):
            found = link
        link = link.__cause__ or link.__context__  # type: ignore[assignment]
    return found
