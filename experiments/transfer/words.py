"""Words that real text is full of and the shipped corpus is not.

    BENCHMARKS=… python experiments/transfer/words.py [MODEL]

For paragraphs of ``archive`` that MODEL thinks may have a topic, and for those that it thinks have none, beside paragraphs of the
corpus with and without topics: how many in a thousand have a word, as it is written within a sentence. Names, which are capitalised,
are not counted. Nothing of the archive but single words is looked at.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from training import load

PARAGRAPHS = Path(__file__).parents[2] / "data/paragraphs"
WORD = re.compile(r"\b[a-z]{3,}\b")
LIKELY, UNLIKELY = 0.35, 0.1
LEAST_RATIO, LEAST_SHARE, SHOWN = 2.2, 0.001, 60


def held(texts: Sequence[str]) -> Counter[str]:
    """In how many texts each word stands."""
    return Counter(word for text in texts for word in set(WORD.findall(text)))


def lacking(real: Sequence[str], ours: Sequence[str]) -> list[tuple[str, float, float]]:
    """Words with their shares of real texts and of ours; those first that are many times rarer in many texts."""
    there, here = held(real), held(ours)
    found = []
    for word, count in there.items():
        share, own = count / len(real), (here[word] + 2) / len(ours)
        if share >= LEAST_SHARE and share > LEAST_RATIO * own:
            found.append((share * math.log(share / own), word, share, here[word] / len(ours)))
    return [(word, share, own) for _, word, share, own in sorted(found, reverse=True)]


def main(model: str) -> None:
    with gzip.open(Path(os.environ["BENCHMARKS"]) / "archive/paragraphs.jsonl.gz", "rt", encoding="utf-8") as stream:
        real = [json.loads(line)["text"] for line in stream]
    ours = [json.loads(line) for path in sorted(PARAGRAPHS.glob("*.jsonl")) for line in path.open(encoding="utf-8")]
    highest = load(model).predict_proba(real).max(axis=1)
    for name, some, rows in (
        (
            "with a topic",
            [t for t, p in zip(real, highest, strict=True) if p > LIKELY],
            [r for r in ours if r["topics"]],
        ),
        (
            "without",
            [t for t, p in zip(real, highest, strict=True) if p < UNLIKELY],
            [r for r in ours if not r["topics"]],
        ),
    ):
        found = lacking(some, [row["text"] for row in rows])
        print(f"{name}: {len(some):,} paragraphs of the archive, {len(rows):,} of the corpus; {len(found):,} words")
        print(", ".join(f"{word} {1000 * share:.1f}/{1000 * own:.1f}" for word, share, own in found[:SHOWN]))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "experiments/models/default")
