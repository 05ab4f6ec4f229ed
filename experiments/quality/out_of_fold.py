"""What the trials here share: a training set as a task, and how good its out-of-fold scores are. No test row counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from training.config import Config, Thresholds
from training.config_file import load_config
from training.corpus.rarity import rarity_of
from training.corpus.splits import grouped_folds
from training.evaluation.metrics import evaluate
from training.model.deciding import OutOfFold, cross_fitted, exclusivity, passage_tokens
from training.model.task import Task
from training.prepare import codebook_lessons, learnable_topics, prepare

CONFIGS = Path(__file__).parents[2] / "configs"
FIGURES = ("micro_f1", "macro_f1", "example_f1")


class TrainingSet(NamedTuple):
    """As :func:`training.train.train` would learn from it."""

    config: Config
    topics: tuple[str, ...]
    task: Task
    rarity: npt.NDArray[np.float64] | None


def training_set(name: str, *overrides: str) -> TrainingSet:
    """That of a benchmark, or with "default" that of configs/default.yaml."""
    path = CONFIGS / ("default.yaml" if name == "default" else f"benchmarks/{name}.yaml")
    config = load_config(path, ["tracking.enabled=false", *overrides])
    prepared = prepare(config)
    topics, _ = learnable_topics(prepared, config)
    corpus = prepared.train.with_topics(topics)
    folds = grouped_folds(corpus.labels, prepared.train_groups, config.split.folds, config.seed)
    lessons = codebook_lessons(prepared.codebook, topics, config)
    task = Task(corpus.texts, corpus.labels, folds, lessons, passage_tokens(corpus.labels, config.classifier))
    return TrainingSet(config, tuple(topics), task, rarity_of(prepared.codebook, corpus))


def estimate_of(some: TrainingSet, scores: npt.NDArray[Any], rule: Thresholds) -> tuple[OutOfFold, str]:
    """The cross-fitted estimate, and its micro-/macro-/example-based F1 as text."""
    labels = some.task.labels
    exclusive = exclusivity(labels, some.config.classifier.exclusive)
    estimate = cross_fitted(scores, labels, some.task.folds, exclusive, rule, some.rarity)
    metrics = evaluate(labels, estimate.tags, estimate.probabilities, some.topics)
    return estimate, "/".join(f"{metrics[figure]:.3f}" for figure in FIGURES)
