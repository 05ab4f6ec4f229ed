from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import config_for
from tests.tracking.conftest import Look
from training.tracking.searches import tracked_search


@dataclass(frozen=True)
class Trial:
    """As a search hands it over."""

    number: int
    value: float | None = 0.5
    seconds: float = 1.5
    values: dict[str, Any] = field(default_factory=lambda: {"classifier.strength": 2.0})


def test_a_search_is_a_run_with_its_trials_below(local_store: str, content: Look) -> None:
    with tracked_search(config_for("x.jsonl"), Path("study.db")) as record:
        record(Trial(0))
        record(Trial(1, value=None))
    runs = {run.info.run_name: run for run in content(local_store).runs}
    assert set(runs) == {"search small", "trial 0", "trial 1"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    parent = runs["search small"].info.run_id
    assert [runs[f"trial {at}"].data.tags["mlflow.parentRunId"] for at in range(2)] == [parent, parent]
    assert runs["trial 0"].data.params == {"classifier.strength": "2.0"}
    assert runs["trial 0"].data.metrics == {"seconds": 1.5, "out_of_fold.micro_f1": 0.5}
    assert runs["trial 1"].data.tags["pruned"] == "True"


def test_a_search_that_fails_is_marked(local_store: str, content: Look) -> None:
    with pytest.raises(ZeroDivisionError), tracked_search(config_for("x.jsonl"), Path("study.db")):
        _ = 1 / 0
    assert [run.info.status for run in content(local_store).runs] == ["FAILED"]


def test_a_store_that_fails_costs_the_record_never_the_search(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    with tracked_search(config_for("x.jsonl"), Path("study.db")) as record:
        record(Trial(0))
        record(Trial(1))
    [message] = [entry.getMessage() for entry in caplog.records if entry.name == "training.tracking.searches"]
    assert "Connection refused" in message
    assert "study.db" in message
