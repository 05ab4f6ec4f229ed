"""Years, months and days that a user asks for, and the days that paragraphs are dated."""

from __future__ import annotations

import re
from calendar import monthrange
from contextlib import suppress
from datetime import date

_ASKED = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
# 2024-5-31 has one-digit numbers between its signs; 20240531 may be followed by 120000.
_DAY = re.compile(r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|(\d{2})(\d{2}))(?=\D|\d{6}$|$)", re.ASCII)
_COARSE = re.compile(r"(\d{4})(?:[-/.](\d{1,2}))?", re.ASCII)


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


def span(since: str | None, until: str | None) -> tuple[date, date]:
    """The first and last day of all that lies from one period to another, both included; None is without end.

    Raises :class:`ValueError` for what is no period, and if none of ``until`` comes after the beginning of ``since``.
    """
    first = period(since)[0] if since else date.min
    last = period(until)[1] if until else date.max
    if first > last:
        raise ValueError(f"found from {since} to {until}, expected an end that is not before the beginning.")
    return first, last


def days_of(dated: str | None) -> tuple[date, date] | None:
    """The first and last day that a date may mean: 2024-05-31 (or with / or . or nothing between), 2024-05 or 2024.

    Months and days may have one digit where something stands between them.

    What follows a day (the time) does not matter. None for any other date, and for days that do not exist.
    """
    if dated is None:
        return None
    day, coarse = _DAY.match(dated), _COARSE.fullmatch(dated)
    with suppress(ValueError):
        if day:
            return period("-".join(part.zfill(2) for part in day.group(1, 3, 4, 5, 6) if part))
        if coarse:
            return period("-".join(part.zfill(2) for part in coarse.groups() if part))
    return None


def overlap(dated: str | None, first: date, last: date) -> bool:
    """Whether a date may lie between two days, both included."""
    days = days_of(dated)
    return days is not None and first <= days[1] and days[0] <= last
