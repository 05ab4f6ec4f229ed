"""Charts as SVG that needs no script: Vega-Lite specifications, drawn by vl-convert."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

Points = Sequence[Mapping[str, Any]]
INK, LINE, ACCENT = "currentColor", "#8888", "#2f7fc1"
STYLE = {
    "background": "transparent",
    "font": "sans-serif",
    "axis": {"labelColor": INK, "titleColor": INK, "gridColor": "#8884", "domainColor": LINE, "tickColor": LINE},
    "header": {"labelColor": INK, "titleColor": INK},
    "legend": {"labelColor": INK, "titleColor": INK},
    "view": {"stroke": LINE},
}


def draw(specification: Mapping[str, Any], description: str) -> str:
    """SVG of a Vega-Lite specification, with ``description`` as its text alternative."""
    import vl_convert

    # Padding, because a reader's font may be wider than the one that labels were measured with.
    drawn = str(vl_convert.vegalite_to_svg({"padding": 14, **specification, "config": STYLE}))
    prefix = hashlib.sha256(description.encode()).hexdigest()[:8]  # ids count up over calls, and must differ in a page
    ids = list(dict.fromkeys(re.findall(r'id="([^"]+)"', drawn)))
    for at, name in enumerate(ids):
        drawn = re.sub(rf'(id="|url\(#){re.escape(name)}(?=["\)])', rf"\g<1>c{prefix}-{at}", drawn)
    escaped = description.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{escaped}" ', 1)


def precision_recall_chart(curves: Mapping[str, Points]) -> str:
    """A small panel for each topic."""
    values = [{"topic": topic, **point} for topic, points in curves.items() for point in points]
    unit = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"values": [0, 0.5, 1]}}
    return draw(
        {
            "data": {"values": values},
            "facet": {"field": "topic", "title": None, "sort": list(curves)},
            "columns": 6,
            "spec": {
                "width": 120,
                "height": 90,
                "mark": {"type": "line", "color": ACCENT, "strokeWidth": 2},
                "encoding": {
                    "x": {"field": "recall", **unit},
                    "y": {"field": "precision", **unit},
                    "order": {"field": "recall"},
                },
            },
        },
        f"Precision against recall for {len(curves)} topics",
    )


def reliability_chart(points: Points) -> str:
    """Observed share against predicted probability; on the diagonal a probability means what it says."""
    unit = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    diagonal = {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": "#888"},
        "encoding": {"x": {"field": "x", **unit, "title": "predicted probability"}, "y": {"field": "y", **unit}},
    }
    curve = {
        "data": {"values": list(points)},
        "mark": {"type": "line", "color": ACCENT, "point": {"color": ACCENT}},
        "encoding": {
            "x": {"field": "predicted", **unit},
            "y": {"field": "observed", **unit, "title": "observed share"},
        },
    }
    return draw(
        {"width": 300, "height": 300, "layer": [diagonal, curve]},
        "Observed share of positives against predicted probability, in bins",
    )


def learning_chart(points: Points) -> str:
    """Micro- and macro-F1, with their intervals if there are any, against the number of labelled paragraphs."""
    values = [
        {
            "figure": label,
            "paragraphs": point["paragraphs"],
            "F1": point[name],
            **dict(zip(("low", "high"), point["intervals"][name] or (), strict=False)),
        }
        for point in points
        for name, label in (("micro_f1", "micro-F1"), ("macro_f1", "macro-F1"))
    ]
    y = {"type": "quantitative", "scale": {"zero": False}, "title": "out-of-fold F1"}
    band = {
        "mark": {"type": "area", "opacity": 0.15},
        "encoding": {"y": {"field": "low", **y}, "y2": {"field": "high"}},
    }
    line = {"mark": {"type": "line", "point": True}, "encoding": {"y": {"field": "F1", **y}}}
    told = "; ".join(
        f"{point['paragraphs']} paragraphs: micro-F1 {point['micro_f1']:.3f}, macro-F1 {point['macro_f1']:.3f}"
        for point in points
    )
    return draw(
        {
            "data": {"values": values},
            "width": 420,
            "height": 260,
            "encoding": {
                "x": {"field": "paragraphs", "type": "quantitative", "title": "labelled paragraphs to learn from"},
                "color": {
                    "field": "figure",
                    "type": "nominal",
                    "sort": ["micro-F1", "macro-F1"],
                    "scale": {"range": [ACCENT, "#c1662f"]},
                    "legend": {"title": None, "symbolOpacity": 1},
                },
            },
            "layer": [band, line] if all("low" in value for value in values) else [line],
        },
        f"Out-of-fold F1 against the number of labelled paragraphs. {told}",
    )


def sparkline(values: Sequence[float], description: str) -> str:
    """A line so small that it stands in a table, from 0 at the bottom to 1 at the top."""
    step = 56 / max(1, len(values) - 1)
    points = " ".join(f"{2 + at * step:.1f},{20 - 18 * value:.1f}" for at, value in enumerate(values))
    escaped = description.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return (
        f'<svg role="img" aria-label="{escaped}" width="60" height="22" viewBox="0 0 60 22">'
        f'<line x1="2" y1="20" x2="58" y2="20" stroke="{LINE}"/>'
        f'<polyline points="{points}" fill="none" stroke="{ACCENT}" stroke-width="2"/></svg>'
    )


def co_occurrence_chart(cells: Points, topics: Sequence[str]) -> str:
    """A heat map: of the paragraphs with the topic of the row, the share that also carry that of the column."""
    axis = {"type": "nominal", "sort": list(topics), "scale": {"domain": list(topics)}}
    size = max(160, 18 * len(topics))
    return draw(
        {
            "data": {"values": list(cells)},
            "width": size,
            "height": size,
            "mark": {"type": "rect", "color": ACCENT},
            "encoding": {
                "y": {"field": "topic", **axis, "title": None},
                "x": {"field": "with", **axis, "title": None, "axis": {"labelAngle": -60}},
                # Opacity and not a colour scheme, so that little is faint on a light page and on a dark one.
                "opacity": {
                    "field": "share",
                    "type": "quantitative",
                    "scale": {"type": "sqrt", "domain": [0, 1], "range": [0, 1]},
                    "legend": {
                        "title": "share",
                        "values": [0.01, 0.1, 0.25, 0.5, 1],
                        "format": ".2f",
                        "symbolFillColor": ACCENT,
                    },
                },
            },
        },
        f"How often {len(topics)} topics stand in one paragraph with one another",
    )
