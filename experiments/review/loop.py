"""A simulated labelling loop: how many labels does the queue save against random choice?

    BENCHMARKS=… python -m experiments.review.loop

All paragraphs of a benchmark's training set count as unlabelled; each round labels some of them with their own labels,
trains, and measures on the fixed test set. Writes loop.json beside this file; `python -m experiments.review.readme`
makes the table and the figure of it.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from training.config import Config
from training.config_file import load_config
from training.corpus.records import Corpus
from training.corpus.splits import grouped_folds
from training.errors import UserError
from training.evaluation.metrics import evaluate
from training.model.fitting import fit
from training.model.model import Model
from training.prepare import prepare
from training.review.archive import Paragraphs
from training.review.benefit import stability
from training.review.choose import choose
from training.review.pool import Pool

HERE = Path(__file__).parent
SEEDS = 4
# set: labels to begin with, labels a round, labels at the end
PLANS = {"india_police_sents": (200, 100, 1200), "india_police_docs": (100, 50, 600), "un_quadclass": (200, 100, 1200)}
STRATEGIES = {"random": None, "queue": 0.2}


def model_of(corpus: Corpus, groups: Any, config: Config) -> Model:
    """A model of the labels so far; topics of too few positives are not learned, as in training."""
    support = corpus.support
    topics = tuple(topic for topic in corpus.topics if support[topic] >= config.classifier.min_positives)
    labelled = corpus.with_topics(topics)
    folds = grouped_folds(labelled.labels, groups, config.split.folds, config.seed)
    fitted = fit(labelled.texts, labelled.labels, folds, config, threads=2)
    return Model("round", list(topics), fitted.scorer, fitted.decision, {})


def f1_of(model: Model, test: Corpus) -> tuple[float, float]:
    probabilities = model.predict_proba(test.texts, threads=2)
    wide = np.zeros(test.labels.shape)
    tags = np.zeros(test.labels.shape, dtype=bool)
    columns = [test.topics.index(topic) for topic in model.topics]
    wide[:, columns], tags[:, columns] = probabilities, model.decide(probabilities)
    metrics = evaluate(test.labels, tags, wide, test.topics)
    return metrics["micro_f1"], metrics["macro_f1"]


def queue_rows(model: Model, train: Corpus, taken: set[int], number: int, share: float) -> list[int]:
    """What `review queue` would pick from the paragraphs that are not labelled yet, through the same code."""
    rows = np.array([row for row in range(len(train)) if row not in taken])
    part = train.select(rows)
    n = len(part)
    at_random = round(number * share)
    pool = Pool(model.decision, per_topic=max(200, 2 * number), at_random=number, seed=len(taken))
    nothing = pa.nulls(n, pa.string())
    names = pa.array([str(row) for row in rows])
    paragraphs = Paragraphs(names, pa.array(part.article_ids), part.texts, nothing, {})
    pool.add(paragraphs, model.predict_proba(part.texts, threads=2))
    support = train.select(np.array(sorted(taken))).support
    labelled = train.texts.take(pa.array(sorted(taken))).to_pylist()
    items = choose(pool, model.topics, support, labelled, number=number, at_random=at_random).items
    chosen = [int(item.found.paragraph_id) for item in items]
    spare = [int(found.paragraph_id) for found in pool.random_sample() if int(found.paragraph_id) not in set(chosen)]
    return (chosen + spare)[:number]  # both strategies label the same number, duplicates or not


def one_run(name: str, strategy: str, prepared: Any, config: Config) -> list[dict[str, Any]]:
    begin, step, end = PLANS[name]
    train, test = prepared.train, prepared.test
    rng = np.random.default_rng(config.seed)
    order = rng.permutation(len(train)).tolist()
    stop_set = train.texts.take(pa.array(sorted(rng.choice(len(train), min(2000, len(train)), replace=False))))
    taken = set(order[:begin])
    before, points = None, []
    while True:
        rows = np.array(sorted(taken))
        model = model_of(train.select(rows), prepared.train_groups[rows], config)
        micro, macro = f1_of(model, test)
        kappa = None
        if before is not None:
            try:
                kappa = stability(model, before, stop_set.to_pylist()).kappa
            except UserError:
                kappa = None
        points.append({"labels": len(taken), "micro_f1": micro, "macro_f1": macro, "kappa": kappa})
        if len(taken) >= end:
            return points
        share = STRATEGIES[strategy]
        if share is None:
            taken |= set([row for row in order if row not in taken][:step])
        else:
            taken |= set(queue_rows(model, train, taken, step, share))
        before = model


def main(names: list[str]) -> None:
    logging.disable(logging.WARNING)
    path = HERE / "loop.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name in names or list(PLANS):
        config = load_config(f"configs/benchmarks/{name}.yaml", ["tracking.enabled=false"])
        prepared = prepare(config)
        whole = model_of(prepared.train, prepared.train_groups, config)
        micro, macro = f1_of(whole, prepared.test)
        entry: dict[str, Any] = {"all_labels": {"labels": len(prepared.train), "micro_f1": micro, "macro_f1": macro}}
        entry["runs"] = {strategy: [] for strategy in STRATEGIES}
        for seed in range(SEEDS):
            for strategy in STRATEGIES:
                points = one_run(name, strategy, prepared, seeded(config, seed))
                entry["runs"][strategy].append(points)
                last = points[-1]
                print(f"{name} seed {seed} {strategy}: {last['micro_f1']:.3f} {last['macro_f1']:.3f}", flush=True)
            results[name] = entry
            path.write_text(json.dumps(results, indent=1) + "\n")


def seeded(config: Config, seed: int) -> Config:
    return config.model_copy(update={"seed": seed})


if __name__ == "__main__":
    main(sys.argv[1:])
