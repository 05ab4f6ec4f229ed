"""The one kind of error a user sees as a message instead of a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A problem with the user's data, config or model (exit code 1).

    The message says where, what was found, what was expected and what to do next.
    """


def did_you_mean(name: object, choices: Iterable[object]) -> str:
    """``' Did you mean "shelling"?'`` for the choice nearest to ``name``, or an empty string."""
    found = difflib.get_close_matches(str(name), [str(choice) for choice in choices], n=1, cutoff=0.6)
    return f' Did you mean "{found[0]}"?' if found else ""


def listed(names: Iterable[object], most: int = 8) -> str:
    """``names`` joined by commas, cut after ``most`` with the number left out."""
    all_names = [str(name) for name in names]
    tail = f" and {len(all_names) - most} more" if len(all_names) > most else ""
    return ", ".join(all_names[:most]) + tail
