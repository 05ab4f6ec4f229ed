"""The local engine: archives in, tags out, on the cores of one machine."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from training import __version__
from training.errors import UserError
from training.tagging.inputs import Source, find_sources, shown
from training.tagging.job import ShardedJob, differences
from training.tagging.journal import Commit, Journal
from training.tagging.options import Options, TaggingModel, Tuning
from training.tagging.outputs import Output, output_schema, parse_output
from training.tagging.pipeline import in_order
from training.tagging.progress import Progress, progress_for
from training.tagging.readers import check_sources, read
from training.tagging.signals import StopOnSignal
from training.tagging.stdout import write_stdout
from training.tagging.summary import Counts, Interrupted, Summary
from training.tagging.tagger import Piece, Tagger
from training.tagging.work import Position, Reading, Work

_SHARD_ROWS_EXPLAINED = 4096


def tag(
    model: TaggingModel,
    inputs: Sequence[str],
    output: str,
    *,
    input_format: str | None = None,
    text_column: str = "text",
    paragraph_column: str = "paragraph_id",
    article_column: str = "article_id",
    keep: Sequence[str] = (),
    all_probabilities: bool = False,
    explain: bool = False,
    max_characters: int = 1_000_000,
    threads: int | None = None,
    strict: bool = False,
    force: bool = False,
    rejected: str | None = None,
    quiet: bool = False,
    log_json: bool = False,
    tuning: Tuning | None = None,
) -> Summary:
    """Tag every paragraph of ``inputs`` and write the records to ``output``, in the order of the input.

    ``inputs`` are files, folders, globs or ``-`` (standard input); ``output`` is a .jsonl, .csv or .parquet file or
    ``-`` (JSONL on standard output). Rows that cannot be tagged go to ``rejected`` (by default
    ``OUTPUT.rejected.jsonl``). The output appears when it is complete; a job that is stopped in any way is resumed by
    running it again, and gives the same bytes as one that was not.

    Raises:
        UserError: a problem with the inputs, the output or an option; with ``strict``, the first rejected row.
        Interrupted: SIGINT or SIGTERM; the job can be resumed.
    """
    options = Options(
        input_format,
        text_column,
        paragraph_column,
        article_column,
        tuple(keep),
        all_probabilities,
        explain,
        max_characters,
    )
    if threads is not None and threads < 1:
        raise UserError(f"--threads {threads}: expected at least 1.")
    tuning = tuning or Tuning(shard_rows=_SHARD_ROWS_EXPLAINED if explain else Tuning.shard_rows)
    target = parse_output(output, model, options)
    rejected_path = Path(rejected) if rejected else None
    if target.path is not None and rejected_path is None:
        rejected_path = target.path.with_name(target.path.name + ".rejected.jsonl")
    own = [str(path) for path in (target.path, rejected_path) if path is not None]
    sources, skipped = find_sources(inputs, input_format, own)
    kept_types = check_sources(sources, options)
    if target.format != "parquet":
        kept_types = ()
    schema = output_schema(model, options, kept_types)
    engine = _Engine(
        model,
        sources,
        skipped,
        options,
        tuning,
        target,
        schema,
        Reading(options, tuning, target.kept_as_json, kept_types),
        threads or _cores(),
        strict,
        progress_for(quiet, log_json),
    )
    if target.path is None:
        return engine.to_stdout(rejected_path, force)
    assert rejected_path is not None
    return engine.to_file(target.path, rejected_path, force)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _Engine:
    model: TaggingModel
    sources: Sequence[Source]
    skipped: int
    options: Options
    tuning: Tuning
    target: Output
    schema: pa.Schema
    reading: Reading
    threads: int
    strict: bool
    progress: Progress

    def to_file(self, output: Path, rejected: Path, force: bool) -> Summary:
        started = time.monotonic()
        with _telling(output), _closing(Journal(output, rejected)) as journal:
            commits, resumed = self._commits(journal, output, rejected, force)
            before = commits[-1].counts if commits else Counts()
            if commits and commits[-1].ended:
                journal.finish(commits[-1])
                return self._summary(
                    commits[-1].counts, before, output, rejected, bytes_read=0, started=started, resumed=True
                )
            shards = self.target.shards(self.model, self.options, self.schema)
            job = ShardedJob(journal, shards, self.tuning, commits)
            start = job.state.position
            with StopOnSignal() as stop:
                done = first = self._bytes_before(start)
                for work, piece in self._pieces(start, stop, first):
                    job.take(work, piece)
                    done = work.raw_bytes
                if stop.number is not None and job.state.position.source < len(self.sources):
                    job.commit()
                    self.progress.end(None)
                    raise Interrupted(_how_to_resume(output, job.state.counts), stop.number)
                commit = job.end(Position(len(self.sources)))
                journal.finish(commit)
            return self._summary(
                commit.counts, before, output, rejected, bytes_read=done - first, started=started, resumed=resumed
            )

    def to_stdout(self, rejected: Path | None, force: bool) -> Summary:
        started = time.monotonic()
        with StopOnSignal() as stop:
            counts, done = write_stdout(self._pieces(Position(), stop, 0), rejected, force)
        if stop.number is not None:
            raise Interrupted("stopped; what was written to standard output cannot be resumed.", stop.number)
        counts.check()
        where = rejected if rejected is not None else Path("standard error")
        return self._summary(counts, Counts(), Path("-"), where, bytes_read=done, started=started, resumed=False)

    def _commits(self, journal: Journal, output: Path, rejected: Path, force: bool) -> tuple[list[Commit], bool]:
        """The commits to go on from, or none where a new job begins."""
        plan = self._plan()
        old = journal.plan()
        folder = shown(str(journal.folder))
        changes = differences(old, plan) if old is not None else []
        if changes and not force:
            raise UserError(
                f"{folder}: holds an interrupted job that is not this one: {'; '.join(changes)}. "
                f"Run that job again as it was, throw it away with --force, or name another --output."
            )
        commits = journal.resume() if old is not None and not changes and not self._once() else []
        if not (commits and commits[-1].ended) and not force:
            for path in (output, rejected):
                if path.exists():
                    if old is None:
                        journal.discard()
                    raise UserError(
                        f"{shown(str(path))}: is there already. Name another --output, or overwrite it with --force."
                    )
        if not commits:
            journal.begin(plan)
        elif old is not None:
            self.progress.note(f"going on with {folder}: {commits[-1].counts.paragraphs:,} paragraphs are done")
        return commits, bool(commits)

    def _once(self) -> bool:
        """Whether an input can be read only once, so that a job begins anew."""
        return any(source.stream for source in self.sources)

    def _plan(self) -> dict[str, Any]:
        plan = {
            "version": f"conflict-topics {__version__}, pyarrow {pa.__version__}",
            "model": self.model.id,
            "topics": list(self.model.topics),
            "options": self.options.to_json(),
            "format": [self.target.format, self.target.compression],
            "pieces": [self.tuning.block_bytes, self.tuning.shard_rows],
            "sources": [source.fingerprint() for source in self.sources],
        }
        same: dict[str, Any] = json.loads(json.dumps(plan))
        return same

    def _bytes_before(self, start: Position) -> int:
        return sum(source.size for source in self.sources[: start.source])

    def _pieces(self, start: Position, stop: StopOnSignal, first: int) -> Iterator[tuple[Work, Piece]]:
        """Every piece in order, with progress told; ends early when ``stop`` is set."""
        total = None if self._once() else sum(source.size for source in self.sources)
        self.progress.begin(total, first)
        encoder = self.target.encoder(self.model, self.options, self.schema)
        tagger = Tagger(self.model, encoder, self.options.explain)
        works = _until(read(self.sources, start, self.reading), stop)
        paragraphs = rejected = 0
        for work, piece in in_order(works, tagger, self.threads):
            if self.strict and piece.rejects:
                reject = piece.rejects[0]
                raise UserError(
                    f"{reject.place}: {reject.reason}. Mend the row, or leave out --strict to have such rows set aside."
                )
            yield work, piece
            paragraphs += piece.counts.paragraphs
            rejected += piece.counts.rows_rejected
            self.progress.update(work.raw_bytes, paragraphs, rejected)

    def _summary(
        self,
        counts: Counts,
        before: Counts,
        output: Path,
        rejected: Path,
        *,
        bytes_read: int,
        started: float,
        resumed: bool,
    ) -> Summary:
        summary = Summary.of(
            counts,
            files=len(self.sources),
            files_skipped=self.skipped,
            bytes_read=bytes_read,
            seconds=time.monotonic() - started,
            run_paragraphs=counts.paragraphs - before.paragraphs,
            output=shown(str(output)),
            rejected=shown(str(rejected)) if counts.rows_rejected else None,
            resumed=resumed,
        )
        self.progress.end(summary)
        return summary


def _until(works: Iterable[Work], stop: StopOnSignal) -> Iterator[Work]:
    for work in works:
        if stop.number is not None:
            return
        yield work


def _how_to_resume(output: Path, counts: Counts) -> str:
    return (
        f"stopped after {counts.paragraphs:,} paragraphs, which are safe in {shown(str(output))}.partial. "
        f"Run the same command again to go on."
    )


@contextmanager
def _closing(journal: Journal) -> Iterator[Journal]:
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def _telling(output: Path) -> Iterator[None]:
    """Failing writes as a message: a full disk, a quota, a disk that went away."""
    try:
        yield
    except OSError as problem:
        raise UserError(
            f"{shown(str(output))}: cannot be written: {problem.strerror or problem}. What was tagged so far is kept "
            f"in {shown(str(output))}.partial. Make room, then run the same command again: it goes on where it stopped."
        ) from problem
