"""The rows of the table, and its Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison.

    ratio: the figure that the goal is about; None if it could not be measured. limit: the goal. larger_is_better: whether
    the ratio must be at least the limit, or at most.
    """

    what: str
    ours: str
    peer: str
    ratio: float | None = None
    limit: float | None = None
    larger_is_better: bool = True
    unit: str = "times"

    @property
    def met(self) -> str:
        if self.ratio is None or self.limit is None:
            return "–"
        return "yes" if (self.ratio >= self.limit if self.larger_is_better else self.ratio <= self.limit) else "**no**"

    def cells(self) -> list[str]:
        goal = "–"
        if self.limit is not None:
            goal = f"{'at least' if self.larger_is_better else 'at most'} {self.limit:g} {self.unit}"
        measured = "–" if self.ratio is None else f"{figure(self.ratio)} {self.unit}"
        return [self.what, self.ours, self.peer, measured, goal, self.met]


HEADINGS = ("what", "conflict-topics", "peer", "measured", "goal", "reached")


def figure(value: float) -> str:
    """Three digits that count, and never a power of ten."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; bars in cells are escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def comparison(rows: Sequence[Row]) -> str:
    return markdown(HEADINGS, [row.cells() for row in rows])
