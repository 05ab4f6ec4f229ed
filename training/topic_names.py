"""What the id of a topic may be: it goes into files and onto terminals as it is."""

from __future__ import annotations

import re

LONGEST = 1000
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
