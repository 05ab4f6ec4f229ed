"""Ways to choose thresholds, cross-fitted on out-of-fold scores of the training sets; prints a table.

BENCHMARKS=… python -m experiments.quality.thresholds [SET …]
"""

from __future__ import annotations

import os
import sys

from experiments.quality.out_of_fold import estimate_of, training_set
from training.config import Thresholds
from training.model.fitting import out_of_fold_scores
from training.model.task import CountedFeatures

SETS = ("insightcrime", "india_police_docs", "india_police_sents", "un_quadclass", "reuters21578")
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
    some = training_set(name, "classifier.passages=null")
    counted = CountedFeatures(some.task, some.config.features)
    scores = out_of_fold_scores(some.task, counted, some.config, os.cpu_count() or 1)
    return [estimate_of(some, scores, rule)[1] for rule in RULES.values()]


def main(names: list[str]) -> None:
    columns = [figures_of(name) for name in names]
    print("| thresholds |", " | ".join(names), "|")
    print("|---|", "---|" * len(names), sep="")
    for at, rule in enumerate(RULES):
        print(f"| {rule} |", " | ".join(column[at] for column in columns), "|")


if __name__ == "__main__":
    main(sys.argv[1:] or list(SETS))
