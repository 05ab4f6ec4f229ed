"""The local engine: archives in, tags out, on the cores of one machine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from training.atomic import telling
from training.errors import UserError
from training.tagging.inputs import REJECTED, Source, find_sources, shown
from training.tagging.job import ShardedJob
from training.tagging.journal import Journal
from training.tagging.options import Options, TaggingModel, Tuning
from training.tagging.outputs import Output, check_places, output_schema, parse_output
from training.tagging.pipeline import in_order
from training.tagging.plan import commits_to_go_on_from, plan_of
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
        input_format=input_format,
        text_column=text_column,
        paragraph_column=paragraph_column,
        article_column=article_column,
        keep=tuple(keep),
        all_probabilities=all_probabilities,
        explain=explain,
        max_characters=max_characters,
    )
    if threads is not None and threads < 1:
        raise UserError(f"--threads {threads}: expected at least 1.")
    tuning = tuning or Tuning(shard_rows=_SHARD_ROWS_EXPLAINED if explain else Tuning.shard_rows)
    target = parse_output(output, model, options)
    rejected_path = Path(rejected) if rejected else None
    if target.path is not None and rejected_path is None:
        rejected_path = target.path.with_name(target.path.name + REJECTED)
    check_places(target.path, rejected_path)
    own = [str(path) for path in (target.path, rejected_path) if path is not None]
    sources, skipped = find_sources(inputs, input_format, own)
    kept_types = check_sources(sources, options)
    if target.format != "parquet":
        kept_types = ()
    engine = Engine(
        model,
        sources,
        skipped,
        target,
        output_schema(model, options, kept_types),
        Reading(options, tuning, target.kept_as_json, kept_types),
        threads or _cores(),
        strict,
        progress_for(quiet, log_json),
        time.monotonic(),
    )
    if target.path is None:
        return engine.to_stdout(rejected_path, force)
    assert rejected_path is not None
    return engine.to_file(target.path, rejected_path, force)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Engine:
    """A job that is ready to run."""

    model: TaggingModel
    sources: Sequence[Source]
    skipped: int
    target: Output
    schema: pa.Schema
    reading: Reading
    threads: int
    strict: bool
    progress: Progress
    started: float

    def to_file(self, output: Path, rejected: Path, force: bool) -> Summary:
        options, tuning = self.reading.options, self.reading.tuning
        plan = plan_of(self.model, self.sources, options, tuning, self.target)
        place = shown(str(output))
        advice = (
            f"What was tagged so far is kept in {place}.partial. "
            f"Make room, then run the same command again: it goes on where it stopped."
        )
        with telling(place, advice), Journal(output, rejected) as journal:
            commits = commits_to_go_on_from(
                journal, plan, output=output, rejected=rejected, force=force, again=self._once()
            )
            job = ShardedJob(journal, self.target.shards(self.model, options, self.schema), tuning, commits)
            before, start = job.state.counts, job.state.position
            read_bytes = 0
            if commits:
                self.progress.note(f"going on with {shown(str(output))}: {before.paragraphs:,} paragraphs are done")
            if not (commits and commits[-1].ended):
                with StopOnSignal() as stop:
                    first = sum(source.size for source in self.sources[: start.source])
                    for work, piece in self._pieces(start, stop, first):
                        job.take(work, piece)
                        read_bytes = work.raw_bytes - first
                    if stop.number is not None and stop.heeded:
                        job.commit()
                        self.progress.end(None)
                        raise Interrupted(_how_to_resume(output, job.state.counts), stop.number)
                    commits = [job.end(Position(len(self.sources)))]
                    journal.finish(commits[-1])
            else:
                journal.finish(commits[-1])
        where = rejected if job.state.counts.rows_rejected else None
        resumed = start != Position()
        return self._summary(job.state.counts, before, output, where, read_bytes=read_bytes, resumed=resumed)

    def to_stdout(self, rejected: Path | None, force: bool) -> Summary:
        with StopOnSignal() as stop:
            counts, read_bytes = write_stdout(self._pieces(Position(), stop, 0), rejected, force)
        if stop.number is not None and stop.heeded:
            raise Interrupted("stopped; what was written to standard output cannot be resumed.", stop.number)
        counts.check()
        where = rejected or Path("standard error")
        return self._summary(counts, Counts(), Path("-"), where, read_bytes=read_bytes, resumed=False)

    def _once(self) -> bool:
        """Whether an input can be read only once, so that a job begins anew."""
        return any(source.stream for source in self.sources)

    def _pieces(self, start: Position, stop: StopOnSignal, first: int) -> Iterator[tuple[Work, Piece]]:
        """Every piece in order, with progress told; ends early when ``stop`` is set."""
        options = self.reading.options
        self.progress.begin(None if self._once() else sum(source.size for source in self.sources), first)
        tagger = Tagger(self.model, self.target.encoder(self.model, options, self.schema), options)
        works = _until(read(self.sources, start, self.reading), stop)
        paragraphs = rejected = 0
        for work, piece in in_order(works, tagger, self.threads):
            if self.strict and piece.rejects:
                reject = piece.rejects[0]
                raise UserError(strict_message(reject.place, reject.reason))
            yield work, piece
            paragraphs += piece.counts.paragraphs
            rejected += piece.counts.rows_rejected
            self.progress.update(work.raw_bytes, paragraphs, rejected)

    def _summary(
        self, counts: Counts, before: Counts, output: Path, rejected: Path | None, *, read_bytes: int, resumed: bool
    ) -> Summary:
        summary = Summary.of(
            counts,
            files=len(self.sources),
            files_skipped=self.skipped,
            bytes_read=read_bytes,
            seconds=time.monotonic() - self.started,
            run_paragraphs=counts.paragraphs - before.paragraphs,
            output=shown(str(output)),
            rejected=shown(str(rejected)) if rejected is not None and counts.rows_rejected else None,
            resumed=resumed,
        )
        self.progress.end(summary)
        return summary


def _until(works: Iterable[Work], stop: StopOnSignal) -> Iterator[Work]:
    for work in works:
        if stop.number is not None:
            stop.heeded = True
            return
        yield work


def strict_message(place: str, reason: str) -> str:
    """Why a job with ``strict`` ends."""
    return f"{place}: {reason}. Mend the row, or leave out --strict to have such rows set aside."


def _how_to_resume(output: Path, counts: Counts) -> str:
    return (
        f"stopped after {counts.paragraphs:,} paragraphs, which are safe in {shown(str(output))}.partial. "
        f"Run the same command again to go on."
    )
