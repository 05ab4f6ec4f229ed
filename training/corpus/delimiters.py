"""A table whose fields are separated by something else than its suffix says."""

from __future__ import annotations

_WAYS_OUT = {
    ",": "commas: name it .csv",
    "\t": "tabs: name it .tsv",
    ";": "';': save it with commas, or as .tsv with tabs",
    "|": "'|': save it with commas, or as .tsv with tabs",
}


def other_delimiter(header: list[str], delimiter: str) -> str:
    """What to do where a header is one column that holds another delimiter than ``delimiter``; else nothing.

    Begins with a space where it is not empty, as :func:`training.errors.did_you_mean` does.
    """
    if len(header) != 1:
        return ""
    counts = {other: header[0].count(other) for other in _WAYS_OUT if other != delimiter}
    likely = max(counts, key=lambda other: counts[other])
    return f" Fields seem to be separated by {_WAYS_OUT[likely]}." if counts[likely] else ""
