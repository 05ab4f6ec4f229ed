"""Labelled paragraphs: rows checked field by field and held together as one corpus."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.config import Columns, IndicatorTopics
from training.corpus.columns import located
from training.corpus.fields import date_of, identity_of, indicators_of, text_of, topics_of
from training.corpus.sources import Row, read_rows
from training.dates import days_of
from training.errors import UserError, did_you_mean

MOST_PROBLEMS = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Corpus:
    """``n`` labelled paragraphs. ``labels`` is bool [n, topics], aligned with ``topics``."""

    paragraph_ids: tuple[str, ...]
    article_ids: tuple[str, ...]
    texts: pa.LargeStringArray
    dates: tuple[str | None, ...]
    labels: npt.NDArray[np.bool_]
    topics: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paragraph_ids)

    def select(self, rows: npt.NDArray[np.intp]) -> Corpus:
        """The paragraphs at ``rows``, in that order."""
        return Corpus(
            tuple(self.paragraph_ids[row] for row in rows),
            tuple(self.article_ids[row] for row in rows),
            self.texts.take(pa.array(rows)),
            tuple(self.dates[row] for row in rows),
            self.labels[rows],
            self.topics,
        )

    def with_topics(self, topics: Sequence[str]) -> Corpus:
        """The same paragraphs with their labels in the columns ``topics``; topics that are not held become empty."""
        labels = np.zeros((len(self), len(topics)), dtype=bool)
        for column, topic in enumerate(topics):
            if topic in self.topics:
                labels[:, column] = self.labels[:, self.topics.index(topic)]
        return Corpus(self.paragraph_ids, self.article_ids, self.texts, self.dates, labels, tuple(topics))

    def followed_by(self, other: Corpus) -> Corpus:
        """These paragraphs and those of ``other``, which has the same topics."""
        return Corpus(
            self.paragraph_ids + other.paragraph_ids,
            self.article_ids + other.article_ids,
            pa.concat_arrays([self.texts, other.texts]),
            self.dates + other.dates,
            np.vstack([self.labels, other.labels]),
            self.topics,
        )

    @cached_property
    def support(self) -> dict[str, int]:
        """The number of paragraphs that carry each topic."""
        return dict(zip(self.topics, (int(count) for count in self.labels.sum(axis=0)), strict=True))

    def digest(self) -> str:
        """SHA-256 over every record in order; the same for the same content, whatever the file format."""
        sha = hashlib.sha256()
        for index, text in enumerate(self.texts.to_pylist()):
            topics = [self.topics[column] for column in np.flatnonzero(self.labels[index])]
            record = [self.paragraph_ids[index], self.article_ids[index], text, sorted(topics), self.dates[index]]
            sha.update(json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        return sha.hexdigest()


def numbered(ids: Sequence[str]) -> npt.NDArray[np.intp]:
    """A number for each id [n], the same for the same one, in the order of the ids.

    As ``np.unique`` gives it, which would make all of them as long as the longest.
    """
    number = {name: at for at, name in enumerate(sorted(set(ids)))}
    return np.fromiter((number[name] for name in ids), np.intp, len(ids))


def read_corpus(
    spec: str | Sequence[str],
    columns: Columns,
    topics: Sequence[str] | None,
    *,
    where: str,
    codebook: str | None = None,
    option: str = "data.columns",
    proven: bool = False,
) -> Corpus:
    """Read and check labelled paragraphs.

    ``topics`` are those of the codebook, or None for those found in the data; ``option`` is what the user maps columns
    with, which are ``proven`` if they are those of other data that were read. Raises :class:`UserError` with the first
    problems, each by file, line and field.
    """
    rows = read_rows(spec, where=where, by_position=columns.by_position)
    problems: list[str] = []
    texts, paragraphs, articles, dates, carried = [], [], [], [], []
    for row, at in located(rows, columns, option, proven):
        try:
            texts.append(text_of(row, at.text))
            carried.append(topics_of(row, at, option))
            identity = identity_of(row, at.paragraph_id) or row.place
            paragraphs.append(identity)
            articles.append(identity_of(row, at.article_id) or identity)
            dates.append(date_of(row, at.date))
        except UserError as problem:
            problems.append(str(problem))
    problems += _repeated(rows, paragraphs) if not problems else []
    found = sorted({topic for topic_list in carried for topic in topic_list})
    if topics is not None:
        problems += _unknown(rows, carried, topics, codebook) if not problems else []
    if problems:
        more = len(problems) - MOST_PROBLEMS
        tail = [f"… and {more} more problems in {where}."] if more > 0 else []
        raise UserError("\n".join(problems[:MOST_PROBLEMS] + tail))
    names = tuple(topics) if topics is not None else tuple(_in_order(found, columns))
    column_of = {topic: column for column, topic in enumerate(names)}
    labels = np.zeros((len(rows), len(names)), dtype=bool)
    for index, topic_list in enumerate(carried):
        labels[index, [column_of[topic] for topic in topic_list]] = True
    known = _readable(dates, rows, where)
    return Corpus(tuple(paragraphs), tuple(articles), pa.array(texts, type=pa.large_string()), known, labels, names)


def _in_order(found: list[str], columns: Columns) -> list[str]:
    if isinstance(columns.topics, IndicatorTopics):
        return list(dict.fromkeys([*indicators_of(columns.topics).values(), *found]))
    return found


def _readable(dates: list[str | None], rows: Sequence[Row], where: str) -> tuple[str | None, ...]:
    """The dates, without those that cannot be read: most runs have no use for dates."""
    wrong = [at for at, date in enumerate(dates) if date is not None and days_of(date) is None]
    if wrong:
        log.warning(
            "%s: %d dates cannot be read and count as none, the first at %s: found %r, expected one such as 2024-05-31",
            where,
            len(wrong),
            rows[wrong[0]].place,
            (dates[wrong[0]] or "")[:40],
        )
    unread = set(wrong)
    return tuple(None if at in unread else date for at, date in enumerate(dates))


def _repeated(rows: Sequence[Row], paragraphs: Sequence[str]) -> list[str]:
    counts = Counter(paragraphs)
    first: dict[str, Row] = {}
    problems = []
    for row, identity in zip(rows, paragraphs, strict=True):
        if counts[identity] > 1 and identity in first:
            problems.append(
                f'{row.place}: paragraph_id "{identity}" stands already at {first[identity].place}. Ids must be unique.'
            )
        first.setdefault(identity, row)
    return problems


def _unknown(
    rows: Sequence[Row], carried: Sequence[Sequence[str]], topics: Sequence[str], codebook: str | None
) -> list[str]:
    known = set(topics)
    return [
        f'{row.place}: topic "{topic}" is not in {codebook}.{did_you_mean(topic, topics)}'
        for row, topic_list in zip(rows, carried, strict=True)
        for topic in topic_list
        if topic not in known
    ]
