"""SIGINT and SIGTERM as a wish to stop, which the engine grants at the end of a batch."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopOnSignal:
    """While entered, the first signal only sets ``number``; the second one has its usual effect.

    Who stops because of it sets ``heeded``: a signal that comes when all is read changes nothing. Signals reach
    the main thread alone: in any other thread this does nothing.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.heeded = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopOnSignal:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *exception: object) -> None:
        self._restore()

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
