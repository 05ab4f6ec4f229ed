"""What scoring long texts by passages does, out of fold.

    BENCHMARKS=… python -m experiments.quality.passages [SET …]

For each length of passages (`classifier.passages`) the share that the training data choose, and micro-/macro-/example-based
F1 with cross-fitted thresholds; three seeds of the folds.
"""

from __future__ import annotations

import os
import sys

from experiments.quality.out_of_fold import estimate_of, training_set
from training.model.deciding import decide
from training.model.fitting import out_of_fold_scores
from training.model.task import CountedFeatures

SETS = ("insightcrime", "india_police_docs", "reuters21578")
LENGTHS = (None, 40, 60, 80, 120)
SEEDS = (13, 8, 21)


def line(name: str, length: int | None, seed: int) -> str:
    """A row of the table."""
    setting = "null" if length is None else length
    some = training_set(name, f"seed={seed}", f"classifier.passages={setting}")
    counted = CountedFeatures(some.task, some.config.features)
    scores = out_of_fold_scores(some.task, counted, some.config, os.cpu_count() or 1)
    share = decide(scores, some.task.labels, "no", some.config.thresholds).passage_share
    _, figures = estimate_of(some, scores, some.config.thresholds)
    return f"| {name} | {seed} | {setting} | {share:g} | {figures} |"


if __name__ == "__main__":
    print("| set | seed | passages | share | micro-/macro-/example-based F1 |\n|---|---|---|---|---|")
    for name in sys.argv[1:] or SETS:
        for seed in SEEDS if name != "reuters21578" else SEEDS[:1]:
            for length in LENGTHS:
                print(line(name, length, seed), flush=True)
