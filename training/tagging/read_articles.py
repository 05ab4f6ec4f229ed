"""Text and HTML files, each one article; many small files make one piece of work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from training.corpus.articles import html_paragraphs, split_text
from training.errors import UserError
from training.tagging.inputs import Source
from training.tagging.records import Batch, article_batch
from training.tagging.rejects import LONGEST_RAW, Reject
from training.tagging.streams import ByteStream
from training.tagging.work import Position, Reading, Work

_MOST_FILES = 64
_EXPECTED = {"html": "an HTML page", "txt": "plain text"}
_NEITHER = {
    b"%PDF": "a PDF",
    b"\x1f\x8b": "gzip data",
    b"PK\x03\x04": "a zip archive",
    b"\x89PNG": "an image",
    b"{\\rtf": "RTF",
}


def read_articles(sources: Sequence[Source], first: int, reading: Reading) -> Iterator[Work]:
    """Work over a run of article files, the first of them number ``first`` of the job."""
    held: list[tuple[Source, bytes, str | None]] = []
    total = raw = 0
    longest = 4 * reading.options.max_characters
    for number, source in enumerate(sources, start=first):
        with ByteStream(source) as stream:
            data = stream.read(longest + 1)
            raw += stream.raw_bytes
            held.append((source, data, stream.problem))
        source.unchanged()
        total += len(data)
        if len(held) == _MOST_FILES or total >= reading.tuning.block_bytes or number == first + len(sources) - 1:
            after = Position(number + 1)
            yield Work(partial(_decode, tuple(held), reading), after, len(held), raw, len(held))
            held, total = [], 0


def _decode(files: Sequence[tuple[Source, bytes, str | None]], reading: Reading) -> Batch:
    articles: list[tuple[str, list[str]]] = []
    rejects: list[Reject] = []
    for source, data, problem in files:
        try:
            if problem is not None:
                raise ValueError(problem)
            articles.append((source.article_id, _paragraphs(source, data, reading.options.max_characters)))
        except (ValueError, UserError) as error:
            rejects.append(Reject(source.shown, 1, str(error), data[:LONGEST_RAW], len(data), problem is not None))
    return article_batch(articles, len(reading.options.keep), rejects)


def _paragraphs(source: Source, data: bytes, longest: int) -> list[str]:
    if len(data) > 4 * longest:
        raise ValueError(f"the article is too long: more than {4 * longest:,} bytes")
    other = next((name for begins, name in _NEITHER.items() if data.startswith(begins)), None)
    if other:
        raise ValueError(f"holds {other}, expected {_EXPECTED[source.format]}")
    if source.format == "html":
        paragraphs = html_paragraphs(data)
        if not paragraphs:
            raise ValueError("no article text was found in the page")
        return paragraphs
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise ValueError(f"not UTF-8 (byte {problem.start + 1}, line {line})") from None
    if len(text) > longest:
        raise ValueError(f"the article is too long: {len(text):,} characters, at most {longest:,} are taken")
    return split_text(text)
