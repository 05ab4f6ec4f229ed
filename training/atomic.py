"""Outputs that appear whole or not at all: written aside, flushed to the disk, renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from training.errors import UserError


@contextmanager
def telling(place: Path | str, advice: str = "Make room, or name another --output.") -> Iterator[None]:
    """A failing write to ``place`` (a full disk, a quota, a disk that went away) as a :class:`UserError`.

    :class:`BrokenPipeError` is left to the caller: whoever read the output had enough.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise UserError(f"{place}: cannot be written: {problem.strerror or problem}. {advice}") from problem


def check_writable(folder: Path) -> None:
    """Raise :class:`UserError` if files cannot be made in ``folder``, or the folder cannot. Leaves nothing behind."""
    with telling(folder):
        place = next(path for path in (folder, *folder.parents) if path.exists())
        Path(tempfile.mkdtemp(prefix=".conflict-topics-", dir=place)).rmdir()


def write_output(path: Path, content: bytes) -> None:
    """:func:`write_file` where a user wants it: its folder is made, and a failure is a :class:`UserError`."""
    with telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content)


def write_file(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` so that a crash leaves the old file or the new one, never a part."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write_through(aside, content)
        aside.replace(path)
        sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write a folder of files and put it in the place of ``folder``, which is removed if it was there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    replaced = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir()
        for name, content in contents.items():
            _write_through(aside / name, content)
        sync_folder(aside)
        if folder.exists():
            folder.rename(replaced)
        aside.rename(folder)
        sync_folder(folder.parent)
    finally:
        if replaced.exists() and not folder.exists():
            replaced.rename(folder)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
