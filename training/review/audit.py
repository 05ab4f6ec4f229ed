"""``review audit``: labelled paragraphs whose labels deserve a second look, with the evidence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.codebook import Codebook, load_codebook
from training.config import Config
from training.corpus.duplicates import tied_groups
from training.corpus.rarity import rarity_of
from training.corpus.records import Corpus, read_corpus
from training.corpus.splits import grouped_folds
from training.errors import UserError, listed
from training.model.classifier import TopicClassifier
from training.model.deciding import cross_fitted, exclusivity, passage_tokens
from training.model.fitting import topic_scores, trained
from training.model.model import Exclusive
from training.model.task import CountedFeatures, Task
from training.prepare import codebook_lessons, near_duplicates
from training.review.confident import ranked, suspects
from training.review.label_studio import interface
from training.review.write import ToLabel, joined

TERMS_SHOWN = 6


@dataclass(frozen=True)
class Suspicion:
    """One paragraph with the label that is most in doubt. ``terms`` spoke for and against the topic, out of fold."""

    row: int
    paragraph_id: str
    article_id: str
    text: str
    date: str | None
    labels: tuple[str, ...]
    topic: str
    given: bool
    probability: float
    confident: bool
    suggested: tuple[str, ...]
    terms: tuple[tuple[str, float], ...]

    def line(self) -> str:
        verdict = "has" if self.given else "lacks"
        terms = ", ".join(f"{term!r} {value:+.2f}" for term, value in self.terms)
        return f"{self.paragraph_id}: {verdict} {self.topic}, probability {self.probability:.2f}.  {terms}"


@dataclass(frozen=True)
class Audit:
    """Suspicions, worst first, and the estimated number of wrong labels by topic: given wrongly, and missing."""

    suspicions: list[Suspicion]
    errors: dict[str, tuple[float, float]]
    paragraphs: int
    exclusive: Exclusive
    codebook: str | None
    topics: tuple[str, ...]

    def text(self, shown: int = 10) -> str:
        """What an analyst should know."""
        sure = sum(suspicion.confident for suspicion in self.suspicions)
        lines = [
            f"{len(self.suspicions)} of {self.paragraphs} paragraphs listed, {sure} of them off the confident joint."
        ]
        worst = sorted(self.errors.items(), key=lambda item: -sum(item[1]))
        told = listed(
            f"{topic} {given:.0f} and {missing:.0f}" for topic, (given, missing) in worst if given + missing >= 1
        )
        if told:
            lines.append(f"Labels given wrongly and missing, at most (errors of the model are among them): {told}.")
        return "\n".join([*lines, *(f"  {suspicion.line()}" for suspicion in self.suspicions[:shown])])

    def interface(self) -> str:
        """The labelling interface for the second look."""
        codebook = load_codebook(self.codebook) if self.codebook else None
        return interface(self.topics, codebook, self.exclusive)

    def to_label(self) -> list[ToLabel]:
        """The listed paragraphs, each with the labels that it has now and the doubt."""
        entries = []
        for one in self.suspicions:
            told = {
                "text": one.text,
                "paragraph_id": one.paragraph_id,
                "article_id": one.article_id,
                "date": one.date,
                "labels_now": joined(one.labels),
                "doubt": f"{'has' if one.given else 'lacks'} {one.topic}",
                "probability": round(one.probability, 4),
                "evidence": "; ".join(f"{term} {value:+.2f}" for term, value in one.terms),
            }
            data = {name: value for name, value in told.items() if value is not None}
            entries.append(
                ToLabel(data, one.labels, one.probability if one.given else 1 - one.probability, "labels now")
            )
        return entries


def audit(config: Config, number: int) -> Audit:
    """The ``number`` paragraphs of the training and test data of ``config`` whose labels are most in doubt.

    Every paragraph is scored by a model that saw neither its article nor a near-duplicate of it. Topics too rare to be
    learned are shown with the rest, though not doubted: who labels again would drop them otherwise.
    """
    corpus = labelled_corpus(config)
    learnable = [topic for topic, count in corpus.support.items() if count >= config.classifier.min_positives]
    if not learnable:
        raise UserError(
            f"data.train: no topic has the {config.classifier.min_positives} positive paragraphs that are needed to "
            f"learn it, so labels cannot be checked against a model (classifier.min_positives)."
        )
    every = corpus
    corpus = corpus.with_topics(learnable)
    codebook = load_codebook(config.data.codebook) if config.data.codebook else None
    held = HeldOut(corpus, config, codebook)
    probabilities, tags = held.estimate.probabilities, held.estimate.tags
    found = suspects(corpus.labels, probabilities)
    texts = corpus.texts.to_pylist()
    chosen = [(row, at) for row, at in ranked(found) if texts[row].strip()][:number]  # who could label a blank one?
    terms = held.terms(chosen)
    suspicions = [
        Suspicion(
            row,
            corpus.paragraph_ids[row],
            corpus.article_ids[row],
            texts[row],
            corpus.dates[row],
            tuple(every.topics[k] for k in np.flatnonzero(every.labels[row])),
            corpus.topics[at],
            bool(corpus.labels[row, at]),
            float(probabilities[row, at]),
            bool(found.confident[row, at]),
            tuple(corpus.topics[k] for k in np.flatnonzero(tags[row])),
            terms[row, at],
        )
        for row, at in chosen
    ]
    errors = {topic: (float(pair[0]), float(pair[1])) for topic, pair in zip(corpus.topics, found.errors, strict=True)}
    exclusive = exclusivity(every.labels, config.classifier.exclusive)
    return Audit(suspicions, errors, len(corpus), exclusive, config.data.codebook, every.topics)


def labelled_corpus(config: Config) -> Corpus:
    """All labelled paragraphs of a config, training and test data together."""
    topics = load_codebook(config.data.codebook).topic_ids if config.data.codebook else None
    data = config.data
    parts = [[part] if isinstance(part, str) else part for part in (data.train, data.test) if part is not None]
    specs = [spec for part in parts for spec in part]
    return read_corpus(specs, data.columns, topics, where="data.train and data.test", codebook=data.codebook)


class HeldOut:
    """Probabilities and tags of every paragraph by models that did not see its group, and what their terms said.

    As :func:`training.model.fitting.fold_scores`, keeping the models of the folds: the
    evidence against a label must not come from a model that has learned that label. Contests between exclusive topics
    are left out, so that a score is what the terms shown say; those of a long text are the terms of the whole.
    """

    def __init__(self, corpus: Corpus, config: Config, codebook: Codebook | None = None) -> None:
        pairs, codebook = near_duplicates(corpus.texts.to_pylist(), codebook, config)
        lessons = codebook_lessons(codebook, corpus.topics, config)
        groups = tied_groups(corpus.article_ids, pairs)
        self._folds = grouped_folds(corpus.labels, groups, config.split.folds, config.seed)
        tokens = passage_tokens(corpus.labels, config.classifier)
        task = Task(corpus.texts, corpus.labels, self._folds, lessons, tokens)
        self._counted = CountedFeatures(task, config.features)
        self._models: dict[int, tuple[Any, TopicClassifier]] = {}
        width = corpus.labels.shape[1] * (2 if len(task.passage_rows) else 1)
        scores = np.zeros((len(corpus), width), dtype=np.float32)
        for fold in np.unique(self._folds):
            train, out = (
                np.append(np.flatnonzero(self._folds != fold), task.always),
                np.flatnonzero(self._folds == fold),
            )
            learned, classifier = trained(task, self._counted, config, train, os.cpu_count() or 1)
            scores[out] = topic_scores(task, self._counted, learned, classifier, out)
            self._models[int(fold)] = (learned, classifier)
        exclusive = exclusivity(corpus.labels, config.classifier.exclusive)
        rarity = rarity_of(codebook, corpus)
        self.estimate = cross_fitted(scores, corpus.labels, self._folds, exclusive, config.thresholds, rarity)

    def terms(self, chosen: Sequence[tuple[int, int]]) -> dict[tuple[int, int], tuple[tuple[str, float], ...]]:
        """The terms with the largest contribution to each (row, topic), by the model of the row's fold.

        A term that several blocks of features have counts once, with what they say together.
        """
        found = {}
        for row, at in chosen:
            learned, classifier = self._models[int(self._folds[row])]
            features = self._counted.matrix(learned, np.array([row]))
            values = features.data * classifier.coef_[at, features.indices]
            total: dict[str, float] = {}
            for column, value in zip(features.indices, values, strict=True):
                term = self._term(learned, int(column))
                total[term] = total.get(term, 0.0) + float(value)
            found[row, at] = tuple(sorted(total.items(), key=lambda term: -abs(term[1]))[:TERMS_SHOWN])
        return found

    @staticmethod
    def _term(learned: Any, column: int) -> str:
        for features in learned:
            if column < len(features.kept):
                return str(features.counts.terms[int(features.kept[column])])
            column -= len(features.kept)
        raise IndexError("there is no such feature")
