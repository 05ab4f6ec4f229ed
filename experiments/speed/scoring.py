"""Scoring on one core: against scikit-learn's pipeline and fastText, with the same features and topics."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from experiments.speed.clock import in_turns
from experiments.speed.material import TOPICS
from experiments.speed.peers import FastText
from experiments.speed.table import Row, figure
from training.model.characters import CharacterTable
from training.model.ngrams import NgramVectorizer
from training.model.scorer import Block, BlockSettings, Scorer

WORDS: dict[str, Any] = {"analyzer": "word", "ngram_range": (1, 2), "sublinear_tf": True, "min_df": 2}
LETTERS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (3, 5), "sublinear_tf": True, "min_df": 2}
PARITY = 1e-5


def scorer_of(texts: list[str], recipes: Sequence[dict[str, Any]]) -> Scorer:
    """A model with the n-grams of these texts, and random weights: what the weights are makes no difference."""
    random = np.random.default_rng(0)
    blocks = []
    for recipe in recipes:
        vectorizer = NgramVectorizer(**recipe).fit(texts)
        settings = BlockSettings(recipe["analyzer"], recipe["ngram_range"], sublinear_tf=recipe["sublinear_tf"])
        blocks.append(Block(settings, vectorizer.terms_, vectorizer.idf_.astype(np.float32)))
    features = sum(len(block.terms) for block in blocks)
    weights = random.normal(size=(features, TOPICS), scale=0.1).astype(np.float32)
    return Scorer(blocks, weights, np.zeros(TOPICS, np.float32), CharacterTable.current())


class SklearnPipeline:
    """The same model of scikit-learn's parts: a `TfidfVectorizer` a block, and one product for all topics."""

    def __init__(self, scorer: Scorer) -> None:
        self.weights = scorer.weights.astype(np.float64)
        self.intercepts = scorer.intercepts.astype(np.float64)
        self.vectorizers = []
        for block in scorer.blocks:
            settings = block.settings
            vectorizer = TfidfVectorizer(
                analyzer=settings.analyzer,
                ngram_range=settings.ngram_range,
                lowercase=settings.lowercase,
                sublinear_tf=settings.sublinear_tf,
                norm=settings.norm,
                vocabulary=block.terms.strings,
                preprocessor=_beginning(settings.first_tokens),
            )
            vectorizer.idf_ = block.idf.astype(np.float64)
            self.vectorizers.append(vectorizer)

    def scores(self, texts: list[str]) -> Any:
        blocks = [vectorizer.transform(texts) for vectorizer in self.vectorizers]
        matrix = hstack(blocks, format="csr") if len(blocks) > 1 else blocks[0]
        return matrix @ self.weights + self.intercepts


def _beginning(tokens: int | None) -> Callable[[str], str] | None:
    if tokens is None:
        return None
    return lambda text: " ".join(text.split(None, tokens)[:tokens]).lower()


def compare(
    name: str, scorer: Scorer, texts: list[str], rounds: int, sample: int, fasttext: FastText | None,
    goals: tuple[float | None, float | None],
) -> list[Row]:  # fmt: skip
    """Rows for one model. Each round takes other texts, so that the cache of tokens is as in a long archive."""
    pipeline = SklearnPipeline(scorer)
    worst = float(np.abs(scorer.scores(texts[:sample]) - pipeline.scores(texts[:sample])).max())
    if worst > PARITY:
        raise RuntimeError(f"{name}: scores differ from scikit-learn's by {worst:.1e}, more than {PARITY:.0e}")
    size = len(texts) // rounds
    arrays = [pa.array(texts[number * size : (number + 1) * size]) for number in range(rounds)]

    def ours(number: int) -> float:
        began = time.thread_time()
        scorer.scores(arrays[number])
        return (time.thread_time() - began) / size

    def theirs(number: int) -> float:
        chosen = texts[number * size : number * size + sample]
        began = time.thread_time()
        pipeline.scores(chosen)
        return (time.thread_time() - began) / len(chosen)

    contenders: dict[str, Callable[[int], float]] = {"ours": ours, "scikit-learn": theirs}
    if fasttext is not None and fasttext.problem is None:
        contenders["fastText"] = lambda number: fasttext.seconds(number * size, sample) / sample
    seconds = in_turns(contenders, rounds)
    ours_shown = f"{per_text(seconds['ours'])}, {len(scorer.weights):,} features"
    rows = [
        Row(
            f"scoring, {name}, one core",
            ours_shown,
            f"scikit-learn {per_text(seconds['scikit-learn'])}; largest difference {worst:.0e}",
            seconds["scikit-learn"] / seconds["ours"],
            goals[0],
        )
    ]
    if fasttext is not None:
        shown = fasttext.problem or f"fastText {per_text(seconds['fastText'])}, {fasttext.settings}"
        ratio = None if fasttext.problem else seconds["fastText"] / seconds["ours"]
        rows.append(Row(f"scoring, {name}, one core", ours_shown, shown, ratio, goals[1]))
    return rows


def per_text(seconds: float) -> str:
    return f"{figure(seconds * 1e6)} µs a paragraph ({1 / seconds:,.0f}/s)"


def features_row(texts: list[str], rounds: int, goal: float) -> Row:
    """Making training features: words and characters, one after the other."""

    def both(vectorizer: Any) -> Callable[[int], float]:
        def seconds(_: int) -> float:
            began = time.thread_time()
            for recipe in (WORDS, LETTERS):
                vectorizer(**recipe, dtype=np.float32).fit_transform(texts)
            return time.thread_time() - began

        return seconds

    both(NgramVectorizer)(0)
    seconds = in_turns({"ours": both(NgramVectorizer), "scikit-learn": both(TfidfVectorizer)}, rounds)
    return Row(
        f"training features, word 1–2 and char_wb 3–5 of {len(texts):,} paragraphs, one core",
        f"{figure(seconds['ours'])} s",
        f"TfidfVectorizer.fit_transform {figure(seconds['scikit-learn'])} s",
        seconds["scikit-learn"] / seconds["ours"],
        goal,
    )
