"""One run: read, check, split, fit, evaluate, save, track."""

from __future__ import annotations

import json
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from training.codebook import Codebook
from training.config import Config
from training.corpus.rarity import rarity_of
from training.corpus.records import Corpus
from training.corpus.splits import grouped_folds
from training.dates import days_of
from training.evaluation.curves import precision_recall, reliability
from training.evaluation.metrics import Bools, Floats, evaluate
from training.evaluation.promise import add_promises
from training.evaluation.reference import reference
from training.evaluation.report import render_report
from training.keywords import search
from training.learning_curve import learning_curve
from training.measure import measure, spread
from training.model import saved
from training.model.fitting import Fit, fit
from training.model.model import Model
from training.model.task import Lessons
from training.prepare import Prepared, codebook_lessons, learnable_topics, prepare, warn_of_exclusive

if TYPE_CHECKING:
    from training.tracking.registry import Registered

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind."""

    model: Model
    folder: Path
    metrics: dict[str, Any]
    prepared: Prepared
    run: str
    registered: Registered | None


def train(config: Config, folder: Path) -> Outcome:
    """Train the experiment ``config`` and save its model to ``folder``. Raises :class:`UserError`."""
    began = time.monotonic()
    saved.check_place(folder)
    prepared = prepare(config)
    learnable, left_out = learnable_topics(prepared, config)
    training_set = prepared.train.with_topics(learnable)
    warn_of_exclusive(training_set, config)
    folds = grouped_folds(training_set.labels, prepared.train_groups, config.split.folds, config.seed)
    log.info("training %d topics on %d paragraphs", len(learnable), len(training_set))
    lessons = codebook_lessons(prepared.codebook, learnable, config)
    rarity = rarity_of(prepared.codebook, training_set)
    fitted = fit(training_set.texts, training_set.labels, folds, config, os.cpu_count() or 1, lessons, rarity)
    settings = {
        "name": config.name,
        "topics": list(learnable),
        "left_out": left_out,
        "trained_on": {
            "train": {"paragraphs": len(prepared.train), "sha256": prepared.train.digest()},
            "test": {"paragraphs": len(prepared.test), "sha256": prepared.test.digest()},
        },
    }
    with ThreadPoolExecutor(1) as beside:
        packed = beside.submit(saved.pack, folder, settings, fitted.scorer, fitted.decision)
        model = Model("unsaved", list(learnable), fitted.scorer, fitted.decision, settings)
        metrics, extras = judge(model, fitted, prepared, training_set, folds, lessons, config)
    model = saved.write(folder, packed.result(), extras)
    run, registered = "not tracked (tracking.enabled is false)", None
    if config.tracking.enabled:
        from training.track import track

        sent = track(model, folder, prepared.test, time.monotonic() - began)
        run, registered = sent.problem or str(sent.run), sent.registered
    return Outcome(model, folder, metrics, prepared, run, registered)


def judge(
    model: Model,
    fitted: Fit,
    prepared: Prepared,
    training_set: Corpus,
    folds: npt.NDArray[np.intp],
    lessons: Lessons,
    config: Config,
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The metrics of a model, and the files for people that go with it."""
    probabilities = model.predict_proba(prepared.test.texts)
    tags = model.decide(probabilities)
    metrics = metrics_of(model, fitted, prepared, config, probabilities, tags)
    metrics["reference"] = reference(model, training_set, fitted.out_of_fold.probabilities, folds, config.features)
    if config.evaluation.learning_curve:
        rarity = rarity_of(prepared.codebook, training_set)
        whole = fitted.out_of_fold.tags
        curve = learning_curve(training_set, prepared.train_groups, folds, config, whole, lessons, rarity)
        if curve is None:
            log.warning("the %d training paragraphs are too few for a learning curve", len(training_set))
        else:
            metrics["learning_curve"] = curve
    extras = {
        "config.yaml": config.to_yaml().encode(),
        "metrics.json": (json.dumps(metrics, indent=1, ensure_ascii=False) + "\n").encode(),
        "report.html": report_of(model, metrics, prepared, config, probabilities, tags).encode(),
    }
    if prepared.codebook is not None and config.data.codebook is not None:
        extras["codebook.yaml"] = Path(config.data.codebook).read_bytes()
    return metrics, extras


def metrics_of(
    model: Model, fitted: Fit, prepared: Prepared, config: Config, probabilities: Floats, tags: Bools
) -> dict[str, Any]:
    """``metrics.json``: the test set through the path that tags archives, and the out-of-fold estimate beside it."""
    test = prepared.test
    codebook = prepared.codebook
    figures = measure(model, test, probabilities, tags, config, codebook)
    for topic, entry in figures["topics"].items():
        entry["train_support"] = prepared.train.support[topic]
    estimate = fitted.out_of_fold
    learned = prepared.train  # all topics, as on test: those that are left out count against both alike
    seen, seen_tags = (spread(each, model.topics, learned.topics) for each in (estimate.probabilities, estimate.tags))
    expected = evaluate(learned.labels, seen_tags, seen, learned.topics)
    add_promises(expected, config, learned, seen_tags, model.topics, rarity_of(codebook, learned))
    metrics = {
        "test": figures,
        "out_of_fold": expected,
        "left_out": model.settings["left_out"],
    }
    wide = spread(probabilities, model.topics, test.topics)
    metrics["curves"] = {
        "precision_recall": {
            topic: precision_recall(test.labels[:, at], wide[:, at])
            for at, topic in enumerate(test.topics)
            if test.labels[:, at].any()
        },
        "reliability": reliability(test.labels, wide),
    }
    if prepared.leaked.any() and not prepared.leaked.all():
        kept = np.flatnonzero(~prepared.leaked)
        metrics["test_without_duplicates"] = measure(
            model, test.select(kept), probabilities[kept], tags[kept], config, codebook
        )
    if codebook is not None and all(topic.keywords for topic in codebook.topics):
        queried = keyword_tags(codebook, test)
        metrics["keywords"] = evaluate(test.labels, queried, queried.astype(float), test.topics)
    return metrics


def keyword_tags(codebook: Codebook, corpus: Corpus) -> Bools:
    """What the keyword queries of the codebook would tag, bool [n, topics]: the baseline of every report."""
    queries = {topic.id: topic.keywords or "" for topic in codebook.topics}
    return search([queries[topic] for topic in corpus.topics], corpus.texts.to_pylist())


def report_of(
    model: Model, metrics: dict[str, Any], prepared: Prepared, config: Config, probabilities: Floats, tags: Bools
) -> str:
    """``report.html``."""
    train_set, test, read = prepared.train, prepared.test, model.settings["trained_on"]
    dates = [days for days in map(days_of, (*train_set.dates, *test.dates)) if days is not None]
    facts = {
        "training": f"{len(train_set)} paragraphs of {len(set(train_set.article_ids))} articles "
        f"from {config.data.train}, SHA-256 {read['train']['sha256']}",
        "test": f"{len(test)} paragraphs of {len(set(test.article_ids))} articles "
        f"from {config.data.test or f'a {config.split.method} split of the same'}, SHA-256 {read['test']['sha256']}",
        "dates": f"{min(dates)[0]} to {max(last for _, last in dates)}, {len(dates)} paragraphs dated"
        if dates
        else "none",
        "near-duplicates tied": f"{prepared.tied_pairs} pairs of paragraphs kept on one side of every split",
        "leaks": f"{prepared.leaked.sum()} test paragraphs have a near-duplicate in training",
        "exclusive topics": model.decision.exclusive.replace("_", " "),
    }
    wide, wide_tags = (spread(values, model.topics, test.topics) for values in (probabilities, tags))
    return render_report(model, metrics, train_set, test, wide, wide_tags, facts, config.to_yaml())
