from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from training.tracking.record import LONGEST_NAME, Record, flattened, named, numbers

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(st.dictionaries(names, st.integers(), max_size=20))
def test_names_fit_and_stay_apart(values: dict[str, int]) -> None:
    given_names = named(values)
    assert list(given_names.values()) == list(values.values())
    for name in given_names:
        assert len(name) <= LONGEST_NAME
        assert all(character.isalnum() or character in "_-. :" for character in name)


def test_plain_names_stay() -> None:
    assert list(named({"test.topics.prisoner_exchange.f1": 1, "features.char": 2})) == [
        "test.topics.prisoner_exchange.f1",
        "features.char",
    ]


def test_leaves_and_numbers() -> None:
    tree = {"a": {"b": 1, "c": {}}, "d": [0.25, 0.5], "e": "text", "f": True, "g": None, "h": [1, 2, 3]}
    assert dict(flattened(tree)) == {
        "a.b": 1,
        "a.c": {},
        "d": [0.25, 0.5],
        "e": "text",
        "f": True,
        "g": None,
        "h": [1, 2, 3],
    }
    assert dict(numbers(tree)) == {"a.b": 1.0, "d.low": 0.25, "d.high": 0.5}


def test_the_record_of_a_folder(trained: Any) -> None:
    record = Record.read(trained.folder)
    assert record.parameters()["classifier.kind"] == "nbsvm"
    figures = record.figures()
    assert figures["test.topics.shelling.support"] == trained.metrics["test"]["topics"]["shelling"]["support"]
    assert not any(name.startswith("curves") for name in figures)
    assert record.topic_table()["columns"][0] == "topic"
    assert len(record.topic_table()["data"]) == 3


def test_a_folder_without_curves(trained: Any, tmp_path: Any) -> None:
    """Models that were saved before there were curves in the metrics can be sent too."""
    import json
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(trained.folder, folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["curves"]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    place = tmp_path / "artifacts"
    place.mkdir()
    Record.read(folder).write_artifacts(place)
    assert {path.name for path in place.iterdir()} == {"config.yaml", "metrics.json", "report.html", "topics.json"}
