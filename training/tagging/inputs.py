"""Which files are tagged, in which order, and how each is read."""

from __future__ import annotations

import glob
import hashlib
import logging
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from training.errors import UserError
from training.tagging.formats import FORMATS, format_of, parse_format

REJECTED = ".rejected.jsonl"  # how the names of rejected rows end
_EDGE = 64 << 10

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """One input. ``path`` is None for standard input; ``shown`` is how messages and rejected rows name it.

    ``article_id`` stands for the file in ids: its name without suffix, below the folder that was named.
    A ``stream`` (standard input, a pipe) can be read only once.
    """

    path: str | None
    shown: str
    article_id: str
    format: str
    compression: str | None
    size: int = 0
    modified: int = 0

    @property
    def stream(self) -> bool:
        return self.path is None or self.modified < 0

    def fingerprint(self) -> list[Any]:
        """Name, size, time of change and a hash of the first and last 64 KiB: what a resumed job compares."""
        if self.path is None or self.stream:
            return [self.shown, self.format, self.compression, 0, 0, ""]
        digest = hashlib.blake2b(digest_size=16)
        try:
            with Path(self.path).open("rb") as stream:
                digest.update(stream.read(_EDGE))
                if self.size > _EDGE:
                    stream.seek(max(_EDGE, self.size - _EDGE))
                    digest.update(stream.read(_EDGE))
        except OSError as problem:
            raise UserError(f"{self.shown}: cannot be read: {problem.strerror}.") from None
        return [self.shown, self.format, self.compression, self.size, self.modified, digest.hexdigest()]

    def unchanged(self) -> None:
        """Raise if the file is gone or is not the one that was found at the start."""
        if self.path is None or self.stream:
            return
        try:
            now = Path(self.path).stat()
        except OSError as problem:
            raise UserError(
                f"{self.shown}: was there at the start and cannot be read now: {problem.strerror}. "
                f"Put it back and run the same command again: it goes on where it stopped."
            ) from None
        if (now.st_size, now.st_mtime_ns) != (self.size, self.modified):
            raise UserError(
                f"{self.shown}: was changed while it was read. Wait until it is complete, then run again with --force."
            )


def shown(path: str | bytes) -> str:
    """A file name as valid text on one line: bytes that are not UTF-8 and control characters are escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def find_sources(inputs: Sequence[str], input_format: str | None, own: Sequence[str] = ()) -> tuple[list[Source], int]:
    """The sources that files, folders, globs and ``-`` name, in order, and how many files were passed over.

    Folders are walked to the bottom in sorted order; what is hidden, no regular file, has no suffix of data or holds
    the rejected rows of a job is passed over there. A file that is named twice is read once. ``own`` are the files that
    the job itself writes.
    """
    if not inputs:
        raise UserError("no input. Name files, folders or globs, or - for standard input.")
    forced = parse_format(input_format, "--format") if input_format else None
    mine = {os.path.realpath(name) for name in own}
    found: dict[str, Source] = {}
    skipped = 0
    for name in inputs:
        for path, below in _named(name):
            if path == "-":
                kind, compression = forced or ("jsonl", None)
                found.setdefault("-", Source(None, "-", "stdin", kind, compression))
                continue
            real = os.path.realpath(path)
            if below is not None and (real in mine or any(real.startswith(own_ + os.sep) for own_ in mine)):
                continue
            if real in mine:
                raise UserError(f"{shown(path)}: is the output of this very job. Name another --output.")
            known = _format_to_read(path, below, forced)
            # A pipe, or a link to nowhere or to itself; or rows that a job has not tagged.
            if below is not None and (not Path(path).is_file() or path.endswith(REJECTED)):
                known = None
            if known is None and below is None:
                raise UserError(_wrong_suffix(path))
            if known is None:
                skipped += 1
                continue
            found.setdefault(real, _source(path, below, known))
        for written in sorted(mine):
            if written.startswith(os.path.realpath(name) + os.sep) and not written.endswith(REJECTED):
                log.warning(
                    "%s: lies in %s, which is read: a job with another --output would read it as input. "
                    "Write it elsewhere.",
                    shown(written),
                    shown(name),
                )
    if not found:
        where = ", ".join(shown(name) for name in inputs)
        raise UserError(f"{where}: holds no file to tag ({skipped} passed over). Expected {' '.join(FORMATS)}.")
    return _distinct(list(found.values())), skipped


def _format_to_read(
    path: str, below: str | None, forced: tuple[str, str | None] | None
) -> tuple[str, str | None] | None:
    """The format of a file; in a folder, ``--format`` picks the files of that format and those without a suffix."""
    by_name = format_of(path)
    if forced is None or below is None:
        return forced or by_name
    return forced if by_name == forced or not PurePath(path).suffix else None


def _named(name: str) -> Iterator[tuple[str, str | None]]:
    """Paths that one INPUT means, each with its name below the folder if a folder was named."""
    if not name:
        raise UserError("an INPUT is empty text. Name files, folders or globs; . is the current folder.")
    path = Path(name)
    if name == "-":
        yield "-", None
    elif path.is_dir():
        for file in _walk(path, frozenset()):
            yield str(file), str(file.relative_to(path))
    elif os.path.lexists(name):
        yield name, None
    else:
        matches = sorted(match for match in glob.glob(name, recursive=True) if not Path(match).is_dir())  # noqa: PTH207
        if not matches:
            what = "no file matches" if glob.has_magic(name) else "no such file"
            raise UserError(f"{shown(name)}: {what}. Paths are relative to {shown(str(Path.cwd()))}.")
        for match in matches:
            yield match, None


def _walk(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    """Files below ``folder``, sorted. A link back to a folder that contains it is not followed."""
    try:
        status = folder.stat()
        with os.scandir(folder) as listed:
            entries = sorted((entry.name, _is_folder(entry)) for entry in listed)
    except OSError as problem:
        raise UserError(f"{shown(str(folder))}: the folder cannot be read: {problem.strerror}.") from None
    this = (status.st_dev, status.st_ino)
    if this in above:
        return
    for name, is_folder in entries:
        if name.startswith((".", "_")):
            continue
        if not is_folder:
            yield folder / name
        elif not name.endswith(".partial"):
            yield from _walk(folder / name, above | {this})


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _source(path: str, below: str | None, known: tuple[str, str | None]) -> Source:
    try:
        status = Path(path).stat()
        regular = stat.S_ISREG(status.st_mode)
        if regular:
            Path(path).open("rb").close()
    except OSError as problem:
        raise UserError(f"{shown(path)}: cannot be read: {problem.strerror}.") from None
    name = PurePath(below if below is not None else path)
    name = name if below is not None else PurePath(name.name)
    if format_of(name.name):
        name = name.with_suffix("").with_suffix("") if known[1] else name.with_suffix("")
    modified = status.st_mtime_ns if regular else -1
    return Source(path, shown(path), shown(str(name)), known[0], known[1], status.st_size, modified)


def _distinct(sources: list[Source]) -> list[Source]:
    """Where two files would lend the same name to their articles, the whole path is used instead."""
    names: dict[str, int] = {}
    for source in sources:
        names[source.article_id] = names.get(source.article_id, 0) + 1
    return [replace(source, article_id=source.shown) if names[source.article_id] > 1 else source for source in sources]


def _wrong_suffix(path: str) -> str:
    expected = " ".join(FORMATS)
    return (
        f"{shown(path)}: cannot tell the format from the name. Expected {expected}, plain, .gz or .zst; "
        f"say --format jsonl (or another) if the name does not."
    )
