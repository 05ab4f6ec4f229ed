from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.model.attacks import json_of, sign
from training import load
from training.atomic import write_folder
from training.errors import UserError

TEXTS = ["Families fled to the camp.", "", "   ", "Mortar barrage at the bridge", None, "ÄÖÜ 停火 arrested"]


@pytest.fixture
def folder(trained: Any, tmp_path: Path) -> Path:
    """A copy of a model folder that a test may spoil."""
    return Path(shutil.copytree(trained.folder, tmp_path / "model"))


def test_loaded_model_gives_identical_results(trained: Any, folder: Path) -> None:
    model = load(folder)
    assert model.id == trained.model.id
    assert isinstance(model.topics, list)  # so that it picks columns of a DataFrame
    assert (model.predict_proba(TEXTS) == trained.model.predict_proba(TEXTS)).all()
    assert (model.predict(TEXTS) == trained.model.predict(TEXTS)).all()
    assert model.tag(TEXTS)[0] == ["displacement"]
    assert model.tag(TEXTS)[1:3] == [[], []]


def test_loading_and_tagging_import_neither_scikit_learn_nor_mlflow(folder: Path) -> None:
    program = (
        "import sys; from training import load; model = load(sys.argv[1]); model.tag(['families fled']); "
        "print([name for name in ('sklearn', 'mlflow', 'pydantic', 'datasets') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_same_config_and_data_give_a_byte_identical_folder(trained: Any, corpus_file: Path, tmp_path: Path) -> None:
    from tests.conftest import config_for
    from training.train import train

    again = train(config_for(corpus_file), tmp_path / "again")
    first = {path.name: path.read_bytes() for path in trained.folder.iterdir()}
    assert first == {path.name: path.read_bytes() for path in again.folder.iterdir()}


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_any_altered_byte_is_refused(folder: Path, place: str) -> None:
    for path in sorted(folder.iterdir()):
        original = path.read_bytes()
        at = {"first": 0, "middle": len(original) // 2, "last": len(original) - 1}[place]
        path.write_bytes(original[:at] + bytes([original[at] ^ 1]) + original[at + 1 :])
        with pytest.raises(UserError, match=r"altered|not a JSON|not a model|format|does not list|missing"):
            load(folder)
        path.write_bytes(original)
    load(folder)


def test_missing_foreign_and_newer_folders(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such model folder.*make train"):
        load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="not a model folder"):
        load(tmp_path)
    json_of("manifest.json", lambda tree: tree.update(version=2))(folder)
    with pytest.raises(UserError, match=r"saved in model format 2; this version reads format 1\. Upgrade"):
        load(folder)


def test_models_of_before_there_were_passages_and_a_fallback_are_read(trained: Any, folder: Path) -> None:
    def older(tree: dict[str, Any]) -> None:
        del tree["passages"], tree["fallback"]

    json_of("model.json", older)(folder)
    sign(folder)
    model = load(folder)
    assert model.decision.fallback is None
    assert (model.predict_proba(TEXTS) == trained.model.predict_proba(TEXTS)).all()


def test_the_folder_before_stays_where_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    write_folder(folder, {"model.json": b"before"})
    real = os.rename

    def rename(source: Path, target: Path) -> None:
        if Path(source).suffix == ".tmp":
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(KeyboardInterrupt):
        write_folder(folder, {"model.json": b"after"})
    assert (folder / "model.json").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_is_no_model_is_never_replaced(tmp_path: Path) -> None:
    from tests.conftest import config_for
    from training.train import train

    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(UserError, match="not a model folder, so it is left as it is"):
        train(config_for(_corpus(tmp_path)), tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


def _corpus(tmp_path: Path) -> Path:
    from tests.conftest import synthetic_records, write_jsonl

    return write_jsonl(tmp_path / "c.jsonl", synthetic_records(20))
