"""What annotators said of paragraphs, and the fields that every format of theirs has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from training.errors import UserError


@dataclass(frozen=True)
class Annotation:
    """What one annotator said of one paragraph. ``final`` ones decide alone: marked as ground truth, or adjudicated."""

    place: str
    data: dict[str, Any]
    topics: tuple[str, ...]
    annotator: str | None
    at: str | None
    final: bool = False


@dataclass
class Export:
    """All annotations of some files, and how many tasks were ``skipped``, ``drafts`` or ``unlabelled``."""

    annotations: list[Annotation] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def topic_list(where: str, value: Any) -> list[str]:
    """The topics that ``value`` lists."""
    if not isinstance(value, list) or not all(isinstance(topic, str) and topic for topic in value):
        raise UserError(f"{where}: found {value!r:.60}, expected a list of topic ids (may be empty).")
    return value


def person_of(value: Any) -> str | None:
    """``completed_by`` is a number, or an object with the person's address; exports as CSV have either as text."""
    if isinstance(value, dict):
        value = value.get("email") or value.get("id")
    return None if value in (None, "") else str(value)


def time_of(value: Any) -> str | None:
    """A time as it was written."""
    return None if value in (None, "") else str(value)
