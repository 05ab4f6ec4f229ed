"""Articles that a web page holds as data (schema.org in JSON-LD) and not as what it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def article_bodies(tree: Any) -> list[str]:
    """The texts of articles and of posts of live blogs in the data of a page, in order and each once."""
    bodies: dict[str, None] = {}
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "") and "articleBody" in (script.text or ""):
            try:
                bodies |= dict.fromkeys(_bodies(json.loads(script.text, strict=False)))
            except (ValueError, RecursionError):
                continue
    return list(bodies)


def _bodies(data: Any) -> Iterator[str]:
    if isinstance(data, dict) and isinstance(data.get("articleBody"), str):
        yield data["articleBody"]
    for inner in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from _bodies(inner)
