"""What a tagging job did, in numbers that add up."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from training.errors import UserError

FILES_NAMED = 5
"""How many of the files that could not be read to their end are named."""
_REASONS_NAMED = 5


class Interrupted(UserError):  # noqa: N818
    """The job was told to stop, finished its batch and can be resumed. ``exit_code`` is 128 + the signal's number."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


@dataclass(frozen=True)
class Counts:
    """Rows are rows of the input (a line, a Parquet row, a .txt or .html file); paragraphs are records written.

    ``repeated`` counts articles whose id an article shortly before them has too: ids far apart are not compared.
    ``files_unread`` counts files that could not be read to their end; ``unread`` names the first of them.
    ``kept`` counts the paragraphs that have a value in each column passed through, the text aside.
    """

    rows_read: int = 0
    rows_tagged: int = 0
    rows_rejected: int = 0
    articles: int = 0
    paragraphs: int = 0
    tags: int = 0
    untagged: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    files_unread: int = 0
    unread: list[str] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        reasons = dict(self.reasons)
        for reason, count in other.reasons.items():
            if reason in reasons or len(reasons) < 100:
                reasons[reason] = reasons.get(reason, 0) + count
            else:
                reasons["other"] = reasons.get("other", 0) + count
        return Counts(
            self.rows_read + other.rows_read,
            self.rows_tagged + other.rows_tagged,
            self.rows_rejected + other.rows_rejected,
            self.articles + other.articles,
            self.paragraphs + other.paragraphs,
            self.tags + other.tags,
            self.untagged + other.untagged,
            reasons,
            self.repeated + other.repeated,
            self.files_unread + other.files_unread,
            (self.unread + other.unread)[:FILES_NAMED],
            {name: self.kept.get(name, 0) + other.kept.get(name, 0) for name in self.kept | other.kept},
        )

    def check(self) -> None:
        """Raise if a row is neither tagged nor rejected, or one is both."""
        if self.rows_read != self.rows_tagged + self.rows_rejected:
            raise RuntimeError(
                f"{self.rows_read} rows read, but {self.rows_tagged} tagged and {self.rows_rejected} rejected: "
                f"a fault of conflict-topics. The output was not put in place. Please report it."
            )


@dataclass(frozen=True)
class Summary(Counts):
    """``rows_read == rows_tagged + rows_rejected``, always.

    ``articles`` counts those among ``rows_tagged`` that were split into paragraphs; every other tagged row is one
    paragraph. ``tags`` counts topics written, ``untagged`` the paragraphs without any. ``rejected`` is the file
    of rejected rows, or None if there is none. ``seconds`` and ``bytes_read`` are those of this run alone.
    """

    files: int = 0
    files_skipped: int = 0
    bytes_read: int = 0
    seconds: float = 0.0
    run_paragraphs: int = 0
    output: str = ""
    rejected: str | None = None
    resumed: bool = False

    @staticmethod
    def of(counts: Counts, **more: Any) -> Summary:
        return replace(Summary(**{name: getattr(counts, name) for name in Counts.__dataclass_fields__}), **more)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """The summary as it is printed."""
        read = f"read {self.rows_read:,} rows from {self.files:,} files"
        split = f" ({self.articles:,} articles split)" if self.articles else ""
        lines = [
            f"{read} = {self.rows_tagged:,} tagged + {self.rows_rejected:,} rejected{split}",
            f"wrote {self.paragraphs:,} paragraphs with {self.tags:,} topics to {self.output}; "
            f"{self.untagged:,} have none",
        ]
        if self.seconds > 0 and self.run_paragraphs:
            rate = self.run_paragraphs / self.seconds
            speed = f"{rate:,.0f} paragraphs/s, {self.bytes_read / self.seconds / 1e6:,.1f} MB/s"
            resumed = f"; resumed, {self.run_paragraphs:,} of them in this run" if self.resumed else ""
            lines.append(f"in {self.seconds:,.1f} s ({speed}{resumed})")
        if self.rows_rejected:
            lines.append(f"rejected rows are in {self.rejected}")
            common = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
            lines += [f"  {count:,} × {reason}" for reason, count in common[:_REASONS_NAMED]]
            if len(common) > _REASONS_NAMED:
                lines.append(f"  and {len(common) - _REASONS_NAMED:,} more reasons")
        lines += self.warnings()
        if self.files_skipped:
            lines.append(
                f"{self.files_skipped:,} files in folders were passed over: their suffix is not data, they hold "
                f"rejected rows, or they are no regular files"
            )
        return lines

    def warnings(self) -> list[str]:
        """What may be wrong with the input or with how it is read; told in any case."""
        lines = []
        if self.files_unread:
            more = self.files_unread - len(self.unread)
            names = ", ".join(self.unread) + (f" and {more:,} more" if more else "")
            lines.append(f"{self.files_unread:,} files could not be read to their end: {names}")
        if self.repeated:
            lines.append(
                f"{self.repeated:,} rows or more have the article id of another row and no paragraph id, so ids of "
                f"their paragraphs are repeated. Name a column of unique ids: --article-column or --paragraph-column"
            )
        empty = [name for name, values in self.kept.items() if not values and self.paragraphs]
        if empty:
            lines.append(f"no paragraph has a value for --keep {', '.join(empty)}: is that the name in the input?")
        return lines
