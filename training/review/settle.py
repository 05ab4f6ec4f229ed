"""From what annotators said to labelled records: checked, settled by a stated rule, ties set aside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.errors import UserError, did_you_mean, listed
from training.review.agreement import Agreement, agreement
from training.review.annotations import Annotation, Export
from training.review.prevalence import wilson
from training.review.write import NO_TOPIC, SEPARATOR

RULE = (
    "One annotation a person and paragraph, the latest; an annotation marked as ground truth or final decides alone; "
    "otherwise a topic is set if more than half of the annotators set it; where half did, the paragraph is set aside."
)
FIRST = ("paragraph_id", "article_id", "text", "topics", "date", "annotator", "annotated_at")
MOST_PROBLEMS = 10
MOST_TOPICS = 30


@dataclass(frozen=True)
class Settled:
    """``labelled`` records of the contract, and ``disagreements`` whose ``topics`` are null and ``votes`` are told.

    ``checked``: whether the topics were checked against a codebook.
    """

    labelled: list[dict[str, Any]]
    disagreements: list[dict[str, Any]]
    agreement: Agreement
    left_out: Counter[str]
    checked: bool

    def text(self) -> str:
        """What an analyst should know."""
        lines = [f"{len(self.labelled)} paragraphs labelled, {len(self.disagreements)} set aside as disagreements."]
        told = {"skipped": "skipped by an annotator", "drafts": "drafts", "unlabelled": "not labelled yet"}
        told["overruled"] = "labels that the same person gave otherwise later, or further down"
        lines += [f"{self.left_out[key]} {what}: left out." for key, what in told.items() if self.left_out[key]]
        return "\n".join([*lines, self.agreement.text(), *random_quality(self.labelled), *self._topics()])

    def _topics(self) -> Iterator[str]:
        """What was taken as a topic, if nothing said what is one: a slip of the pen would become a topic too."""
        counts = Counter(topic for record in self.labelled for topic in record["topics"])
        if self.checked or not counts:
            return
        yield "Topics: " + listed((f'"{topic}" {count}' for topic, count in counts.most_common()), MOST_TOPICS) + "."
        once = [f'"{topic}"' for topic, count in counts.items() if count == 1]
        if once:
            yield f"Of one label only, slips perhaps (--codebook FILE would tell): {listed(sorted(once), MOST_TOPICS)}."


def settle(export: Export, topics: Sequence[str] | None, codebook: str | None = None) -> Settled:
    """Labelled records by :data:`RULE`. ``topics`` are those of the ``codebook``, or None to take any.

    Raises :class:`UserError` with the first problems: a topic that is unknown, a paragraph without id or text, one
    paragraph with two texts.
    """
    _check(export.annotations, topics, codebook)
    names = topics if topics is not None else sorted({t for one in export.annotations for t in one.topics})
    by_paragraph: dict[str, list[Annotation]] = {}
    for annotation in export.annotations:
        by_paragraph.setdefault(str(annotation.data["paragraph_id"]), []).append(annotation)
    labelled, disagreements, votes = [], [], []
    left_out = Counter(export.left_out)
    for said_of_one in by_paragraph.values():
        latest = _latest(said_of_one)
        kept = {one.annotator: set(one.topics) for one in latest.values()}
        left_out["overruled"] += sum(set(one.topics) != kept[one.annotator] for one in said_of_one if one.annotator)
        votes.append({person: one.topics for person, one in latest.items() if not one.final})
        deciding = [one for one in latest.values() if one.final] or list(latest.values())
        counted = Counter(topic for one in deciding for topic in one.topics)
        tied = [topic for topic in names if 2 * counted[topic] == len(deciding)]
        if tied:
            said = {person: list(one.topics) for person, one in latest.items()}
            aside = _record(deciding, None)
            aside = {name: aside[name] for name in aside if name not in ("annotator", "annotated_at")}
            disagreements.append({**aside, "votes": said, "tied": tied, "final": True})
        else:
            labelled.append(_record(deciding, [topic for topic in names if 2 * counted[topic] > len(deciding)]))
    return Settled(labelled, disagreements, agreement(votes, names), left_out, topics is not None)


def _latest(annotations: Sequence[Annotation]) -> dict[str, Annotation]:
    """The last annotation of each person; those of nobody in particular count as one person each."""
    latest: dict[str, Annotation] = {}
    for number, one in enumerate(annotations):
        person = one.annotator if one.annotator is not None else f"unnamed {number + 1}"
        before = latest.get(person)
        if before is None or (one.final, one.at or "") >= (before.final, before.at or ""):
            latest[person] = one
    return latest


def _record(deciding: Sequence[Annotation], topics: list[str] | None) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for one in reversed(deciding):
        data.update({name: value for name, value in one.data.items() if name not in ("votes", "tied")})
    people = [one.annotator for one in deciding if one.annotator is not None]
    times = [one.at for one in deciding if one.at is not None]
    made = {
        **data,
        "topics": topics,
        "annotator": people[0] if len(people) == 1 else people or None,
        "annotated_at": max(times, default=None),
    }
    made["paragraph_id"] = str(made["paragraph_id"])
    return {name: made[name] for name in dict.fromkeys((*FIRST, *made)) if name in made}


def _check(annotations: Sequence[Annotation], topics: Sequence[str] | None, codebook: str | None) -> None:
    problems: list[str] = []
    texts: dict[str, Annotation] = {}
    for one in annotations:
        identity = one.data.get("paragraph_id")
        if isinstance(identity, bool) or not isinstance(identity, str | int) or identity == "":
            problems.append(
                f"{one.place}: paragraph_id: found {identity!r:.40}, expected text or a whole number. Give each "
                f"paragraph the one that it has where it came from."
            )
            continue
        text = one.data.get("text")
        if not isinstance(text, str) or not text.strip():
            problems.append(f"{one.place}: text: found {text!r:.40}, expected the text of the paragraph.")
            continue
        half = _half_character(one)
        if half:
            problems.append(f"{one.place}: {half}: holds half of a surrogate pair, expected text. Correct it.")
            continue
        first = texts.setdefault(str(identity), one)
        if first.data["text"] != text:
            problems.append(
                f'{one.place}: text: paragraph "{identity}" has another text at {first.place}. Give '
                f"each paragraph its own paragraph_id."
            )
        if topics is not None:
            problems += [
                f'{one.place}: topics: "{topic}" is not in {codebook}.{did_you_mean(topic, topics)}'
                for topic in one.topics
                if topic not in topics
            ]
    if problems:
        more = len(problems) - MOST_PROBLEMS
        raise UserError("\n".join(problems[:MOST_PROBLEMS] + ([f"… and {more} more problems."] if more > 0 else [])))


def _half_character(one: Annotation) -> str | None:
    """The first field that cannot be written as UTF-8."""
    for name, value in {**one.data, "topics": one.topics, "annotator": one.annotator}.items():
        try:
            json.dumps({name: value}, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError:
            return name.encode(errors="replace").decode()
    return None


def random_quality(labelled: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the paragraphs drawn at random say of the model that suggested their topics, with an interval."""
    drawn = [record for record in labelled if record.get("reason") == "random" and _suggested(record) is not None]
    if not drawn:
        return []
    right = sum(_suggested(record) == set(record["topics"]) for record in drawn)
    low, high = wilson(right, len(drawn))
    return [
        f"Of the {len(drawn)} paragraphs drawn at random, the model had tagged {right / len(drawn):.0%} without any "
        f"error (95% interval {float(low):.0%} to {float(high):.0%}), which estimates the same for the archive."
    ]


def _suggested(record: Mapping[str, Any]) -> set[str] | None:
    """The tags that the model had given, as :func:`~training.review.write.joined` writes them; None if not told."""
    value = record.get("model_tags")
    if not isinstance(value, str) or not value:
        return None
    return set() if value == NO_TOPIC else set(value.split(SEPARATOR))
