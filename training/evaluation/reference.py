"""What later archives are compared with: how out-of-fold scores and unknown words look on the training data."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.config import Features
from training.corpus.records import Corpus, numbered
from training.evaluation.metrics import Floats
from training.model.characters import CharacterTable
from training.model.counts import count, recipe_of
from training.model.model import Model
from training.model.texts import as_string_array, text_buffer

# Bins of calibrated probability, finer towards both ends, where most paragraphs are.
EDGES = (
    0,
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.15,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    0.95,
    0.98,
    0.99,
    1,
)
_WORD = re.compile(r"\b\w\w+\b")


def reference(
    model: Model, corpus: Corpus, probabilities: Floats, folds: npt.NDArray[np.intp], features: Features
) -> dict[str, Any]:
    """The ``reference`` entry of ``metrics.json``, from the training ``corpus`` and its out-of-fold ``probabilities``.

    ``topics.<id>.positive`` and ``.negative`` count the paragraphs by bin of probability; ``design_effect`` is how
    many paragraphs weigh as one, because those of an article are alike (Kish 1965, §5.4). ``unknown_words`` is the mean
    share of a paragraph's words that no other fold holds; None for a model without features of words. ``certainty``
    counts by bin of the largest probability, where topics exclude one another. ``probabilities`` are [n, topics], those
    of ``corpus``; ``folds`` [n].
    """
    article = numbered(corpus.article_ids)
    vocabulary = known_words(model)
    least = features.word.min_df if features.word is not None else 1
    return {
        "edges": list(EDGES),
        "paragraphs": len(corpus),
        "topics": {
            topic: {
                "positive": histogram(probabilities[corpus.labels[:, at], at]).tolist(),
                "negative": histogram(probabilities[~corpus.labels[:, at], at]).tolist(),
                "design_effect": round(design_effect(probabilities[:, at].astype(float), article), 3),
            }
            for at, topic in enumerate(corpus.topics)
        },
        "certainty": None if model.decision.exclusive == "no" else certainty(corpus, probabilities),
        "unknown_words": None
        if vocabulary is None
        else unknown_words_out_of_fold(corpus.texts, article, folds, vocabulary, least),
    }


def certainty(corpus: Corpus, probabilities: Floats) -> dict[str, list[int]]:
    """Paragraphs by bin of their largest probability, for each topic that they carry; ``""`` for those without any."""
    largest = probabilities.max(axis=1)
    carried = {topic: corpus.labels[:, at] for at, topic in enumerate(corpus.topics)} | {"": ~corpus.labels.any(axis=1)}
    return {topic: histogram(largest[rows]).tolist() for topic, rows in carried.items()}


def known_words(model: Model) -> frozenset[str] | None:
    """The single words that a model knows; None if it has no features of words."""
    for block in model.scorer.blocks:
        settings = block.settings
        if settings.analyzer == "word" and settings.ngram_range[0] == 1 and settings.first_tokens is None:
            terms = block.terms
            of_words = np.ones(len(terms), dtype=bool)
            of_words[np.searchsorted(terms.offsets, np.flatnonzero(terms.data == ord(" ")), side="right") - 1] = False
            return frozenset(terms.strings_at(np.flatnonzero(of_words)))
    return None


def histogram(probabilities: Floats) -> npt.NDArray[np.int64]:
    """How many fall into each bin of ``EDGES``; int64 [bins], or [bins, topics] for [n, topics]."""
    at = np.clip(np.searchsorted(EDGES, probabilities, side="right") - 1, 0, len(EDGES) - 2)
    if at.ndim == 1:
        return np.bincount(at, minlength=len(EDGES) - 1)
    return np.stack([np.bincount(column, minlength=len(EDGES) - 1) for column in at.T], axis=1)


def design_effect(values: Floats, article: npt.NDArray[np.intp]) -> float:
    """The variance of a mean over whole articles, over that of as many independent paragraphs; never below 1."""
    deviation = values - values.mean()
    spread = float((deviation**2).sum())
    by_article = np.bincount(article, weights=deviation)
    return max(1.0, float((by_article**2).sum()) / spread) if spread > 0 else 1.0


def words_of(text: str) -> list[str]:
    """Words as word features have them: runs of two or more letters, digits or underscores in lower case."""
    return _WORD.findall(text.lower())


def unknown_share(text: str, vocabulary: Collection[str]) -> float | None:
    """The share of a text's words that are not in ``vocabulary``; None for a text without words."""
    words = words_of(text)
    return sum(word not in vocabulary for word in words) / len(words) if words else None


def unknown_words_out_of_fold(
    texts: pa.LargeStringArray,
    article: npt.NDArray[np.intp],
    folds: npt.NDArray[np.intp],
    vocabulary: Collection[str],
    min_df: int,
) -> dict[str, float]:
    """Mean share of unknown words by paragraph, its standard deviation, and its design effect over articles.

    A word is known to a fold if the model kept it and at least ``min_df`` texts of the other folds hold it.
    """
    characters = CharacterTable.current()
    recipe = recipe_of("word", True, (1, 1), characters.growth)
    found = count(text_buffer(as_string_array(texts)), recipe, characters)
    rows = np.repeat(found.all_rows, np.diff(found.indptr))
    lengths = np.bincount(rows, weights=found.counts, minlength=len(texts))
    which, fold = np.unique(folds, return_inverse=True)
    within = np.array([found.document_frequency(np.flatnonzero(fold == at)) for at in range(len(which))])
    words = found.terms.strings_at(np.arange(len(found.terms)))
    kept_by_model = np.fromiter((word in vocabulary for word in words), bool, len(words))
    known = kept_by_model & (within.sum(axis=0) - within >= min_df)
    unknown = np.bincount(rows, weights=found.counts * ~known[fold[rows], found.indices], minlength=len(texts))
    kept = np.flatnonzero(lengths)
    shares = unknown[kept] / lengths[kept]
    values = shares if len(shares) else np.zeros(1)
    clusters = article[kept] if len(kept) else np.zeros(1, dtype=np.intp)
    return {
        "mean": float(values.mean()),
        "deviation": float(values.std()),
        "paragraphs": len(shares),
        "design_effect": round(design_effect(values, clusters), 3),
    }
