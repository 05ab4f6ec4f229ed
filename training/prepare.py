"""Labelled paragraphs made ready for a run: read, near-duplicates tied, split, topics that can be learned."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.codebook import Codebook, load_codebook
from training.config import Config
from training.corpus.duplicates import Pairs, near_duplicate_pairs, shingles, tied_groups
from training.corpus.records import Corpus, read_corpus
from training.corpus.splits import grouped_split, time_split
from training.errors import UserError, listed
from training.keywords import sufficient_terms
from training.model.task import Lessons

Bools = npt.NDArray[np.bool_]

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


def prepare(config: Config) -> Prepared:
    """Read the labelled paragraphs and split them."""
    codebook = load_codebook(config.data.codebook) if config.data.codebook is not None else None
    topics = codebook.topic_ids if codebook else None

    def read(spec: str | list[str], where: str, proven: bool = False) -> Corpus:
        return read_corpus(spec, config.data.columns, topics, where=where, codebook=config.data.codebook, proven=proven)

    train_set = read(config.data.train, "data.train")
    log.info("read %d paragraphs from %s", len(train_set), config.data.train)
    if config.data.test is None:
        pairs, codebook = near_duplicates(train_set.texts.to_pylist(), codebook, config)
        groups = tied_groups(train_set.article_ids, pairs)
        train_rows, test_rows = _split(train_set, groups, config)
        _warn_of_size(len(test_rows), groups, config.split.test_size)
        nothing = np.zeros(len(test_rows), dtype=bool)
        return Prepared(
            train_set.select(train_rows), train_set.select(test_rows), groups[train_rows], nothing, codebook, len(pairs)
        )
    test_set = read(config.data.test, "data.test", proven=True)
    if topics is None:
        names = tuple(sorted({*train_set.topics, *test_set.topics}))
        if set(train_set.topics) >= set(test_set.topics):
            names = train_set.topics
        train_set, test_set = train_set.with_topics(names), test_set.with_topics(names)
    shared = {*train_set.article_ids} & {*test_set.article_ids}
    if shared:
        log.warning(
            "%d articles have paragraphs in both data.train and data.test, so figures may be flattering: %s",
            len(shared),
            listed(sorted(shared)),
        )
    pairs, codebook = near_duplicates([*train_set.texts.to_pylist(), *test_set.texts.to_pylist()], codebook, config)
    groups, tied, leaked = _tied(train_set, test_set, pairs)
    if leaked.any():
        log.warning(
            "%d of %d test paragraphs are near-duplicates of training paragraphs; figures without them are given too",
            leaked.sum(),
            len(test_set),
        )
    return Prepared(train_set, test_set, groups, leaked, codebook, tied)


def near_duplicates(texts: list[str], codebook: Codebook | None, config: Config) -> tuple[Pairs, Codebook | None]:
    """Row pairs of near-duplicate ``texts``, and the codebook without those of its examples that are among them.

    Those are learned from in every fold: as near-duplicates of what is measured, they would flatter the figures.
    """
    if config.split.near_duplicates is None:
        return np.zeros((0, 2), dtype=np.intp), codebook
    examples = [example for topic in codebook.topics for example in topic.examples] if codebook else []
    pairs = near_duplicate_pairs([*texts, *examples], config.split.near_duplicates)
    rows, others = pairs.T
    alike = {shingles(examples[at - len(texts)]) for at in others[(rows < len(texts)) & (others >= len(texts))]}
    known = {example for example in examples if shingles(example) in alike}  # copies are tied through the first alone
    if codebook is not None and known and config.data.learn_from_codebook:
        log.warning(
            "%s: %d examples are near-duplicates of labelled paragraphs and are not learned from: %s",
            config.data.codebook,
            len(known),
            listed(f"{example[:60]!r}" for example in sorted(known)),
        )
        codebook = codebook.without_examples(known)
    return pairs[others < len(texts)], codebook


def _tied(train_set: Corpus, test_set: Corpus, pairs: Pairs) -> tuple[Any, int, Bools]:
    """Groups of the training rows, near-duplicate pairs, and which test rows have a near-duplicate in training."""
    n, total = len(train_set), len(train_set) + len(test_set)
    across = tied_groups([str(row) for row in range(total)], pairs)
    leaked = np.isin(across[n:], across[:n])
    pairs = pairs[(pairs < n).all(axis=1)]
    return tied_groups(train_set.article_ids, pairs), len(pairs), leaked


def _split(corpus: Corpus, groups: Any, config: Config) -> tuple[Any, Any]:
    if config.split.method == "time":
        return time_split(corpus.dates, groups, config.split.test_size)
    return grouped_split(corpus.labels, groups, config.split.test_size, config.seed)


def _warn_of_size(tested: int, groups: Any, wanted: float) -> None:
    """A warning where groups that stay whole leave a test set of less than half, or more than twice, the size."""
    if not wanted / 2 <= tested / len(groups) <= 2 * wanted:
        log.warning(
            "split: the test set has %d of %d paragraphs (%.0f%%), split.test_size is %.0f%%: articles, and those with "
            "near-duplicates of one another, stay on one side, and the largest such group has %d paragraphs",
            tested,
            len(groups),
            100 * tested / len(groups),
            100 * wanted,
            np.bincount(groups).max(),
        )


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
        elif positives == len(prepared.train):
            left_out[topic] = f"all {positives} training paragraphs have it, so nothing tells what is without it"
    learnable = tuple(topic for topic in support if topic not in left_out)
    if not learnable:
        raise UserError(
            f"data.train: no topic has the {config.classifier.min_positives} positive paragraphs that are needed to "
            f"learn it (classifier.min_positives), and one paragraph without it. "
            f"Found: {listed(f'{t} {n}' for t, n in support.items()) or 'none'}."
        )
    for topic, reason in left_out.items():
        log.warning("topic %s is not trained: %s", topic, reason)
    return learnable, left_out


def warn_of_exclusive(corpus: Corpus, config: Config) -> None:
    """Say how many paragraphs contradict ``classifier.exclusive``, where it is not for the labels to show."""
    wanted, carried = config.classifier.exclusive, corpus.labels.sum(axis=1)
    several, without = int((carried > 1).sum()), int((carried == 0).sum()) if wanted == "exactly_one" else 0
    if wanted not in ("auto", "no") and (several or without):
        log.warning(
            "classifier.exclusive is %s, but of %d training paragraphs %d have several topics%s. "
            "Set it to auto to go by the labels",
            wanted,
            len(carried),
            several,
            f" and {without} none" if without else "",
        )


def codebook_lessons(codebook: Codebook | None, topics: tuple[str, ...], config: Config) -> Lessons:
    """What the codebook teaches of the topics, if it is to be learned from."""
    if codebook is None or not config.data.learn_from_codebook:
        return Lessons()
    queries = {topic.id: sufficient_terms(topic.keywords or "") for topic in codebook.topics}
    return Lessons(
        [(text, topics.index(topic)) for text, topic in codebook.texts() if topic in topics],
        [queries[topic] for topic in topics],
    )
