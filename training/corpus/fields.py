"""One field of a row: its value, or an error that says where it stands and what was expected."""

from __future__ import annotations

from typing import Any

from training.config import ColumnKey, Columns, IndicatorTopics, SeparatedTopics
from training.corpus.sources import Row
from training.errors import UserError
from training.topic_names import fault_of


def indicators_of(topics: IndicatorTopics) -> dict[ColumnKey, str]:
    if isinstance(topics.indicators, dict):
        return topics.indicators
    return {key: str(key) for key in topics.indicators}


def text_of(row: Row, key: ColumnKey) -> str:
    text = row.values.get(key)
    if text is None:
        raise UserError(f"{row.place}: {key}: found no text (null), expected the text of a paragraph.")
    if not isinstance(text, str):
        raise UserError(f"{row.place}: {key}: found {type(text).__name__} {text!r:.40}, expected text.")
    return _encodable(text, row, key)


def _encodable(text: str, row: Row, key: ColumnKey) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise UserError(
            f"{row.place}: {key}: character {problem.start + 1} is half of a surrogate pair, not text."
        ) from None
    return text


def topics_of(row: Row, columns: Columns, option: str) -> list[str]:
    where = columns.topics
    if isinstance(where, IndicatorTopics):
        return [_named(topic, row, key) for key, topic in indicators_of(where).items() if _is_set(row, key)]
    key = where.column if isinstance(where, SeparatedTopics) else where
    value = row.values.get(key)
    if isinstance(where, SeparatedTopics):
        if not isinstance(value, str) and value is not None:
            raise UserError(f"{row.place}: {key}: found {value!r:.60}, expected text to split at {where.separator!r}.")
        value = [part.strip() for part in (value or "").split(where.separator) if part.strip()]
    if isinstance(value, str):
        raise UserError(
            f"{row.place}: {key}: found the text {value!r:.60}, expected a list of topics. If topics are joined by a "
            f'separator, set topics under {option} to {{column: {key}, separator: ";"}}.'
        )
    if not isinstance(value, list) or not all(isinstance(topic, str) and topic for topic in value):
        raise UserError(f"{row.place}: {key}: found {value!r:.60}, expected a list of topic ids (may be empty).")
    return list(dict.fromkeys(_named(topic, row, key) for topic in value))


def _named(topic: str, row: Row, key: ColumnKey) -> str:
    fault = fault_of(topic)
    if fault:
        raise UserError(f"{row.place}: {key}: the topic {topic[:40]!r} {fault}. Correct it.")
    return topic


def _is_set(row: Row, key: ColumnKey) -> bool:
    value = row.values.get(key)
    text = str(value).strip().lower()
    if text in ("1", "1.0", "true"):
        return True
    if text in ("0", "0.0", "false"):
        return False
    raise UserError(f"{row.place}: {key}: found {value!r:.40}, expected 0 or 1.")


def identity_of(row: Row, key: ColumnKey | None) -> str | None:
    value = row.values.get(key) if key is not None else None
    if key is None or value is None or value == "":  # a table has no null
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UserError(f"{row.place}: {key}: found {value!r:.40}, expected an id (text or a whole number).")
    return _encodable(str(value), row, key)


def date_of(row: Row, key: ColumnKey | None) -> str | None:
    value: Any = row.values.get(key) if key is not None else None
    if value is None or value == "":
        return None
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value).strip()
    raise UserError(f"{row.place}: {key}: found {value!r:.40}, expected a date such as 2024-05-31.")
