from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conftest import config_for
from training.config import Config
from training.errors import UserError
from training.search import Trial, search, with_values

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
    search(config, tmp_path / "study.db", trials=3, minutes=None)
    seen: list[Trial] = []
    again = search(config, tmp_path / "study.db", trials=4, minutes=None, record=seen.append)
    assert [trial.number for trial in seen] == [3]
    assert again.trials == 4
    assert search(config, tmp_path / "study.db", trials=4, minutes=None).best == again.best


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


def test_unknown_keys_and_bad_ranges_are_named(corpus_file: Path, tmp_path: Path) -> None:
    config = config_for(corpus_file, "search.space={classifier.strenth: [1.0]}")
    with pytest.raises(UserError, match=r"search\.space: classifier\.strenth: the config has no such key"):
        search(config, tmp_path / "study.db", trials=1, minutes=None)
    with pytest.raises(UserError, match="low < high"):
        config_for(corpus_file, "search.space={classifier.strength: {low: 3, high: 1}}")
    with pytest.raises(UserError, match=r"classifier\.strength: found -1"):
        with_values(config, {"classifier.strength": -1})
