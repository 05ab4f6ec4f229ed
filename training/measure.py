"""Saved models on labelled data: their metrics, and the difference between two of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.codebook import Codebook, load_codebook
from training.config import Config, Data
from training.config_file import load_config, parse_columns
from training.corpus.rarity import rarity_of
from training.corpus.records import Corpus, read_corpus
from training.errors import UserError, listed
from training.evaluation.comparison import Difference, compare_tags
from training.evaluation.intervals import Resampler, add_intervals
from training.evaluation.metrics import Bools, evaluate
from training.evaluation.promise import add_promises
from training.model.model import Model

log = logging.getLogger(__name__)


def labelled_data(model: Model, spec: str, columns: str | None = None) -> Corpus:
    """Labelled paragraphs as the model's own config reads them, or with ``columns`` (YAML) in its place."""
    chosen = model_config(model).data.columns
    if columns is not None:
        chosen = parse_columns(columns, where="--columns")
    corpus = read_corpus(spec, chosen, None, where="DATA", option="--columns", proven=columns is None)
    must_know(model, corpus, spec)
    return corpus.with_topics(all_topics(model, corpus))


def must_know(model: Model, corpus: Corpus, spec: str) -> None:
    """Raise :class:`UserError` if no paragraph has a topic that ``model`` knows."""
    found = [topic for topic, support in corpus.support.items() if support]
    if not set(found) & set(model.topics):
        raise UserError(
            f"{spec}: no paragraph has a topic that {model.id} knows ({listed(model.topics, 5)}); "
            f"found: {listed(found, 5) or 'no topics'}. Give data labelled with the model's topics."
        )


def warn_of_training_data(models: Sequence[Model], corpus: Corpus, spec: str) -> None:
    """A warning for each model that was trained on exactly these paragraphs: figures on them say little."""
    digest = corpus.digest()
    for model in models:
        if _learned_digest(model) == digest:
            log.warning(
                "%s: these are the paragraphs that %s was trained on, so its figures here are flattering. "
                "Give labelled paragraphs that it has not seen.",
                spec,
                model.id,
            )


def _learned_digest(model: Model) -> object:
    """The digest of the model's training paragraphs, as far as its settings, which may be a stranger's, hold one."""
    sets = model.settings.get("trained_on")
    entry = sets.get("train") if isinstance(sets, dict) else None
    return entry.get("sha256") if isinstance(entry, dict) else None


def model_config(model: Model) -> Config:
    """The config that a model was trained with; defaults where it was saved without one."""
    path = model.folder / "config.yaml" if model.folder else None
    if path is None or not path.exists():
        return Config(name="default", data=Data())
    return load_config(path)


def all_topics(model: Model, corpus: Corpus) -> tuple[str, ...]:
    """The model's topics, and after them those that only the data have."""
    return (*model.topics, *(topic for topic in corpus.topics if topic not in model.topics))


def spread(values: Any, from_topics: Sequence[str], to_topics: Sequence[str]) -> Any:
    """Columns of learned topics [n, learned] put in their places among all topics [n, all]; the others stay 0."""
    wide = np.zeros((len(values), len(to_topics)), dtype=values.dtype)
    wide[:, [to_topics.index(topic) for topic in from_topics]] = values
    return wide


def evaluate_model(model: Model, corpus: Corpus) -> dict[str, Any]:
    """The metrics of ``model`` on ``corpus``, with intervals by article, through the path that tags archives."""
    config = model_config(model)
    probabilities = model.predict_proba(corpus.texts)
    return measure(model, corpus, probabilities, model.decide(probabilities), config, saved_codebook(model))


def saved_codebook(model: Model) -> Codebook | None:
    """The codebook saved with the model, or None."""
    saved = model.folder / "codebook.yaml" if model.folder else None
    return load_codebook(saved) if saved is not None and saved.exists() else None


def measure(
    model: Model, corpus: Corpus, probabilities: Any, tags: Bools, config: Config, codebook: Codebook | None
) -> dict[str, Any]:
    """Metrics with intervals and thresholds; ``probabilities`` and ``tags`` are [n, model topics]."""
    wide, wide_tags = (spread(values, model.topics, corpus.topics) for values in (probabilities, tags))
    resampler = Resampler(corpus.article_ids, config.evaluation.resamples, config.evaluation.confidence, config.seed)
    metrics = evaluate(corpus.labels, wide_tags, wide, corpus.topics)
    add_intervals(metrics, resampler, corpus.labels, wide_tags)
    thresholds = dict(zip(model.topics, model.decision.thresholds.tolist(), strict=True))
    for topic, entry in metrics["topics"].items():
        entry["threshold"] = thresholds.get(topic)
    return add_promises(metrics, config, corpus, wide_tags, model.topics, rarity_of(codebook, corpus))


def compare_models(a: Model, b: Model, corpus: Corpus) -> tuple[list[Difference], list[Difference]]:
    """Differences ``b - a`` overall and by topic, on the same paragraphs and resamples.

    Over the topics of ``corpus`` and of ``b``: what ``a`` alone knows is left out.
    """
    config = model_config(a)
    topics = (*corpus.topics, *(topic for topic in b.topics if topic not in corpus.topics))
    corpus = corpus.with_topics(topics)
    resampler = Resampler(corpus.article_ids, config.evaluation.resamples, config.evaluation.confidence, config.seed)
    every = (*topics, *(topic for topic in a.topics if topic not in topics))
    tags = [spread(model.predict(corpus.texts), model.topics, every)[:, : len(topics)] for model in (a, b)]
    return compare_tags(corpus.labels, tags[0], tags[1], topics, resampler)
