"""Do unlabelled paragraphs help? Self-training, and a teacher's tags distilled into the default, on small sets.

    BENCHMARKS=… python -m experiments.quality.unlabelled [set …]

A quarter of the training articles keep their labels; the other three quarters count as the user's unlabelled archive. Of
these, the default trained on the quarter tags what it is sure of (every topic's probability below 0.1 or above 0.9), and the default is trained
again on the quarter and these. `all tags` takes the tags of every unlabelled paragraph, sure or not. `labels` is the most that could
be had: the same paragraphs with their true topics. Thresholds and calibration always come from the labelled quarter. Out-of-fold
figures cannot judge this: what was tagged by a model that saw a fold teaches the model that is measured on it; so the figures are those
of the test set, over several draws of the quarter. Writes unlabelled.json and UNLABELLED.md beside this file.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from experiments.quality.marks import FIGURES
from training.config_file import load_config
from training.corpus.splits import grouped_folds, stratified_folds
from training.errors import UserError
from training.evaluation.metrics import evaluate
from training.model import fitting
from training.model.model import Model
from training.prepare import prepare

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SETS = ("un_quadclass", "india_police_docs")
SEEDS = (1, 2, 3)
SURE = 0.9


class TaughtTask(fitting.Task):
    """A task whose lessons are texts with a row of labels, where a codebook's have one topic."""

    def __init__(self, texts: Any, labels: Any, folds: Any, lessons: Any = ()) -> None:
        super().__init__(texts, labels, folds, fitting.Lessons([(text, 0) for text, _ in lessons]))
        if lessons:
            self.all_labels = np.vstack([labels, np.array([row for _, row in lessons])])


def model_from(corpus: Any, groups: Any, lessons: list[tuple[str, Any]], config: Any) -> Model:
    folds = grouped_folds(corpus.labels, groups, config.split.folds, config.seed)
    fitted = fitting.fit(corpus.texts, corpus.labels, folds, config, os.cpu_count() or 1, lessons)  # type: ignore[arg-type]
    return Model("unsaved", list(corpus.topics), fitted.scorer, fitted.decision, {})


def draw(name: str, seed: int) -> dict[str, Any]:
    """Test figures of each way to use the unlabelled paragraphs, and how many were taken."""
    config = load_config(ROOT / f"configs/benchmarks/{name}.yaml", ["tracking.enabled=false"])
    prepared = prepare(config)
    train, test = prepared.train, prepared.test
    quarter = stratified_folds(train.labels, prepared.train_groups, [1.0] * 4, seed) == 0
    known, rest = np.flatnonzero(quarter), np.flatnonzero(~quarter)
    _, groups = np.unique(prepared.train_groups[known], return_inverse=True)
    labelled, pool = train.select(known), train.select(rest)
    first = model_from(labelled, groups, [], config)
    probabilities = first.predict_proba(pool.texts)
    tags = first.decide(probabilities)
    sure = ((probabilities > SURE) | (probabilities < 1 - SURE)).all(axis=1)
    texts = pool.texts.to_pylist()
    ways = {
        "sure tags": [(texts[row], probabilities[row] > SURE) for row in np.flatnonzero(sure)],
        "all tags": list(zip(texts, tags, strict=True)),
        "labels": list(zip(texts, pool.labels, strict=True)),
    }
    found: dict[str, Any] = {"none": figures(first, test), "labelled": len(known), "pool": len(rest)}
    found["sure"] = int(sure.sum())
    for way, lessons in ways.items():
        found[way] = figures(model_from(labelled, groups, lessons, config), test)
    return found


def figures(model: Model, test: Any) -> dict[str, float]:
    tags = model.predict(test.texts)
    metrics = evaluate(test.labels, tags, tags.astype(float), test.topics)
    return {name: round(metrics[name], 4) for name in FIGURES}


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    lines = [
        "| set | labelled / unlabelled / sure | figure | quarter alone | + sure tags | + all tags | + their labels |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, draws in results.items():
        sizes = " / ".join(f"{np.mean([one[key] for one in draws]):.0f}" for key in ("labelled", "pool", "sure"))
        for figure in FIGURES:
            base = np.array([one["none"][figure] for one in draws])
            cells = []
            for way in ("sure tags", "all tags", "labels"):
                by = np.array([one[way][figure] for one in draws]) - base
                cells.append(f"{by.mean():+.3f} ({', '.join(f'{value:+.3f}' for value in by)})")
            lines.append(f"| {name} | {sizes} | {figure} | {base.mean():.3f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(names: list[str]) -> None:
    fitting.Task = TaughtTask  # type: ignore[misc]
    results: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        for seed in SEEDS:
            results.setdefault(name, []).append(draw(name, seed))
            print(name, seed, json.dumps(results[name][-1]), flush=True)
    (HERE / "unlabelled.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    text = f"""# Unlabelled paragraphs

What the default gains on the test set when a quarter of the training articles are labelled and the other three quarters are not, in
{len(SEEDS)} draws of the quarter (mean, and each draw): from tags that its first model is sure of, from all its tags, and from true labels.
How it is done stands at the head of [unlabelled.py](unlabelled.py), which wrote this table.

{table(results)}
"""
    (HERE / "UNLABELLED.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1:] or list(SETS))
    except UserError as problem:
        sys.exit(str(problem))
