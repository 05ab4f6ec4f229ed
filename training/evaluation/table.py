"""Metrics as the tables that a terminal shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from training.evaluation.comparison import Difference
from training.evaluation.intervals import LEAST_ARTICLES
from training.evaluation.metrics import LIKELY
from training.evaluation.promise import promise_summary

HEADINGS = ("topic", "support", "precision", "recall", "F1", "AP", "threshold")
TOO_FEW = f"the articles are too few to tell how far figures vary (fewer than {LEAST_ARTICLES})"


def results_table(metrics: Mapping[str, Any]) -> str:
    """A line for each topic with intervals, then the overall figures."""
    test, estimate = metrics["test"], metrics.get("out_of_fold")
    by_topic = any("promise" in entry for entry in test["topics"].values())
    rows = [
        (
            topic,
            f"{entry['support']}",
            _topic_figure(entry, "precision"),
            _topic_figure(entry, "recall"),
            _topic_figure(entry, "f1"),
            _figure(entry["average_precision"]),
            "not trained" if entry["threshold"] is None else _figure(entry["threshold"]),
            *([promise_cell(topic, entry, estimate)] if by_topic else []),
        )
        for topic, entry in test["topics"].items()
    ]
    lines = _aligned([(*HEADINGS, *(["promise"] if by_topic else [])), *rows])
    lines.append("")
    for name, label in (("micro_f1", "micro-F1"), ("macro_f1", "macro-F1"), ("example_f1", "example-based F1")):
        beside = f"   {estimate_told(metrics, name)}" if estimate else ""
        lines.append(f"{label:24} {_with_interval(test, name)}{beside}")
    lines.append(f"{'mean average precision':24} {_figure(test['mean_average_precision'])}")
    likely = f"{_figure(test['calibration_error_likely'])} among probabilities of {LIKELY} or more"
    lines.append(f"{'calibration error':24} {_figure(test['calibration_error'])}   {likely}")
    lines.append(f"{'false tags per 1,000':24} {test['false_tags_per_thousand']:.0f}")
    if test["intervals"]["micro_f1"] is None:
        lines.append(f"No intervals: {TOO_FEW}.")
    lines += promise_lines(test, estimate)
    queries = metrics.get("keywords")
    if queries:
        figures = " / ".join(_figure(queries[name]) for name in ("micro_f1", "macro_f1", "example_f1"))
        lines.append(f"{'keyword queries':24} {figures}   (micro- / macro- / example-based F1, for comparison)")
    without = metrics.get("test_without_duplicates")
    if without:
        figures = " / ".join(_figure(without[name]) for name in ("micro_f1", "macro_f1", "example_f1"))
        removed = test["paragraphs"] - without["paragraphs"]
        lines.append(f"Without the {removed} test paragraphs that have a near-duplicate in training: {figures}")
    for topic, reason in metrics.get("left_out", {}).items():
        lines.append(f"Not trained: {topic}: {reason}")
    return "\n".join(lines)


def estimate_told(metrics: Mapping[str, Any], name: str) -> str:
    """The out-of-fold estimate beside a test figure, and over how many topics where macro-F1 is not over the same."""
    parts = metrics["out_of_fold"], metrics["test"]
    told = f"out-of-fold estimate {_figure(parts[0][name])}"
    known, tested = ({topic for topic, entry in part["topics"].items() if entry["support"]} for part in parts)
    if name != "macro_f1" or known == tested:
        return told
    return f"{told} over {len(known)} topics, {len(known & tested)} of them on test"


def promise_cell(topic: str, entry: Mapping[str, Any], estimate: Mapping[str, Any] | None) -> str:
    """What became of a topic's promised precision or recall: out of fold, if that is known, and on test."""
    if "promise" not in entry:
        return "-"
    on_test = str(entry["promise"]["kept"])
    return f"{estimate['topics'][topic]['promise']['verdict']}; test: {on_test}" if estimate else on_test


def promise_lines(test: Mapping[str, Any], estimate: Mapping[str, Any] | None) -> list[str]:
    """The promise, whether the training data bear it, and whether it was kept; nothing where none was made."""
    if "promise" not in test:
        return []
    whole = test["promise"]
    learned = [entry for entry in test["topics"].values() if entry["threshold"] is not None]
    rare = ", where topics are as rare as the codebook says" if whole["rarity"] > 1 else ""
    lines = [f"{'promise':24} {whole['objective']} of {_figure(whole['target'])} (thresholds.target){rare}"]
    if estimate:
        lines.append(f"{'  by training data':24} {promise_summary(estimate, 'verdict')}")
    lines.append(f"{'  on these paragraphs':24} {promise_summary(test, 'kept')}")
    lines.append(f"{'  at the price of':24} {_price(learned, whole['objective'])}")
    return lines


def _price(entries: Collection[Mapping[str, Any]], promised: str) -> str:
    """What of the figure that is not promised is left, over all learned topics, and how many are given up for it."""
    figure, of = ("recall", "support") if promised == "precision" else ("precision", "tagged")
    total = sum(entry[of] for entry in entries)
    left = sum(entry[figure] * entry[of] for entry in entries) / total if total else None
    untagged = sum(1 for entry in entries if entry["support"] and not entry["tagged"])
    return f"{figure} {_figure(left)}" + (f"; {untagged} topics that stand here are never tagged" if untagged else "")


def comparison_table(overall: Sequence[Difference], by_topic: Sequence[Difference]) -> str:
    """What changes from model A to model B; topics only where the interval leaves no doubt, then a count."""
    headings = ("figure", "A", "B", "B - A", "interval", "B is")
    sure = [difference for difference in by_topic if difference.verdict != "can't tell"]
    rows = [
        (
            name,
            _figure(difference.a),
            _figure(difference.b),
            f"{difference.b - difference.a:+.3f}",
            "-" if interval is None else f"{interval[0]:+.3f} to {interval[1]:+.3f}",
            difference.verdict,
        )
        for name, difference in (
            *((entry.figure.replace("_", "-"), entry) for entry in overall),
            *((entry.figure, entry) for entry in sure),
        )
        for interval in [difference.interval]
    ]
    lines = _aligned([headings, *rows])
    lines.append("")
    if any(difference.interval is None for difference in overall):
        lines.append(f"Which is better can't be told: {TOO_FEW}.")
    alone = " Each is judged alone: of many, a few do so by chance." if sure else ""
    lines.append(f"F1 by topic: {len(sure)} of {len(by_topic)} differ beyond doubt.{alone}")
    return "\n".join(lines)


def existing(entry: Mapping[str, Any], name: str) -> float | None:
    """A topic's ``precision``, ``recall`` or ``f1``; None where there is none.

    That is precision where nothing was tagged, and recall and F1 where nothing is positive. The metrics have 0 there.
    """
    known = entry["tagged"] if name == "precision" else entry["support"]
    return float(entry[name]) if known else None


def _topic_figure(entry: Mapping[str, Any], name: str) -> str:
    return "-" if existing(entry, name) is None else _with_interval(entry, name)


def _with_interval(entry: Mapping[str, Any], name: str) -> str:
    figure, interval = _figure(entry[name]), entry["intervals"][name]
    return figure if interval is None else f"{figure} [{_figure(interval[0])}-{_figure(interval[1])}]"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(len(line) for line in lines))
    return lines
