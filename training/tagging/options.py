"""What a tagging job was asked for, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from training.errors import UserError, listed

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

LIST_SEPARATOR = ";"
PROBABILITY_PREFIX = "probability_"
TAG_COLUMNS = ("paragraph_id", "article_id", "topics", "probabilities", "model", "all_probabilities", "evidence")


class TaggingModel(Protocol):
    """What tagging needs of a model; :class:`training.model.model.Model` is one."""

    @property
    def id(self) -> str: ...

    @property
    def topics(self) -> Sequence[str]: ...

    def predict_proba(self, texts: Any, threads: int = 1) -> Floats: ...

    def decide(self, probabilities: Floats) -> Bools: ...

    def evidence(self, text: str) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Options:
    """Everything that changes what is read or written. Threads, batch timing and progress do not."""

    input_format: str | None = None
    text_column: str = "text"
    paragraph_column: str = "paragraph_id"
    article_column: str = "article_id"
    keep: tuple[str, ...] = ()
    all_probabilities: bool = False
    explain: bool = False
    max_characters: int = 1_000_000

    def __post_init__(self) -> None:
        columns = (self.text_column, self.paragraph_column, self.article_column)
        if len(set(columns)) < len(columns):
            raise UserError(f"text, paragraph and article come from different columns; found {', '.join(columns)}.")
        if len(set(self.keep)) < len(self.keep):
            raise UserError(f"--keep names a column twice: {', '.join(self.keep)}.")
        clashes = [column for column in self.keep if column in TAG_COLUMNS]
        if clashes:
            raise UserError(
                f"--keep {clashes[0]}: the output has its own column of this name. Columns of every output: "
                f"{listed(TAG_COLUMNS)}. Rename the column in the input."
            )
        if self.max_characters < 1:
            raise UserError(f"--max-characters {self.max_characters}: expected a number of at least 1.")

    @property
    def wanted(self) -> tuple[str, ...]:
        """The input columns that are read, each once."""
        columns = (self.paragraph_column, self.article_column, self.text_column, *self.keep)
        return tuple(dict.fromkeys(columns))

    @property
    def longest_line(self) -> int:
        """Bytes that a line of text may have: every character of the text escaped, and room for the other columns."""
        return 12 * self.max_characters + (1 << 20)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Tuning:
    """Sizes of the work. The first two decide where output is cut into pieces, so a resumed job must keep them."""

    block_bytes: int = 2 << 20
    shard_rows: int = 131_072
    commit_seconds: float = 1.0


def check_topics(topics: Sequence[str], options: Options, output_format: str) -> None:
    """CSV writes lists joined by ``;`` and one column a probability: ids must leave that readable."""
    if output_format != "csv":
        return
    for topic in topics:
        if LIST_SEPARATOR in topic:
            raise UserError(
                f'topic "{topic}" holds "{LIST_SEPARATOR}", which joins topics in CSV. '
                f"Write .jsonl or .parquet instead."
            )
    clashes = {PROBABILITY_PREFIX + topic for topic in topics} & set(options.keep)
    if options.all_probabilities and clashes:
        raise UserError(f"--keep {clashes.pop()}: --all-probabilities writes a column of this name. Rename it.")
