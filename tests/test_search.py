from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from tests.conftest import TOPIC_WORDS, config_for, synthetic_records, write_jsonl
from training import search as searching
from training.config import Config
from training.config_file import load_config
from training.errors import UserError
from training.search import Trial, search, with_values
from training.train import train

SPACE = ["search.space={classifier.strength: {low: 0.01, high: 10, log: true}, features.word.min_df: [1, 3]}"]


@pytest.fixture
def config(corpus_file: Path) -> Config:
    return config_for(corpus_file, *SPACE, "features.char=null", "split.folds=3")


def test_begins_with_the_config_as_it_stands_and_never_ends_below_it(config: Config, tmp_path: Path) -> None:
    seen: list[Trial] = []
    found = search(config, tmp_path / "study.db", trials=5, minutes=None, record=seen.append)
    assert [trial.number for trial in seen] == [0, 1, 2, 3, 4]
    assert seen[0].values == {"classifier.strength": 0.3, "features.word.min_df": 1}
    assert found.best.value is not None
    assert found.best.value >= found.start
    assert found.config.classifier.strength == found.best.values["classifier.strength"]
    assert Config.model_validate(yaml.safe_load(found.config.to_yaml())) == found.config


def test_goes_on_where_it_stopped(config: Config, tmp_path: Path) -> None:
    seen: list[Trial] = []
    search(config, tmp_path / "study.db", trials=3, minutes=None, record=seen.append)
    again = search(config, tmp_path / "study.db", trials=4, minutes=None, record=seen.append)
    assert [trial.number for trial in seen] == [0, 1, 2, 3]
    assert len({trial.values["classifier.strength"] for trial in seen}) == 4
    assert again.trials == 4
    assert search(config, tmp_path / "study.db", trials=4, minutes=None).best == again.best


@pytest.fixture
def rare(tmp_path: Path) -> Config:
    """A config whose codebook says that one topic is rare in archives, with one more that is too rare to be learned."""
    records = synthetic_records(60)
    for record in records[::4]:
        record["topics"] = [] if "shelling" in record["topics"] else [*record["topics"], "shelling"]
    for record in records:
        record["topics"] += ["looting"] if record["paragraph_id"] in ("a3:1", "a30:2", "a50:0") else []
    book = tmp_path / "book.yaml"
    topics = [{"id": "shelling", "prevalence": 0.01}, *({"id": topic} for topic in (*TOPIC_WORDS, "looting"))]
    book.write_text(json.dumps({"topics": [topic for at, topic in enumerate(topics) if at != 1]}))
    source = write_jsonl(tmp_path / "x.jsonl", records)
    fast = ("features.char=null", "features.lead=null", "split.folds=3", "classifier.min_positives=5")
    return config_for(source, *SPACE, *fast, f"data.codebook={book}")


def test_a_trial_is_judged_by_the_figure_that_a_run_reports(rare: Config, tmp_path: Path) -> None:
    outcome = train(rare, tmp_path / "model")
    assert outcome.metrics["left_out"].keys() == {"looting"}
    found = search(rare, tmp_path / "study.db", trials=1, minutes=None)
    assert found.start == pytest.approx(outcome.metrics["out_of_fold"]["micro_f1"], abs=1e-9)


def test_another_codebook_does_not_go_on_with_it(rare: Config, tmp_path: Path) -> None:
    search(rare, tmp_path / "study.db", trials=1, minutes=None)
    book = Path(rare.data.codebook or "")
    book.write_text(book.read_text().replace("0.01", "0.02"))
    with pytest.raises(UserError, match="another codebook"):
        search(rare, tmp_path / "study.db", trials=2, minutes=None)


def interrupted(config: Config, study: Path, trials: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(searching, "fold_scores", stopped)
        search(config, study, trials=trials, minutes=None)


def test_the_config_as_it_stands_is_tried_again_until_it_is_finished(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tmp_path / "study.db"
    for _ in range(2):
        interrupted(config, study, 3, monkeypatch)
    seen: list[Trial] = []
    found = search(config, study, trials=3, minutes=None, record=seen.append)
    assert [trial.number for trial in seen] == [2, 3, 4]
    assert seen[0].values == {"classifier.strength": 0.3, "features.word.min_df": 1}
    assert found.start == seen[0].value
    assert found.trials == 3
    again = search(config, study, trials=4, minutes=None, record=seen.append)
    assert len(seen) == 4
    assert again.start == found.start


def test_as_it_was_is_never_the_figure_of_other_values(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where other trials were finished before, and were all that was asked for."""
    study = tmp_path / "study.db"
    whole = search(config, tmp_path / "whole.db", trials=1, minutes=None)
    interrupted(config, study, 2, monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr(optuna.Study, "enqueue_trial", lambda *_, **__: None)
        patched.setattr(searching, "_AS_IT_WAS", "nothing")
        with pytest.raises(UserError, match="no trial was finished"):
            search(config, study, trials=2, minutes=None)
    seen: list[Trial] = []
    found = search(config, study, trials=2, minutes=None, record=seen.append)
    assert [trial.values for trial in seen] == [{"classifier.strength": 0.3, "features.word.min_df": 1}]
    assert found.start == seen[0].value == whole.start


def test_the_config_as_it_stands_is_never_given_up(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda _: True)
    found = search(config, tmp_path / "study.db", trials=3, minutes=None)
    assert found.pruned == 2
    assert found.best.number == 0
    assert found.best.value == found.start


def test_another_config_does_not_go_on_with_it(config: Config, corpus_file: Path, tmp_path: Path) -> None:
    search(config, tmp_path / "study.db", trials=1, minutes=None)
    other = config_for(corpus_file, *SPACE, "features.char=null", "split.folds=3", "seed=99")
    with pytest.raises(UserError, match="was begun with another config"):
        search(other, tmp_path / "study.db", trials=2, minutes=None)


def test_other_labels_do_not_go_on_with_it(corpus_file: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_bytes(corpus_file.read_bytes())
    config = config_for(own, *SPACE, "features.char=null", "split.folds=3")
    search(config, tmp_path / "study.db", trials=1, minutes=None)
    own.write_bytes(b"".join(own.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(UserError, match="or other training data"):
        search(config, tmp_path / "study.db", trials=2, minutes=None)


@pytest.mark.parametrize("path", sorted(Path("configs").glob("*.yaml")), ids=str)
def test_what_shipped_configs_let_a_search_change_is_there(path: Path) -> None:
    config = load_config(path)
    values = {key: choice[0] if isinstance(choice, list) else choice.low for key, choice in config.search.space.items()}
    assert with_values(config, values) != config


def test_unknown_keys_and_bad_ranges_are_named(corpus_file: Path, tmp_path: Path) -> None:
    config = config_for(corpus_file, "search.space={classifier.strenth: [1.0]}")
    with pytest.raises(UserError, match=r"search\.space: classifier\.strenth: the config has no such key"):
        search(config, tmp_path / "study.db", trials=1, minutes=None)
    off = config_for(corpus_file, "features.char=null")
    with pytest.raises(UserError, match=r"features\.char\.weight: what it belongs to is null.*without it"):
        search(off, tmp_path / "study.db", trials=1, minutes=None)
    with pytest.raises(UserError, match="low < high"):
        config_for(corpus_file, "search.space={classifier.strength: {low: 3, high: 1}}")
    with pytest.raises(UserError, match=r"classifier\.strength: found -1"):
        with_values(config, {"classifier.strength": -1})
    for space, value in (
        ("classifier.kind: [linear_svm]", "'nbsvm'"),
        ("classifier.strength: {low: 1, high: 2}", "0.3"),
        ("data.codebook: {low: 1, high: 2}", "None"),
    ):
        outside = config_for(corpus_file, f"search.space={{{space}}}")
        with pytest.raises(UserError, match=rf"the config's own value, {value}, is not in it"):
            search(outside, tmp_path / "study.db", trials=1, minutes=None)
    with pytest.raises(UserError, match=r"search\.space"):
        config_for(corpus_file, "search.space={classifier.strength: []}")
    (tmp_path / "notes.db").write_text("no database\n" * 100)
    with pytest.raises(UserError, match=r"notes\.db: is no study that can be gone on with"):
        search(config_for(corpus_file, *SPACE), tmp_path / "notes.db", trials=1, minutes=None)
