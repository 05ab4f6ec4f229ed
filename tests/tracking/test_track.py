from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tracking.conftest import Look
from tests.tracking.helpers import configured, synced, tracked, waiting
from tests.tracking.servers import environment
from training.tracking.store import opened


def test_a_run_holds_the_whole_record(trained: Any, local_store: str, content: Look) -> None:
    sent = tracked(trained)
    assert sent.problem is None
    assert not waiting()
    found = content(local_store)
    [run] = found.runs
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "small"
    assert run.info.end_time - run.info.start_time == 2500
    assert run.data.params["features.word.ngram_range"] == "[1, 2]"
    assert run.data.params["seed"] == "13"
    metrics = run.data.metrics
    assert metrics["seconds"] == 2.5
    test = trained.metrics["test"]
    assert metrics["test.micro_f1"] == test["micro_f1"]
    for topic, entry in test["topics"].items():
        assert metrics[f"test.topics.{topic}.f1"] == entry["f1"]
        assert metrics[f"test.topics.{topic}.intervals.f1.low"] == entry["intervals"]["f1"][0]
    digests = {
        entry.dataset.name: json.loads(entry.dataset.source)["tags"]["sha256"] for entry in run.inputs.dataset_inputs
    }
    assert digests == {name: entry["sha256"] for name, entry in trained.model.settings["trained_on"].items()}
    [model] = found.models
    assert model.status == "READY"
    assert {metric.key: metric.value for metric in model.metrics} == metrics
    assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
    [version] = found.versions
    assert version.run_id == run.info.run_id
    assert found.aliases == {"champion": "1"}


def test_artifacts_of_a_run(trained: Any, local_store: str, content: Look) -> None:
    tracked(trained)
    [run] = content(local_store).runs
    place = Path(run.info.artifact_uri.removeprefix("file://"))
    assert place.is_relative_to(Path("experiments/mlartifacts").resolve())
    names = {path.name for path in place.iterdir()}
    assert names == {
        *("config.yaml", "metrics.json", "report.html", "topics.json", "precision_recall.svg", "calibration.svg")
    }
    table = json.loads((place / "topics.json").read_text())
    assert [row[0] for row in table["data"]] == list(trained.metrics["test"]["topics"])
    assert "<svg" in (place / "precision_recall.svg").read_text()


def test_nothing_in_the_store_is_a_pickle(trained: Any, local_store: str, content: Look) -> None:
    tracked(trained)
    [model] = content(local_store).models
    place = Path(model.artifact_location.removeprefix("file://"))
    suffixes = {path.suffix for path in place.rglob("*") if path.is_file()}
    assert suffixes <= {"", ".json", ".yaml", ".txt", ".html", ".safetensors"}
    assert "loader_module: training.tracking.pyfunc" in (place / "MLmodel").read_text()


def test_each_training_is_a_run_of_its_own(trained: Any, local_store: str, content: Look) -> None:
    tracked(trained)
    tracked(trained)
    found = content(local_store)
    assert [len(found.runs), len(found.models), len(found.versions)] == [2, 2, 2]


def test_syncing_what_was_sent_sends_nothing(trained: Any, local_store: str, content: Look) -> None:
    first = tracked(trained)
    assert not synced(trained)
    for _ in range(2):
        [again] = synced(trained, trained.folder)
        assert again.run is not None
        assert first.run is not None
        assert again.run.found
        assert again.run.run_id == first.run.run_id
        assert again.registered == first.registered
    assert len(content(local_store).runs) == 1


def test_a_folder_alone_is_enough(trained: Any, local_store: str, content: Look) -> None:
    for _ in range(2):
        [sent] = synced(trained, trained.folder)
        assert sent.problem is None
    found = content(local_store)
    assert [len(found.runs), len(found.models), len(found.versions)] == [1, 1, 1]
    assert not waiting()


def test_the_model_folder_is_left_as_it_is(trained: Any, local_store: str) -> None:
    before = {path.name: path.read_bytes() for path in trained.folder.iterdir()}
    tracked(trained)
    assert {path.name: path.read_bytes() for path in trained.folder.iterdir()} == before


def test_mlflow_is_left_as_it_was(trained: Any, local_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    mlflow.set_tracking_uri(local_store)
    try:
        level = logging.getLogger("mlflow").level
        settings = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
        with opened("http://127.0.0.1:1"):
            assert mlflow.get_tracking_uri() == "http://127.0.0.1:1"
            assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "20"
            assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1", "the user's own setting stays"
        assert mlflow.get_tracking_uri() == local_store
        assert logging.getLogger("mlflow").level == level
        assert {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")} == settings
    finally:
        mlflow.set_tracking_uri(None)


def test_a_store_set_in_python_counts(trained: Any, workplace: Path, local_store: str) -> None:
    import mlflow

    other = workplace / "other.db"
    other.write_bytes(Path(local_store.removeprefix("sqlite:///")).read_bytes())
    mlflow.set_tracking_uri(f"sqlite:///{other}")
    try:
        sent = tracked(trained)
    finally:
        mlflow.set_tracking_uri(None)
    assert sent.run is not None
    assert sent.run.store == f"sqlite:///{other}"


def test_neither_training_nor_a_folder_needs_mlflow(trained: Any) -> None:
    program = (
        "import sys; from training import load; from training.train import train; import training.cli\n"
        "load(sys.argv[1]).tag(['Families fled.']); print('mlflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, trained.folder], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout.strip() == "False"


def test_names_that_mlflow_would_refuse(trained: Any, workplace: Path, local_store: str, content: Look) -> None:
    """Columns and topics may be called anything; each keeps a parameter or metric of its own."""
    folder = configured(trained.folder, workplace / "model")
    odd = {"a/b": 1, "a//b": 2, "a&b": 3, "../up": 4, "é ü": 5, "x" * 300: 6, "x" * 301: 7}
    from tests.tracking.helpers import rewritten

    folder = rewritten(
        folder,
        workplace / "odd",
        "metrics.json",
        lambda content: json.dumps(json.loads(content) | {"odd": odd}).encode(),
    )
    sent = tracked(trained, folder)
    assert sent.problem is None
    [run] = content(local_store).runs
    logged = [value for key, value in run.data.metrics.items() if key.startswith("odd.")]
    assert sorted(logged) == [1, 2, 3, 4, 5, 6, 7]
    assert waiting() == 0


def test_passwords_are_not_shown() -> None:
    from training.tracking.store import shown

    assert shown("postgresql+psycopg2://me:s3:cr@t@host/db") == "postgresql+psycopg2://me:***@host/db"
    assert shown("https://user:secret@host:5000/path@x") == "https://user:***@host:5000/path@x"
    assert shown("sqlite:////a/b:c@d.db") == "sqlite:////a/b:c@d.db"
    assert shown("http://host:5000") == "http://host:5000"
