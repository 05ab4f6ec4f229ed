"""Records that MLflow has not got yet: a folder each, with the entry and a copy of the model folder as it was.

The copy is made of hard links where the file system has them, so it takes no space; training again into the same
folder replaces that folder's files and leaves the linked ones. A folder appears whole, by renaming, and is locked by
the process that sends it.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from training.atomic import sync_folder, write_file
from training.tracking.locks import try_lock

PLACE = Path("experiments/pending")
ENTRY = "entry.json"
ABANDONED_SECONDS = 3600


@dataclass(frozen=True)
class Entry:
    """What is known of a training beside its model folder. Times are milliseconds since 1970.

    ``by_training`` unless it was made later, from the folder alone.
    """

    id: str
    folder: str
    manifest: str
    began: int
    ended: int
    uri: str | None = None
    seconds: float | None = None
    tags: dict[str, str] = field(default_factory=dict)
    by_training: bool = True
    tries: int = 0
    problem: str = "it was interrupted while it was sent"

    @property
    def name(self) -> str:
        return Path(self.folder).name


class Held:
    """A record that this process may send; no other process has it meanwhile."""

    def __init__(self, entry: Entry, folder: Path, place: Path | None = None, handle: int | None = None) -> None:
        self.entry = entry
        self.folder = folder
        self._place = place
        self._handle = handle

    def failed(self, problem: str) -> None:
        """Keep the record for another time, and if that can be written the problem with it."""
        self.entry = replace(self.entry, tries=self.entry.tries + 1, problem=problem)
        if self._place is not None:
            with suppress(OSError):
                write_file(self._place / ENTRY, _encoded(self.entry))

    def done(self) -> None:
        """Forget the record: it was sent. If that cannot be written, the next sync finds that it was."""
        if self._place is not None:
            gone = self._place.with_name(f".{self._place.name}.{os.getpid()}.gone")
            with suppress(OSError):
                self._place.rename(gone)
                shutil.rmtree(gone, ignore_errors=True)

    def close(self) -> None:
        """Let others have the record."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def keep(entry: Entry, folder: Path, place: Path | None = None) -> Held:
    """Write down that the record of ``folder`` is to be sent. Raises ``OSError`` where that cannot be written,
    ``FileExistsError`` if there is such an entry.
    """
    place = place or PLACE
    place.mkdir(parents=True, exist_ok=True)
    aside = place / f".{entry.id}.{os.getpid()}.tmp"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    handle = os.open(aside, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try_lock(handle)
        copy = aside / entry.name
        copy.mkdir()
        for file in folder.iterdir():
            _link(file, copy / file.name)
        sync_folder(copy)
        write_file(aside / ENTRY, _encoded(entry))
        if (place / entry.id).exists():
            raise FileExistsError(place / entry.id)
        aside.rename(place / entry.id)
        sync_folder(place)
    except BaseException:
        os.close(handle)
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return Held(entry, place / entry.id / entry.name, place / entry.id, handle)


def take(identity: str, place: Path | None = None) -> Held | None:
    """The record of that id, if it is still to be sent and no other process has it. ``ValueError`` if it is damaged."""
    folder = (place or PLACE) / identity
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    if not try_lock(handle) or not folder.exists() or not os.path.samestat(os.fstat(handle), folder.stat()):
        os.close(handle)
        return None
    try:
        entry = _decoded(folder)
    except BaseException:
        os.close(handle)
        raise
    return Held(entry, folder / entry.name, folder, handle)


def pending(place: Path | None = None) -> tuple[list[Entry], dict[str, str]]:
    """What is to be sent, oldest training first; and for each folder that cannot be read, what is wrong with it."""
    entries, damaged = [], {}
    for folder in _folders(place or PLACE):
        try:
            entries.append(_decoded(folder))
        except ValueError as problem:
            damaged[folder.name] = str(problem)
    return sorted(entries, key=lambda entry: (entry.ended, entry.id)), damaged


def sweep(place: Path | None = None) -> None:
    """Remove what processes that died have left aside."""
    place = place or PLACE
    for folder in place.glob(".*") if place.is_dir() else ():
        with suppress(FileNotFoundError):  # another process sweeps as well
            if time.time() - folder.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _folders(place: Path) -> Iterator[Path]:
    for folder in sorted(place.iterdir()) if place.is_dir() else ():
        if not folder.name.startswith(".") and folder.is_dir():
            yield folder


def _decoded(folder: Path) -> Entry:
    try:
        tree = json.loads((folder / ENTRY).read_bytes())
        return Entry(**tree)
    except (ValueError, TypeError, OSError) as problem:
        raise ValueError(f"{folder / ENTRY}: damaged ({problem}). Remove {folder} to give this record up.") from None


def _encoded(entry: Entry) -> bytes:
    return (json.dumps(asdict(entry), ensure_ascii=False, indent=1) + "\n").encode()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
