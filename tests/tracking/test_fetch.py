from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tracking.conftest import Look
from tests.tracking.helpers import tracked
from training import load
from training.errors import UserError
from training.measure import model_config
from training.tracking import cache

TEXTS = ["Families fled the camp.", "Two men were arrested.", ""]


@pytest.fixture
def stored(trained: Any, local_store: str, content: Look) -> Path:
    """The folder in which a store keeps the files of the champion's MLflow model."""
    tracked(trained)
    [model] = content(local_store).models
    return Path(model.artifact_location.removeprefix("file://"))


def cached() -> list[Path]:
    return sorted((Path(os.environ["XDG_CACHE_HOME"]) / "conflict-topics" / "models").iterdir())


@pytest.mark.parametrize("form", ["models:/conflict-topics@champion", "models:/conflict-topics/1", "runs:/{run}/model"])
def test_every_form_of_uri_gives_the_model(
    trained: Any, stored: Path, local_store: str, content: Look, form: str
) -> None:
    model = load(form.format(run=content(local_store).runs[0].info.run_id))
    assert model.id == trained.model.id
    assert np.array_equal(model.predict_proba(TEXTS), trained.model.predict_proba(TEXTS))
    assert model_config(model).name == "small", "its own config is at hand"


def test_the_uri_of_a_logged_model(trained: Any, stored: Path, local_store: str, content: Look) -> None:
    assert load(f"models:/{content(local_store).models[0].model_id}").id == trained.model.id


def test_a_model_is_downloaded_once(stored: Path) -> None:
    load("models:/conflict-topics@champion")
    [folder] = cached()
    weights = next(stored.rglob("model.safetensors"))
    weights.unlink()
    assert load("models:/conflict-topics@champion").folder == folder
    assert cached() == [folder]


def test_a_damaged_copy_in_the_cache_is_downloaded_again(stored: Path) -> None:
    load("models:/conflict-topics@champion")
    [folder] = cached()
    (folder / "golden.json").write_text("{}")
    load("models:/conflict-topics@champion")
    assert (folder / "golden.json").stat().st_size > 2


def test_copies_that_nobody_uses_go(stored: Path) -> None:
    load("models:/conflict-topics@champion")
    [folder] = cached()
    old = folder.with_name("0" * 64)
    shutil.copytree(folder, old)
    os.utime(old, (0, old.stat().st_mtime - cache.KEPT_SECONDS - 60))
    shutil.rmtree(folder)
    load("models:/conflict-topics@champion")
    assert cached() == [folder]


def test_a_cache_that_cannot_be_written(stored: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    model = load("models:/conflict-topics@champion")
    assert model.folder is not None
    assert not model.folder.is_relative_to(tmp_path)


def alter_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def add_code(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text("raise SystemExit('run')")


def add_pickle(folder: Path) -> None:
    (folder / "python_model.pkl").write_bytes(b"cos\nsystem\n(S'touch /tmp/never'\ntR.")


def resign(folder: Path) -> None:
    """The manifest made to fit other thresholds; the golden predictions still give them away."""
    import hashlib

    path = folder / "model.safetensors"
    content = path.read_bytes()
    at = len(content) - 4000
    path.write_bytes(content[:at] + bytes(4000))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["model.safetensors"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("attack", [alter_weights, add_code, add_pickle, resign])
def test_what_was_tampered_with_in_the_store_is_refused(stored: Path, attack: Any) -> None:
    attack(next(stored.rglob("manifest.json")).parent)
    with pytest.raises(
        UserError, match=r"models:/conflict-topics@champion: refused: what sqlite:.* is not a sound model"
    ):
        load("models:/conflict-topics@champion")
    assert cached() == []


def test_the_code_around_the_folder_is_never_run(stored: Path, tmp_path: Path) -> None:
    """An MLmodel that names another loader, and code beside it, are not even downloaded."""
    trap = tmp_path / "trap"
    (stored / "code").mkdir()
    (stored / "code" / "evil.py").write_text(f"open({str(trap)!r}, 'w')\ndef _load_pyfunc(path): pass\n")
    text = (stored / "MLmodel").read_text()
    (stored / "MLmodel").write_text(
        text.replace("training.tracking.pyfunc", "evil").replace("code: null", "code: code")
    )
    (stored / "python_model.pkl").write_bytes(b"cbuiltins\nopen\n(S'" + str(trap).encode() + b"'\nS'w'\ntR.")
    load("models:/conflict-topics@champion")
    assert not trap.exists()
    [folder] = cached()
    assert {path.name for path in folder.iterdir()} <= {
        *("manifest.json", "model.json", "model.safetensors", "golden.json"),
        *("config.yaml", "codebook.yaml", "metrics.json", "report.html"),
    }


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("models:/conflict-topics@nobody", "nobody"),
        ("models:/conflict-topics/7", "7"),
        ("models:/unknown@champion", "unknown"),
        ("runs:/0123456789abcdef0123456789abcdef/model", "0123456789abcdef"),
        ("models:/", "models:/"),
    ],
)
def test_what_is_not_there(stored: Path, uri: str, said: str) -> None:
    with pytest.raises(UserError, match=f"cannot be fetched from sqlite:.*{said}.*MLFLOW_TRACKING_URI"):
        load(uri)


def test_no_database_is_made_by_asking_for_a_model(workplace: Path) -> None:
    with pytest.raises(UserError, match="there is no such MLflow database"):
        load("models:/conflict-topics@champion")
    assert not list(workplace.iterdir())


def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:1")
    with pytest.raises(UserError, match=r"cannot be fetched from http://me:\*\*\*@127.0.0.1:1: .*Connection refused"):
        load("models:/conflict-topics@champion")
