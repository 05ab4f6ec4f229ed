"""Topic counts by month on wiki_events, whose test years (2019 and 2020) differ from its training years.

    BENCHMARKS=… python -m experiments.review.drift [MODEL]

Trains wiki_events (or takes MODEL, a folder), runs `drift` on its test set, and compares the counts with the true ones.
Also on samples of the test sets of other benchmarks in which one topic is made rarer or more frequent. Writes
drift.json and drift.svg beside this file.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training import load
from training.config_file import load_config
from training.corpus.records import Corpus
from training.evaluation.reference import histogram
from training.model.model import Model
from training.prepare import prepare
from training.review.archive import month_of
from training.review.drift import FEWEST, Drift, measure_drift
from training.review.figures import counts_chart
from training.review.known import metrics_of
from training.review.months import Month
from training.train import train

HERE = Path(__file__).parent
SAMPLES, SAMPLE = 60, 500


def model_of(name: str, folder: Path) -> tuple[Model, Corpus]:
    config = load_config(f"configs/benchmarks/{name}.yaml", ["tracking.enabled=false", "evaluation.resamples=100"])
    if not folder.exists():
        train(config, folder)
    model = load(folder)
    return model, prepare(config).test.with_topics(model.topics)


def month_of_rows(probabilities: Any, tags: Any) -> Month:
    return Month(histogram(probabilities), tags.sum(axis=0), len(tags), rows=list(probabilities))


def saerens(probabilities: Any, prior: float) -> float:
    """Saerens et al. (2002) with the calibrated probabilities themselves, one topic against the rest."""
    share = prior
    for _ in range(300):
        yes, no = probabilities * share / prior, (1 - probabilities) * (1 - share) / (1 - prior)
        now = float((yes / (yes + no)).mean())
        if abs(now - share) < 1e-7:
            break
        share = now
    return share


def figures(drift: Drift, truth: dict[str, npt.NDArray[Any]], others: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Mean absolute error of the share, its mean bias by topic, and how often intervals hold the true share."""
    periods = [period for period in drift.periods if period.paragraphs >= FEWEST]
    true = np.array([truth[period.month] for period in periods])
    entries = [[period.topic(topic) for topic in drift.topics] for period in periods]

    def of(name: str) -> npt.NDArray[Any]:
        return np.array([[getattr(entry, name) for entry in row] for row in entries])

    estimates = {"tags counted": of("tagged_share"), "corrected": of("share")}
    for name in next(iter(others.values()), {}):
        estimates[name] = np.array([others[period.month][name] for period in periods])
    low, high = np.moveaxis(of("share_interval"), -1, 0)
    raw_low, raw_high = np.moveaxis(of("tagged_interval"), -1, 0)
    slack = 1e-9
    sure = ~of("doubtful")
    inside = (true >= low - slack) & (true <= high + slack)
    error = {name: np.abs(estimate - true) for name, estimate in estimates.items()}
    return {
        "periods": len(periods),
        "mean_absolute_error": {name: float(value.mean()) for name, value in error.items()},
        "mean_absolute_bias": {name: float(np.abs((e - true).mean(axis=0)).mean()) for name, e in estimates.items()},
        "worst_topic": {name: float(value.mean(axis=0).max()) for name, value in error.items()},
        "covered": float(inside.mean()),
        "covered_by_counted_tags": float(((true >= raw_low - slack) & (true <= raw_high + slack)).mean()),
        "in_doubt": float((~sure).mean()),
        "covered_not_in_doubt": float(inside[sure].mean()) if sure.any() else None,
        "error_not_in_doubt": float(error["corrected"][sure].mean()) if sure.any() else None,
        "error_in_doubt": float(error["corrected"][~sure].mean()) if (~sure).any() else None,
    }


def compare(model: Model, groups: dict[str, tuple[Any, Any, Any]]) -> tuple[dict[str, Any], Drift]:
    """``groups``: probabilities, tags and labels of each period."""
    metrics = metrics_of(model)
    drift = measure_drift(model, metrics, {name: month_of_rows(p, tags) for name, (p, tags, _) in groups.items()})
    reference = metrics["reference"]["topics"]
    positive = np.array([reference[topic]["positive"] for topic in model.topics]).sum(axis=1)
    prior = positive / metrics["reference"]["paragraphs"]
    others = {}
    for name, (p, tags, _) in groups.items():
        entries = [metrics["out_of_fold"]["topics"][topic] for topic in model.topics]
        hit = np.array([entry["recall"] for entry in entries])
        right = hit * positive
        false = (np.array([entry["tagged"] for entry in entries]) - right) / (
            metrics["out_of_fold"]["paragraphs"] - positive
        )
        others[name] = {
            "share of training": prior,
            "adjusted count": np.clip((tags.mean(axis=0) - false) / np.maximum(hit - false, 1e-3), 0, 1),
            "sum of probabilities": p.mean(axis=0),
            "EM on probabilities": np.array([saerens(p[:, at].astype(float), prior[at]) for at in range(len(prior))]),
        }
    return figures(drift, {name: labels.mean(axis=0) for name, (_, _, labels) in groups.items()}, others), drift


def main(folders: list[str]) -> None:
    logging.disable(logging.WARNING)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("wiki_events", "un_quadclass", "india_police_docs", "india_police_sents"):
            keep = Path(folders[0]) if folders else Path(scratch)
            model, test = model_of(name, keep / name)
            probabilities = model.predict_proba(test.texts, threads=os.cpu_count() or 1)
            tags = model.decide(probabilities)
            everything = (probabilities, tags, test.labels)
            if name == "wiki_events":
                months = np.array([month_of(date) or "" for date in test.dates])
                groups = {month: tuple(part[months == month] for part in everything) for month in np.unique(months)}
                results["wiki_events by month"], drift = compare(model, groups)
                results["wiki_events 2019 and 2020 as a whole"], _ = compare(model, {"all": everything})
                (HERE / "drift.svg").write_text(counts_chart(drift, truth_of(groups, model)))
                results["months suggested"] = list(drift.sample)
            rng = np.random.default_rng(0)
            samples = {}
            for number in range(SAMPLES):
                at, odds = rng.integers(len(model.topics)), np.exp(rng.uniform(np.log(0.1), np.log(5)))
                weight = np.where(test.labels[:, at], odds, 1.0)
                rows = rng.choice(len(test), min(SAMPLE, len(test)), p=weight / weight.sum())
                samples[f"{number:03}"] = tuple(part[rows] for part in everything)
            results[f"{name}, one topic made rarer or more frequent"], _ = compare(model, samples)
            for title, entry in results.items():
                if title.startswith(name):
                    print(title, json.dumps(entry), flush=True)
            (HERE / "drift.json").write_text(json.dumps(results, indent=1) + "\n")


def truth_of(groups: dict[str, tuple[Any, Any, Any]], model: Model) -> dict[tuple[str, str], float]:
    return {
        (month, topic): float(labels[:, at].mean())
        for month, (_, _, labels) in groups.items()
        for at, topic in enumerate(model.topics)
    }


if __name__ == "__main__":
    main(sys.argv[1:])
