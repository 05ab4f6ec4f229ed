"""README.md and results.json of this folder, from the tags that every system gave."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from experiments.quality.marks import FIGURES, GOALS, MOST_CALIBRATION_ERROR, STATED
from training.evaluation.comparison import Difference, compare_tags
from training.evaluation.intervals import Resampler, add_intervals
from training.evaluation.metrics import evaluate

OURS = "conflict-topics"
RESAMPLES, SEED = 1000, 13
LEAST_COPIES = 0.01


@dataclass(frozen=True)
class Result:
    """What one system did on one set: ``tags`` bool [test rows, topics], or None and why in ``figures["failure"]``."""

    tags: Any
    figures: dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """One set with the results of all systems, ours first. ``train`` and ``test`` are corpora over the same topics."""

    train: Any
    test: Any
    confidence: float
    results: dict[str, Result]

    @property
    def copies(self) -> Any:
        """Which test texts also stand in the training set, white space aside; bool [test rows]."""
        known = {" ".join(text.split()) for text in self.train.texts.to_pylist()}
        return np.array([" ".join(text.split()) in known for text in self.test.texts.to_pylist()], dtype=bool)

    def rows(self, kept: Any) -> dict[str, dict[str, Any]]:
        """For each system its figures on the test rows ``kept``, with intervals and what ours is ahead by."""
        test = self.test.select(kept)
        resampler = Resampler(test.article_ids, RESAMPLES, self.confidence, SEED)
        own = self.results[OURS].tags[kept]
        rows: dict[str, dict[str, Any]] = {}
        for system, result in self.results.items():
            if result.tags is None:
                rows[system] = {"failure": result.figures["failure"]}
                continue
            tags = result.tags[kept]
            metrics = evaluate(test.labels, tags, tags.astype(float), test.topics)
            figures = add_intervals(metrics, resampler, test.labels, tags)
            ahead, _ = compare_tags(test.labels, tags, own, test.topics, resampler)
            rows[system] = {
                **{name: figures[name] for name in FIGURES},
                "intervals": figures["intervals"],
                "ahead": {} if system == OURS else {difference.figure: difference for difference in ahead},
                "train_seconds": result.figures["train_seconds"],
                "score_seconds": result.figures["score_seconds"],
            }
        return rows


def write(folder: Path, measured: Mapping[str, Measured]) -> None:
    """README.md and results.json in ``folder``."""
    whole = {name: one.rows(np.arange(len(one.test))) for name, one in measured.items()}
    without = {
        name: (int(copies.sum()), one.rows(np.flatnonzero(~copies)))
        for name, one in measured.items()
        if (copies := one.copies).mean() >= LEAST_COPIES
    }
    own = {name: one.results[OURS].figures["metrics"] for name, one in measured.items()}
    sides = [(name, side_table(rows, STATED[name]), copies_table(without.get(name))) for name, rows in whole.items()]
    confidence = {f"{one.confidence:.0%}" for one in measured.values()}
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    text = environment.from_string((folder / "README.md.j2").read_text(encoding="utf-8")).render(
        confidence=" and ".join(sorted(confidence)),
        missing=[name for name in GOALS if name not in measured],
        own_table=own_table(whole, own),
        goals_table=goals_table(whole, own),
        summary=summary(whole),
        sides=sides,
        minutes=f"{_seconds(measured) / 60:.0f}",
        machine=f"{os.cpu_count()} cores ({platform.machine()})",
        python=platform.python_version(),
        versions=", ".join(_versions(measured)),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
    record = {
        name: {
            "default": {
                part: _plain(own[name][part])
                for part in ("out_of_fold", "test", "test_without_duplicates")
                if part in own[name]
            },
            "systems": _plain(whole[name]),
            **(
                {"without_copies": {"copies": without[name][0], "systems": _plain(without[name][1])}}
                if name in without
                else {}
            ),
        }
        for name in measured
    }
    (folder / "results.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def own_table(whole: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    lines = _headed(
        "set",
        "out of fold",
        "test",
        "interval",
        "without near-duplicates",
        "calibration error",
        "train, s",
        "tag test, s",
    )
    for name, rows in whole.items():
        metrics, row = own[name], rows[OURS]
        near = metrics.get("test_without_duplicates")
        intervals = " / ".join(
            f"{low:.3f}–{high:.3f}" for low, high in (row["intervals"][figure] for figure in FIGURES)
        )
        lines.append(
            _row(
                name,
                _triple(metrics["out_of_fold"]),
                f"**{_triple(row)}**",
                intervals,
                _triple(near) if near else "none found",
                f"{metrics['test']['calibration_error']:.3f}",
                f"{row['train_seconds']:.0f}",
                f"{row['score_seconds']:.2f}",
            )
        )
    return "\n".join(lines)


def goals_table(whole: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    lines = _headed("set", "micro-F1", "macro-F1", "example-based F1", f"calibration error ≤ {MOST_CALIBRATION_ERROR}")
    for name, rows in whole.items():
        row, error = rows[OURS], own[name]["test"]["calibration_error"]
        told = [
            _against_goal(row[figure], goal, row["intervals"][figure])
            for figure, goal in zip(FIGURES, GOALS[name], strict=True)
        ]
        lines.append(_row(name, *told, f"{error:.3f} {'reached' if error <= MOST_CALIBRATION_ERROR else 'missed'}"))
    return "\n".join(lines)


def _against_goal(value: float, goal: float, interval: tuple[float, float]) -> str:
    if value >= goal:
        return f"{value:.3f} ≥ {goal:.3f} **reached**"
    within = ", goal within the interval" if goal <= interval[1] else ""
    return f"{value:.3f} < {goal:.3f} missed by {goal - value:.3f}{within}"


def summary(whole: Mapping[str, Any]) -> str:
    """How many goals are reached, and how often the best peer of this run is beaten."""
    reached = total = ahead = sure = behind = 0
    for name, rows in whole.items():
        for figure, goal in zip(FIGURES, GOALS[name], strict=True):
            total += 1
            reached += rows[OURS][figure] >= goal
            peers = [row for system, row in rows.items() if system != OURS and "failure" not in row]
            if not peers:
                continue
            best = max(peers, key=lambda row: row[figure])
            ahead += rows[OURS][figure] > best[figure]
            sure += best["ahead"][figure].verdict == "better"
            behind += best["ahead"][figure].verdict == "worse"
    return (
        f"{reached} of {total} goals are reached. The default is ahead of the best peer of this run, picked anew for each figure, "
        f"in {ahead} of {total} figures; beyond doubt in {sure}, behind beyond doubt in {behind}."
    )


def side_table(rows: Mapping[str, Any], stated: Iterable[tuple[str, str, str, str]] = ()) -> str:
    lines = _headed(
        "system",
        "micro-F1",
        "macro-F1",
        "example-based F1",
        "ahead by: micro",
        "macro",
        "example",
        "train, s",
        "tag, s",
    )
    for system, row in rows.items():
        if "failure" in row:
            lines.append(_row(system, f"failed: {row['failure'].replace('|', '/')}", *[""] * 7))
            continue
        figures = [_with_interval(row, figure) for figure in FIGURES]
        ahead = [_ahead(row["ahead"].get(figure)) for figure in FIGURES]
        title = f"**{system}, default**" if system == OURS else system
        lines.append(_row(title, *figures, *ahead, f"{row['train_seconds']:.1f}", f"{row['score_seconds']:.2f}"))
    for who, *figures in stated:
        lines.append(_row(f"*{who}*", *(f"*{figure}*" for figure in figures), *[""] * 5))
    return "\n".join(lines)


def copies_table(without: tuple[int, Mapping[str, Any]] | None) -> str:
    """The figures without the test texts that also stand in the training set."""
    if without is None:
        return ""
    copies, rows = without
    return f"Without the {copies} test paragraphs whose text also stands in the training set:\n\n{side_table(rows)}"


def _ahead(difference: Difference | None) -> str:
    if difference is None:
        return ""
    told = f"{difference.b - difference.a:+.3f}"
    return told if difference.verdict == "can't tell" else f"**{told}**"


def _with_interval(row: Mapping[str, Any], figure: str) -> str:
    low, high = row["intervals"][figure]
    return f"{row[figure]:.3f} [{low:.3f}–{high:.3f}]"


def _triple(metrics: Mapping[str, Any]) -> str:
    return " / ".join(f"{metrics[name]:.3f}" for name in FIGURES)


def _headed(*names: str) -> list[str]:
    return [_row(*names), _row(*["---"] * len(names))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _seconds(measured: Mapping[str, Measured]) -> float:
    """Wall time of all systems on all sets, in whichever run each finished."""
    return float(sum(result.figures["wall_seconds"] for one in measured.values() for result in one.results.values()))


def _versions(measured: Mapping[str, Measured]) -> list[str]:
    peers = {result.figures.get("version") for one in measured.values() for result in one.results.values()} - {None}
    return [f"{name} {version(name)}" for name in ("numpy", "numba")] + sorted(str(peer) for peer in peers)


def _plain(tree: Any) -> Any:
    """``tree`` as JSON holds it: figures rounded, differences as mappings."""
    if isinstance(tree, Difference):
        return {"by": round(tree.b - tree.a, 4), "interval": _plain(tree.interval), "verdict": tree.verdict}
    if isinstance(tree, Mapping):
        return {str(key): _plain(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_plain(value) for value in tree]
    return round(float(tree), 4) if isinstance(tree, (float, np.floating)) else tree
