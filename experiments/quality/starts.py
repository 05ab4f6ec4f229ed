"""Out-of-fold scores of fits that begin at zeros, and of fits that begin where the fit to all rows ended.

    BENCHMARKS=… python -m experiments.quality.starts [SET …]

The fit to all rows has seen the held-out ones; were the scores drawn to their labels, the difference would be above zero for
positives and below for negatives.
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score

from experiments.quality.out_of_fold import estimate_of, training_set
from training.model.fitting import out_of_fold_scores, trained
from training.model.task import CountedFeatures

SETS = ("insightcrime", "india_police_docs", "india_police_sents", "reuters21578", "un_quadclass", "default")


def line(name: str) -> str:
    """A row of the table."""
    some = training_set(name)
    config, task, threads = some.config, some.task, os.cpu_count() or 1
    counted = CountedFeatures(task, config.features)
    labels, topics = task.labels, task.labels.shape[1]
    _, whole = trained(task, counted, config, np.arange(len(task.all_labels)), threads)
    scores, cells = [], []
    for start in (None, whole):
        began = time.monotonic()
        found = out_of_fold_scores(task, counted, config, threads, start)
        seconds = time.monotonic() - began
        estimate, figures = estimate_of(some, found, config.thresholds)
        loss = sum(log_loss(labels[:, at], estimate.probabilities[:, at]) for at in range(topics))
        area = np.mean([roc_auc_score(labels[:, at], found[:, at]) for at in range(topics)])
        scores.append(found[:, :topics])
        cells.append(f"{loss:.4f}, {area:.4f}, {figures}, {seconds:.1f} s")
    difference, spread = scores[1] - scores[0], scores[0].std()
    drawn = f"{difference[labels].mean():+.4f}, {difference[~labels].mean():+.4f} ({spread:.3f})"
    return f"| {name} | {' | '.join(cells)} | {drawn} |"


if __name__ == "__main__":
    print(
        "| set | from zeros: log loss, mean ROC-AUC, micro-/macro-/example-based F1, time | from the whole fit |"
        " difference of scores: positives, negatives (spread) |\n|---|---|---|---|"
    )
    for name in sys.argv[1:] or SETS:
        print(line(name), flush=True)
