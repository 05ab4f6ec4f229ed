"""The unit of work: a piece of one source that is decoded, tagged and written as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from training.tagging.options import Options, Tuning
from training.tagging.records import Batch


@dataclass(frozen=True)
class Position:
    """A place between two pieces of work, where a job can go on.

    ``offset`` counts bytes of the decompressed source (rows of a Parquet file), ``line`` its lines from 1.
    """

    source: int = 0
    offset: int = 0
    line: int = 1


@dataclass(frozen=True)
class Work:
    """One piece. ``decode`` runs in any thread. ``lines`` is counted here and checked against the decoded batch.

    ``raw_bytes`` counts the bytes of the source's file read so far; ``files`` the files that end in this piece.
    """

    decode: Callable[[], Batch]
    after: Position
    lines: int
    raw_bytes: int
    files: int = 0


@dataclass(frozen=True)
class Reading:
    """What every reader needs to know. ``kept_as_json`` asks for kept values as JSON literals."""

    options: Options
    tuning: Tuning
    kept_as_json: bool
    kept_types: tuple[object, ...] = ()
