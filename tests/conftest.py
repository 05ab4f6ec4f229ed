"""Data that many tests share: a small labelled corpus with a signal, written to files, and a model trained on it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from training.config import Config
from training.config_file import parse_config

# No test depends on timing; CI must not depend on luck.
settings.register_profile(
    "steady", deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In continuous integration nothing may be skipped: there everything that tests need is installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if os.environ.get("CI") == "true" and skipped and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


TOPIC_WORDS = {
    "shelling": ("mortar", "artillery", "shells", "barrage", "howitzers"),
    "detention": ("arrested", "detained", "custody", "warrant", "cell"),
    "displacement": ("fled", "camp", "families", "tents", "uprooted"),
}
FILLER = [
    "morning",
    "village",
    "road",
    "reporters",
    "people",
    "river",
    "council",
    "market",
    "officials",
    "bridge",
    "report",
    "visit",
    "price",
    "school",
    "weather",
    "train",
    "harvest",
    "music",
    "team",
    "week",
    "office",
    "water",
    "field",
    "window",
    "letter",
    "station",
    "paper",
    "number",
    "garden",
    "table",
]


def synthetic_records(articles: int = 60, seed: int = 3) -> list[dict[str, Any]]:
    """Paragraphs of filler words in which each topic is carried by words of its own; three to an article."""
    rng = np.random.default_rng(seed)
    records = []
    for article in range(articles):
        for place in range(3):
            topics = [topic for topic in TOPIC_WORDS if rng.random() < 0.3]
            words = list(rng.choice(FILLER, 14))
            for topic in topics:
                words += list(rng.choice(TOPIC_WORDS[topic], 2))
            rng.shuffle(words)
            records.append(
                {
                    "paragraph_id": f"a{article}:{place}",
                    "article_id": f"a{article}",
                    "text": " ".join(words).capitalize() + ".",
                    "topics": topics,
                    "date": f"20{10 + article % 15}-0{1 + place}-15",
                }
            )
    return records


def write_jsonl(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def records() -> list[dict[str, Any]]:
    """180 synthetic paragraphs of 60 articles with three topics."""
    return synthetic_records()


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]) -> Path:
    """The synthetic paragraphs as JSONL."""
    return write_jsonl(tmp_path_factory.mktemp("corpus") / "train.jsonl", records)


def config_for(train: Path | str, *overrides: str, name: str = "small") -> Config:
    """A config that trains on ``train`` without a codebook, without tracking."""
    text = f"name: {name}\ndata: {{train: {json.dumps(str(train))}, codebook: null}}\ntracking: {{enabled: false}}\n"
    return parse_config(text, where="test.yaml", overrides=("evaluation.resamples=100", *overrides))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, corpus_file: Path) -> Any:
    """The outcome of training on the synthetic paragraphs with the default settings."""
    from training.train import train

    return train(config_for(corpus_file), tmp_path_factory.mktemp("models") / "small")
