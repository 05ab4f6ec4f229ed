"""How much rarer topics are in the texts to be tagged than in labelled ones, as a codebook tells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.codebook import Codebook
from training.corpus.records import Corpus


def rarity_of(codebook: Codebook | None, corpus: Corpus) -> npt.NDArray[np.float64]:
    """How many texts without the topic stand behind each training row without it, float64 [topics], never below 1.

    Labelled paragraphs are often chosen for their topics; the codebook can say how rare a topic is where it is sought.
    """
    expected = {topic.id: topic.prevalence for topic in codebook.topics} if codebook else {}
    share = corpus.labels.mean(axis=0)
    wanted = np.array([expected.get(topic) or share[at] for at, topic in enumerate(corpus.topics)])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (share / (1 - share)) / (wanted / (1 - wanted))
    return np.asarray(np.clip(np.nan_to_num(ratio, nan=1.0, posinf=1.0), 1.0, None))
