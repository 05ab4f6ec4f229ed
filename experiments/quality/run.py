"""Trains the default configuration on every benchmark set and writes the table in experiments/quality/README.md.

    BENCHMARKS=… python experiments/quality/run.py

Features, classifier and thresholds are those of configs/default.yaml; a set's own file says only where its data are.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy
import sklearn

from training.config import load_config
from training.train import train

HERE = Path(__file__).parent
CONFIGS = HERE.parents[1] / "configs/benchmarks"
FIGURES = ("micro_f1", "macro_f1", "example_f1")
GOALS = {
    "insightcrime": ".71/.72/.685",
    "india_police_docs": ".80/.72/.71",
    "india_police_sents": ".80/.74/.665",
    "reuters21578": ".90/.62/.92",
    "un_quadclass": ".63/.62/.58",
    "wiki_events": ".70/.69/.69",
}


def shown(metrics: dict[str, Any]) -> str:
    return "/".join(f"{metrics[name]:.3f}" for name in FIGURES)


def row(name: str) -> tuple[str, dict[str, Any]]:
    config = load_config(CONFIGS / f"{name}.yaml", ["tracking.enabled=false"])
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        metrics = train(config, Path(place) / name).metrics
    seconds = time.monotonic() - began
    test, without = metrics["test"], metrics.get("test_without_duplicates")
    low_high = "/".join(f"{test['intervals'][figure][0]:.3f}–{test['intervals'][figure][1]:.3f}" for figure in FIGURES)
    cells = [
        name,
        shown(metrics["out_of_fold"]),
        f"**{shown(test)}**",
        low_high,
        shown(without) if without else "–",
        GOALS[name],
        f"{test['calibration_error']:.3f}",
        f"{seconds:.0f}",
    ]
    return "| " + " | ".join(cells) + " |", {"set": name, "seconds": seconds, "metrics": metrics}


def main(names: list[str]) -> None:
    lines, records = [], []
    for name in names:
        line, record = row(name)
        print(line, flush=True)
        lines.append(line)
        records.append(record)
    text = f"""# Quality on real text

One default configuration for all sets; micro- / macro- / example-based F1 (the last without rows that are empty in truth and
prediction). The out-of-fold estimate is made on the training set alone, thresholds and calibration cross-fitted. Intervals
(95%) resample the articles of the test set. The last column is wall time of a whole `train`, with out-of-fold scores, report
and saved model.

| set | out of fold | test | interval | test without near-duplicates of training | goal | calibration error | seconds |
|---|---|---|---|---|---|---|---|
{chr(10).join(lines)}

Written by `BENCHMARKS=… python experiments/quality/run.py` on {os.cpu_count()} cores ({platform.machine()}), Python
{platform.python_version()}, NumPy {numpy.__version__}, scikit-learn {sklearn.__version__}.
"""
    notes = HERE / "NOTES.md"
    (HERE / "README.md").write_text(text + (notes.read_text() if notes.exists() else ""), encoding="utf-8")
    (HERE / "results.json").write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or list(GOALS))
