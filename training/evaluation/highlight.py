"""Evidence as text: the terms for and against a topic, and the text with them marked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from training.model.explaining import Evidence, character_contributions, word_contributions
from training.model.model import Exclusive

_SHOWN = 100  # characters of the best passage
_NEAREST = "the nearest topic; none reaches its threshold"
FOR, AGAINST, PLAIN = "\x1b[30;42m", "\x1b[30;41m", "\x1b[0m"


def explanation(
    text: str, evidence: Sequence[Evidence], most: int, *, colour: bool, exclusive: Exclusive = "no"
) -> str:
    """A block for each topic: verdict, strongest terms, and the text with the characters that spoke for it.

    ``exclusive`` is that of the model's decision: it says why a topic is set below its threshold, or not set above it.
    """
    return "\n\n".join(_block(text, entry, most, colour, exclusive) for entry in evidence)


def segments(text: str, contributions: Sequence[float]) -> list[tuple[str, int]]:
    """The text in pieces: words with 1 spoke for the topic, with -1 against it, and 0 hardly mattered.

    ``contributions`` may be shorter than the text, which is then cut off.
    """
    words = word_contributions(text, contributions)
    strongest = max((abs(value) for _, _, value in words), default=0.0)
    levels = [0] * len(contributions)
    for start, end, value in words:
        if abs(value) > strongest / 4:
            levels[start:end] = [1 if value > 0 else -1] * (end - start)
    pieces, begin = [], 0
    for end in range(1, len(levels) + 1):
        if end == len(levels) or levels[end] != levels[begin]:
            pieces.append((text[begin:end], levels[begin]))
            begin = end
    return pieces


def strongest_terms(entry: Evidence) -> list[tuple[str, float]]:
    """Terms with their contributions added up over the text, strongest first."""
    by_term: defaultdict[str, float] = defaultdict(float)
    for span in entry.spans:
        by_term[span.term] += span.contribution
    return sorted(by_term.items(), key=lambda item: -abs(item[1]))


def _block(text: str, entry: Evidence, most: int, colour: bool, exclusive: Exclusive) -> str:
    head = f"{entry.topic}  probability {entry.probability:.3f} {_verdict(entry, exclusive)}"
    terms = strongest_terms(entry)
    lines = [head, f"  score {entry.score:+.3f} = intercept {entry.intercept:+.3f} + {len(entry.spans)} contributions"]
    for label, chosen in (
        ("for", [item for item in terms if item[1] > 0][:most]),
        ("against", [item for item in terms if item[1] < 0][:most]),
    ):
        if chosen:
            lines.append(f"  {label:8}" + ", ".join(f"{term!r} {value:+.3f}" for term, value in chosen))
    if entry.passage is not None:
        start, end = entry.passage
        lines.append(f"  best passage, characters {start} to {end}: {_shortened(text[start:end])}")
    if colour:
        lines.append("  " + _coloured(text, character_contributions(len(text), entry)))
    return "\n".join(lines)


def _verdict(entry: Evidence, exclusive: Exclusive) -> str:
    """How the probability stands to the threshold, and what decided where that did not."""
    reached = entry.probability >= entry.threshold
    told = f"{'>=' if reached else '<'} threshold {entry.threshold:.3f}"
    if reached == entry.tagged:
        return told
    if entry.tagged:
        one = exclusive == "exactly_one"
        return f"{told} ({'the most probable topic; one is always set' if one else _NEAREST})"
    known = exclusive != "no" and entry.spans
    return f"{told} ({'another topic is more probable' if known else 'not tagged: nothing in the text is known'})"


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 2 :]}"


def _coloured(text: str, contributions: Sequence[float]) -> str:
    strongest = max((abs(value) for value in contributions), default=0.0) or 1.0
    pieces, current = [], PLAIN
    for character, value in zip(text, contributions, strict=True):
        wanted = FOR if value > strongest / 3 else AGAINST if value < -strongest / 3 else PLAIN
        if wanted != current:
            pieces.append(PLAIN if wanted == PLAIN else PLAIN + wanted)
            current = wanted
        pieces.append(character)
    return "".join(pieces) + PLAIN
