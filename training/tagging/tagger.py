"""One piece of work from bytes to bytes: decoded, scored, encoded and counted. Runs in any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.tagging.encoders import Encoder
from training.tagging.options import Options, TaggingModel
from training.tagging.rejects import Reject
from training.tagging.scoring import score
from training.tagging.summary import FILES_NAMED, Counts
from training.tagging.work import Work


@dataclass(frozen=True)
class Piece:
    """A piece of output. ``encoded`` is what the encoder gave, of ``size`` bytes."""

    encoded: Any
    size: int
    rejects: tuple[Reject, ...]
    counts: Counts


@dataclass(frozen=True)
class Tagger:
    """A model with an encoder."""

    model: TaggingModel
    encoder: Encoder
    options: Options

    def __call__(self, work: Work) -> Piece:
        batch = work.decode()
        rows = work.lines - batch.blank
        if rows != batch.rows + len(batch.rejects):
            raise RuntimeError(
                f"{rows} rows stand before {work.after}, but {batch.rows} were read and {len(batch.rejects)} rejected: "
                f"a fault of conflict-topics. Please report it."
            )
        tagged = score(self.model, batch, self.options.explain)
        encoded = self.encoder(tagged)
        reasons: dict[str, int] = {}
        for reject in batch.rejects:
            reason = reject.reason.partition(";")[0].partition(" (")[0].partition(":")[0]
            reasons[reason] = reasons.get(reason, 0) + 1
        unread = [reject.file for reject in batch.rejects if reject.rest]
        counts = Counts(
            rows_read=rows,
            rows_tagged=batch.rows,
            rows_rejected=len(batch.rejects),
            articles=batch.articles,
            paragraphs=len(batch.texts),
            tags=len(tagged.topics),
            untagged=tagged.untagged,
            reasons=reasons,
            repeated=batch.repeated,
            files_unread=len(unread),
            unread=unread[:FILES_NAMED],
            kept={
                name: len(column) - column.null_count
                for name, column in zip(self.options.keep, batch.kept, strict=True)
                if name != self.options.text_column
            },
        )
        size = len(encoded) if isinstance(encoded, bytes) else int(encoded.nbytes)
        return Piece(encoded, size, batch.rejects, counts)
