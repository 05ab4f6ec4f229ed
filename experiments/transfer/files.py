"""What the other files of the corpus are worth to those in the ordinary words of news.

    python experiments/transfer/files.py

A third of the files in ordinary words is tagged by a model of the other two thirds and of the files that each line names; each
third in turn, and means of the three. Chooses nothing by real text.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np

from training.config_file import load_config
from training.train import train

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
FIGURES = (
    "micro_f1",
    "macro_f1",
    "mean_average_precision",
    "micro_precision",
    "micro_recall",
    "false_tags_per_thousand",
)


def figures(learned: list[str], unseen: list[str]) -> list[float]:
    """What `FIGURES` says of a model of some files on others."""
    named = {
        name: json.dumps([f"data/paragraphs/{file}.jsonl" for file in files])
        for name, files in (("train", learned), ("test", unseen))
    }
    settings = [f"data.{name}={files}" for name, files in named.items()]
    config = load_config(ROOT / "configs/default.yaml", [*settings, "tracking.enabled=false"])
    with tempfile.TemporaryDirectory() as folder:
        metrics = train(config, Path(folder) / "model").metrics["test"]
    return [metrics[name] for name in FIGURES]


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
