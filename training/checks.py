"""What is wrong with labelled data, before any time is spent on training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.config import Config, SeparatedTopics
from training.corpus.duplicates import near_duplicate_pairs
from training.corpus.rarity import rarity_of
from training.corpus.records import Corpus
from training.corpus.splits import grouped_folds
from training.errors import UserError, listed
from training.learning_curve import curve_lines, learning_curve
from training.model.fitting import fit
from training.model.task import TooFewWordsError
from training.prepare import Prepared, codebook_lessons, learnable_topics, prepare
from training.topic_names import joined_topics, no_topics, told_apart, variants

FEW_POSITIVES = 20
FEW_TESTED = 50
SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One thing that deserves a look; ``fatal`` if training would fail on it."""

    kind: str
    message: str
    examples: tuple[str, ...] = ()
    fatal: bool = False


@dataclass(frozen=True)
class Findings:
    paragraphs: int
    articles: int
    support: dict[str, int]
    findings: tuple[Finding, ...]
    learning_curve: dict[str, Any] | None = None

    @property
    def fatal(self) -> bool:
        return any(finding.fatal for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def text(self) -> str:
        lines = [f"{self.paragraphs} paragraphs in {self.articles} articles, {len(self.support)} topics"]
        width = max(map(len, self.support), default=0)
        lines += [f"  {topic:{width}}  {count:6}" for topic, count in self.support.items()]
        for finding in self.findings:
            lines.append(f"{'PROBLEM' if finding.fatal else 'note'}  {finding.kind}: {finding.message}")
            lines += [f"        {example}" for example in finding.examples[:SHOWN]]
        if not self.findings:
            lines.append("Nothing found that deserves a look.")
        if self.learning_curve is not None:
            lines += ["", *curve_lines(self.learning_curve)]
        return "\n".join(lines)


def check_data(config: Config, with_learning_curve: bool = False) -> Findings:
    """Everything found in the data of ``config``. Raises :class:`UserError` for data that cannot be read at all.

    The learning curve costs as much as one or two trainings, and is left out where training would fail.
    """
    prepared = prepare(config)
    train, test = prepared.train, prepared.test
    support = {topic: train.support[topic] + test.support[topic] for topic in train.topics}
    articles = {*train.article_ids, *test.article_ids}
    findings = [
        *_folds(prepared, config),
        *_rare(train, config),
        *_small_test(train, test, config),
        *(Finding("odd topics", slip) for slip in _slips(train.topics, config)),
        *_leaks(train, test, prepared.leaked, config),
        *_contradictions(train.followed_by(test), len(train), config),
        *_odd_texts(train.followed_by(test)),
    ]
    fatal = any(finding.fatal for finding in findings)
    curve = _learning_curve(prepared, config) if with_learning_curve and not fatal else None
    if with_learning_curve and not fatal and curve is None:
        findings.append(Finding("learning curve", f"the {len(train)} training paragraphs are too few for one"))
    return Findings(len(train) + len(test), len(articles), support, tuple(findings), curve)


def _learning_curve(prepared: Prepared, config: Config) -> dict[str, Any] | None:
    topics, _ = learnable_topics(prepared, config)
    corpus = prepared.train.with_topics(topics)
    folds = grouped_folds(corpus.labels, prepared.train_groups, config.split.folds, config.seed)
    lessons = codebook_lessons(prepared.codebook, topics, config)
    rarity = rarity_of(prepared.codebook, corpus)
    try:
        fitted = fit(corpus.texts, corpus.labels, folds, config, os.cpu_count() or 1, lessons, rarity)
    except TooFewWordsError:
        return None
    return learning_curve(corpus, prepared.train_groups, folds, config, fitted.out_of_fold.tags, lessons, rarity)


def _folds(prepared: Prepared, config: Config) -> list[Finding]:
    try:
        grouped_folds(prepared.train.labels, prepared.train_groups, config.split.folds, config.seed)
    except UserError as problem:
        return [Finding("too few articles", f"what is left for training: {problem}", fatal=True)]
    return []


def _rare(train: Corpus, config: Config) -> list[Finding]:
    least = config.classifier.min_positives
    untrained = [f"{topic} {count}" for topic, count in train.support.items() if count < least]
    few = [f"{topic} {count}" for topic, count in train.support.items() if least <= count < FEW_POSITIVES]
    everywhere = [topic for topic, count in train.support.items() if least <= count == len(train)]
    fatal = len(untrained) + len(everywhere) == len(train.topics)
    findings = []
    if not train.topics:
        findings.append(Finding("no topics", "no paragraph has any topic: there is nothing to train", fatal=True))
    if untrained:
        findings.append(
            Finding(
                "rare topics",
                f"{len(untrained)} topics have fewer than {least} positive training paragraphs and will not be trained",
                tuple(untrained),
                fatal,
            )
        )
    if everywhere:
        findings.append(
            Finding(
                "topics of all",
                f"all {len(train)} training paragraphs have the topic, which will not be trained: add some without it",
                tuple(everywhere),
                fatal,
            )
        )
    if few:
        findings.append(
            Finding(
                "rare topics",
                f"{len(few)} topics have fewer than {FEW_POSITIVES} positive training paragraphs",
                tuple(few),
            )
        )
    return findings


def _small_test(train: Corpus, test: Corpus, config: Config) -> list[Finding]:
    findings = []
    if len(test) < FEW_TESTED:
        findings.append(
            Finding(
                "small test part",
                f"{len(test)} test paragraphs, expected {FEW_TESTED} or more: figures measured on so few mean little",
            )
        )
    learned = [topic for topic, count in train.support.items() if count >= config.classifier.min_positives]
    unseen = [topic for topic in learned if not test.support[topic]]
    if unseen:
        findings.append(
            Finding(
                "small test part",
                f"no test paragraph has the topic, so that how well it is found is not measured: {listed(unseen)}",
            )
        )
    return findings


def _slips(topics: Sequence[str], config: Config) -> list[str]:
    """Ids of topics that nobody may have meant, where no codebook says which there are."""
    if config.data.codebook is not None:
        return []
    columns = config.data.columns.topics
    remedy = "divide it" + (
        f", or set the separator under data.columns.topics, which is {columns.separator!r}"
        if isinstance(columns, SeparatedTopics)
        else ""
    )
    return [
        *(f"{listed(told_apart(alike))} differ in case, blanks or dashes only" for alike in variants(topics)),
        *(f"{topic!r} holds {mark!r} between what are topics: {remedy}" for topic, mark in joined_topics(topics)),
        *(f"{topic!r}: is it meant to be no topic? Then leave the topics empty" for topic in no_topics(topics)),
    ]


def _leaks(train: Corpus, test: Corpus, leaked: Any, config: Config) -> list[Finding]:
    findings = []
    shared = sorted({*train.article_ids} & {*test.article_ids})
    if shared:
        findings.append(
            Finding("leak", f"{len(shared)} articles have paragraphs in both data.train and data.test", tuple(shared))
        )
    if leaked.any():
        examples = tuple(test.paragraph_ids[row] for row in np.flatnonzero(leaked)[:SHOWN])
        findings.append(
            Finding(
                "leak", f"{leaked.sum()} test paragraphs are near-duplicates of training paragraphs (Jaccard "
                f"{config.split.near_duplicates} of word 5-shingles); figures without them are given too", examples
            )
        )  # fmt: skip
    return findings


def _contradictions(corpus: Corpus, trained: int, config: Config) -> list[Finding]:
    """``corpus`` begins with the ``trained`` training paragraphs."""
    if config.split.near_duplicates is None:
        return []
    pairs = near_duplicate_pairs(corpus.texts.to_pylist(), config.split.near_duplicates)
    differing = [(a, b) for a, b in pairs if (corpus.labels[a] != corpus.labels[b]).any()]
    tied = int((pairs < trained).all(axis=1).sum())
    findings = []
    if tied:
        findings.append(Finding("near-duplicates", f"{tied} pairs of training paragraphs; each pair stays in one fold"))
    if differing:
        findings.append(
            Finding(
                "contradicting labels",
                f"{len(differing)} pairs of near-duplicates are labelled differently",
                tuple(
                    f"{corpus.paragraph_ids[a]} {_names(corpus, a)}  {corpus.paragraph_ids[b]} {_names(corpus, b)}"
                    for a, b in differing[:SHOWN]
                ),
            )
        )
    return findings


def _names(corpus: Corpus, row: int) -> Sequence[str]:
    return [corpus.topics[at] for at in np.flatnonzero(corpus.labels[row])]


def _odd_texts(corpus: Corpus) -> list[Finding]:
    texts = corpus.texts.to_pylist()
    blank = [corpus.paragraph_ids[row] for row, text in enumerate(texts) if not text.strip()]
    long = [corpus.paragraph_ids[row] for row, text in enumerate(texts) if len(text) > 20_000]
    findings = []
    if blank:
        findings.append(Finding("blank texts", f"{len(blank)} paragraphs hold no text", tuple(blank[:SHOWN])))
    if long:
        findings.append(
            Finding("long texts", f"{len(long)} paragraphs are longer than 20,000 characters", tuple(long[:SHOWN]))
        )
    return findings
