"""Start-up without what a command does not use, and an end without taking down what the system frees anyway.

pyarrow imports pandas when it first makes an array, to see whether it was given one of its objects. Numba imports
SciPy, to see how old it is, and cffi, whose functions it could call. Each takes longer than tagging thousands of
paragraphs. Both look once, and do without what they do not find.

Before it looks for compiled code that it has kept, Numba also gets ready for compiling: it imports and registers all
that code could call, and SciPy, to see whether there is a BLAS. What was compiled needs its run-time alone; if
something was not, compiling gets ready for itself.

scikit-learn imports SciPy's statistics, which takes about half a second, for functions that no command here calls.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

# Commands make millions of small objects and hardly any cycle: looking for those as often as Python does by default
# takes a twelfth of training.
RARELY = (100_000, 20, 50)


class OwnProcess:
    """The object of a click context where a command has the process to itself, which then ends with it."""

    def __init__(self) -> None:
        self.ends_at_once = False
        gc.set_threshold(*RARELY)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Within, start a command that need not be taken down with care: what is imported then is never garbage."""
        self.ends_at_once = True
        gc.disable()
        skip_unused_imports()
        try:
            yield
        finally:
            gc.freeze()
            gc.enable()

    def learning(self) -> None:
        """Start a command that learns; scikit-learn comes without the statistics that SciPy has."""
        self.ends_at_once = True
        with _later("scipy.stats"):
            import sklearn.base  # noqa: F401

    def end(self) -> None:
        """End the process with success, where the command allows it without taking apart each object of Python."""
        if self.ends_at_once:
            atexit._run_exitfuncs()
            for stream in filter(None, (sys.stdout, sys.stderr)):  # None is one that was closed
                stream.flush()
            os._exit(0)


def skip_unused_imports() -> None:
    """Let pyarrow and Numba do without pandas, SciPy and cffi in this process, to its end.

    For a process that needs none of them: pyarrow then makes no pandas objects.
    """
    with _absent("pandas", "scipy", "cffi"):
        import numba.core.typing.cffi_utils  # noqa: F401
        import pyarrow
        from numba.core.caching import Cache

        pyarrow.array([0])
    Cache.load_overload = _load_overload


def _load_overload(cache: Any, signature: Any, target: Any) -> Any:
    """``numba.core.caching.Cache.load_overload``, but for its ``target.refresh()``."""
    from numba.core.runtime import rtsys

    rtsys.initialize(target)
    with cache._guard_against_spurious_io_errors():
        return cache._load_overload(signature, target)


class _Later(ModuleType):
    """What imports a module when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def _later(name: str) -> Iterator[None]:
    """Within, who imports this module gets what stands for it, unless it is imported already."""
    standing_in = sys.modules.setdefault(name, _Later(name))
    try:
        yield
    finally:
        if isinstance(standing_in, _Later) and sys.modules.get(name) is standing_in:
            del sys.modules[name]


class _Absent:
    """An importer that answers for some packages: they are not installed."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Within, importing these packages fails, unless they are imported already."""
    importer = _Absent(*names)
    sys.meta_path.insert(0, importer)
    try:
        yield
    finally:
        sys.meta_path.remove(importer)
