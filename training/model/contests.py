"""Exclusive topics told apart two by two: further scores from which calibration makes the probabilities.

One against the rest is a hard question for a linear model where the rest is of many kinds; one against another is an
easier one (round robin: Fürnkranz, JMLR 2, 2002). The answers are linear in the features, and calibration mixes them
linearly, so that all of it folds into one vector of weights a topic and costs nothing when texts are tagged.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from training.config import Classifier
from training.model.classifier import TopicClassifier
from training.model.kernels_machine import LANES
from training.model.model import Exclusive

Bools = npt.NDArray[np.bool_]

MOST_SIDES = 16  # 120 contests; with more topics they would take longer than all the rest


def contests_of(labels: Bools, exclusive: Exclusive) -> tuple[Bools, Bools]:
    """For each contest who is on its first side, and which rows take part; both bool [n, contests].

    Each topic meets each other one, and no topic at all where that is possible; then all topics together meet no topic.
    The number of contests depends on ``exclusive`` and the number of topics alone, and is 0 for independent topics,
    for more than 16 sides, and for two sides, which one against the rest tells apart already.
    """
    with_none = exclusive != "exactly_one"
    some = labels.any(axis=1, keepdims=True)
    sides = np.hstack([labels, ~some]) if with_none else labels
    if exclusive == "no" or not 3 <= sides.shape[1] <= MOST_SIDES:
        return np.zeros((len(labels), 0), dtype=bool), np.zeros((len(labels), 0), dtype=bool)
    one, other = (list(side) for side in zip(*combinations(range(sides.shape[1]), 2), strict=True))
    first, among = sides[:, one], sides[:, one] != sides[:, other]
    if with_none:
        first, among = np.hstack([first, some]), np.hstack([among, np.ones_like(some)])
    return first, among


def each_contest(
    labels: Bools, exclusive: Exclusive, config: Classifier, threads: int
) -> Iterator[tuple[TopicClassifier, Bools, Bools]]:
    """Classifiers of the contests between the topics of ``labels`` [n, topics], in the order of :func:`contests_of`.

    With each go the labels [n, contests] that it is to learn, and which rows take part. One has sixteen contests, for
    the weights of all may be too large to keep.
    """
    first, among = contests_of(labels, exclusive) if config.pairwise else (labels[:, :0], labels[:, :0])
    for at in range(0, first.shape[1], LANES):
        some = slice(at, at + LANES)
        classifier = TopicClassifier(kind=config.kind, strength=config.strength, threads=threads)
        yield classifier, first[:, some], among[:, some]
