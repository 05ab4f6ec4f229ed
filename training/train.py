"""One run: read, check, split, fit, evaluate, save, track."""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from training.codebook import Codebook, load_codebook
from training.config import Config
from training.corpus.duplicates import near_duplicate_pairs, tied_groups
from training.corpus.records import Corpus, read_corpus
from training.corpus.splits import grouped_folds, grouped_split, time_split
from training.errors import UserError, listed
from training.evaluation.curves import precision_recall, reliability
from training.evaluation.metrics import Bools, Floats, evaluate
from training.evaluation.promise import add_promises
from training.evaluation.reference import reference
from training.evaluation.report import render_report
from training.keywords import matches
from training.learning_curve import learning_curve
from training.measure import measure, spread
from training.model import saved
from training.model.fitting import Fit, fit
from training.model.model import Model

if TYPE_CHECKING:
    from training.tracking.registry import Registered

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """Labelled paragraphs, split; ``groups`` tie what may not be separated, over train first and then test."""

    train: Corpus
    test: Corpus
    train_groups: np.ndarray[Any, np.dtype[np.intp]]
    leaked: Bools
    codebook: Codebook | None
    tied_pairs: int


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
    prepared = prepare(config)
    learnable, left_out = learnable_topics(prepared, config)
    training_set = prepared.train.with_topics(learnable)
    folds = grouped_folds(training_set.labels, prepared.train_groups, config.split.folds, config.seed)
    log.info("training %d topics on %d paragraphs", len(learnable), len(training_set))
    lessons = codebook_lessons(prepared.codebook, learnable) if config.data.learn_from_codebook else []
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
    model = Model("unsaved", learnable, fitted.scorer, fitted.decision, settings)
    probabilities = model.predict_proba(prepared.test.texts)
    tags = model.decide(probabilities)
    metrics = metrics_of(model, fitted, prepared, config, probabilities, tags)
    metrics["reference"] = reference(model, training_set, fitted.out_of_fold.probabilities, folds, config.features)
    if config.evaluation.learning_curve:
        whole = fitted.out_of_fold.tags
        metrics["learning_curve"] = learning_curve(training_set, prepared.train_groups, folds, config, lessons, whole)
    extras = {
        "config.yaml": config.to_yaml().encode(),
        "metrics.json": (json.dumps(metrics, indent=1, ensure_ascii=False) + "\n").encode(),
        "report.html": report_of(model, metrics, prepared, config, probabilities, tags).encode(),
    }
    if prepared.codebook is not None and config.data.codebook is not None:
        extras["codebook.yaml"] = Path(config.data.codebook).read_bytes()
    model = saved.save(folder, settings, fitted.scorer, fitted.decision, extras)
    run, registered = "not tracked (tracking.enabled is false)", None
    if config.tracking.enabled:
        from training.track import track

        sent = track(model, folder, prepared.test, time.monotonic() - began)
        run, registered = sent.problem or str(sent.run), sent.registered
    return Outcome(model, folder, metrics, prepared, run, registered)


def prepare(config: Config) -> Prepared:
    """Read the labelled paragraphs and split them."""
    codebook = load_codebook(config.data.codebook) if config.data.codebook is not None else None
    topics = codebook.topic_ids if codebook else None

    def read(spec: str | list[str], where: str) -> Corpus:
        return read_corpus(spec, config.data.columns, topics, where=where, codebook=config.data.codebook)

    train_set = read(config.data.train, "data.train")
    log.info("read %d paragraphs from %s", len(train_set), config.data.train)
    if config.data.test is None:
        groups, pairs = _groups(train_set, config)
        train_rows, test_rows = _split(train_set, groups, config)
        nothing = np.zeros(len(test_rows), dtype=bool)
        return Prepared(
            train_set.select(train_rows), train_set.select(test_rows), groups[train_rows], nothing, codebook, pairs
        )
    test_set = read(config.data.test, "data.test")
    if topics is None:
        names = tuple(sorted({*train_set.topics, *test_set.topics}))
        if set(train_set.topics) >= set(test_set.topics):
            names = train_set.topics
        train_set, test_set = train_set.with_topics(names), test_set.with_topics(names)
    groups, pairs, leaked = _tied(train_set, test_set, config)
    if leaked.any():
        log.warning(
            "%d of %d test paragraphs are near-duplicates of training paragraphs; figures without them are given too",
            leaked.sum(),
            len(test_set),
        )
    return Prepared(train_set, test_set, groups, leaked, codebook, pairs)


def _groups(corpus: Corpus, config: Config) -> tuple[Any, int]:
    pairs = np.zeros((0, 2), dtype=np.intp)
    if config.split.near_duplicates is not None:
        pairs = near_duplicate_pairs(corpus.texts.to_pylist(), config.split.near_duplicates)
    return tied_groups(corpus.article_ids, pairs), len(pairs)


def _tied(train_set: Corpus, test_set: Corpus, config: Config) -> tuple[Any, int, Bools]:
    """Groups of the training rows, near-duplicate pairs, and which test rows have a near-duplicate in training."""
    n = len(train_set)
    leaked = np.zeros(len(test_set), dtype=bool)
    pairs = np.zeros((0, 2), dtype=np.intp)
    if config.split.near_duplicates is not None:
        texts = train_set.texts.to_pylist() + test_set.texts.to_pylist()
        pairs = near_duplicate_pairs(texts, config.split.near_duplicates)
        across = tied_groups([str(row) for row in range(len(texts))], pairs)
        leaked = np.isin(across[n:], across[:n])
        pairs = pairs[(pairs < n).all(axis=1)]
    return tied_groups(train_set.article_ids, pairs), len(pairs), leaked


def _split(corpus: Corpus, groups: Any, config: Config) -> tuple[Any, Any]:
    if config.split.method == "time":
        return time_split(corpus.dates, groups, config.split.test_size)
    return grouped_split(corpus.labels, groups, config.split.test_size, config.seed)


def learnable_topics(prepared: Prepared, config: Config) -> tuple[tuple[str, ...], dict[str, str]]:
    """The topics that can be learned, and for the others the reason why not."""
    support = prepared.train.support
    left_out = {}
    for topic, positives in support.items():
        if positives < config.classifier.min_positives:
            left_out[topic] = (
                f"{positives} positive paragraphs for training, fewer than {config.classifier.min_positives} "
                f"(classifier.min_positives)"
            )
    learnable = tuple(topic for topic in support if topic not in left_out)
    if not learnable:
        raise UserError(
            f"data.train: no topic has the {config.classifier.min_positives} positive paragraphs that are needed to "
            f"learn it (classifier.min_positives). Found: {listed(f'{t} {n}' for t, n in support.items())}."
        )
    for topic, reason in left_out.items():
        log.warning("topic %s is not trained: %s", topic, reason)
    return learnable, left_out


def codebook_lessons(codebook: Codebook | None, topics: tuple[str, ...]) -> list[tuple[str, int]]:
    """What the codebook says of each topic, as texts with the topic's column."""
    if codebook is None:
        return []
    return [(text, topics.index(topic)) for text, topic in codebook.texts() if topic in topics]


def rarity_of(codebook: Codebook | None, corpus: Corpus) -> npt.NDArray[np.float64]:
    """How many texts without the topic stand behind each training row without it, float64 [topics], never below 1.

    Labelled paragraphs are often chosen for their topics; the codebook can say how rare a topic is where it is sought.
    """
    expected = {topic.id: topic.prevalence for topic in codebook.topics} if codebook else {}
    share = corpus.labels.mean(axis=0)
    wanted = np.array([expected.get(topic) or share[at] for at, topic in enumerate(corpus.topics)])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (share / (1 - share)) / (wanted / (1 - wanted))
    return np.asarray(np.clip(np.nan_to_num(ratio, nan=1.0, posinf=1.0), 1.0, None))


def metrics_of(
    model: Model, fitted: Fit, prepared: Prepared, config: Config, probabilities: Floats, tags: Bools
) -> dict[str, Any]:
    """``metrics.json``: the test set through the path that tags archives, and the out-of-fold estimate beside it."""
    test = prepared.test
    figures = measure(model, test, probabilities, tags, config)
    for topic, entry in figures["topics"].items():
        entry["train_support"] = prepared.train.support[topic]
    estimate = fitted.out_of_fold
    learned = prepared.train.with_topics(model.topics)
    expected = evaluate(learned.labels, estimate.tags, estimate.probabilities, model.topics)
    add_promises(expected, config, learned, estimate.tags, model.topics)
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
    if prepared.leaked.any():
        kept = np.flatnonzero(~prepared.leaked)
        metrics["test_without_duplicates"] = measure(model, test.select(kept), probabilities[kept], tags[kept], config)
    if prepared.codebook is not None and all(topic.keywords for topic in prepared.codebook.topics):
        queried = keyword_tags(prepared.codebook, test)
        metrics["keywords"] = evaluate(test.labels, queried, queried.astype(float), test.topics)
    return metrics


def keyword_tags(codebook: Codebook, corpus: Corpus) -> Bools:
    """What the keyword queries of the codebook would tag, bool [n, topics]: the baseline of every report."""
    texts = corpus.texts.to_pylist()
    queries = {topic.id: topic.keywords for topic in codebook.topics}
    return np.array([matches(queries[topic] or "", texts) for topic in corpus.topics], dtype=bool).T


def report_of(
    model: Model, metrics: dict[str, Any], prepared: Prepared, config: Config, probabilities: Floats, tags: Bools
) -> str:
    """``report.html``."""
    train_set, test = prepared.train, prepared.test
    dates = sorted(date for date in (*train_set.dates, *test.dates) if date is not None)
    facts = {
        "training": f"{len(train_set)} paragraphs of {len(set(train_set.article_ids))} articles "
        f"from {config.data.train}, SHA-256 {train_set.digest()}",
        "test": f"{len(test)} paragraphs of {len(set(test.article_ids))} articles "
        f"from {config.data.test or f'a {config.split.method} split of the same'}, SHA-256 {test.digest()}",
        "dates": f"{dates[0]} to {dates[-1]}, {len(dates)} paragraphs dated" if dates else "none",
        "near-duplicates tied": f"{prepared.tied_pairs} pairs of paragraphs kept on one side of every split",
        "leaks": f"{prepared.leaked.sum()} test paragraphs have a near-duplicate in training",
        "exclusive topics": model.decision.exclusive.replace("_", " "),
    }
    wide, wide_tags = (spread(values, model.topics, test.topics) for values in (probabilities, tags))
    return render_report(model, metrics, train_set, test, wide, wide_tags, facts, config.to_yaml())
