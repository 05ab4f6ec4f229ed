"""How many wrong labels does the audit find? 5% of the paragraphs of a benchmark set get a wrong label on purpose.

    BENCHMARKS=… python -m experiments.review.audit

Writes audit.json beside this file. Labels that were wrong already count against the audit, so the figures are a lower
bound.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.config_file import load_config
from training.review.audit import HeldOut, labelled_corpus
from training.review.confident import ranked, suspects

HERE = Path(__file__).parent
SETS = ("india_police_docs", "un_quadclass", "india_police_sents")
SHARE, SEEDS = 0.05, 3
Bools = npt.NDArray[np.bool_]


def planted(labels: Bools, rng: np.random.Generator) -> tuple[Bools, Bools]:
    """Labels with errors, and which rows have one.

    Topics that exclude one another: another topic or none. Otherwise half of the paragraphs that have topics lose one,
    and every other chosen paragraph gets one that it does not have, frequent topics more often.
    """
    wrong = labels.copy()
    rows = rng.choice(len(labels), round(SHARE * len(labels)), replace=False)
    exclusive = labels.sum(axis=1).max() <= 1
    empty_allowed = bool((~labels.any(axis=1)).any())
    share = labels.mean(axis=0)
    for row in rows:
        if exclusive:
            choices = [*np.flatnonzero(~labels[row]), *([-1] if empty_allowed and labels[row].any() else [])]
            chosen = choices[rng.integers(len(choices))]
            wrong[row] = False
            if chosen >= 0:
                wrong[row, chosen] = True
        elif labels[row].all() or (labels[row].any() and rng.random() < 0.5):
            wrong[row, rng.choice(np.flatnonzero(labels[row]))] = False
        else:
            weight = share * ~labels[row]
            wrong[row, rng.choice(len(weight), p=weight / weight.sum())] = True
    is_wrong = np.zeros(len(labels), dtype=bool)
    is_wrong[rows] = True
    return wrong, is_wrong


def found_at(order: npt.NDArray[np.intp], is_wrong: Bools) -> dict[str, float]:
    k = int(is_wrong.sum())
    hits = is_wrong[order]
    return {
        "planted": k,
        "paragraphs": len(hits),
        "precision_at_50": float(hits[:50].mean()),
        "precision_at_k": float(hits[:k].mean()),
        "recall_at_2k": float(hits[: 2 * k].sum() / k),
        "recall_at_4k": float(hits[: 4 * k].sum() / k),
        "average_precision": float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()),
    }


def cleanlab_order(labels: Bools, probabilities: Any) -> npt.NDArray[np.intp] | None:
    """The order of cleanlab's multi-label quality scores, where it is installed (it is not a dependency)."""
    try:
        from cleanlab.multilabel_classification import get_label_quality_scores
    except ImportError:
        return None
    given = [np.flatnonzero(row).tolist() for row in labels]
    return np.argsort(get_label_quality_scores(given, probabilities.astype(float)), kind="stable")


def main(names: list[str]) -> None:
    logging.disable(logging.WARNING)
    path = HERE / "audit.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name in names or SETS:
        train = f"data.train={os.environ['BENCHMARKS']}/{name}/train.jsonl.gz"
        config = load_config(f"configs/benchmarks/{name}.yaml", ["data.test=null", train])
        corpus = labelled_corpus(config)
        runs: list[dict[str, Any]] = []
        for seed in range(SEEDS):
            wrong, is_wrong = planted(corpus.labels, np.random.default_rng(seed))
            held = HeldOut(replace(corpus, labels=wrong), config.model_copy(update={"seed": seed}))
            found = suspects(wrong, held.estimate.probabilities)
            own = found_at(np.array([row for row, _ in ranked(found)]), is_wrong)
            own["off_the_confident_joint"] = float(found.confident.any(axis=1).sum())
            own["precision_of_those"] = float(is_wrong[found.confident.any(axis=1)].mean())
            run = {"audit": own}
            plain = np.argsort(-found.doubt.max(axis=1), kind="stable")
            run["doubt alone"] = found_at(plain, is_wrong)
            order = cleanlab_order(wrong, held.estimate.probabilities)
            if order is not None:
                run["cleanlab"] = found_at(order, is_wrong)
            runs.append(run)
            print(
                name, seed, {method: round(figures["precision_at_k"], 3) for method, figures in run.items()}, flush=True
            )
            results[name] = runs
            path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
