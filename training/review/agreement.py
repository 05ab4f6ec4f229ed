"""How far annotators agree where they labelled the same paragraphs: Krippendorff's alpha."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Agreement:
    """Alpha over all (paragraph, topic) decisions and for each topic; None where there was nothing to disagree on."""

    paragraphs: int
    annotators: int
    alpha: float | None
    topics: dict[str, float | None]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def text(self) -> str:
        """A line for each topic, lowest first."""
        if not self.paragraphs:
            return "No paragraph was labelled by two annotators, so agreement is not known."
        told = [f"Agreement of {self.annotators} annotators on {self.paragraphs} paragraphs (Krippendorff's alpha):"]
        width = max(len(topic) for topic in (*self.topics, "all topics"))
        told.append(f"  {'all topics':{width}}  {_figure(self.alpha)}")
        ordered = sorted(self.topics.items(), key=lambda item: 2.0 if item[1] is None else item[1])
        told += [f"  {topic:{width}}  {_figure(value)}" for topic, value in ordered]
        return "\n".join(told)


def agreement(votes: Sequence[Mapping[str, Sequence[str]]], topics: Sequence[str]) -> Agreement:
    """``votes`` has for each paragraph the topics that each annotator gave; only those with two or more count.

    Each topic is a nominal yes or no (Krippendorff, Content Analysis, 4th ed. 2019, §12.3); overall, the decisions on
    all topics are the units, so frequent topics weigh more.
    """
    shared = [vote for vote in votes if len(vote) > 1]
    people = sorted({person for vote in shared for person in vote})
    decisions = np.full((len(people), len(shared), len(topics)), np.nan)
    for unit, vote in enumerate(shared):
        for person, given in vote.items():
            decisions[people.index(person), unit] = [topic in given for topic in topics]
    by_topic = {topic: _alpha(decisions[:, :, at]) for at, topic in enumerate(topics)}
    return Agreement(
        len(shared), len(people), _alpha(decisions.reshape(len(people), len(shared) * len(topics))), by_topic
    )


def _alpha(decisions: Any) -> float | None:
    """Decisions [annotators, units], NaN where there is none."""
    given = decisions[~np.isnan(decisions)]
    if len(given) == 0 or given.min() == given.max():
        return None
    import krippendorff

    return float(krippendorff.alpha(reliability_data=decisions, level_of_measurement="nominal"))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
