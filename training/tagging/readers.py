"""All sources of a job as one sequence of pieces of work, from any position on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import pyarrow as pa

from training.errors import UserError
from training.tagging.columns import check_schema, kept_type
from training.tagging.formats import ARTICLE_FORMATS
from training.tagging.inputs import Source
from training.tagging.options import Options
from training.tagging.read_articles import read_articles
from training.tagging.read_csv import DELIMITERS, read_csv, read_header
from training.tagging.read_jsonl import read_jsonl
from training.tagging.read_parquet import DAMAGED, parquet_schema, read_parquet
from training.tagging.records import Batch, article_batch
from training.tagging.rejects import Reject
from training.tagging.streams import ByteStream
from training.tagging.work import Position, Reading, Work


def check_sources(sources: Sequence[Source], options: Options) -> tuple[pa.DataType, ...]:
    """Check the columns of every table before any work is done, and give the types of kept columns.

    Types are given only where every source is Parquet and they agree; otherwise kept columns are text.
    """
    types: set[tuple[pa.DataType, ...]] = set()
    for source in sources:
        if source.format == "parquet":
            if source.stream or source.compression:
                what = "a pipe" if source.stream else f".{source.compression}"
                raise UserError(f"{source.shown}: Parquet can't be read from {what}. Name the .parquet file itself.")
            schema = parquet_schema(source)
            check_schema(source.shown, schema, options)
            types.add(tuple(kept_type(schema.field(name).type) for name in options.keep))
        elif source.format in DELIMITERS and not source.stream:
            with ByteStream(source) as stream:
                read_header(source, stream, options)
        columns = [name for name in options.keep if name != options.text_column]
        if source.format in ARTICLE_FORMATS and columns:
            raise UserError(
                f"{source.shown}: --keep {columns[0]}: a .{source.format} file has no columns. Tag it apart."
            )
    tables = {source.format for source in sources}
    return types.pop() if tables == {"parquet"} and len(types) == 1 else ()


def read(sources: Sequence[Source], start: Position, reading: Reading) -> Iterator[Work]:
    """Work from ``start`` to the end of the last source. ``raw_bytes`` counts from the beginning of the first."""
    at = start.source
    before = sum(source.size for source in sources[:at])
    while at < len(sources):
        run = _run_of_articles(sources, at)
        this = start if start.source == at else Position(at)
        if run > at:
            works = read_articles(sources[at:run], at, reading)
        else:
            run = at + 1
            works = _table(sources[at], this, reading)
        for work in works:
            yield replace(work, raw_bytes=before + work.raw_bytes)
        before += sum(source.size for source in sources[at:run])
        at = run


def _run_of_articles(sources: Sequence[Source], at: int) -> int:
    end = at
    while end < len(sources) and sources[end].format in ARTICLE_FORMATS:
        end += 1
    return end


def _table(source: Source, start: Position, reading: Reading) -> Iterator[Work]:
    """Work on one source; the last piece leads on to the next source."""
    held: Work | None = None
    with ByteStream(source) if source.format != "parquet" else nullcontext() as stream:
        problem = None
        works = _works(source, stream, start, reading)
        while True:
            try:
                work = next(works, None)
            except DAMAGED as error:
                if getattr(error, "errno", None):
                    raise UserError(f"{source.shown}: cannot be read: {error}. Run the same command again.") from None
                problem, work = " ".join(str(error).split())[:300], None
            if work is None:
                break
            if held is not None:
                yield held
            held = work
        problem = stream.problem if stream is not None else problem
    source.unchanged()
    ended = Position(start.source + 1)
    raw = held.raw_bytes if held is not None else source.size
    if problem is not None:
        if held is not None:
            yield held
        line = (held.after if held is not None else start).line
        reject = Reject(source.shown, line, f"cannot be read from here on: {problem}", b"", 0, rest=True)
        yield Work(partial(_nothing, reading, (reject,)), ended, 1, raw, files=1)
    elif held is not None:
        yield replace(held, after=ended, files=1)
    else:
        yield Work(partial(_nothing, reading), ended, 0, raw, files=1)


def _works(source: Source, stream: ByteStream | None, start: Position, reading: Reading) -> Iterator[Work]:
    if stream is None:
        return read_parquet(source, start, reading)
    reader = read_jsonl if source.format == "jsonl" else read_csv
    return reader(source, stream, start, reading)


def _nothing(reading: Reading, rejects: tuple[Reject, ...] = ()) -> Batch:
    return article_batch([], len(reading.options.keep), rejects)
