"""Which paragraphs to show, in which order: what the page asks for, checked, and as SQL whose values are parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from training.dates import period, span
from training.errors import UserError

Order = Literal["file", "surest", "least"]
State = Literal["all", "open", "corrected"]
PAGE = 20
# A month or a year lies in a range that it overlaps: as much of the bound is compared as the date has.
IS_DATE = "regexp_matches(day, '^[0-9]{4}(-[0-9]{2}(-[0-9]{2}([^0-9].*)?)?)?$')"
_BOUND = "left(${}, CAST(length(day[:10]) AS BIGINT))"
_WORDS = re.compile(r'"([^"]+)"|(\S+)')


@dataclass(frozen=True)
class Filter:
    """``topic`` is a topic's id; ``untagged`` asks for paragraphs without any; ``everywhere`` also for those that the
    topic was not set for. ``low`` and ``high`` are of the topic's probability, or else of the most probable one."""

    topic: str | None = None
    untagged: bool = False
    everywhere: bool = False
    since: str = ""
    until: str = ""
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    state: State = "all"
    order: Order = "file"


@dataclass
class Query:
    """Conditions of a WHERE with their parameters, and the expression of the probability."""

    probability: str
    named: dict[str, Any] = field(default_factory=dict)
    conditions: list[str] = field(default_factory=list)

    def where(self) -> str:
        return " AND ".join(self.conditions) or "true"

    def add(self, condition: str, **values: Any) -> None:
        self.conditions.append(condition)
        self.named |= values


def parse_filter(asked: Mapping[str, str]) -> Filter:
    """A filter from the fields of the page. Raises :class:`UserError`."""
    topic = asked.get("topic", "any")
    if not (topic in ("any", "untagged") or topic.startswith("topic:")):
        raise UserError(f'topic: found "{topic:.60}", expected any, untagged or topic:ID.')
    since, until = (asked.get(name, "").strip() for name in ("since", "until"))
    for name, date in (("from", since), ("to", until)):
        try:
            if date:
                period(date)
        except ValueError as problem:
            raise UserError(f"{name}: {problem}") from None
    try:
        span(since, until)
    except ValueError as problem:
        raise UserError(f"dates: {problem}") from None
    state, order = asked.get("state", "all"), asked.get("order", "file")
    if state not in get_args(State) or order not in get_args(Order):
        raise UserError(f"found state {state:.20} and order {order:.20}, expected what the page offers.")
    return Filter(
        topic=topic.removeprefix("topic:") if topic.startswith("topic:") else None,
        untagged=topic == "untagged",
        everywhere=asked.get("everywhere") == "1",
        since=since,
        until=until,
        low=_probability("from", asked.get("low", "")),
        high=_probability("to", asked.get("high", "")),
        words=tuple(phrase or word for phrase, word in _WORDS.findall(asked.get("words", "")[:1000])),
        state=cast(State, state),
        order=cast(Order, order),
    )


def _probability(name: str, given: str) -> float | None:
    if not given.strip():
        return None
    try:
        value = float(given)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UserError(f'probability {name}: found "{given:.20}", expected a number from 0 to 1.')
    return value


def query(wanted: Filter, every: tuple[str, ...], dated: bool) -> Query:
    """SQL over the columns of :mod:`training.view.tags`. ``every`` are the topics whose probability is always told."""
    if wanted.topic is None:
        made = Query("CAST(probabilities[1] AS DOUBLE)")
        if wanted.untagged:
            made.add("len(coalesce(topics, [])) = 0")
    elif wanted.topic in every:
        # A struct's field cannot be a parameter; this name is one of the file's own, quoted.
        made = Query(f"CAST(every.{quoted(wanted.topic)} AS DOUBLE)")
    else:
        made = Query("CAST(probabilities[list_position(topics, $topic)] AS DOUBLE)", {"topic": wanted.topic})
    if wanted.topic is not None and not (wanted.everywhere and wanted.topic in every):
        made.add("list_contains(topics, $topic)", topic=wanted.topic)
    if wanted.low is not None:
        made.add(f"{made.probability} >= $low", low=wanted.low)
    if wanted.high is not None:
        made.add(f"{made.probability} <= $high", high=wanted.high)
    if (wanted.since or wanted.until) and not dated:
        raise UserError("These tags have no dates: tag again with --keep date, or name the column with --date-column.")
    if wanted.since:
        made.add(f"{IS_DATE} AND day[:10] >= {_BOUND.format('since')}", since=period(wanted.since)[0].isoformat())
    if wanted.until:
        made.add(f"{IS_DATE} AND day[:10] <= {_BOUND.format('until')}", until=period(wanted.until)[1].isoformat())
    for number, word in enumerate(wanted.words):
        made.add(f"contains(lower(text), lower($word{number}))", **{f"word{number}": word})
    if wanted.state != "all":
        known = "coalesce(paragraph_id IN (SELECT id FROM corrected), false)"
        made.add(known if wanted.state == "corrected" else f"NOT {known}")
    return made


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'
