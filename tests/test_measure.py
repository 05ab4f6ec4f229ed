from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.conftest import config_for, synthetic_records, write_jsonl
from training.cli import conflict_topics
from training.corpus.records import Corpus
from training.errors import UserError
from training.measure import labelled_data, warn_of_training_data
from training.train import Outcome, train

WARNING = "was trained on"


def file_of(path: Path, corpus: Corpus) -> Path:
    """A labelled file that holds ``corpus``."""
    rows = zip(
        corpus.paragraph_ids, corpus.article_ids, corpus.texts.to_pylist(), corpus.labels, corpus.dates, strict=True
    )
    return write_jsonl(
        path,
        [
            {
                "paragraph_id": paragraph,
                "article_id": article,
                "text": text,
                "topics": [corpus.topics[at] for at in np.flatnonzero(labels)],
                "date": date,
            }
            for paragraph, article, text, labels, date in rows
        ],
    )


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(conflict_topics, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize("models", [1, 2])
def test_figures_on_just_the_training_data_come_with_a_warning(trained: Outcome, tmp_path: Path, models: int) -> None:
    command = ["evaluate", "compare"][models - 1]
    learned = file_of(tmp_path / "learned.jsonl", trained.prepared.train)
    told = run(command, *[trained.folder] * models, learned, "--json")
    json.loads(told.stdout)
    warnings = told.stderr.splitlines()
    assert len(warnings) == models
    assert all(str(learned) in line and trained.model.id in line and WARNING in line for line in warnings)


def test_other_data_are_measured_without_a_word(trained: Outcome, corpus_file: Path, tmp_path: Path) -> None:
    test = file_of(tmp_path / "test.jsonl", trained.prepared.test)
    part = file_of(tmp_path / "part.jsonl", trained.prepared.train.select(np.arange(50)))
    for data in (test, part, corpus_file):
        assert run("evaluate", trained.folder, data, "--json").stderr == ""


def test_paragraphs_of_one_article_can_not_tell_which_model_is_better(trained: Outcome, tmp_path: Path) -> None:
    one = replace(trained.prepared.train, article_ids=["a"] * len(trained.prepared.train))
    data = file_of(tmp_path / "one.jsonl", one)
    told = json.loads(run("compare", trained.folder, trained.folder, data, "--json").stdout)
    assert {(entry["verdict"], entry["interval"]) for part in told.values() for entry in part} == {("can't tell", None)}
    assert "the articles are too few to tell" in run("compare", trained.folder, trained.folder, data).stdout
    metrics = json.loads(run("evaluate", trained.folder, data, "--json").stdout)["test"]
    assert metrics["intervals"] == {"micro_f1": None, "macro_f1": None, "example_f1": None}


@pytest.mark.parametrize("known", [None, {}, [], "x", {"train": None}, {"train": ["sha256"]}], ids=str)
def test_a_model_that_does_not_know_its_training_data_gives_no_warning(
    trained: Outcome, known: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model = replace(trained.model, settings={**trained.model.settings, "trained_on": known})
    with caplog.at_level(logging.WARNING, "training"):
        warn_of_training_data([model], trained.prepared.train, "x.jsonl")
    assert not caplog.messages


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("[", r"^--columns: not valid YAML: .*\.$"),
        ("date: 2024-99-99", r"^--columns: not valid YAML: .*month.*\.$"),
        ("- a", r"^--columns: expected a mapping of keys, found list"),
        ("{txt: body}", r'^--columns: txt: unknown key\. Did you mean "text"'),
        ("{text: body}", r"no column 'body'.*Map them under --columns"),
    ],
)
def test_columns_that_do_not_fit_are_one_message_that_names_the_option(
    trained: Any, tmp_path: Path, columns: str, message: str
) -> None:
    data = write_jsonl(tmp_path / "x.jsonl", [{"text": "x", "tags": "displacement"}])
    with pytest.raises(UserError, match=message):
        labelled_data(trained.model, str(data), columns)


@pytest.mark.parametrize(("topics", "told"), [(["strike"], "strike"), ([], "no topics")])
def test_data_without_a_topic_of_the_model_are_refused(
    trained: Outcome, tmp_path: Path, topics: list[str], told: str
) -> None:
    data = write_jsonl(tmp_path / "x.jsonl", [{"text": "Rails were laid.", "topics": topics}])
    with pytest.raises(UserError, match=rf"topic that {trained.model.id} knows \(detention, .*\); found: {told}\."):
        labelled_data(trained.model, str(data))


def test_models_that_know_nothing_of_the_data_are_not_compared(trained: Outcome, tmp_path: Path) -> None:
    records = [{**record, "topics": [f"x_{topic}" for topic in record["topics"]]} for record in synthetic_records(30)]
    config = config_for(write_jsonl(tmp_path / "x.jsonl", records))
    other = train(config, tmp_path / "other")
    data = write_jsonl(tmp_path / "data.jsonl", synthetic_records(4))
    for models in ((trained.folder, other.folder), (other.folder, trained.folder)):
        done = CliRunner().invoke(conflict_topics, ["compare", *map(str, models), str(data)])
        assert isinstance(done.exception, UserError)
        assert f"no paragraph has a topic that {other.model.id} knows" in str(done.exception)
