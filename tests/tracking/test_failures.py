from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.tracking.conftest import Look
from tests.tracking.helpers import configured, synced, tracked, waiting
from tests.tracking.servers import environment
from training import track as tracking
from training.errors import UserError
from training.tracking import locks, pending, store
from training.tracking.store import opened


def broken_scheme(_: Path) -> dict[str, Any]:
    return {"uri": "htp://nowhere"}


def nobody_there(_: Path) -> dict[str, Any]:
    return {"uri": "http://127.0.0.1:1"}


def no_database_server(_: Path) -> dict[str, Any]:
    return {"uri": "postgresql://me:secret@127.0.0.1:1/mlflow"}


def folder_for_database(place: Path) -> dict[str, Any]:
    (place / "experiments" / "mlflow.db").unlink()
    (place / "experiments" / "mlflow.db").mkdir()
    return {}


def file_for_artifacts(place: Path) -> dict[str, Any]:
    (place / "experiments" / "mlartifacts").write_text("in the way")
    return {}


def not_a_database(place: Path) -> dict[str, Any]:
    (place / "experiments" / "mlflow.db").write_text("not at all a database, and longer than the header of one\n" * 9)
    return {}


def read_only(place: Path) -> dict[str, Any]:
    return {"uri": f"sqlite:///file:{place / 'experiments' / 'mlflow.db'}?mode=ro&uri=true"}


def deleted_experiment(place: Path) -> dict[str, Any]:
    with opened(f"sqlite:///{place / 'experiments' / 'mlflow.db'}") as found:
        found.client.delete_experiment(found.client.create_experiment("conflict-topics"))
    return {}


def older_tables(place: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(place / "experiments" / "mlflow.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '0a8213491aaa'")
        database.commit()
    return {}


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (broken_scheme, "htp"),
        (nobody_there, "Connection refused"),
        (no_database_server, "Connection refused"),
        (folder_for_database, "unable to open database file"),
        (file_for_artifacts, "mlartifacts"),
        (not_a_database, "file is not a database"),
        (read_only, "readonly database"),
        (deleted_experiment, 'experiment "conflict-topics" is deleted'),
        (older_tables, "out-of-date database schema"),
    ],
)
def test_a_store_that_fails_leaves_the_model_and_a_record_to_send(
    trained: Any,
    workplace: Path,
    local_store: str,
    empty_store: Path,
    caplog: pytest.LogCaptureFixture,
    content: Look,
    breaks: Callable[[Path], dict[str, Any]],
    said: str,
) -> None:
    folder = configured(trained.folder, workplace / "model", **breaks(workplace))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with caplog.at_level(logging.WARNING):
        sent = tracked(trained, folder)
    assert sent.problem is not None
    assert "conflict-topics sync" in sent.problem
    [message] = [entry.getMessage() for entry in caplog.records if entry.name == "training.track"]
    assert said in message
    assert message.endswith("conflict-topics sync")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    [entry] = pending.pending()[0]
    assert said in entry.problem
    assert entry.tries == 1
    assert "secret" not in message + str(entry)

    other = workplace / "other.db"
    other.write_bytes(empty_store.read_bytes())
    [late] = synced(trained, uri=f"sqlite:///{other}", experiment="elsewhere")
    assert late.problem is None
    assert not synced(trained, uri=f"sqlite:///{other}", experiment="elsewhere")
    found = content(f"sqlite:///{other}", "elsewhere")
    assert [len(found.runs), len(found.models), len(found.versions)] == [1, 1, 1]
    assert found.runs[0].info.end_time == entry.ended
    assert found.runs[0].data.metrics["seconds"] == 2.5


def test_training_again_into_the_folder_does_not_lose_the_earlier_record(
    trained: Any, workplace: Path, local_store: str, monkeypatch: pytest.MonkeyPatch, content: Look
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    folder = configured(trained.folder, workplace / "model", registered_model=None)
    tracked(trained, folder)
    tracked(trained, folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    for file in folder.iterdir():
        file.unlink()
    sent = synced(trained, uri=local_store)
    assert [entry.problem for entry in sent] == [None, None]
    assert len(content(local_store).runs) == 2
    assert not waiting()


def test_an_answer_that_never_comes_is_asked_for_once_a_store(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    for _ in range(3):
        tracked(trained)
    openings = []
    monkeypatch.setattr(tracking, "opened", lambda uri: openings.append(uri) or opened(uri))
    sent = synced(trained)
    assert [("Connection refused" in str(entry.problem)) for entry in sent] == [True] * 3
    assert openings == ["http://127.0.0.1:1"]
    assert waiting() == 3


def test_a_journal_that_cannot_be_written(
    trained: Any, workplace: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, local_store: str
) -> None:
    """The folder alone is enough to send the record later, and the message says so."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    Path("experiments/pending").write_text("in the way")
    sent = tracked(trained)
    assert sent.problem is not None
    assert f"conflict-topics sync {trained.folder}" in caplog.text
    Path("experiments/pending").unlink()
    assert synced(trained, trained.folder, uri=local_store)[0].problem is None


def test_ctrl_c_while_sending_keeps_the_record(
    trained: Any, local_store: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tracking, "log_run", interrupt)
        assert tracked(trained).problem is not None
    assert "interrupted" in caplog.text
    assert [sent.problem for sent in synced(trained)] == [None]


def pause_by(monkeypatch: pytest.MonkeyPatch, pause: Callable[[float], Any]) -> None:
    """Let ``pause`` stand in for sleeping in ``locks`` alone: other threads sleep as ever."""
    monkeypatch.setattr(locks, "time", SimpleNamespace(sleep=pause, monotonic=time.monotonic))


def test_a_database_that_stays_locked(
    trained: Any, local_store: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.01)
    monkeypatch.setattr(locks, "PATIENCE", 0.05)
    with closing(sqlite3.connect(local_store.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert tracked(trained).problem is not None
        assert "database is locked" in caplog.text
        other.execute("ROLLBACK")
    assert [sent.problem for sent in synced(trained)] == [None]


def test_a_database_that_is_locked_for_a_while(trained: Any, local_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first pause of a try lets go of the lock; a client that did not try again would have failed."""
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.01)
    with closing(sqlite3.connect(local_store.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        pause_by(monkeypatch, lambda _: other.execute("ROLLBACK") if other.in_transaction else None)
        assert tracked(trained).problem is None
        assert not other.in_transaction


def test_calls_are_tried_again_while_the_database_is_locked_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    pause_by(monkeypatch, lambda _: None)
    answers: list[Exception | str] = [RuntimeError("(sqlite3.OperationalError) database is locked\n[SQL: …]"), "done"]

    class Client:
        def call(self) -> str:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    assert locks.Patient(Client()).call() == "done"
    answers[:] = [RuntimeError("disk I/O error"), "never"]
    with pytest.raises(RuntimeError, match="disk I/O error"):
        locks.Patient(Client()).call()


def test_a_store_that_is_slow_at_every_step_is_left_for_later(
    trained: Any, local_store: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracking, "MOST_SECONDS", -1.0)
    assert tracked(trained).problem is not None
    assert "mlflow.db is slow" in caplog.text
    assert [sent.problem for sent in synced(trained)] == [None]


def test_an_altered_folder_is_not_sent(trained: Any, workplace: Path, local_store: str, content: Look) -> None:
    folder = configured(trained.folder, workplace / "model")
    (folder / "metrics.json").write_text((folder / "metrics.json").read_text().replace("1.0", "0.9", 1))
    [sent] = synced(trained, folder)
    assert "altered since it was saved" in str(sent.problem)
    assert not content(local_store).runs


def test_a_folder_that_is_no_model(workplace: Path, trained: Any) -> None:
    (workplace / "half").mkdir()
    with pytest.raises(UserError, match="half: no such model folder"):
        synced(trained, workplace / "half")
    (workplace / "half" / "manifest.json").write_text("{}")
    [sent] = synced(trained, workplace / "half")
    assert "config.yaml" in str(sent.problem)


def test_a_damaged_entry_is_named_and_does_not_stop_the_others(trained: Any, local_store: str) -> None:
    with opened(local_store) as found:
        where = found.client.create_experiment("conflict-topics")
        found.client.delete_experiment(where)
        tracked(trained)
        found.client.restore_experiment(where)
    broken = Path("experiments/pending/broken")
    broken.mkdir()
    (broken / "entry.json").write_text("{")
    sent = synced(trained)
    assert [entry.problem is None for entry in sent] == [True, False]
    assert "Remove experiments/pending/broken to give this record up" in str(sent[1].problem)


def test_the_command_line_ends_well_and_sync_sends(
    corpus_file: Path, workplace: Path, local_store: str, content: Look
) -> None:
    def run(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "training", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment(**more), check=False)

    (workplace / "mine.yaml").write_text(
        f"name: mine\ndata: {{train: {corpus_file}, codebook: null}}\nevaluation: {{resamples: 100}}\n"
    )
    away = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    trained = run("train", "mine.yaml", **away)
    assert trained.returncode == 0, trained.stderr
    assert "micro-F1" in trained.stdout
    assert "not in MLflow yet; send it with: conflict-topics sync" in trained.stdout
    assert "Connection refused" in trained.stderr
    assert "Traceback" not in trained.stderr
    model = workplace / "experiments/models/mine"
    assert {path.name for path in model.iterdir()} >= {"config.yaml", "metrics.json", "report.html", "manifest.json"}
    assert "Connection refused" in run("sync", "--list").stdout
    failed = run("sync", **away)
    assert failed.returncode == 1
    assert "1 of 1 records were not sent" in failed.stderr
    done = run("sync", "--uri", local_store)
    assert done.returncode == 0, done.stderr
    assert "models:/conflict-topics@champion" in done.stdout
    assert run("sync").stdout == "Nothing to send.\n"
    assert len(content(local_store).runs) == 1
