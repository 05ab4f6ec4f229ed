"""README.md and the figures of this folder, from loop.json, audit.json and drift.json.

python -m experiments.review.readme
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from training.evaluation.charts import ACCENT, draw

HERE = Path(__file__).parent
TEMPLATE = HERE / "README.md.j2"
Runs = list[list[dict[str, Any]]]


def mean_curve(runs: Runs, figure: str) -> tuple[list[int], Any]:
    return [point["labels"] for point in runs[0]], np.mean([[point[figure] for point in run] for run in runs], axis=0)


def labels_to_stay_above(labels: list[int], values: Any, goal: float) -> float | None:
    """From where on the curve is at the goal or above it for good, on straight lines; None if it ends below."""
    below = np.flatnonzero(np.asarray(values) < goal)
    if not len(below):
        return float(labels[0])
    at = int(below[-1]) + 1
    if at == len(labels):
        return None
    rise = (goal - values[at - 1]) / (values[at] - values[at - 1])
    return float(labels[at - 1] + rise * (labels[at] - labels[at - 1]))


def loop_table(results: dict[str, Any]) -> list[str]:
    lines = headed(
        "set", "figure", "labels", "random", "queue", "difference by seed", "labels for random's last figure"
    )
    for name, entry in results.items():
        for figure in ("micro_f1", "macro_f1"):
            labels, random = mean_curve(entry["runs"]["random"], figure)
            queue = mean_curve(entry["runs"]["queue"], figure)[1]
            pairs = zip(entry["runs"]["random"], entry["runs"]["queue"], strict=False)
            differences = " ".join(f"{q[-1][figure] - r[-1][figure]:+.3f}" for r, q in pairs)
            needed = labels_to_stay_above(labels, queue, random[-1])
            told = "not within these" if needed is None else f"{needed:.0f} ({1 - needed / labels[-1]:.0%} fewer)"
            lines.append(
                f"| {name} | {figure.replace('_', '-')} | {labels[-1]} | {random[-1]:.3f} | {queue[-1]:.3f} | "
                f"{differences} | {told} |"
            )
    return lines


def stop_table(results: dict[str, Any]) -> list[str]:
    """Where kappa of successive rounds first reaches a bar, and what was lost by stopping there."""
    lines = headed(
        "set", "kappa of the last round", "rounds at 0.99 or more", "micro-F1 of the last round", "with all labels"
    )
    for name, entry in results.items():
        runs = entry["runs"]["queue"]
        last = np.mean([run[-1]["kappa"] for run in runs])
        stopped = [point for run in runs for point in run if point["kappa"] is not None and point["kappa"] >= 0.99]
        whole = entry["all_labels"]
        lines.append(
            f"| {name} | {last:.3f} | {len(stopped)} of {sum(len(run) - 1 for run in runs)} | "
            f"{np.mean([run[-1]['micro_f1'] for run in runs]):.3f} ({runs[0][-1]['labels']} labels) | "
            f"{whole['micro_f1']:.3f} ({whole['labels']} labels) |"
        )
    return lines


def loop_chart(results: dict[str, Any]) -> str:
    values = []
    for name, entry in results.items():
        for strategy, runs in entry["runs"].items():
            for figure in ("micro_f1", "macro_f1"):
                every = np.array([[point[figure] for point in run] for run in runs])
                labels = [point["labels"] for point in runs[0]]
                for at, number in enumerate(labels):
                    values.append(
                        {
                            "panel": f"{name}: {figure.replace('_', '-')}",
                            "labels": number,
                            "choice": strategy,
                            "f1": float(every[:, at].mean()),
                            "low": float(every[:, at].min()),
                            "high": float(every[:, at].max()),
                        }
                    )
    colour = {
        "field": "choice",
        "type": "nominal",
        "scale": {"domain": ["queue", "random"], "range": [ACCENT, "#d1662f"]},
        "title": None,
    }
    y = {"type": "quantitative", "scale": {"zero": False}, "title": None}
    x = {"field": "labels", "type": "quantitative"}
    band = {"x": x, "y": {"field": "low", **y}, "y2": {"field": "high"}, "color": colour}
    layers = [
        {"mark": {"type": "area", "opacity": 0.18}, "encoding": band},
        {
            "mark": {"type": "line", "point": {"size": 14}},
            "encoding": {"x": x, "y": {"field": "f1", **y}, "color": colour},
        },
    ]
    return draw(
        {
            "data": {"values": values},
            "facet": {"field": "panel", "title": None, "sort": None},
            "columns": 2,
            "spec": {"width": 300, "height": 170, "layer": layers},
            "resolve": {"scale": {"x": "independent", "y": "independent"}},
        },
        "F1 on the test set against the number of labels, chosen by the queue and at random; bands are all seeds",
    )


def audit_table(results: dict[str, Any]) -> list[str]:
    figures = ("precision_at_50", "precision_at_k", "recall_at_2k", "recall_at_4k", "average_precision")
    lines = headed("set", "paragraphs", "planted", "ranked by", *(figure.replace("_", " ") for figure in figures))
    for name, runs in results.items():
        for method in runs[0]:
            mean = {figure: np.mean([run[method][figure] for run in runs]) for figure in runs[0][method]}
            cells = " | ".join(f"{mean[figure]:.2f}" for figure in figures)
            lines.append(f"| {name} | {mean['paragraphs']:.0f} | {mean['planted']:.0f} | {method} | {cells} |")
    return lines


METHODS = (
    "tags counted",
    "corrected",
    "adjusted count",
    "EM on probabilities",
    "sum of probabilities",
    "share of training",
)


def drift_table(results: dict[str, Any]) -> list[str]:
    lines = headed("periods", *METHODS, "truth inside the interval: corrected", "tags counted")
    for title, entry in results.items():
        if not isinstance(entry, dict):
            continue
        error = entry["mean_absolute_error"]
        best = min(error.values())
        cells = " | ".join(f"**{error[m]:.4f}**" if error[m] == best else f"{error[m]:.4f}" for m in METHODS)
        covered = f"{entry['covered']:.0%} | {entry['covered_by_counted_tags']:.0%}"
        lines.append(f"| {title} ({entry['periods']}) | {cells} | {covered} |")
    return lines


def headed(*names: str) -> list[str]:
    """The first two lines of a table."""
    return [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]


def read(name: str) -> dict[str, Any]:
    path = HERE / name
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def doubt(entry: dict[str, Any]) -> str:
    parts = [f"{entry['in_doubt']:.0%} of the (month, topic) pairs are marked as in doubt"]
    for key, what in (("error_in_doubt", "those in doubt"), ("error_not_in_doubt", "the others")):
        if entry[key] is not None:
            parts.append(f"the mean error of {what} is {entry[key]:.4f}")
    return ", ".join(parts)


def main() -> None:
    loop, audit, drift = read("loop.json"), read("audit.json"), read("drift.json")
    (HERE / "loop.svg").write_text(loop_chart(loop))
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(TEMPLATE.read_text())
    text = template.render(
        seeds=" and ".join(sorted({str(len(entry["runs"]["queue"])) for entry in loop.values()})),
        loop="\n".join(loop_table(loop)),
        stop="\n".join(stop_table(loop)),
        audit="\n".join(audit_table(audit)),
        drift="\n".join(drift_table(drift)),
        doubt=doubt(drift["wiki_events by month"]),
        months=", ".join(drift["months suggested"]),
    )
    (HERE / "README.md").write_text(text)


if __name__ == "__main__":
    main()
