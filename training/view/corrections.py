"""Corrections on the disk: labelled records, one a paragraph, each certain before the page says that it is saved."""

from __future__ import annotations

import fcntl
import getpass
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training.atomic import sync_folder, write_file
from training.errors import UserError

log = logging.getLogger(__name__)

Record = dict[str, Any]
Signature = tuple[int, int, int] | None


class Corrections:
    """The labelled records of one JSONL file, which this process alone writes, one thread at a time.

    A new record is appended and flushed to the disk. One that changes or goes makes the file be written anew beside
    and put in its place, because a paragraph may stand only once in labelled data.
    """

    def __init__(self, path: Path, annotator: str | None) -> None:
        self.path = path
        self.annotator = annotator or _user()
        self._records = self._read()
        self._signature = self._seen()

    @classmethod
    @contextmanager
    def open(cls, path: Path, annotator: str | None = None) -> Iterator[Corrections]:
        """Hold the file for this process. Raises :class:`UserError`, also where another view holds it."""
        if path.suffix != ".jsonl":
            raise UserError(f"--corrections {path}: expected a file ending in .jsonl, as labelled records have it.")
        lock = path.with_name(f".{path.name}.lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = _locked(lock)
        except OSError as problem:
            raise UserError(
                f"--corrections {path}: cannot be written: {problem.strerror}. Choose another file with --corrections."
            ) from None
        if handle is None:
            raise UserError(f"{path}: another view writes to it. Close that one, or choose a file with --corrections.")
        try:
            yield cls(path, annotator)
        finally:
            lock.unlink(missing_ok=True)
            os.close(handle)

    def __len__(self) -> int:
        return len(self._records)

    def ids(self) -> list[str]:
        """The corrected paragraphs."""
        return list(self._records)

    def of(self, paragraph_id: str, text: str) -> Record | None:
        """The correction of a paragraph, if that is what was corrected under its id."""
        record = self._records.get(paragraph_id)
        return record if record is not None and record["text"] == text else None

    def save(self, paragraph: Record, topics: Sequence[str]) -> Record:
        """Keep the topics of a paragraph (its ids, text and date). Returns when they are on the disk."""
        identity = str(paragraph["paragraph_id"])
        record = {
            **paragraph,
            "topics": list(topics),
            "annotator": self.annotator,
            "annotated_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        before = self._records.get(identity)
        if before is not None and before["text"] != paragraph["text"]:
            raise UserError(
                f'Not saved: another paragraph with the id "{identity}" is in {self.path} already. '
                f"Ids must be unique in labelled data; tag again with ids of their own."
            )
        self._write({**self._records, identity: record}, None if before else record)
        return record

    def remove(self, paragraph_id: str) -> None:
        """Forget a correction."""
        if paragraph_id in self._records:
            self._write({name: kept for name, kept in self._records.items() if name != paragraph_id}, None)

    def _write(self, records: dict[str, Record], new: Record | None) -> None:
        if self._seen() != self._signature:
            raise UserError(
                f"Not saved: {self.path} was changed by another program. Stop this view and start it again to go on "
                f"with what the file holds now."
            )
        try:
            if new is not None and self._signature is not None:
                _append(self.path, _line(new))
            else:
                write_file(self.path, b"".join(map(_line, records.values())))
        except OSError as problem:
            raise UserError(f"Not saved: {self.path} cannot be written: {problem.strerror}.") from None
        finally:
            self._signature = self._seen()
        self._records = records

    def _seen(self) -> Signature:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns

    def _read(self) -> dict[str, Record]:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as problem:
            raise UserError(f"{self.path}: cannot be read: {problem.strerror}.") from None
        *lines, rest = content.split(b"\n")
        records: dict[str, Record] = {}
        for number, line in enumerate(lines, start=1):
            if line.strip():
                record = _parsed(self.path, number, line)
                records[str(record["paragraph_id"])] = record
        if rest.strip():
            try:
                record = _parsed(self.path, len(lines) + 1, rest)
                records[str(record["paragraph_id"])] = record
            except UserError:
                log.warning("%s: the last line was cut off while it was written; it is left out", self.path)
            write_file(self.path, b"".join(map(_line, records.values())))
        return records


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number
        raise UserError("--annotator: your user has no name here. Say who corrects with --annotator NAME.") from None


def _parsed(path: Path, number: int, line: bytes) -> Record:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise UserError(f"{path}:{number}: not a JSON record ({problem}). Choose another --corrections file.") from None
    if not isinstance(record, dict) or record.get("paragraph_id") is None or not isinstance(record.get("text"), str):
        raise UserError(
            f"{path}:{number}: expected a labelled record with paragraph_id, text and topics. "
            f"Choose another --corrections file."
        )
    topics = record.get("topics")
    if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
        raise UserError(f"{path}:{number}: topics: found {topics!r:.60}, expected a list of topic ids.")
    return record


def _line(record: Record) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _append(path: Path, line: bytes) -> None:
    """All of the line or nothing: what a full disk took of it is cut off again."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        size = os.fstat(handle).st_size
        try:
            while line:
                line = line[os.write(handle, line) :]
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
    sync_folder(path.parent)


def _locked(path: Path) -> int | None:
    """A handle that holds the lock file, or None where another process does."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:  # a file system without locks gives it to everyone
            return handle
        # The one before us may have removed the file between our opening and our locking it.
        try:
            if path.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)
