"""Hyperparameter search on grouped out-of-fold scores; the test set is never looked at."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from training.config import Config, Range
from training.config_file import parse_config
from training.corpus.rarity import rarity_of
from training.corpus.splits import grouped_folds
from training.errors import UserError
from training.evaluation.metrics import Bools, evaluate
from training.measure import spread
from training.model.deciding import cross_fitted, exclusivity, passage_tokens
from training.model.fitting import fold_scores
from training.model.task import CountedFeatures, Task
from training.prepare import codebook_lessons, learnable_topics, prepare

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """One set of values that was tried; ``value`` is None where it was pruned."""

    number: int
    values: dict[str, Any]
    value: float | None
    seconds: float


@dataclass(frozen=True)
class Found:
    """The winner of a search."""

    config: Config
    best: Trial
    start: float
    trials: int
    pruned: int


def search(
    config: Config,
    study_file: Path,
    trials: int | None,
    minutes: float | None,
    record: Callable[[Trial], None] = lambda trial: None,
) -> Found:
    """Try values from ``config.search.space``, going on with the study in ``study_file`` if it was begun before.

    The first trial is the config as it stands; if that was interrupted, the search begins with it anew. Any other that
    is behind the median of the rest after the same folds is given up (Optuna's MedianPruner).
    """
    now = _values_now(config)
    problem = _Problem(config)
    study = _study(config, problem.data, study_file)
    done = len(study.get_trials(deepcopy=False, states=_FINISHED))
    left = None if trials is None else max(0, trials - done)
    if not _as_it_was(study, optuna.trial.TrialState.COMPLETE):
        left = None if left is None else max(1, left)
        if not _as_it_was(study, optuna.trial.TrialState.WAITING):
            study.enqueue_trial(now, user_attrs={_AS_IT_WAS: True})
    if done:
        log.info("going on with %s: %d trials are done", study_file, done)

    def tell(_: optuna.Study, frozen: optuna.trial.FrozenTrial) -> None:
        value = frozen.value if frozen.state is optuna.trial.TrialState.COMPLETE else None
        seconds = frozen.duration.total_seconds() if frozen.duration else 0.0
        shown = "given up" if value is None else f"{value:.4f}"
        log.info("trial %d  %s  %s  (%.0f s)", frozen.number, shown, json.dumps(frozen.params), seconds)
        record(Trial(frozen.number, dict(frozen.params), value, seconds))

    if left != 0:
        timeout = None if minutes is None else minutes * 60
        study.optimize(problem.value, n_trials=left, timeout=timeout, callbacks=[tell])
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    start = _as_it_was(study, optuna.trial.TrialState.COMPLETE)
    if not start:
        raise UserError(f"{study_file}: no trial was finished. Give more --minutes or --trials.")
    best = study.best_trial
    seconds = best.duration.total_seconds() if best.duration else 0.0
    pruned = len(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.PRUNED,)))
    winner = with_values(config, best.params)
    chosen = Trial(best.number, dict(best.params), best.value, seconds)
    return Found(winner, chosen, float(start[0].value or 0.0), len(complete) + pruned, pruned)


_FINISHED = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
_AS_IT_WAS = "as it was"


def _as_it_was(study: optuna.Study, state: optuna.trial.TrialState) -> list[Any]:
    """The trials of the config's own values that are in this state."""
    trials = study.get_trials(deepcopy=False, states=(state,))
    return [trial for trial in trials if _AS_IT_WAS in trial.user_attrs]


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """``config`` with dotted keys set to ``values``."""
    overrides = [f"{key}={json.dumps(value)}" for key, value in values.items()]
    return parse_config(config.to_yaml(), where="search.space", overrides=overrides)


class _Problem:
    """The data, read, split and counted once for all trials."""

    def __init__(self, config: Config) -> None:
        self.config = config
        prepared = prepare(config)
        topics, _ = learnable_topics(prepared, config)
        train = prepared.train.with_topics(topics)
        folds = grouped_folds(train.labels, prepared.train_groups, config.split.folds, config.seed)
        lessons = codebook_lessons(prepared.codebook, topics, config)
        self.topics = topics
        book = prepared.codebook.model_dump_json() if prepared.codebook else ""
        self.data = f"{prepared.train.digest()}{book}"
        self._all = prepared.train  # topics that are left out count against a trial as they do in a run
        self._rarity = rarity_of(prepared.codebook, train)
        self._train, self._folds, self._lessons = train, folds, lessons
        self._counted: dict[str, tuple[Task, CountedFeatures]] = {}

    def value(self, trial: optuna.Trial) -> float:
        # By its number: a sampler of one seed would draw again what was tried before an interruption, or is beside it.
        trial.study.sampler = optuna.samplers.TPESampler(seed=self.config.seed + trial.number)
        config = with_values(self.config, {key: _suggest(trial, key, space) for key, space in self._space})
        task, counted = self._counts(config)
        scores: Any = None
        known = np.zeros(len(task.labels), dtype=bool)
        figure = 0.0
        for step, (held_out, found) in enumerate(fold_scores(task, counted, config, os.cpu_count() or 1), start=1):
            scores = np.zeros((len(known), found.shape[1]), dtype=np.float32) if scores is None else scores
            scores[held_out], known[held_out] = found, True
            if step >= 2:
                figure = self._figure(config, scores, known)
                trial.report(figure, step)
                if trial.should_prune() and _AS_IT_WAS not in trial.user_attrs:
                    raise optuna.TrialPruned
        return figure

    def _counts(self, config: Config) -> tuple[Task, CountedFeatures]:
        """What to learn from, counted: as the last trial had it, if nothing that it depends on has changed."""
        tokens = passage_tokens(self._train.labels, config.classifier)
        key = f"{tokens} {config.features.model_dump_json()}"
        if key not in self._counted:
            task = Task(self._train.texts, self._train.labels, self._folds, self._lessons, tokens)
            self._counted = {key: (task, CountedFeatures(task, config.features))}
        return self._counted[key]

    @property
    def _space(self) -> list[tuple[str, Range | list[Any]]]:
        return list(self.config.search.space.items())

    def _figure(self, config: Config, scores: Any, known: Bools) -> float:
        """The objective on the ``known`` rows [n], by the rule that a run would choose from their ``scores``."""
        labels, exclusive = self._train.labels, exclusivity(self._train.labels, config.classifier.exclusive)
        estimate = cross_fitted(
            scores[known], labels[known], self._folds[known], exclusive, config.thresholds, self._rarity
        )
        every = self._all.topics
        tags, probabilities = (spread(each, self.topics, every) for each in (estimate.tags, estimate.probabilities))
        metrics = evaluate(self._all.labels[known], tags, probabilities, every)
        return float(metrics[config.search.objective])


def _suggest(trial: optuna.Trial, key: str, space: Range | list[Any]) -> Any:
    if isinstance(space, list):
        return trial.suggest_categorical(key, space)
    if space.low.is_integer() and space.high.is_integer() and not space.log:
        return trial.suggest_int(key, int(space.low), int(space.high))
    return trial.suggest_float(key, space.low, space.high, log=space.log)


def _values_now(config: Config) -> dict[str, Any]:
    tree = config.model_dump(mode="json")
    values = {}
    for key in config.search.space:
        node: Any = tree
        for part in key.split("."):
            if node is None:
                raise UserError(
                    f"search.space: {key}: what it belongs to is null in the config. "
                    f"Set search.space without it, or turn that on."
                )
            if not isinstance(node, dict) or part not in node:
                raise UserError(f"search.space: {key}: the config has no such key.")
            node = node[part]
        space = config.search.space[key]
        if (
            node not in space
            if isinstance(space, list)
            else not _is_number(node) or not space.low <= node <= space.high
        ):
            raise UserError(
                f"search.space: {key}: the config's own value, {node!r}, is not in it, so there is nothing to compare "
                f"with. Add it, or set another."
            )
        values[key] = node
    return values


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _study(config: Config, data: str, study_file: Path) -> optuna.Study:
    """The study, made if it is new; one that was begun with another config, space or training set is refused."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study_file.parent.mkdir(parents=True, exist_ok=True)
    fingerprint = hashlib.sha256(f"{config.to_yaml()}{data}".encode()).hexdigest()
    try:
        study = optuna.create_study(
            study_name=config.name,
            storage=f"sqlite:///{study_file.resolve()}",
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
            load_if_exists=True,
        )
    except Exception as problem:  # whatever the database under Optuna raises
        raise UserError(
            f"{study_file}: is no study that can be gone on with ({str(problem).splitlines()[0]}). "
            f"Give --study another file."
        ) from None
    known = study.user_attrs.get("config")
    if known is not None and known != fingerprint:
        raise UserError(
            f"{study_file}: was begun with another config, another codebook or other training data. "
            f"Give --study another file, or delete this one to begin anew."
        )
    study.set_user_attr("config", fingerprint)
    return study
