from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from experiments.quality import readme, run
from experiments.quality.marks import GOALS, STATED
from training.corpus.records import Corpus

ROOT = Path(__file__).parents[1]


def corpus(texts: list[str], labels: Any, prefix: str) -> Corpus:
    ids = tuple(f"{prefix}{row}" for row in range(len(texts)))
    return Corpus(ids, ids, pa.array(texts, type=pa.large_string()), (None,) * len(texts), labels, ("a", "b"))


@pytest.fixture
def measured() -> readme.Measured:
    """200 test paragraphs, 20 of them copies; ours is right, one peer tags at random, another failed."""
    rng = np.random.default_rng(2)
    truth = rng.random((200, 2)) < 0.4
    train = corpus([f"text {row}" for row in range(20)], truth[:20], "r")
    test = corpus([f"text  {row}" for row in range(200)], truth, "t")
    figures = {"micro_f1": 1.0, "macro_f1": 1.0, "example_f1": 1.0, "calibration_error": 0.2}
    seconds = {"train_seconds": 1.0, "score_seconds": 0.1, "wall_seconds": 60.0}
    results = {
        readme.OURS: readme.Result(truth, {**seconds, "metrics": {"test": figures, "out_of_fold": figures}}),
        "guess": readme.Result(rng.random((200, 2)) < 0.4, {**seconds, "version": "guess 1.0"}),
        "broken": readme.Result(None, {"failure": "no such | wheel", "wall_seconds": 60.0}),
    }
    return readme.Measured(train, test, 0.95, results)


def test_the_table_hides_no_failure_and_no_missing_set(measured: readme.Measured, tmp_path: Path) -> None:
    (tmp_path / "README.md.j2").write_text((ROOT / "experiments/quality/README.md.j2").read_text())
    readme.write(tmp_path, {"un_quadclass": measured})
    text = (tmp_path / "README.md").read_text()
    assert "| broken | failed: no such / wheel |" in text
    assert "**Not in this run:** insightcrime" in text
    assert "3 of 3 goals are reached" in text
    assert "0.200 missed" in text
    assert "Without the 20 test paragraphs whose text also stands in the training set" in text
    assert "3 minutes in all" in text
    for who, *_ in STATED["un_quadclass"]:
        assert f"| *{who}* |" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith(("| guess", "| broken", "| *"))}
    assert widths == {10}
    systems = json.loads((tmp_path / "results.json").read_text())["un_quadclass"]["systems"]
    assert systems["guess"]["ahead"]["micro_f1"]["verdict"] == "better"


def test_every_set_with_a_config_has_goals_and_stated_figures() -> None:
    configs = {path.stem for path in (ROOT / "configs/benchmarks").glob("*.yaml")}
    assert configs == {*GOALS} == {*STATED}


def test_peers_never_see_the_topics_of_the_test_set(measured: readme.Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def started(command: list[str], **_: Any) -> Any:
        seen.update(json.loads(Path(command[-1], "task.json").read_text()))
        raise FileNotFoundError("no .venv-bench")

    monkeypatch.setattr(run.subprocess, "run", started)
    result = run.peer("fastText", measured.train, measured.test)
    assert result.figures == {"failure": "no .venv-bench"}
    assert seen.keys() == {"texts", "labels", "topics", "test_texts"}
    assert len(seen["labels"]) == len(seen["texts"]) == len(measured.train)


def test_what_finished_is_kept_until_its_key_changes_and_failures_are_not(
    measured: readme.Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "CACHE", tmp_path)
    calls = []

    def result(system: str) -> readme.Result:
        calls.append(system)
        figures = dict(measured.results[system].figures)
        return readme.Result(measured.results[system].tags, figures)

    for key in ("one", "one", "two"):
        again = run.cached("set", "guess", key, lambda: result("guess"))
        assert (again.tags == measured.results["guess"].tags).all()
        run.cached("set", "broken", key, lambda: result("broken"))
    assert calls == ["guess", "broken", "broken", "guess", "broken"]
