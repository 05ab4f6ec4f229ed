"""What the id of a topic may be (it goes into files and onto terminals as it is), and what is likely a slip."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator

LONGEST = 1000
SEPARATORS = ",;|"
NO_TOPICS = ("none", "null", "nil", "nan", "na", "n/a", "")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def fault_of(name: str) -> str | None:
    """What keeps ``name`` from being the id of a topic, as the end of a sentence; None if nothing does."""
    if not name:
        return "is empty"
    if len(name) > LONGEST:
        return f"has {len(name)} characters; at most {LONGEST} are expected"
    if _SURROGATE.search(name):
        return "holds half of a surrogate pair, which is not text"
    if _CONTROL.search(name):
        return "holds a control character, such as a tab or a line break"
    return None


def variants(topics: Iterable[str]) -> list[list[str]]:
    """Topics that differ only in case, blanks, ``_``, ``-``, what nobody sees or Unicode's normal forms, together."""
    alike: dict[str, list[str]] = {}
    for topic in topics:
        alike.setdefault(_folded(topic), []).append(topic)
    return [names for names in alike.values() if len(names) > 1]


def told_apart(alike: Collection[str]) -> list[str]:
    """Names that look alike, quoted; by their code points where Unicode's normal forms are the whole difference."""
    forms = {unicodedata.normalize("NFC", name) for name in alike}
    return [repr(name) if len(forms) == len(alike) else ascii(name) for name in alike]


def joined_topics(topics: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each topic that a separator divides into parts of which one is a topic, with that separator."""
    topics = list(topics)
    known = {_folded(topic) for topic in topics}
    for topic in topics:
        for mark in SEPARATORS:
            if mark in topic and any(_folded(part) in known for part in topic.split(mark)):
                yield topic, mark
                break


def no_topics(topics: Iterable[str]) -> list[str]:
    """Topics that are the word for none."""
    return [topic for topic in topics if _folded(topic) in NO_TOPICS]


def _folded(topic: str) -> str:
    """``topic`` without what a reader passes over; nothing is left of a dash."""
    visible = "".join(char for char in unicodedata.normalize("NFKC", topic) if unicodedata.category(char) != "Cf")
    return " ".join(visible.replace("_", " ").replace("-", " ").split()).casefold()
