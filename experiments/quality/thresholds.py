"""Ways to choose thresholds, cross-fitted on out-of-fold scores of the training sets; prints a table. No test set is read.

BENCHMARKS=… python -m experiments.quality.thresholds [SET …]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from training.config import Thresholds
from training.config_file import load_config
from training.corpus.splits import grouped_folds
from training.evaluation.metrics import evaluate
from training.model.deciding import cross_fitted, exclusivity
from training.model.fitting import out_of_fold_scores
from training.model.task import CountedFeatures, Task
from training.prepare import learnable_topics, prepare

CONFIGS = Path(__file__).parents[2] / "configs/benchmarks"
SETS = ("insightcrime", "india_police_docs", "india_police_sents", "un_quadclass", "reuters21578")
FIGURES = ("micro_f1", "macro_f1", "example_f1")
RULES = {
    "pooled": Thresholds(method="pooled", fallback=False),
    "per_topic": Thresholds(method="per_topic", fallback=False),
    "smoothed": Thresholds(method="smoothed", fallback=False),
    "micro_macro": Thresholds(method="micro_macro", fallback=False),
    "shrunk": Thresholds(fallback=False),
    "shrunk with fallback (default)": Thresholds(),
    "the same, shrinkage 10": Thresholds(shrinkage=10),
}


def figures_of(name: str) -> list[str]:
    """For each rule the micro-, macro- and example-based F1 out of fold."""
    config = load_config(CONFIGS / f"{name}.yaml", ["tracking.enabled=false"])
    prepared = prepare(config)
    topics, _ = learnable_topics(prepared, config)
    corpus = prepared.train.with_topics(topics)
    folds = grouped_folds(corpus.labels, prepared.train_groups, config.split.folds, config.seed)
    task = Task(corpus.texts, corpus.labels, folds)
    counted = CountedFeatures(task, config.features)
    scores = out_of_fold_scores(task, counted, config, os.cpu_count() or 1)
    exclusive = exclusivity(corpus.labels, "auto")
    cells = []
    for rule in RULES.values():
        estimate = cross_fitted(scores, corpus.labels, folds, exclusive, rule)
        metrics = evaluate(corpus.labels, estimate.tags, estimate.probabilities, topics)
        cells.append("/".join(f"{metrics[figure]:.3f}" for figure in FIGURES))
    return cells


def main(names: list[str]) -> None:
    columns = [figures_of(name) for name in names]
    print("| thresholds |", " | ".join(names), "|")
    print("|---|", "---|" * len(names), sep="")
    for at, rule in enumerate(RULES):
        print(f"| {rule} |", " | ".join(column[at] for column in columns), "|")


if __name__ == "__main__":
    main(sys.argv[1:] or list(SETS))
