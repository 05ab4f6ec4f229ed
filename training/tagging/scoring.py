"""Paragraphs through the model: the topics of each, most probable first, as flat arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from training.tagging.options import Floats, TaggingModel
from training.tagging.records import Batch


@dataclass(frozen=True)
class Tagged:
    """A batch with its tags: those of paragraph i stand at ``offsets[i]:offsets[i + 1]``.

    offsets: int32 [n + 1]. topics: int32 [tags], places in the model's topics. probabilities: float32 [tags].
    all_probabilities: float32 [n, topics]. evidence: a JSON literal a paragraph, or None if it was not asked for.
    """

    batch: Batch
    offsets: npt.NDArray[np.int32]
    topics: npt.NDArray[np.int32]
    probabilities: Floats
    all_probabilities: Floats
    evidence: list[str] | None

    @property
    def untagged(self) -> int:
        return int((np.diff(self.offsets) == 0).sum())


def score(model: TaggingModel, batch: Batch, explain: bool = False) -> Tagged:
    """Tag a batch. A text that is empty or blank has no topics, whatever the model makes of it."""
    count = len(batch.texts)
    if not count:
        nothing = np.zeros((0, len(model.topics)), np.float32)
        none = np.zeros(0, np.int32)
        return Tagged(batch, np.zeros(1, np.int32), none, none.astype(np.float32), nothing, [] if explain else None)
    probabilities = np.ascontiguousarray(model.predict_proba(batch.texts, threads=1), dtype=np.float32)
    if probabilities.shape != (count, len(model.topics)):
        raise RuntimeError(f"the model gave scores of shape {probabilities.shape} for {count} texts")
    decided = model.decide(probabilities)
    blank = pc.or_(pc.utf8_is_space(batch.texts), pc.equal(pc.binary_length(batch.texts), 0))
    if pc.any(blank).as_py():
        decided = decided & ~blank.to_numpy(zero_copy_only=False)[:, None]
    rows, topics = np.nonzero(decided)
    chosen = probabilities[rows, topics]
    counts = np.bincount(rows, minlength=count)
    offsets = np.zeros(count + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    several = np.flatnonzero(counts[rows] > 1)  # a single topic is in order already
    order = several[np.lexsort((topics[several], -chosen[several], rows[several]))]
    topics[several], chosen[several] = topics[order], chosen[order]
    evidence = None
    if explain:
        evidence = [_evidence(model, *each) for each in zip(batch.texts.to_pylist(), counts.tolist(), strict=True)]
    return Tagged(batch, offsets, topics.astype(np.int32), chosen, probabilities, evidence)


def _evidence(model: TaggingModel, text: str, tags: int) -> str:
    return json.dumps(model.evidence(text), ensure_ascii=False) if tags else "[]"
