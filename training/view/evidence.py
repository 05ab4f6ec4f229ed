"""What a model makes of a paragraph or an article, as plain values for the page."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from training.corpus.articles import html_paragraphs, split_text
from training.errors import UserError
from training.evaluation.highlight import segments
from training.model.explaining import Evidence, character_contributions, word_contributions
from training.model.model import Model

LONGEST = 20_000
"""Characters of a paragraph that are shown."""
_MOST_TOPICS, _MOST_WORDS = 3, 6
_MOST_PARAGRAPHS = 2_000


def paragraphs_of(model: Model, body: bytes, html: bool) -> list[dict[str, Any]]:
    """The paragraphs of an article with their topics, most probable first. Raises :class:`UserError`."""
    if html:
        texts = html_paragraphs(body)
    else:
        try:
            texts = split_text(body.decode("utf-8-sig"))
        except UnicodeDecodeError as problem:
            raise UserError(f"Byte {problem.start + 1} is not UTF-8. Save the file as UTF-8.") from None
    if not texts:
        raise UserError("No text of an article was found in it.")
    if len(texts) > _MOST_PARAGRAPHS:
        raise UserError(
            f"This has {len(texts):,} paragraphs; the page takes {_MOST_PARAGRAPHS:,}. Use conflict-topics tag, and "
            f"look at its output here."
        )
    probabilities = model.predict_proba(texts)
    tags = model.decide(probabilities)
    return [
        {
            "text": shortened(text),
            "longer": max(0, len(text) - LONGEST),
            "topics": [
                [model.topics[at], float(row[at])] for at in (-row).argsort(kind="stable").tolist() if tagged[at]
            ],
        }
        for text, row, tagged in zip(texts, probabilities, tags, strict=True)
    ]


def evidence_of(model: Model, text: str) -> list[dict[str, Any]]:
    """Why: for each tagged topic, or else for the most probable ones, its words and the text in marked pieces."""
    found = model.explain(text)
    chosen = [entry for entry in found if entry.tagged] or found[:_MOST_TOPICS]
    return [_evidence(text, entry) for entry in chosen]


def shortened(text: str) -> str:
    return text[:LONGEST]


def _evidence(text: str, entry: Evidence) -> dict[str, Any]:
    contributions = character_contributions(len(text), entry)
    totals: defaultdict[str, float] = defaultdict(float)
    for start, end, value in word_contributions(text, contributions):
        totals[text[start:end].lower()] += value
    strongest = max(map(abs, totals.values()), default=0.0)
    words = sorted(totals.items(), key=lambda item: -abs(item[1]))
    words = [(word, value) for word, value in words if abs(value) >= strongest / 10]
    return {
        "topic": entry.topic,
        "tagged": entry.tagged,
        "probability": entry.probability,
        "threshold": entry.threshold,
        "for": [word for word, value in words if value > 0][:_MOST_WORDS],
        "against": [word for word, value in words if value < 0][:_MOST_WORDS],
        "pieces": segments(text, contributions[:LONGEST]),
    }
