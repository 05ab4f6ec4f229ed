"""``review queue``: from a model and an archive to the paragraphs that are worth a label."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.codebook import Codebook
from training.dates import overlap, span
from training.errors import UserError
from training.keywords import search
from training.model.model import Model
from training.review.archive import Paragraphs
from training.review.benefit import Benefit, benefit, probability_right
from training.review.choose import MOST_OF_ONE_ARTICLE, Item, LeftOut, Reason, choose
from training.review.pool import Found, Pool
from training.review.write import ToLabel, joined

log = logging.getLogger(__name__)
STOP_SET = 2000  # paragraphs on which two models are compared (Bloodgood & Vijay-Shanker 2009, §3.2)
KNOWN = "labelled already, or near-duplicates of what is"
OWN = ("reason", "reason_topic", "inclusion_probability", "model_tags", "suggested", "labels_now")
ANSWERS = ("annotator", "annotated_at", "final")  # what import takes for the labeller's word
SPARE = 5  # times as many random paragraphs are held as are wanted, for some may be labelled already


@dataclass(frozen=True)
class Asked:
    """What a queue should be like. ``since`` and ``until`` are years, months or days, both
    included, e.g. ``2020-03``."""

    number: int = 100
    random: float = 0.2
    seed: int = 13
    since: str | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        try:
            span(self.since, self.until)
        except ValueError as problem:
            raise UserError(f"--from and --to: {problem}") from None

    @property
    def at_random(self) -> int:
        return round(self.number * self.random)


@dataclass(frozen=True)
class Queue:
    """The chosen paragraphs, how many were asked for and there were, and whether labelling them still helps.

    ``left_out`` counts the paragraphs that would have been chosen next, by why they were not. Of those drawn at random,
    ``known`` were labelled already, and ``missing`` of these could not be replaced.
    """

    items: list[Item]
    asked: int
    seen: int
    left_out: Counter[LeftOut]
    rejected: int
    benefit: Benefit
    known: int = 0
    missing: int = 0

    def text(self) -> str:
        """What an analyst should know."""
        reasons = Counter(item.reason for item in self.items)
        by_topic = Counter(item.topic for item in self.items if item.topic is not None)
        told = f": {_told(reasons)}" if reasons else ""
        lines = [f"{len(self.items)} of {self.seen:,} paragraphs chosen{told}."]
        if self.known:
            replaced = f"{self.missing} could not be replaced" if self.missing else "others were drawn in their place"
            lines.append(f"{self.known} more were drawn that are {KNOWN}; {replaced}.")
        if len(self.items) < self.asked:
            lines.append(self._why_fewer())
        if by_topic:
            lines.append("By topic: " + ", ".join(f"{topic} {count}" for topic, count in by_topic.most_common()) + ".")
        if self.rejected:
            lines.append(f"{self.rejected} rows could not be read and are left out.")
        return "\n".join([*lines, *self.benefit.sentences()])

    def _why_fewer(self) -> str:
        names: dict[LeftOut, str] = {
            "labelled": KNOWN,
            "alike": "near-duplicates of chosen ones",
            "article": f"of articles that {MOST_OF_ONE_ARTICLE} or more were chosen of",
        }
        reasons = [f"{self.left_out[reason]} {name}" for reason, name in names.items() if self.left_out[reason]]
        looked_at = len(self.items) + sum(self.left_out.values())
        of = f" of the {looked_at:,} looked at closely" if looked_at < self.seen else ""
        why = f"left out{of} are {'; '.join(reasons)}" if reasons else "there are no more"
        return f"Fewer than the {self.asked} asked for: {why}."


def make_queue(
    model: Model,
    archive: Iterable[Paragraphs],
    asked: Asked,
    *,
    support: Mapping[str, int],
    labelled: Sequence[str],
    codebook: Codebook | None = None,
    before: Model | None = None,
) -> Queue:
    """One pass over ``archive`` in bounded memory, then the choice. ``before`` is the model of the round before."""
    threads = os.cpu_count() or 1
    queries = unlearned_queries(model, codebook)
    pool = Pool(
        model.decision,
        per_topic=max(200, 2 * asked.number),
        at_random=max(SPARE * asked.at_random, STOP_SET if before is not None else asked.number),
        seed=asked.seed,
        unlearned=tuple(queries),
    )
    rejected = 0
    for batch in archive:
        check_kept(batch.kept)
        rejected += batch.rejected
        paragraphs = within(batch, asked)
        if not len(paragraphs):
            continue
        probabilities = model.predict_proba(paragraphs.texts, threads=threads)
        found = search([*queries.values()], paragraphs.texts.to_pylist() if queries else [])
        queried = dict(zip(queries, found.T, strict=True))
        pool.add(paragraphs, probabilities, queried)
    if not pool.seen:
        dates = f" dated {asked.since or '…'} to {asked.until or '…'}" if asked.since or asked.until else ""
        raise UserError(
            f"ARCHIVE: found no paragraph with text{dates} ({rejected} rows could not be read), expected unlabelled "
            f"paragraphs. Check the files, --text-column and the dates."
        )
    chosen = choose(pool, model.topics, support, labelled, number=asked.number, at_random=asked.at_random)
    helps = benefit(model, before, chosen.items, pool.random_sample())
    missing = min(asked.at_random, chosen.drawn) - (chosen.drawn - chosen.known)
    return Queue(chosen.items, asked.number, pool.seen, chosen.left_out, rejected, helps, chosen.known, missing)


def check_kept(names: Iterable[str]) -> None:
    """Raise :class:`UserError` if a kept column has the name of one that a queue, or who labels it, fills in."""
    for name in names:
        if name in (*OWN, *ANSWERS):
            raise UserError(f"--keep {name}: a queue has its own column of this name. Rename the column in the input.")


def _told(reasons: Counter[Reason]) -> str:
    names: dict[Reason, str] = {
        "random": "drawn at random",
        "keywords": "by keyword query",
        "uncertain": "by uncertainty",
    }
    return ", ".join(f"{reasons[reason]} {name}" for reason, name in names.items() if reasons[reason])


def unlearned_queries(model: Model, codebook: Codebook | None) -> dict[str, str]:
    """Keyword queries of the topics that the codebook has and the model has not: nothing else can find them."""
    if codebook is None:
        return {}
    return {topic.id: topic.keywords for topic in codebook.topics if topic.keywords and topic.id not in model.topics}


def within(paragraphs: Paragraphs, asked: Asked) -> Paragraphs:
    """The paragraphs of the wanted dates; those whose date cannot be read only if all are wanted."""
    if asked.since is None and asked.until is None:
        return paragraphs
    first, last = span(asked.since, asked.until)
    wanted = [overlap(dated, first, last) for dated in paragraphs.dates.to_pylist()]
    return paragraphs.select(np.array(wanted, dtype=bool))


def tags_of(model: Model, found: Sequence[Found]) -> list[list[str]]:
    """The tags that the model gives, most probable first."""
    if not found:
        return []
    probabilities = np.stack([one.probabilities for one in found])
    tags = model.decide(probabilities)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    return [[model.topics[at] for at in ranked if row[at]] for row, ranked in zip(tags, order, strict=True)]


def to_label(model: Model, items: Sequence[Item], *, blind: bool = False) -> list[ToLabel]:
    """The chosen paragraphs as labellers get them; ``blind`` ones without the suggestions of the model."""
    if not items:
        return []
    found = [item.found for item in items]
    right = probability_right(model, np.stack([one.probabilities for one in found]))
    entries = []
    for item, tags, score in zip(items, tags_of(model, found), right.tolist(), strict=True):
        told = {
            "text": item.found.text,
            "paragraph_id": item.found.paragraph_id,
            "article_id": item.found.article_id,
            "date": item.found.date,
            **item.found.kept,
            "reason": item.reason,
            "reason_topic": item.topic,
            "inclusion_probability": item.inclusion_probability,
            "model": model.id,
            "model_tags": joined(tags),
        }
        data = {name: value for name, value in told.items() if value is not None}
        entries.append(ToLabel(data, None if blind else tuple(tags), score, model.id))
    return entries
