"""Labelled paragraphs made ready for a run: read, near-duplicates tied, split, topics that can be learned."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.codebook import Codebook, load_codebook
from training.config import Config
from training.corpus.duplicates import near_duplicate_pairs, tied_groups
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


def codebook_lessons(codebook: Codebook | None, topics: tuple[str, ...], config: Config) -> Lessons:
    """What the codebook teaches of the topics, if it is to be learned from."""
    if codebook is None or not config.data.learn_from_codebook:
        return Lessons()
    queries = {topic.id: sufficient_terms(topic.keywords or "") for topic in codebook.topics}
    return Lessons(
        [(text, topics.index(topic)) for text, topic in codebook.texts() if topic in topics],
        [queries[topic] for topic in topics],
    )


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
