"""The peers of `make bench-quality`, run one at a time in an environment of their own (`.venv-bench`).

    .venv-bench/bin/python experiments/quality/peers.py NAME FOLDER

FOLDER holds task.json: the training texts with their topics, and the texts of the test set without. The tags of the test
texts go to tags.npy beside it (bool [n, topics]), seconds and versions to peer.json. Nothing of this project is imported.

Each peer is set up as its documentation says, the same for every set, and nothing is chosen by a test set:

- scikit-learn: words, TF-IDF, one logistic regression a topic, cut at 0.5.
- LibMultiLabel 0.10, linear: words, TF-IDF, LIBLINEAR's default; its techniques are run side by side, one row each, rather than
  the best of them picked. `thresholding` is micromacro-freq of Lin & Lin (CIKM 2023).
- fastText: text in lower case with punctuation apart and learning rate 0.5, as in its tutorial; one-vs-all, word bigrams, 50
  epochs, cut at 0.5; on all cores, which makes its figures differ a little from run to run.
  It leaves out lines without a label, so texts without topic get a label of their own, which is never counted as a tag.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Task:
    texts: list[str]
    labels: Any  # bool [n, topics]
    test_texts: list[str]


@dataclass(frozen=True)
class Answer:
    tags: Any  # bool [test texts, topics]
    train_seconds: float
    score_seconds: float


def timed(train: Callable[[], Any], score: Callable[[Any], Any]) -> Answer:
    began = time.perf_counter()
    model = train()
    trained = time.perf_counter()
    tags = score(model)
    return Answer(np.asarray(tags, dtype=bool), trained - began, time.perf_counter() - trained)


def scikit_learn(task: Task) -> Answer:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LogisticRegression(max_iter=1000)))
    return timed(
        lambda: pipeline.fit(task.texts, task.labels.astype(int)), lambda model: model.predict(task.test_texts)
    )


def libmultilabel(technique: str) -> Callable[[Task], Answer]:
    def run(task: Task) -> Answer:
        from libmultilabel import linear
        from scipy.sparse import csc_matrix
        from sklearn.feature_extraction.text import TfidfVectorizer

        class Labels(csc_matrix):
            """LibMultiLabel 0.10 sums over axis 2, which SciPy took for axis 0 until 1.13 and refuses since."""

            def sum(self, axis=None, dtype=None, out=None):
                return super().sum(0 if axis == 2 else axis, dtype, out)

        def train() -> Any:
            vectorizer = TfidfVectorizer()
            features = vectorizer.fit_transform(task.texts)
            model = getattr(linear, f"train_{technique}")(Labels(task.labels.astype(float)), features, verbose=False)
            return vectorizer, model

        np.random.seed(0)  # LibMultiLabel draws its folds from the global generator
        return timed(train, lambda fitted: fitted[1].predict_values(fitted[0].transform(task.test_texts)) > 0)

    return run


def fasttext(task: Task) -> Answer:
    import fasttext as library

    nothing = task.labels.shape[1]

    def line(text: str) -> str:
        return re.sub(r"([.!?,'/()])", r" \1 ", " ".join(text.split())).lower()

    def train() -> Any:
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            for text, row in zip(task.texts, task.labels, strict=True):
                marks = [f"__label__{at}" for at in np.flatnonzero(row)] or [f"__label__{nothing}"]
                file.write(f"{' '.join(marks)} {line(text)}\n")
            file.flush()
            return library.train_supervised(
                file.name, loss="ova", lr=0.5, wordNgrams=2, epoch=50, thread=os.cpu_count(), seed=0, verbose=0
            )

    def score(model: Any) -> Any:
        tags = np.zeros((len(task.test_texts), nothing + 1), dtype=bool)
        found, _ = model.predict([line(text) for text in task.test_texts], k=-1, threshold=0.5)
        for row, marks in enumerate(found):
            tags[row, [int(mark.removeprefix("__label__")) for mark in marks]] = True
        return tags[:, :nothing]

    return timed(train, score)


PEERS: dict[str, tuple[Callable[[Task], Answer], str]] = {
    "scikit-learn": (scikit_learn, "scikit-learn"),
    "LibMultiLabel 1vsrest": (libmultilabel("1vsrest"), "libmultilabel"),
    "LibMultiLabel thresholding": (libmultilabel("thresholding"), "libmultilabel"),
    "LibMultiLabel cost_sensitive": (libmultilabel("cost_sensitive"), "libmultilabel"),
    "LibMultiLabel cost_sensitive_micro": (libmultilabel("cost_sensitive_micro"), "libmultilabel"),
    "fastText": (fasttext, "fasttext-numpy2-wheel"),
}


def main(name: str, folder: Path) -> None:
    os.environ["TQDM_DISABLE"] = "1"
    given = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    labels = np.zeros((len(given["texts"]), given["topics"]), dtype=bool)
    for row, topics in enumerate(given["labels"]):
        labels[row, topics] = True
    run, distribution = PEERS[name]
    answer = run(Task(given["texts"], labels, given["test_texts"]))
    np.save(folder / "tags.npy", answer.tags)
    figures = {
        "train_seconds": answer.train_seconds,
        "score_seconds": answer.score_seconds,
        "version": f"{distribution} {version(distribution)}",
    }
    (folder / "peer.json").write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
