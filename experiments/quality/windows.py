"""Long texts scored by parts: the score of the whole mixed with that of the best window, out of fold; no test set is read.

    BENCHMARKS=… python -m experiments.quality.windows [SET …]

The classifier learns from whole texts and scores them, and their windows of 80 tokens side by side; a topic's score is
``(1 - share) · whole + share · best window``. `chosen` takes for each fold the share that is best for micro-F1 on the other folds
(a larger share only for 0.003 more). Prints micro-/macro-/example-based F1, thresholds cross-fitted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from training.config_file import load_config
from training.corpus.splits import grouped_folds
from training.evaluation.metrics import evaluate
from training.model.classifier import TopicClassifier
from training.model.deciding import cross_fitted, decide
from training.model.task import CountedFeatures, Task
from training.prepare import learnable_topics, prepare

CONFIGS = Path(__file__).parents[2] / "configs/benchmarks"
SETS = ("insightcrime", "india_police_docs")
FIGURES = ("micro_f1", "macro_f1", "example_f1")
WINDOW = 80
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
WORTH = 0.003


def windows(texts: list[str]) -> tuple[list[str], Any]:
    """Windows side by side, a last one of less than a quarter left out, and the text that each is of."""
    parts, of = [], []
    for at, text in enumerate(texts):
        tokens = text.split()
        for start in range(0, max(1, len(tokens) - WINDOW // 4), WINDOW):
            parts.append(" ".join(tokens[start : start + WINDOW]))
            of.append(at)
    return parts, np.array(of)


def lines(name: str) -> list[str]:
    config = load_config(CONFIGS / f"{name}.yaml", ["tracking.enabled=false"])
    prepared = prepare(config)
    corpus = prepared.train.with_topics(learnable_topics(prepared, config)[0])
    labels, texts = corpus.labels, corpus.texts.to_pylist()
    folds = grouped_folds(labels, prepared.train_groups, config.split.folds, config.seed)
    parts, of = windows(texts)
    everything = pa.array(texts + parts, type=pa.large_string())
    task = Task(everything, np.zeros((len(everything), 0), dtype=bool), np.zeros(len(everything), dtype=np.intp))
    counted = CountedFeatures(task, config.features)
    whole, best = np.zeros((2, *labels.shape), dtype=np.float32)
    for fold in np.unique(folds):
        train, out, part = np.flatnonzero(folds != fold), folds == fold, np.flatnonzero(folds[of] == fold)
        learned = counted.learn(train)
        classifier = TopicClassifier(strength=config.classifier.strength, threads=os.cpu_count() or 1)
        classifier.fit(counted.matrix(learned, train), labels[train])
        whole[out] = classifier.decision_function(counted.matrix(learned, np.flatnonzero(out)))
        scores = classifier.decision_function(counted.matrix(learned, len(texts) + part))
        best[out] = np.maximum.reduceat(scores, np.flatnonzero(np.diff(of[part], prepend=-1)), axis=0)
    mixed = {share: ((1 - share) * whole + share * best).astype(np.float32) for share in SHARES}

    def tags_of(share: float, rows: Any) -> Any:
        return cross_fitted(mixed[share][rows], labels[rows], folds[rows], "no", config.thresholds).tags

    every = np.ones(len(texts), dtype=bool)
    found = {f"share {share}": tags_of(share, every) for share in SHARES}
    chosen = np.zeros_like(labels)
    for fold in np.unique(folds):
        others, share, value = folds != fold, 0.0, -1.0
        for candidate in SHARES:
            gained = figures(labels[others], tags_of(candidate, others))[0]
            if gained > value + WORTH:
                share, value = candidate, gained
        matrix, offsets, decision = decide(mixed[share][others], labels[others], "no", config.thresholds)
        odds = (mixed[share][~others] @ matrix + offsets).astype(np.float32)
        chosen[~others] = decision.tags(decision.probabilities(odds))
    found["chosen"] = chosen
    return [
        f"{name}: {way}: {'/'.join(f'{value:.3f}' for value in figures(labels, tags))}" for way, tags in found.items()
    ]


def figures(truth: Any, tags: Any) -> list[float]:
    metrics = evaluate(truth, tags, tags.astype(float), [str(at) for at in range(truth.shape[1])])
    return [metrics[figure] for figure in FIGURES]


if __name__ == "__main__":
    for name in sys.argv[1:] or SETS:
        print("\n".join(lines(name)), flush=True)
