"""Where the time goes on the two hottest paths: scoring, and tagging from JSONL to Parquet."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from experiments.speed.clock import in_turns
from experiments.speed.material import Archive
from experiments.speed.scoring import SklearnPipeline, per_text
from experiments.speed.table import figure, markdown
from training import load
from training.model.model import Model
from training.model.scorer import Block, Scorer
from training.model.terms import Terms
from training.tagging.inputs import find_sources
from training.tagging.options import Options, Tuning
from training.tagging.outputs import output_schema, parse_output
from training.tagging.readers import check_sources, read
from training.tagging.scoring import score
from training.tagging.work import Position, Reading

NOTHING = "\x01"


def scoring_profile(name: str, scorer: Scorer, texts: list[str], rounds: int) -> str:
    """One model three times: without a known n-gram, with one topic, and whole. The differences are the stages."""
    size = len(texts) // rounds
    arrays = [pa.array(texts[number * size : (number + 1) * size]) for number in range(rounds)]
    models = {"whole": scorer, "one topic": _with_topics(scorer, 1), "no n-gram known": _knowing_nothing(scorer)}

    def seconds(model: Scorer, number: int) -> float:
        began = time.thread_time()
        model.scores(arrays[number])
        return (time.thread_time() - began) / size

    for model in models.values():
        model.scores(arrays[-1])
    medians = in_turns({key: lambda at, m=model: seconds(m, at) for key, model in models.items()}, rounds)
    sample = texts[:1000]
    found = sum(
        vectorizer.transform(sample).nnz for vectorizer in SklearnPipeline(scorer).vectorizers
    ) / len(sample)  # fmt: skip
    bytes_each = np.mean([len(text.encode()) for text in sample])
    tokens = np.mean([len(text.split()) for text in sample])
    rows = [
        ["cutting, finding tokens, looking for n-grams that are not there", per_text(medians["no n-gram known"])],
        [
            "finding and counting the n-grams that are there, half-width rows",
            per_text(medians["one topic"] - medians["no n-gram known"]),
        ],
        ["the other half of the rows", per_text(medians["whole"] - medians["one topic"])],
        ["whole", per_text(medians["whole"])],
    ]
    table = sum(block.idf.size for block in scorer.blocks) * 4 * 32 / (1 << 20)
    return (
        f"**Scoring, {name}.** A paragraph has {bytes_each:.0f} bytes, {tokens:.0f} tokens and {found:.0f} distinct known "
        f"n-grams, whose rows come from a table of {figure(table)} MiB: {figure(medians['whole'] / found * 1e9)} ns for "
        f"each n-gram in all.\n\n" + markdown(("stage", "processor time"), rows)
    )


def _with_topics(scorer: Scorer, topics: int) -> Scorer:
    return Scorer(scorer.blocks, scorer.weights[:, :topics], scorer.intercepts[:topics], scorer.characters)


def _knowing_nothing(scorer: Scorer) -> Scorer:
    blocks = [Block(block.settings, Terms.from_strings([NOTHING]), np.ones(1, np.float32)) for block in scorer.blocks]
    weights = np.zeros((len(blocks), scorer.weights.shape[1]), np.float32)
    return Scorer(blocks, weights, scorer.intercepts, scorer.characters)


class TimedModel:
    """A model that adds up the processor seconds of its scores."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def predict_proba(self, texts: Any, threads: int = 1) -> Any:
        began = time.thread_time()
        probabilities = self.model.predict_proba(texts, threads)
        self.seconds += time.thread_time() - began
        return probabilities


def tagging_profile(name: str, folder: Path, archive: Archive, most_works: int) -> str:
    """The stages of `tag` in one thread, one after the other."""
    model = TimedModel(load(folder))
    options, tuning = Options(), Tuning()
    target = parse_output(str(archive.jsonl.with_name("profile.parquet")), model, options)
    sources, _ = find_sources([str(archive.jsonl)], None, [])
    kept = check_sources(sources, options)
    encoder = target.encoder(model, options, output_schema(model, options, kept))
    model.predict_proba(["warm"])
    model.seconds = 0.0
    spent = np.zeros(4)
    paragraphs = 0
    works = iter(read(sources, Position(), Reading(options, tuning, target.kept_as_json, kept)))
    for _ in range(most_works):
        marks = [time.thread_time()]
        work = next(works, None)
        if work is None:
            break
        marks.append(time.thread_time())
        batch = work.decode()
        marks.append(time.thread_time())
        tagged = score(model, batch)
        marks.append(time.thread_time())
        encoder(tagged)
        marks.append(time.thread_time())
        spent += np.diff(marks)
        paragraphs += len(batch.texts)
    reading, decoding, scoring, encoding = spent
    stages = {
        "reading blocks": reading,
        "decoding JSON": decoding,
        "scores and probabilities": model.seconds,
        "tags from probabilities": scoring - model.seconds,
        "encoding columns": encoding,
        "sum": spent.sum(),
    }
    rows = [[stage, per_text(seconds / paragraphs)] for stage, seconds in stages.items()]
    return f"**`tag`, {name}**, {paragraphs:,} paragraphs, in one thread.\n\n" + markdown(
        ("stage", "processor time"), rows
    )
