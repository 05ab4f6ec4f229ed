"""Drift as figures, and the one self-contained page that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from training.evaluation.charts import ACCENT, draw
from training.review.drift import FEWEST, Drift, Period
from training.review.tables import remarks

TEMPLATE = Path(__file__).with_name("drift.html.j2")
_MUCH = 0.2
SOFT, RAW = "#8a8f98", "#d1662f"
_MONTH: dict[str, Any] = {
    "field": "month",
    "type": "ordinal",
    "title": None,
    "axis": {"labelOverlap": "greedy", "labelAngle": -60},
}


def render_drift(drift: Drift, told: str) -> str:
    """HTML with every figure drawn; ``told`` says what was compared."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent), autoescape=select_autoescape(default=True), undefined=StrictUndefined
    )
    environment.filters["percent"] = lambda value: "–" if value is None else f"{value:.1%}"
    environment.filters["count"] = lambda value: f"{value:,.0f}"
    words = [period for period in drift.periods if period.unknown_words is not None]
    return environment.get_template(TEMPLATE.name).render(
        drift=drift,
        told=told,
        remarks=remarks(drift),
        counts=Markup(counts_chart(drift)),
        words=Markup(words_chart(drift)) if words else "",
        shifts=Markup(shift_chart(drift)),
        reasons={period.month: period.reasons for period in drift.periods},
    )


def counts_chart(drift: Drift, truth: Mapping[tuple[str, str], float] | None = None) -> str:
    """A panel for each topic: the corrected share with its interval, the raw share of tags, and that of training.

    Months of too few paragraphs are left out. ``truth`` is the true share by month and topic where it is known, and
    drawn in black.
    """
    values = [
        {
            "month": period.month,
            "topic": entry.topic,
            "corrected": entry.share,
            "low": entry.share_interval[0],
            "high": entry.share_interval[1],
            "raw": entry.tagged_share,
            "training": drift.training_share[entry.topic],
            "truth": (truth or {}).get((period.month, entry.topic)),
        }
        for period in judged(drift)
        for entry in period.topics
    ]
    share = {"type": "quantitative", "axis": {"format": "~%", "tickCount": 4}, "title": None}
    between = {"y": {"field": "low", **share}, "y2": {"field": "high"}}
    layers = [
        {"mark": {"type": "area", "color": ACCENT, "opacity": 0.25}, "encoding": between},
        {"mark": {"type": "rule", "color": ACCENT, "opacity": 0.35}, "encoding": between},
        _line(ACCENT, {"field": "corrected", **share}, point={"color": ACCENT, "size": 12}),
        _line(RAW, {"field": "raw", **share}, strokeDash=[4, 3]),
        _line(SOFT, {"field": "training", **share}, strokeWidth=1),
    ]
    if truth is not None:
        layers.append(_line("currentColor", {"field": "truth", **share}, strokeWidth=1.5))
    return draw(
        {
            "data": {"values": values},
            "facet": {"field": "topic", "title": None, "sort": list(drift.topics)},
            "columns": 3,
            "spec": {"width": 260, "height": 120, "layer": layers, "encoding": {"x": _MONTH}},
            "resolve": {"scale": {"y": "independent"}},
        },
        f"Share of paragraphs with each of {len(drift.topics)} topics in {len(drift.periods)} months: corrected with "
        f"an interval, as tagged, and in training",
    )


def judged(drift: Drift) -> list[Period]:
    """The periods with enough paragraphs to show; all if none has."""
    return [period for period in drift.periods if period.paragraphs >= FEWEST] or list(drift.periods)


def words_chart(drift: Drift) -> str:
    """The share of unknown words by month, with its interval and the share in training."""
    values = [
        {"month": period.month, "share": period.unknown_words, "low": interval[0], "high": interval[1]}
        for period in judged(drift)
        if (interval := period.unknown_words_interval) is not None
    ]
    share = {"type": "quantitative", "axis": {"format": "~%"}, "title": "words not known", "scale": {"zero": False}}
    shown = {"field": "share", **share}
    between = {"x": _MONTH, "y": {"field": "low", **share}, "y2": {"field": "high"}}
    training = {"data": {"values": [{"share": drift.training_unknown_words}]}}
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "rule", "color": ACCENT}, "encoding": between},
        _line(ACCENT, shown, x=_MONTH, point={"color": ACCENT}),
        {**training, "mark": {"type": "rule", "color": SOFT, "strokeDash": [4, 4]}, "encoding": {"y": shown}},
    ]
    return draw(
        {"data": {"values": values}, "width": 640, "height": 200, "layer": layers},
        "Share of words that the model does not know by month; the dashed line is training",
    )


def shift_chart(drift: Drift) -> str:
    """A heat map of how far the scores of each topic are from training, beyond what chance would give."""
    values = [
        {
            "month": period.month,
            "topic": entry.topic,
            "shift": max(0.0, entry.score_shift - entry.score_shift_by_chance),
            "doubtful": "×" if entry.doubtful else "",
        }
        for period in judged(drift)
        for entry in period.topics
    ]
    place = {"x": _MONTH, "y": {"field": "topic", "type": "nominal", "title": None, "sort": list(drift.topics)}}
    # A scale of its own size, so that next to nothing does not look like much; opacity suits light pages and dark ones.
    largest = max(_MUCH, *(value["shift"] for value in values)) if values else _MUCH
    shade = {"field": "shift", "type": "quantitative", "scale": {"domain": [0, largest], "range": [0, 1]}}
    legend = {"title": "shift", "format": ".2f", "symbolFillColor": ACCENT}
    layers = [
        {"mark": {"type": "rect", "color": ACCENT}, "encoding": {**place, "opacity": {**shade, "legend": legend}}},
        {"mark": {"type": "text", "color": RAW}, "encoding": {**place, "text": {"field": "doubtful"}}},
    ]
    return draw(
        {"data": {"values": values}, "width": {"step": 18}, "height": {"step": 18}, "layer": layers},
        "Distance of the scores of each topic from those of training by month, beyond chance; a cross marks scores "
        "that no mixture of training's explains",
    )


def _line(colour: str, y: dict[str, Any], x: dict[str, Any] | None = None, **mark: Any) -> dict[str, Any]:
    encoding = {"y": y} if x is None else {"x": x, "y": y}
    return {"mark": {"type": "line", "color": colour, **mark}, "encoding": encoding}
