"""``report.html``: one file that says how good a model is and why, offline, on screen and in print."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from training.corpus.records import Corpus
from training.evaluation import charts, curves
from training.evaluation.comparison import difference_told
from training.evaluation.highlight import segments
from training.evaluation.metrics import LIKELY, Bools, Floats
from training.evaluation.table import TOO_FEW, estimate_told, existing, promise_cell, promise_lines
from training.model.explaining import character_contributions
from training.model.model import Model

TEMPLATE = Path(__file__).with_name("report.html.j2")
ERRORS_SHOWN, TERMS_SHOWN = 12, 12
LONGEST_EXCERPT = 1200


def render_report(
    model: Model,
    metrics: Mapping[str, Any],
    train: Corpus,
    test: Corpus,
    probabilities: Floats,
    tags: Bools,
    facts: Mapping[str, str],
    config: str,
) -> str:
    """HTML. ``probabilities`` and ``tags`` are those of ``test`` [n, its topics]; ``facts`` say what the data held."""
    seen = [at for at in range(len(test.topics)) if test.labels[:, at].any()]
    shown = {test.topics[at]: curves.precision_recall(test.labels[:, at], probabilities[:, at]) for at in seen}
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent), autoescape=select_autoescape(default=True), undefined=StrictUndefined
    )
    by_topic, estimate = metrics["test"]["topics"], metrics["out_of_fold"]
    curve = metrics.get("learning_curve")
    promised = any("promise" in entry for entry in by_topic.values())
    environment.filters["figure"] = lambda value: "–" if value is None else f"{value:.3f}"
    environment.filters["interval"] = lambda ends: "–" if ends is None else f"{ends[0]:.3f} – {ends[1]:.3f}"
    environment.globals.update(existing=existing, too_few=TOO_FEW)
    environment.globals.update(difference_told=difference_told, estimate_told=estimate_told)
    return environment.get_template(TEMPLATE.name).render(
        model=model,
        metrics=metrics,
        likely=LIKELY,
        facts=facts,
        config=config,
        precision_recall=Markup(charts.precision_recall_chart(shown)) if shown else "",
        reliability=Markup(charts.reliability_chart(curves.reliability(test.labels, probabilities))),
        co_occurrence=Markup(
            charts.co_occurrence_chart(curves.co_occurrence(train.labels, train.topics), train.topics)
        ),
        mistaken=curves.mistaken_for(test.labels, tags, test.topics),
        promises={topic: promise_cell(topic, entry, estimate) for topic, entry in by_topic.items()} if promised else {},
        promise_lines=[" ".join(line.split()) for line in promise_lines(metrics["test"], estimate)],
        learning=Markup(charts.learning_chart(curve["points"])) if curve else "",
        sparklines=sparklines(curve) if curve else {},
        terms=strongest_terms(model),
        errors=[
            *instructive_errors(model, test, probabilities, tags, missed=False),
            *instructive_errors(model, test, probabilities, tags, missed=True),
        ],
    )


def sparklines(curve: Mapping[str, Any]) -> dict[str, tuple[Markup, str]]:
    """For each topic its learning curve as a small drawing, and what its last step (a doubling, mostly) brought."""
    drawn = {}
    for topic, entry in curve["topics"].items():
        steps = zip(entry["positives"], entry["f1"], strict=True)
        told = ", ".join(f"{f1:.3f} with {positives} positives" for positives, f1 in steps)
        gain = f"{entry['gain']['by']:+.3f} {entry['gain']['verdict']}"
        drawn[topic] = (Markup(charts.sparkline(entry["f1"], f"F1 {told}")), gain)
    return drawn


def strongest_terms(model: Model) -> dict[str, tuple[list[str], list[str]]]:
    """For each topic the words and phrases that speak most for and most against it (weight times idf)."""
    first = model.scorer.blocks[0]
    terms = {}
    for at, topic in enumerate(model.topics):
        weighed = model.scorer.weights[: len(first.terms), at] * first.idf
        speaks_for, against = _largest(weighed), _largest(-weighed)
        terms[topic] = ([first.terms[row] for row in speaks_for], [first.terms[row] for row in against])
    return terms


def _largest(values: npt.NDArray[np.float32]) -> list[int]:
    """Where the largest values above zero stand, the largest first."""
    some = values[:: max(1, values.size // 20_000)]  # what is not among the largest of these is not among those of all
    least = np.sort(some)[-min(TERMS_SHOWN, some.size)]
    rows = np.flatnonzero((values >= least) & (values > 0))
    return [int(row) for row in rows[np.argsort(-values[rows], kind="stable")[:TERMS_SHOWN]]]


def instructive_errors(
    model: Model, test: Corpus, probabilities: Floats, tags: Bools, *, missed: bool
) -> list[dict[str, Any]]:
    """The errors that the model was surest about, one a paragraph, with the evidence marked in the text."""
    known = np.isin(np.array(test.topics, dtype=object), np.array(model.topics, dtype=object))
    wrong = (test.labels & ~tags if missed else tags & ~test.labels) & known
    sure = np.where(wrong, -probabilities if missed else probabilities, -np.inf)
    errors = []
    for row in np.argsort(-sure.max(axis=1), kind="stable")[:ERRORS_SHOWN]:
        at = int(sure[row].argmax())
        if not wrong[row, at]:
            break
        text = test.texts[int(row)].as_py()
        [entry] = model.explain(text, test.topics[at])
        errors.append(
            {
                "kind": "missed" if missed else "wrongly tagged",
                "topic": test.topics[at],
                "probability": float(probabilities[row, at]),
                "threshold": entry.threshold,
                "paragraph": test.paragraph_ids[row],
                "labels": ", ".join(test.topics[k] for k in np.flatnonzero(test.labels[row])) or "none",
                "text": Markup(marked(text, character_contributions(len(text), entry))),
            }
        )
    return errors


def marked(text: str, contributions: list[float]) -> str:
    """The text as HTML, what spoke for the topic in ``<mark>``, what spoke against it in ``<mark class=against>``."""
    opening = {1: "<mark>", 0: "", -1: '<mark class="against">'}
    pieces = [
        f"{opening[level]}{escape(part)}{'</mark>' if level else ''}"
        for part, level in segments(text, contributions[:LONGEST_EXCERPT])
    ]
    return "".join(pieces) + (" …" if len(text) > LONGEST_EXCERPT else "")
