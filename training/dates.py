"""Years, months and days that a user asks for, and the days that paragraphs are dated."""

from __future__ import annotations

import re
from calendar import monthrange
from contextlib import suppress
from datetime import date

_ASKED = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_DAY = re.compile(r"(\d{4})(-?)(\d{2})\2(\d{2})(?=\D|\d{6}$|$)", re.ASCII)  # 20240531 may be followed by 120000


def period(asked: str) -> tuple[date, date]:
    """The first and last day of a year, month or day. Raises :class:`ValueError` for what is none."""
    found = _ASKED.fullmatch(asked)
    if found:
        year, month, day = found.groups()
        with suppress(ValueError):
            first = date(int(year), int(month or 1), int(day or 1))
            last_month = int(month or 12)
            return first, date(int(year), last_month, int(day or monthrange(int(year), last_month)[1]))
    raise ValueError(f'found "{asked:.60}", expected a year, month or day that exists: 2024, 2024-05 or 2024-05-31.')


def day_of(dated: str | None) -> date | None:
    """The day of a date that begins 2024-05-31 or 20240531; None for any other, and for days that do not exist."""
    found = _DAY.match(dated) if dated is not None else None
    if found is None:
        return None
    year, _, month, day = found.groups()
    with suppress(ValueError):
        return date(int(year), int(month), int(day))
    return None
