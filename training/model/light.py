"""Start-up without what a command does not use.

pyarrow imports pandas when it first makes an array, to see whether it was given one of its objects. When it first
loads compiled code, Numba imports SciPy, to see whether there is a BLAS, and cffi, whose functions it could call.
Each takes longer than tagging thousands of paragraphs. Both look once, and do without what they do not find.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class OwnProcess:
    """The object of a click context where a command has the process to itself, which then ends with it."""


def skip_unused_imports() -> None:
    """Let pyarrow and Numba do without pandas, SciPy and cffi in this process, to its end.

    For a process that needs none of them: pyarrow then makes no pandas objects, and compiled code no matrix products.
    """
    with _absent("pandas", "scipy", "cffi"):
        import numba.core.typing.cffi_utils
        import numba.np.arraymath  # noqa: F401
        import pyarrow

        pyarrow.array([0])


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
