"""Paragraphs of an archive in batches, read as ``tag`` reads them, with their dates where the archive has any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.dates import days_of
from training.errors import UserError
from training.tagging.inputs import Source, find_sources
from training.tagging.options import Options, Tuning
from training.tagging.readers import check_sources, read
from training.tagging.work import Position, Reading


@dataclass(frozen=True)
class Paragraphs:
    """``n`` paragraphs, none of them blank. ``dates`` and ``kept`` are strings, null where the archive has none."""

    ids: pa.Array
    articles: pa.Array
    texts: pa.Array
    dates: pa.Array
    kept: dict[str, pa.Array]
    rejected: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Paragraphs:
        """The paragraphs where ``mask`` [n] is true."""
        if mask.all():
            return self
        chosen = pa.array(mask)
        return replace(
            self,
            ids=self.ids.filter(chosen),
            articles=self.articles.filter(chosen),
            texts=self.texts.filter(chosen),
            dates=self.dates.filter(chosen),
            kept={name: column.filter(chosen) for name, column in self.kept.items()},
        )


def read_archive(
    inputs: Sequence[str],
    *,
    input_format: str | None = None,
    text_column: str = "text",
    date_column: str = "date",
    keep: Sequence[str] = (),
) -> Iterator[Paragraphs]:
    """Every paragraph of files, folders and globs, in order, in batches that keep memory bounded.

    Rows that cannot be read are counted in ``rejected``. Raises :class:`UserError` for inputs or columns that are
    not there; the date column alone may be missing.
    """
    plain = Options(input_format=input_format, text_column=text_column, keep=tuple(keep))
    sources, _ = find_sources(inputs, input_format)
    dated = replace(plain, keep=tuple(dict.fromkeys((date_column, *keep))))
    chosen = [(source, dated if _has(source, dated) else plain) for source in sources]
    for source, options in chosen:
        check_sources([source], options)
    for with_dates, run in groupby(chosen, key=lambda pair: pair[1] is dated):
        together = list(run)
        options = together[0][1]
        reading = Reading(options, Tuning(), kept_as_json=False)
        for work in read([source for source, _ in together], Position(), reading):
            batch = work.decode()
            kept = dict(zip(options.keep, batch.kept, strict=True))
            dates = kept[date_column] if with_dates else pa.nulls(len(batch.texts), pa.string())
            kept = {name: kept[name] for name in keep}
            found = Paragraphs(
                batch.paragraph_ids, batch.article_ids, batch.texts, dates, kept, len(batch.rejects)
            )  # fmt: skip
            yield found.select(~_blank(found.texts))


def _has(source: Source, options: Options) -> bool:
    """Whether the columns of ``options`` are there; where a file tells no columns beforehand, they may be."""
    try:
        check_sources([source], options)
    except UserError:
        return False
    return True


def _blank(texts: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    blank = pc.or_(pc.utf8_is_space(texts), pc.equal(pc.binary_length(texts), 0))
    return np.asarray(blank.to_numpy(zero_copy_only=False), dtype=bool)


@lru_cache(maxsize=1 << 16)  # the paragraphs of a day are many
def month_of(date: str | None) -> str | None:
    """``2024-05`` for a day or month as :func:`days_of` reads it; a bare year stands for itself; else None."""
    days = days_of(date)
    if days is None:
        return None
    first, last = days
    return first.isoformat()[: 7 if first.month == last.month else 4]
