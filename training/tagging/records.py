"""Rows of any source, checked one by one or by whole columns, and made into paragraphs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from training.corpus.articles import split_text
from training.errors import listed
from training.tagging.options import Options
from training.tagging.rejects import Reject
from training.tagging.strings import json_text, plain_text


@dataclass(frozen=True)
class Rows:
    """Rows that can be tagged, by column. Ids may be null, texts not. ``lines`` is int64 [rows]."""

    paragraph_ids: pa.Array
    article_ids: pa.Array
    texts: pa.Array
    kept: tuple[pa.Array, ...]
    lines: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Paragraphs ready for the model, and what was set aside on the way.

    ``rows`` rows were tagged, ``articles`` of them split; ``blank`` lines hold no row. ``repeated`` of the articles
    have the id of one before them in this batch, so that ids of their paragraphs are repeated.
    """

    paragraph_ids: pa.Array
    article_ids: pa.Array
    texts: pa.Array
    kept: tuple[pa.Array, ...]
    rows: int
    articles: int
    rejects: tuple[Reject, ...] = ()
    blank: int = 0
    repeated: int = 0


def fits(texts: pa.Array, options: Options) -> bool:
    """Whether no text is missing, none can be too long, and all are UTF-8; if not, rows are checked one by one."""
    if texts.null_count:
        return False
    offset_type = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    offsets = np.frombuffer(texts.buffers()[1], offset_type)[texts.offset : texts.offset + len(texts) + 1]
    return not len(texts) or int(np.diff(offsets).max()) <= options.max_characters


def ids(array: pa.Array) -> pa.Array:
    """An id column as strings; an empty id is none."""
    array = array if pa.types.is_string(array.type) else array.cast(pa.string())
    empty = pc.equal(pc.binary_length(array), 0)
    return pc.if_else(empty, pa.scalar(None, pa.string()), array) if pc.any(empty).as_py() else array


class RowChecker:
    """Takes rows one by one as Python values: the slow way, which decides what is a row and what is rejected."""

    def __init__(self, shown: str, options: Options, kept_as_json: bool) -> None:
        self._shown = shown
        self._options = options
        self._as_kept = json_text if kept_as_json else plain_text
        self._columns: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
        self._kept: list[list[str | None]] = [[] for _ in options.keep]
        self._lines: list[int] = []
        self.rejects: list[Reject] = []

    def reject(self, line: int, reason: str, raw: bytes, size: int | None = None) -> None:
        """Set one row aside."""
        reject = Reject.of(self._shown, line, reason, raw)
        self.rejects.append(reject if size is None else Reject(self._shown, line, reason, reject.raw, size))

    def add(self, line: int, values: dict[str, Any], raw: bytes) -> None:
        """Take a row or reject it."""
        options = self._options
        try:
            text = _text(values, options)
            paragraph = _identity(values, options.paragraph_column)
            article = _identity(values, options.article_column)
        except ValueError as problem:
            self.reject(line, str(problem), raw)
            return
        for column, value in zip(self._columns, (paragraph, article, text), strict=True):
            column.append(value)
        for kept, name in zip(self._kept, options.keep, strict=True):
            kept.append(self._as_kept(values.get(name)))
        self._lines.append(line)

    def rows(self) -> Rows:
        """The rows taken."""
        paragraphs, articles, texts = self._columns
        return Rows(
            pa.array(paragraphs, pa.string()),
            pa.array(articles, pa.string()),
            pa.array(texts, pa.large_string()),
            tuple(pa.array(kept, pa.string()) for kept in self._kept),
            np.array(self._lines, np.int64),
        )


def _text(values: dict[str, Any], options: Options) -> str:
    name = options.text_column
    if name not in values:
        raise ValueError(f'no "{name}"; columns found: {listed(map(plain_text, list(values)[:50])) or "none"}')
    text = values[name]
    if text is None:
        raise ValueError(f'"{name}" is null, expected text')
    if not isinstance(text, str):
        raise ValueError(f'"{name}" is {_kind(text)}, expected text')
    if len(text) > options.max_characters:
        most = options.max_characters
        raise ValueError(f'"{name}" is too long: {len(text):,} characters, at most {most:,} are taken')
    _encodable(text, name)
    return text


def _identity(values: dict[str, Any], name: str) -> str | None:
    value = values.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f'"{name}" is {_kind(value)}, expected an id (text or a whole number)')
    text = str(value)
    _encodable(text, name)
    return text


def _encodable(text: str, name: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise ValueError(f'character {problem.start + 1} of "{name}" is half of a surrogate pair') from None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, bytes):
        return "bytes that are not UTF-8"
    return "a list" if isinstance(value, list) else type(value).__name__


def batch_of(rows: Rows, article_name: str, rejects: Sequence[Reject] = (), blank: int = 0) -> Batch:
    """Rows with a paragraph id as they stand; every other row split into the paragraphs of its article.

    ``article_name`` names the file where a row has no article id: the article is then ``NAME:LINE``, and no other row
    has it. Where an article id is given, it is taken as it is: what a row becomes depends on that row alone, so rows
    that share an article id share paragraph ids, and are counted. An article without text is one empty paragraph.
    """
    count = len(rows.texts)
    if rows.paragraph_ids.null_count == 0:
        return Batch(
            rows.paragraph_ids, rows.article_ids, rows.texts, rows.kept, count, 0, tuple(rejects), blank
        )  # fmt: skip
    paragraphs: list[str] = []
    articles: list[str | None] = []
    texts: list[str] = []
    source: list[int] = []
    named: set[str] = set()
    columns = (rows.paragraph_ids.to_pylist(), rows.article_ids.to_pylist(), rows.texts.to_pylist())
    for at, (paragraph, article, text) in enumerate(zip(*columns, strict=True)):
        if paragraph is not None:
            paragraphs.append(paragraph)
            articles.append(article)
            texts.append(text)
            source.append(at)
            continue
        name = article if article is not None else f"{article_name}:{rows.lines[at]}"
        named.add(name)
        parts = split_text(text) or [""]
        paragraphs += [f"{name}:{number}" for number in range(1, len(parts) + 1)]
        articles += [name] * len(parts)
        texts += parts
        source += [at] * len(parts)
    taken = pa.array(source, pa.int64())
    return Batch(
        pa.array(paragraphs, pa.string()),
        pa.array(articles, pa.string()),
        pa.array(texts, pa.large_string()),
        tuple(kept.take(taken) for kept in rows.kept),
        count,
        rows.paragraph_ids.null_count,
        tuple(rejects),
        blank,
        rows.paragraph_ids.null_count - len(named),
    )


def article_batch(articles: Sequence[tuple[str, list[str]]], keep: int, rejects: Sequence[Reject] = ()) -> Batch:
    """Whole articles that are split already, each with its id; ``keep`` columns stay empty."""
    paragraphs = [f"{article}:{at}" for article, parts in articles for at in range(1, len(parts or [""]) + 1)]
    texts = [text for _, parts in articles for text in parts or [""]]
    named = [article for article, parts in articles for _ in parts or [""]]
    return Batch(
        pa.array(paragraphs, pa.string()),
        pa.array(named, pa.string()),
        pa.array(texts, pa.large_string()),
        tuple(pa.nulls(len(texts), pa.string()) for _ in range(keep)),
        len(articles),
        len(articles),
        tuple(rejects),
    )


def load_json(text: str) -> Any:
    """``json.loads``; objects know which of their keys stood twice."""
    return json.loads(text, object_pairs_hook=Pairs)


class Pairs(dict[str, Any]):
    """A JSON object that remembers keys that were given more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice: set[str] = set()
        if len(self) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            self.twice = {key for key, count in counts.items() if count > 1}
