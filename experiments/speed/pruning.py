"""What leaving out the weakest features of a model would save, and what it would change.

BENCHMARKS=… python -m experiments.speed.pruning [MODEL]

A feature is as strong as its largest weight times idf over the topics. Prints, for several shares left out, the time for a
paragraph of the archive (processor time of one thread) and how many tags differ from those of the whole model.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pyarrow as pa

from experiments.speed.material import archive_texts
from training import load
from training.model.scorer import Block, Scorer

PARAGRAPHS, WARM = 30_000, 10_000
SHARES = (0.2, 0.4, 0.6)


def without(scorer: Scorer, share: float) -> Scorer:
    """The same model without that share of its features."""
    ends = np.cumsum([len(block.terms) for block in scorer.blocks])
    weights = np.split(scorer.weights, ends[:-1])
    strength = [
        np.abs(rows * block.idf[:, None]).max(axis=1) for rows, block in zip(weights, scorer.blocks, strict=True)
    ]
    least = np.quantile(np.concatenate(strength), share)
    kept = [np.flatnonzero(strong >= least) for strong in strength]
    blocks = [
        Block(block.settings, block.terms.take(rows), block.idf[rows])
        for block, rows in zip(scorer.blocks, kept, strict=True)
    ]
    left = np.concatenate([rows[which] for rows, which in zip(weights, kept, strict=True)])
    return Scorer(blocks, left, scorer.intercepts, scorer.characters)


def main(path: str) -> None:
    model = load(path)
    texts = pa.array(archive_texts(PARAGRAPHS))
    print("| features left out | features | µs a paragraph | tags | tags that differ |\n|---|---|---|---|---|")
    whole = None
    for share in (0.0, *SHARES):
        scorer = without(model.scorer, share) if share else model.scorer
        scorer.scores(texts[:WARM])
        began = time.thread_time()
        scores = scorer.scores(texts)
        spent = (time.thread_time() - began) / PARAGRAPHS * 1e6
        tags = model.decide(model.decision.probabilities(scores))
        whole = tags if whole is None else whole
        features = sum(len(block.terms) for block in scorer.blocks)
        differ = (tags != whole).sum() / whole.sum()
        print(f"| {share:.0%} | {features:,} | {spent:.1f} | {tags.sum():,} | {differ:.1%} |")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "experiments/models/default")
