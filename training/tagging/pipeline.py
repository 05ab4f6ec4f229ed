"""Work run ahead in threads, results in order: one thread reads, several decode, score and encode."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_READ_AHEAD = 2


def in_order(items: Iterable[Item], process: Callable[[Item], Result], threads: int) -> Iterator[tuple[Item, Result]]:
    """Each item with ``process(item)``, in the order of ``items``. At most ``2 * threads + 2`` items are in memory.

    An exception of ``items`` or of ``process`` is raised at its place in the order, so all that came before is seen.
    """
    pending: deque[tuple[Item, Future[Result]]] = deque()
    ahead = read_ahead(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="tag")
    problem: BaseException | None = None
    try:
        while True:
            try:
                item = next(ahead)
            except StopIteration:
                break
            except Exception as error:
                problem = error
                break
            pending.append((item, pool.submit(process, item)))
            if len(pending) > 2 * threads:
                first, result = pending.popleft()
                yield first, result.result()
        while pending:
            first, result = pending.popleft()
            yield first, result.result()
        if problem is not None:
            raise problem
    finally:
        ahead.close()
        pool.shutdown(wait=True, cancel_futures=True)


def read_ahead(items: Iterable[Item]) -> Generator[Item, None, None]:
    """The same items, made by a thread of their own that is a few ahead."""
    held: queue.Queue[tuple[bool, object]] = queue.Queue(_READ_AHEAD)
    closed = threading.Event()

    def put(entry: tuple[bool, object]) -> bool:
        while not closed.is_set():
            try:
                held.put(entry, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as problem:  # raised again in the thread that waits
            put((False, problem))

    reader = threading.Thread(target=run, name="read", daemon=True)
    reader.start()
    return _taken(held, closed, reader)


def _taken(
    held: queue.Queue[tuple[bool, object]], closed: threading.Event, reader: threading.Thread
) -> Generator[Any, None, None]:
    try:
        while True:
            more, entry = held.get()
            if more:
                yield entry
            elif entry is None:
                return
            else:
                raise entry  # type: ignore[misc]
    finally:
        closed.set()
        while not held.empty():
            held.get_nowait()
        reader.join(timeout=5)
