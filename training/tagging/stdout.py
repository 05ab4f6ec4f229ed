"""Tags to standard output as they come. A pipe cannot be resumed, so there is no journal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from training.atomic import telling
from training.errors import UserError
from training.tagging.inputs import shown
from training.tagging.rejects import encode_rejects
from training.tagging.summary import Counts
from training.tagging.tagger import Piece
from training.tagging.work import Work

NOT_RESUMED = "What was written to standard output cannot be resumed; a job with a file as its --output can."


def write_stdout(pieces: Iterable[tuple[Work, Piece]], rejected: Path | None, force: bool) -> tuple[Counts, int]:
    """Write every piece; rejected rows go to the file ``rejected``, or to standard error.

    Returns the counts and the number of bytes read. :class:`BrokenPipeError` is left to the caller: whoever read
    the output had enough.
    """
    if rejected is not None and rejected.exists() and not force:
        raise UserError(f"{shown(str(rejected))}: is there already. Name another file, or overwrite it with --force.")
    if sys.stdout is None:
        raise UserError("standard output is closed. Name a file with --output.")
    if rejected is not None:
        rejected.unlink(missing_ok=True)
    counts, done = Counts(), 0
    for work, piece in pieces:
        with telling("standard output", NOT_RESUMED):
            sys.stdout.buffer.write(piece.encoded)
            sys.stdout.buffer.flush()
        if piece.rejects:
            with telling(shown(str(rejected)) if rejected is not None else "standard error", NOT_RESUMED):
                _write_rejects(encode_rejects(piece.rejects), rejected)
        counts += piece.counts
        done = work.raw_bytes
    return counts, done


def _write_rejects(lines: bytes, rejected: Path | None) -> None:
    if rejected is None:
        sys.stderr.buffer.write(lines)
        sys.stderr.buffer.flush()
        return
    with rejected.open("ab") as stream:
        stream.write(lines)
