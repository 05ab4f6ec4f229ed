"""One pass over an archive: what each month holds, in counts whose size does not depend on the archive's."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from training.errors import UserError
from training.evaluation.reference import EDGES, histogram, known_words, unknown_share
from training.model.model import Model
from training.review.archive import Paragraphs, month_of

UNDATED = "undated"
SAMPLED = 2000  # paragraphs a month that are kept for what cannot be counted in passing


@dataclass
class Month:
    """Counts of one month: ``scores`` int64 [bins, topics], ``tagged`` int64 [topics].

    Of a random sample also ``unknown``, the share of unknown words (NaN for a text without words), and ``rows``, the
    probabilities float32 [topics].
    """

    scores: npt.NDArray[np.int64]
    tagged: npt.NDArray[np.int64]
    paragraphs: int = 0
    unknown: list[float] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)


def months_of(
    model: Model, archive: Iterable[Paragraphs], by: str = "month", seed: int = 13
) -> tuple[dict[str, Month], int]:
    """Every period of the archive in order, and the number of rows that could not be read.

    ``by`` is ``month``, ``year`` or ``all``. Of each period a random sample is kept.
    """
    threads = os.cpu_count() or 1
    vocabulary = known_words(model)
    rng = np.random.default_rng(seed)
    found: dict[str, Month] = {}
    rejected = 0
    shape = (len(EDGES) - 1, len(model.topics))
    for batch in archive:
        rejected += batch.rejected
        if not len(batch):
            continue
        probabilities = model.predict_proba(batch.texts, threads=threads)
        tags = model.decide(probabilities)
        names = np.array([_period(date, by) for date in batch.dates.to_pylist()], dtype=object)
        keys = rng.random(len(batch))
        for name in sorted(set(names.tolist())):
            rows = np.flatnonzero(names == name)
            month = found.setdefault(name, Month(np.zeros(shape, np.int64), np.zeros(shape[1], np.int64)))
            month.paragraphs += len(rows)
            month.scores += histogram(probabilities[rows])
            month.tagged += tags[rows].sum(axis=0)
            _sample(month, batch, probabilities, rows=rows, keys=keys, vocabulary=vocabulary)
    if not found:
        raise UserError(
            f"INPUT: found no paragraph with text ({rejected} rows could not be read), expected an archive to compare "
            f"with the training data. Check the files and --text-column."
        )
    return dict(sorted(found.items())), rejected


def _sample(
    month: Month, batch: Paragraphs, probabilities: Any, *, rows: Any, keys: Any, vocabulary: frozenset[str] | None
) -> None:
    """Keep the paragraphs with the smallest keys: a random sample of the month, whatever its length."""
    if len(month.keys) >= SAMPLED:
        rows = rows[keys[rows] < max(month.keys)]
    for row in rows:
        share = unknown_share(batch.texts[int(row)].as_py(), vocabulary) if vocabulary is not None else None
        month.unknown.append(float("nan") if share is None else share)
        month.rows.append(probabilities[row].copy())
        month.keys.append(float(keys[row]))
    if len(month.keys) > SAMPLED:
        kept = np.argsort(month.keys)[:SAMPLED]
        month.unknown = [month.unknown[at] for at in kept]
        month.rows = [month.rows[at] for at in kept]
        month.keys = [month.keys[at] for at in kept]


def _period(date: str | None, by: str) -> str:
    month = month_of(date) if by != "all" else "all"
    if month is None:
        return UNDATED
    return month[:4] if by == "year" else month
