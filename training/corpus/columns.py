"""Which columns of a source hold the fields of a paragraph: those that were mapped, or those of the standard names."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby

from training.config import ColumnKey, Columns
from training.corpus.sources import Row
from training.errors import UserError, did_you_mean, listed

OPTIONAL = ("paragraph_id", "article_id", "date")

log = logging.getLogger(__name__)


def by_source(rows: Iterable[Row]) -> list[list[Row]]:
    """``rows`` in order, one list a source."""
    return [list(source) for _, source in groupby(rows, key=lambda row: row.source)]


def keys_of(rows: Iterable[Row]) -> dict[ColumnKey, None]:
    """The columns that any of ``rows`` has, in the order in which they come."""
    return {key: None for row in rows for key in row.values}


def located(rows: Iterable[Row], columns: Columns, option: str, proven: bool = False) -> Iterator[tuple[Row, Columns]]:
    """Every row with the columns in which its source keeps each field, as :func:`columns_of` finds them.

    Columns that are ``proven`` count as those of another source.
    """
    sources = by_source(rows)
    anywhere = keys_of(row for source in sources for row in source)
    if proven:
        anywhere |= dict.fromkeys(columns.named())
    for source in sources:
        read = columns_of(columns, source, anywhere, option)
        for row in source:
            yield row, read


def columns_of(columns: Columns, source: list[Row], anywhere: Collection[ColumnKey], option: str) -> Columns:
    """Where the rows of one ``source`` keep each field; an optional one that was not mapped has its standard name.

    What was mapped to columns that other sources have (``anywhere``) and this one does not is read by the standard
    names, if it has those. Raises :class:`UserError`, which names the ``option`` that maps columns, for a source that
    lacks what it needs, and for a column that no source has.
    """
    found = keys_of(source)
    standard = {field: field for field in ("text", "topics") if has_standard_labels(columns, source, anywhere)}
    for field in OPTIONAL:
        key = getattr(columns, field)
        if key is None or (key not in found and key in anywhere):
            standard[field] = field
    read = columns.model_copy(update=standard)
    missing = [key for key in read.named() if key not in found and key not in standard]
    if missing:
        nearest = did_you_mean(missing[0], found)
        raise UserError(
            f"{source[0].source}: no column {missing[0]!r}.{nearest} Columns found: {listed(found, 20)}. "
            f"Map them under {option}."
        )
    replaced = [field for field in standard if getattr(columns, field) not in (None, field)]
    if replaced:
        names = listed(replaced)
        log.info("%s: read by the standard names (%s), not as mapped under %s", source[0].source, names, option)
    return read


def has_standard_labels(columns: Columns, source: list[Row], anywhere: Collection[ColumnKey]) -> bool:
    """Whether a source has ``text`` and a list ``topics`` in place of the mapped columns, which other sources have."""
    found = keys_of(source)
    mapped = set(columns.model_copy(update=dict.fromkeys(OPTIONAL)).named()) - {"text", "topics"}
    return (
        (columns.text, columns.topics) != ("text", "topics")
        and mapped.isdisjoint(found)
        and mapped.issubset(anywhere)
        and "text" in found
        and isinstance(source[0].values.get("topics"), list)
    )
