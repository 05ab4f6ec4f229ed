"""A disk that fails on purpose: the n-th operation that changes it crashes, is torn, or is refused."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

OPERATIONS = ("write", "fsync", "rename", "replace", "unlink", "ftruncate", "mkdir", "rmdir")


class Crash(BaseException):
    """The end of the process, as if by kill -9: nothing that catches ordinary errors sees it."""


class Disk:
    """Counts operations and fails at number ``at`` (from 1; 0 never).

    ``how`` is "crash" (before it is done), "torn" (a write is done by half, then crash), "power" (crash, and of every
    file only what was flushed is left, with garbage behind it) or the name of an errno.
    """

    def __init__(self, at: int = 0, how: str = "crash") -> None:
        self.at = at
        self.how = how
        self.count = 0
        self.failed: str | None = None
        self._real = {name: getattr(os, name) for name in OPERATIONS}
        self._flushed: dict[str, int] = {}

    @contextmanager
    def installed(self) -> Iterator[Disk]:
        """Put the disk under ``os``, which pathlib and shutil go through as well."""
        with mock.patch.multiple(os, **{name: self._operation(name) for name in OPERATIONS}):
            yield self

    def _operation(self, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                self.failed = name
                self._fail(name, arguments)
            result = self._real[name](*arguments, **options)
            if name == "fsync":
                self._note(arguments[0])
            return result

        return call

    def _note(self, handle: int) -> None:
        self._flushed[str(Path(f"/proc/self/fd/{handle}").readlink())] = os.fstat(handle).st_size

    def _fail(self, name: str, arguments: tuple[Any, ...]) -> None:
        if self.how.startswith("E"):
            raise OSError(getattr(errno, self.how), os.strerror(getattr(errno, self.how)))
        if self.how in ("torn", "power") and name == "write":
            self._real["write"](arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        if self.how == "power":
            for path, size in self._flushed.items():
                if os.path.isfile(path) and os.path.getsize(path) > size:  # noqa: PTH113, PTH202
                    lost = os.path.getsize(path) - size  # noqa: PTH202
                    with open(path, "r+b") as file:  # noqa: PTH123
                        file.truncate(size)
                        file.seek(size)
                        self._real["write"](file.fileno(), b"\0" * (lost // 2))
        raise Crash
