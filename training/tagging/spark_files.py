"""Archives of files tagged on a cluster, with the readers and writers of the local engine in every task."""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from training import load
from training.errors import UserError
from training.tagging.encoders import record_schema
from training.tagging.engine import Engine, strict_message
from training.tagging.formats import ARTICLE_FORMATS
from training.tagging.inputs import REJECTED, Source, find_sources, shown
from training.tagging.journal import Journal, move
from training.tagging.options import Options, Tuning
from training.tagging.outputs import Output
from training.tagging.progress import Silent, progress_for
from training.tagging.readers import check_sources
from training.tagging.spark import Loader, Session, Shipped, map_in_arrow, ship
from training.tagging.spark_session import failures_told
from training.tagging.summary import Counts, Summary
from training.tagging.work import Reading

_ARTICLES_A_TASK = 256
_PART = re.compile(r"part-\d{5,}\.parquet|_SUCCESS|\..*\.crc")
_RESULT = pa.schema([("task", pa.int64()), ("part", pa.string()), ("summary", pa.string())])


def tag_files(
    session: Session,
    model: str | Path,
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
    strict: bool = False,
    force: bool = False,
    rejected: str | None = None,
    quiet: bool = False,
    log_json: bool = False,
    tuning: Tuning | None = None,
    loader: Loader = load,
) -> Summary:
    """Tag ``inputs`` on the cluster of ``session`` into the folder ``output``, one Parquet part for each task.

    A task is one table file, or a few hundred article files; parts are numbered in the order of the input, and read
    one after another they are the output of the local engine. Inputs and output must lie where every machine of the
    cluster sees them under the same path. Rejected rows go to ``rejected`` (by default ``OUTPUT.rejected.jsonl``).
    The folder appears when it is complete; a job that was stopped begins anew.

    Raises:
        UserError: a problem with the inputs, the output or an option, or in a task; with ``strict``, a rejected row.
    """
    started = time.monotonic()
    folder = Path(output.rstrip("/"))
    aside = Path(rejected) if rejected else folder.with_name(folder.name + REJECTED)
    if output == "-" or folder.suffix:
        name = folder.stem.strip("-") or "tags"
        raise UserError(f"{shown(output)}: Spark writes a folder of Parquet parts. Name a folder, e.g. {name}/.")
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
    sources, skipped = find_sources(inputs, input_format, [str(folder), str(aside)])
    streams = [source.shown for source in sources if source.stream]
    if streams:
        raise UserError(f"{streams[0]}: can be read only once, so a cluster can't. Name a file that all machines see.")
    kept_types = check_sources(sources, options)
    progress = progress_for(quiet, log_json)
    with Journal(folder, aside) as journal:
        try:
            _check_free((folder, aside), force)
        except UserError:
            journal.discard()
            raise
        parts = journal.folder / "parts"
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir()
        shipped = ship(session, model, loader)
        schema = record_schema(shipped.topics, options, kept_types)
        tasks = _tasks(sources)
        run = _Tasks(shipped, tasks, parts.resolve(), schema, Reading(options, tuning or Tuning(), False, kept_types))
        numbers = session.range(0, len(tasks), 1, len(tasks))
        with failures_told():
            done = sorted(map_in_arrow(numbers, run, _RESULT).collect(), key=lambda row: int(row["task"]))
        if strict:
            _refuse_rejected(done)
        counts = _put_in_place(done, journal, folder, aside)
    summary = Summary.of(
        counts,
        files=len(sources),
        files_skipped=skipped,
        bytes_read=sum(source.size for source in sources),
        seconds=time.monotonic() - started,
        run_paragraphs=counts.paragraphs,
        output=shown(str(folder)),
        rejected=shown(str(aside)) if counts.rows_rejected else None,
    )
    progress.end(summary)
    return summary


def _check_free(paths: Sequence[Path], force: bool) -> None:
    """Nothing is overwritten unless that was asked for, and then only what a job like this one has made."""
    for path in paths:
        if path.exists() and not force:
            raise UserError(f"{shown(str(path))}: is there already. Name another, or overwrite it with --force.")
        other = (
            next((file for file in path.iterdir() if not _PART.fullmatch(file.name)), None) if path.is_dir() else None
        )
        if other is not None:
            raise UserError(
                f"{shown(str(path))}: holds {shown(other.name)}, which no tagging job has made, so --force does not "
                f"replace it. Name another --output."
            )


def _refuse_rejected(done: Sequence[Any]) -> None:
    for row in done:
        path = _rejected_of(Path(row["part"]))
        if path.exists():
            with path.open(encoding="utf-8") as lines:
                first = json.loads(lines.readline())
            raise UserError(strict_message(f"{first['file']}:{first['line']}", first["reason"]))


def _tasks(sources: Sequence[Source]) -> list[list[Source]]:
    tasks: list[list[Source]] = []
    for source in sources:
        joins = source.format in ARTICLE_FORMATS and tasks and tasks[-1][-1].format in ARTICLE_FORMATS
        if joins and len(tasks[-1]) < _ARTICLES_A_TASK:
            tasks[-1].append(source)
        else:
            tasks.append([source])
    return [[replace(source, path=str(Path(source.path or "").resolve())) for source in task] for task in tasks]


@dataclass(frozen=True)
class _Tasks:
    """What ``mapInArrow`` runs: numbers of tasks in, what each attempt made out.

    An attempt writes files of its own name, so one that fails or is overtaken leaves nothing that is taken for output.
    """

    shipped: Shipped
    tasks: list[list[Source]]
    parts: Path
    schema: pa.Schema
    reading: Reading

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield self._run(number)

    def _run(self, number: int) -> pa.RecordBatch:
        part = self.parts / f"{number:05d}-{uuid.uuid4().hex}.parquet"
        engine = Engine(
            model=self.shipped.load(),
            sources=self.tasks[number],
            skipped=0,
            target=Output(part, "parquet"),
            schema=self.schema,
            reading=self.reading,
            threads=1,
            strict=False,
            progress=Silent(),
            started=time.monotonic(),
        )
        summary = engine.to_file(part, _rejected_of(part), force=False)
        values = [[number], [str(part)], [json.dumps(summary.to_json())]]
        return pa.RecordBatch.from_pydict(dict(zip(_RESULT.names, values, strict=True)), schema=_RESULT)


def _rejected_of(part: Path) -> Path:
    return part.with_suffix(REJECTED)


def _put_in_place(done: Sequence[Any], journal: Journal, folder: Path, rejected: Path) -> Counts:
    """The parts of the attempts that count, renamed into the output folder; the sum of their counts."""
    ready = journal.folder / "ready"
    shutil.rmtree(ready, ignore_errors=True)
    ready.mkdir()
    counts = Counts()
    with (journal.folder / "rejected").open("wb") as rejects:
        for at, row in enumerate(done):
            part = Path(row["part"])
            made = json.loads(row["summary"])
            counts += Counts(**{name: made[name] for name in Counts.__dataclass_fields__})
            part.replace(ready / f"part-{at:05d}.parquet")
            if _rejected_of(part).exists():
                with _rejected_of(part).open("rb") as own:
                    shutil.copyfileobj(own, rejects)
    counts.check()
    rejected.unlink(missing_ok=True)
    if counts.rows_rejected:
        move(journal.folder / "rejected", rejected)
    if folder.is_dir():
        folder.rename(journal.folder / "replaced")
    ready.rename(folder)
    journal.discard()
    return counts
