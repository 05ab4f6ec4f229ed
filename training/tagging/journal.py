"""What a job has safely on disk, so that it can be stopped at any moment and goes on where it was.

``OUTPUT.partial/`` holds ``lock``; ``plan.json``, what the job is; ``output`` and ``rejected``, which only grow; and
``journal``, one line for each commit: how long both files are, and the position in the input that this stands for.
Data is flushed to disk before the line that vouches for it. What lies behind the last whole line is cut off when the
job is resumed. The finished file is renamed into its place as the last act, and ``end`` in the journal says that
renaming has begun, so that it is completed and not repeated.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import json
import os
import shutil
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.atomic import sync_folder
from training.errors import UserError
from training.tagging.inputs import shown
from training.tagging.summary import Counts
from training.tagging.work import Position

_ATTEMPTS = 100
"""How often a lock is tried for whose folder another job removes in the same moment."""


@dataclass(frozen=True)
class Commit:
    """The state after a number of whole shards. ``footers`` are those of the shards since the commit before."""

    position: Position
    counts: Counts
    output_bytes: int
    rejected_bytes: int
    footers: list[bytes] = field(default_factory=list)
    ended: bool = False

    def to_line(self) -> bytes:
        record = asdict(self)
        record["footers"] = [base64.b64encode(footer).decode("ascii") for footer in self.footers]
        body = json.dumps(record, ensure_ascii=True, sort_keys=True).encode()
        return b"%08x %s\n" % (zlib.crc32(body), body)

    @staticmethod
    def from_line(line: bytes) -> Commit | None:
        """The commit of a journal line, or None if the line is not whole."""
        check, _, body = line.rstrip(b"\n").partition(b" ")
        if not line.endswith(b"\n") or check != b"%08x" % zlib.crc32(body):
            return None
        record: dict[str, Any] = json.loads(body)
        record["position"] = Position(**record["position"])
        record["counts"] = Counts(**record["counts"])
        record["footers"] = [base64.b64decode(footer) for footer in record["footers"]]
        return Commit(**record)


class Journal:
    """The folder ``OUTPUT.partial`` of one job, locked against every other process."""

    def __init__(self, output: Path, rejected: Path) -> None:
        self.folder = output.with_name(output.name + ".partial")
        self._output = output
        self._rejected = rejected
        self._lock = _lock(self.folder, output)
        self._files: dict[str, int] = {}

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files and of the lock; what was committed stays."""
        for handle in (*self._files.values(), self._lock):
            os.close(handle)
        self._files = {}

    def plan(self) -> dict[str, Any] | None:
        """The plan of the job that was interrupted here, if there is one."""
        try:
            plan = json.loads((self.folder / "plan.json").read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            raise UserError(f"{shown(str(self.folder))}: plan.json is damaged. Start over with --force.") from None
        return plan if isinstance(plan, dict) else None

    def begin(self, plan: dict[str, Any]) -> None:
        """Forget any earlier job here and write down the plan of this one."""
        for handle in self._files.values():
            os.close(handle)
        self._files = {}
        for name in ("plan.json", "journal", "output", "rejected"):
            (self.folder / name).unlink(missing_ok=True)
        sync_folder(self.folder)
        for name in ("output", "rejected", "journal"):
            self._files[name] = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        aside = self.folder / "plan.json.tmp"
        with aside.open("wb") as stream:
            stream.write(json.dumps(plan).encode())
            stream.flush()
            os.fsync(stream.fileno())
        aside.rename(self.folder / "plan.json")
        sync_folder(self.folder)
        sync_folder(self.folder.parent)

    def resume(self) -> list[Commit]:
        """The commits of the interrupted job; whatever was written behind the last of them is cut off."""
        commits: list[Commit] = []
        whole = 0
        try:
            lines = (self.folder / "journal").read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            lines = []
        for line in lines:
            commit = Commit.from_line(line)
            if commit is None:
                break
            commits.append(commit)
            whole += len(line)
        if commits and commits[-1].ended:
            return commits
        last = commits[-1] if commits else Commit(Position(), Counts(), 0, 0)
        lengths = {"output": last.output_bytes, "rejected": last.rejected_bytes, "journal": whole}
        for name, length in lengths.items():
            handle = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._files[name] = handle
            if os.fstat(handle).st_size < length:
                raise UserError(
                    f"{shown(str(self.folder))}: {name} is shorter than the journal says, so the disk lost data. "
                    f"Start over with --force."
                )
            os.ftruncate(handle, length)
            os.lseek(handle, length, os.SEEK_SET)
        return commits

    def write(self, name: str, data: bytes) -> None:
        """Append to ``output`` or ``rejected``; nothing is certain before the next commit."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._files[name], view) :]

    def commit(self, commit: Commit) -> None:
        """Make all that was written certain, then say so in the journal."""
        for name in ("output", "rejected"):
            os.fsync(self._files[name])
        self.write("journal", commit.to_line())
        os.fsync(self._files["journal"])

    def finish(self, commit: Commit) -> None:
        """Put the finished files in their places. Can be repeated after a crash at any point of it."""
        for name, place, size in (
            ("rejected", self._rejected, commit.rejected_bytes),
            ("output", self._output, commit.output_bytes),
        ):
            made = self.folder / name
            if made.exists():
                if name == "rejected" and not size:
                    place.unlink(missing_ok=True)
                    made.unlink()
                else:
                    move(made, place)
                sync_folder(place.parent)
        self.discard()

    def discard(self) -> None:
        """Remove the folder."""
        (self.folder / "plan.json").unlink(missing_ok=True)  # without a plan, what is left means nothing
        sync_folder(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        sync_folder(self.folder.parent)


def _lock(folder: Path, output: Path) -> int:
    """Hold the lock of ``folder``, which is made if need be. Another holder is a :class:`UserError` at once."""
    if not folder.parent.is_dir():
        raise UserError(f"{shown(str(output))}: the folder {shown(str(folder.parent))} is not there.")
    for attempt in range(1, _ATTEMPTS + 1):
        made = False
        try:
            folder.mkdir(exist_ok=True)
            made = True
            handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as problem:
            if made and attempt < _ATTEMPTS and isinstance(problem, FileNotFoundError):
                continue  # the job that held it has just finished and removed the folder
            raise UserError(
                f"{shown(str(folder))}: cannot be made: {problem.strerror}. Name another --output."
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            os.close(handle)
            if problem.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise UserError(f"{shown(str(folder))}: cannot be locked: {problem.strerror}.") from None
            raise UserError(
                f"{shown(str(output))}: another process is writing it now. Wait for it, or name another --output."
            ) from None
        try:
            if os.fstat(handle).st_ino == (folder / "lock").stat().st_ino:
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)
    raise UserError(f"{shown(str(output))}: other processes keep writing it. Wait for them, or name another --output.")


def move(made: Path, place: Path) -> None:
    """Rename a finished file into its place, or bring it there whole where that is on another disk (--rejected)."""
    try:
        made.replace(place)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        aside = place.with_name(f".{place.name}.tmp")
        shutil.copyfile(made, aside)
        with aside.open("rb") as stream:
            os.fsync(stream.fileno())
        aside.replace(place)
        made.unlink()
