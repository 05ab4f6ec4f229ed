"""A job that writes a file: shard after shard, each certain before the next, until the whole is put in its place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from training.tagging.journal import Commit, Journal
from training.tagging.options import Tuning
from training.tagging.rejects import encode_rejects
from training.tagging.shards import Shards
from training.tagging.summary import Counts
from training.tagging.tagger import Piece
from training.tagging.work import Position, Work

_SHARD_BYTES = 64 << 20
_SHARD_FILES = 1024


@dataclass
class State:
    """Where a job stands: the last commit, and what was written since."""

    position: Position = field(default_factory=Position)
    counts: Counts = field(default_factory=Counts)
    output_bytes: int = 0
    rejected_bytes: int = 0
    footers: list[bytes] = field(default_factory=list)

    @staticmethod
    def after(commits: Sequence[Commit]) -> State:
        if not commits:
            return State()
        last = commits[-1]
        footers = [footer for commit in commits for footer in commit.footers]
        return State(last.position, last.counts, last.output_bytes, last.rejected_bytes, footers)

    def commit(self, footers: Sequence[bytes], ended: bool = False) -> Commit:
        return Commit(
            self.position, self.counts, self.output_bytes, self.rejected_bytes, list(footers), ended
        )  # fmt: skip


class ShardedJob:
    """Takes pieces in order and keeps output, rejected rows and journal in step.

    A shard ends where its rows, bytes or files reach a limit: this depends on the input alone, so shards are the same
    however often the job was interrupted. The journal is written at the end of a shard, at most once in
    ``commit_seconds``.
    """

    def __init__(self, journal: Journal, shards: Shards, tuning: Tuning, commits: Sequence[Commit]) -> None:
        self._journal = journal
        self._shards = shards
        self._tuning = tuning
        self.state = State.after(commits)
        self._uncommitted: list[bytes] = []
        self._committed_at = time.monotonic()
        self._clear()

    def _clear(self) -> None:
        self._rows = self._bytes = self._files = 0
        self._rejects: list[bytes] = []
        self._counts = Counts()

    def take(self, work: Work, piece: Piece) -> None:
        """Add a piece, and write the shard that it fills."""
        self._shards.add(piece.encoded)
        self._rejects.append(encode_rejects(piece.rejects))
        self._counts += piece.counts
        self._rows += piece.counts.paragraphs
        self._bytes += piece.size
        self._files += work.files
        full = self._rows >= self._tuning.shard_rows or self._bytes >= _SHARD_BYTES or self._files >= _SHARD_FILES
        if full:
            self._write_shard(work.after)
            if time.monotonic() - self._committed_at >= self._tuning.commit_seconds:
                self.commit()

    def _write_shard(self, position: Position) -> None:
        state = self.state
        if state.output_bytes == 0:
            self._append(self._shards.begin())
        data, footer = self._shards.shard(state.output_bytes)
        self._append(data)
        rejects = b"".join(self._rejects)
        self._journal.write("rejected", rejects)
        state.rejected_bytes += len(rejects)
        state.counts += self._counts
        state.position = position
        if footer:
            state.footers.append(footer)
            self._uncommitted.append(footer)
        self._clear()

    def _append(self, data: bytes) -> None:
        self._journal.write("output", data)
        self.state.output_bytes += len(data)

    def commit(self, ended: bool = False) -> Commit:
        """Make the whole shards written so far certain."""
        commit = self.state.commit(self._uncommitted, ended)
        self._journal.commit(commit)
        self._uncommitted = []
        self._committed_at = time.monotonic()
        return commit

    def end(self, position: Position) -> Commit:
        """Write the last shard and the end of the file; the commit says that it is complete."""
        self._write_shard(position)
        self._append(self._shards.end(self.state.footers))
        self.state.counts.check()
        return self.commit(ended=True)
