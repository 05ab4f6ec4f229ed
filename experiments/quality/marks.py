"""The goals of this project on each set, and what others state that they reached there: quoted, not measured here."""

from __future__ import annotations

FIGURES = ("micro_f1", "macro_f1", "example_f1")
Triple = tuple[float, float, float]

GOALS: dict[str, Triple] = {  # micro-, macro-, example-based F1
    "insightcrime": (0.71, 0.72, 0.685),
    "india_police_docs": (0.80, 0.72, 0.71),
    "india_police_sents": (0.80, 0.74, 0.665),
    "reuters21578": (0.90, 0.62, 0.92),
    "un_quadclass": (0.63, 0.62, 0.58),
    "wiki_events": (0.70, 0.69, 0.69),
}
MOST_CALIBRATION_ERROR = 0.05

STATED: dict[str, list[tuple[str, str, str, str]]] = {  # who; micro-, macro-, example-based F1
    "insightcrime": [
        ("ConfliBERT, fine-tuned on a GPU, three seeds", ".704–.709", ".688–.718", ".682"),
        ("ModernBERT-base, fine-tuned on a GPU", "–", "–", ".696"),
        ("Annif 1.4 (Omikuji)", ".668", ".682", ".650"),
        ("spaCy bag of words, tuned", ".596", ".600", ".541"),
        ("MiniLM embeddings + logistic regression", ".662", ".685", ".623"),
    ],
    "india_police_docs": [
        ("ConfliBERT, fine-tuned on a GPU, three seeds", ".79–.82", ".69–.74", ".708"),
        ("ModernBERT-base, fine-tuned on a GPU", "–", "–", ".631"),
        ("Annif 1.4 (Omikuji)", ".758", ".683", ".634"),
        ("MiniLM embeddings + logistic regression", ".601", ".434", ".487"),
    ],
    "india_police_sents": [
        ("ConfliBERT, fine-tuned on a GPU, three seeds", "–", "–", ".661"),
        ("ModernBERT-base, fine-tuned on a GPU", "–", "–", ".666"),
    ],
    "reuters21578": [("Annif 1.4 (Omikuji)", ".881", ".564", ".904")],
    "un_quadclass": [
        ("Annif 1.4 (Omikuji)", ".554", ".544", ".505"),
        ("spaCy bag of words, tuned", ".592", ".576", ".510"),
        ("MiniLM embeddings + logistic regression", ".613", ".610", ".552"),
    ],
    "wiki_events": [],
}
