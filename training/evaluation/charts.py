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
