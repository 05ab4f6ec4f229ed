"""What scoring long texts by passages does, out of fold; no test set is read.

    BENCHMARKS=… python -m experiments.quality.passages [SET …]

For each length of passages (`classifier.passages`) the share that the training data choose, and micro-/macro-/example-based
F1 with cross-fitted thresholds; three seeds of the folds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from training.config_file import load_config
from training.corpus.splits import grouped_folds
from training.evaluation.metrics import evaluate
from training.model.deciding import cross_fitted, decide, passage_tokens
from training.model.fitting import out_of_fold_scores
from training.model.task import CountedFeatures, Task
from training.prepare import learnable_topics, prepare

CONFIGS = Path(__file__).parents[2] / "configs/benchmarks"
SETS = ("insightcrime", "india_police_docs", "reuters21578")
LENGTHS = (None, 40, 60, 80, 120)
SEEDS = (13, 8, 21)
FIGURES = ("micro_f1", "macro_f1", "example_f1")


def line(name: str, length: int | None, seed: int) -> str:
    """A row of the table."""
    setting = "null" if length is None else length
    config = load_config(
        CONFIGS / f"{name}.yaml", ["tracking.enabled=false", f"seed={seed}", f"classifier.passages={setting}"]
    )
    prepared = prepare(config)
    topics, _ = learnable_topics(prepared, config)
    corpus = prepared.train.with_topics(topics)
    labels = corpus.labels
    folds = grouped_folds(labels, prepared.train_groups, config.split.folds, config.seed)
    task = Task(corpus.texts, labels, folds, passage_tokens=passage_tokens(labels, config.classifier))
    scores = out_of_fold_scores(task, CountedFeatures(task, config.features), config, os.cpu_count() or 1)
    share = decide(scores, labels, "no", config.thresholds).passage_share
    estimate = cross_fitted(scores, labels, folds, "no", config.thresholds)
    metrics = evaluate(labels, estimate.tags, estimate.probabilities, topics)
    figures = "/".join(f"{metrics[figure]:.3f}" for figure in FIGURES)
    return f"| {name} | {seed} | {setting} | {share:g} | {figures} |"


if __name__ == "__main__":
    print("| set | seed | passages | share | micro-/macro-/example-based F1 |\n|---|---|---|---|---|")
    for name in sys.argv[1:] or SETS:
        for seed in SEEDS if name != "reuters21578" else SEEDS[:1]:
            for length in LENGTHS:
                print(line(name, length, seed), flush=True)
