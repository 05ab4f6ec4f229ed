"""What the other files of the corpus are worth to those in the ordinary words of news.

    python experiments/transfer/files.py

A third of the files in ordinary words is tagged by a model of the other two thirds and of the files that each line names; each
third in turn, and means of the three. Chooses nothing by real text.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

from training.config_file import load_config
from training.corpus.splits import grouped_folds
from training.evaluation.metrics import evaluate
from training.model.fitting import fit
from training.model.model import Model
from training.prepare import codebook_lessons, learnable_topics, prepare, rarity_of

ROOT = Path(__file__).parents[2]
ORDINARY = [
    "almanac",
    "bourse",
    "communique",
    "courant",
    "emergency",
    "envoy",
    "flashpoint",
    "herald",
    "monitor",
    "newsroom",
    "outlook",
    "plenary",
    "register",
    "sentinel",
    "standard",
    "unrest",
    "watchdog",
]
PHRASES = ["accords", "arrests", "clashes", "killings", "movements", "ranks", "relief", "strikes"]
TWO_LINES = ["convoys", "postings", "seizures", "sorties", "sundries", "victims"]
OLDEST = ["city", "desert", "front", "highland", "savannah"]
PARTS = 3


def figures(train: list[str], test: list[str]) -> list[float]:
    """Micro- and macro-F1, mean average precision, precision, recall, false tags per 1,000 without topic."""
    named = {
        name: json.dumps([f"data/paragraphs/{file}.jsonl" for file in files])
        for name, files in (("train", train), ("test", test))
    }
    config = load_config(ROOT / "configs/default.yaml", [f"data.{name}={files}" for name, files in named.items()])
    prepared = prepare(config)
    topics, _ = learnable_topics(prepared, config)
    corpus, unseen = prepared.train.with_topics(topics), prepared.test.with_topics(topics)
    folds = grouped_folds(corpus.labels, prepared.train_groups, config.split.folds, config.seed)
    lessons = codebook_lessons(prepared.codebook, topics, config)
    rarity = rarity_of(prepared.codebook, corpus)
    fitted = fit(corpus.texts, corpus.labels, folds, config, os.cpu_count() or 1, lessons, rarity)
    model = Model("unsaved", topics, fitted.scorer, fitted.decision, {})
    probabilities = model.predict_proba(unseen.texts)
    tags, truth = model.decide(probabilities), unseen.labels
    metrics = evaluate(truth, tags, probabilities, topics)
    held = np.flatnonzero(truth.any(axis=0))
    precision = np.mean([average_precision_score(truth[:, at], probabilities[:, at]) for at in held])
    none = ~truth.any(axis=1)
    return [
        metrics["micro_f1"], metrics["macro_f1"], float(precision), float(truth[tags].mean()),
        float(tags[truth].mean()), 1000 * float(tags[none].sum() / none.sum()),
    ]  # fmt: skip


def main() -> None:
    os.chdir(ROOT)
    newer = {*ORDINARY, *PHRASES, *TWO_LINES}
    older = [path.stem for path in sorted((ROOT / "data/paragraphs").glob("*.jsonl")) if path.stem not in newer]
    beside = {
        "nothing else": [],
        "all older files": older,
        "all older files but the five oldest": [file for file in older if file not in OLDEST],
        "all older files, stock phrases": older + PHRASES,
        "all older files, stock phrases, two-line items": older + PHRASES + TWO_LINES,
    }
    print(
        "| beside the other ordinary files | micro-F1 | macro-F1 | average precision | precision | recall | false tags |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, files in beside.items():
        found = []
        for part in range(PARTS):
            test = ORDINARY[part::PARTS]
            found.append(figures(files + [file for file in ORDINARY if file not in test], test))
        *shares, false_tags = np.mean(found, axis=0)
        print(f"| {name} | {' | '.join(f'{share:.3f}' for share in shares)} | {false_tags:.0f} |", flush=True)


if __name__ == "__main__":
    main()
