from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from training import load
from training.errors import UserError
from training.model import saved

TEXTS = ["Families fled to the camp.", "", "   ", "Mortar barrage at the bridge", None, "ÄÖÜ 停火 arrested"]


@pytest.fixture
def folder(trained: Any, tmp_path: Path) -> Path:
    """A copy of a model folder that a test may spoil."""
    return Path(shutil.copytree(trained.folder, tmp_path / "model"))


def sign(folder: Path) -> None:
    """Write a manifest that fits whatever the folder holds now."""
    entries = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in folder.iterdir()
        if path.name != "manifest.json"
    }
    manifest = {"format": saved.FORMAT, "version": saved.VERSION, "files": entries}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_loaded_model_gives_identical_results(trained: Any, folder: Path) -> None:
    model = load(folder)
    assert model.id == trained.model.id
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


def edit_json(name: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        tree = json.loads((folder / name).read_text())
        change(tree)
        (folder / name).write_text(json.dumps(tree))

    return spoil


def edit_arrays(change: Callable[[dict[str, np.ndarray]], Any]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        arrays = safetensors.numpy.load_file(folder / "model.safetensors")
        change(arrays)
        safetensors.numpy.save_file(arrays, folder / "model.safetensors")

    return spoil


def assign(array: np.ndarray, at: Any, value: Any) -> None:
    array[at] = value


def huge_header(folder: Path) -> None:
    raw = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**62) + raw[8:])


ATTACKS: dict[str, Callable[[Path], None]] = {
    "weights of another shape": edit_arrays(lambda a: a.update(weights=a["weights"][:, :-1].copy())),
    "weights of another type": edit_arrays(lambda a: a.update(weights=a["weights"].astype(np.float64))),
    "a weight that is not a number": edit_arrays(lambda a: assign(a["weights"], (0, 0), np.nan)),
    "an infinite idf": edit_arrays(lambda a: assign(a["block0.idf"], 0, np.inf)),
    "an unknown array": edit_arrays(lambda a: a.update(more=np.zeros(2))),
    "a missing array": edit_arrays(lambda a: a.pop("intercepts")),
    "offsets past the end": edit_arrays(lambda a: assign(a["block0.offsets"], -1, 10**12)),
    "offsets that descend": edit_arrays(lambda a: assign(a["block0.offsets"], 2, 0)),
    "negative offsets": edit_arrays(lambda a: assign(a["block1.offsets"], 1, -5)),
    "terms that are not sorted": edit_arrays(lambda a: a.update({"block0.terms": a["block0.terms"][::-1].copy()})),
    "a character table that points outside": edit_arrays(lambda a: assign(a["characters.stage1"], 0, 60000)),
    "lying weights": edit_arrays(lambda a: a.update(weights=-a["weights"], intercepts=a["intercepts"] + 1)),
    "a huge header": huge_header,
    "no tensors": lambda folder: (folder / "model.safetensors").write_bytes(b""),
    "a pickle": lambda folder: (folder / "model.safetensors").write_bytes(b"\x80\x04cos\nsystem\n(S'false'\ntR."),
    "a topic twice": edit_json("model.json", lambda tree: assign(tree["topics"], 0, tree["topics"][1])),
    "too few fallbacks": edit_json("model.json", lambda tree: assign(tree, "fallback", [0.1])),
    "a fallback above its threshold": edit_json(
        "model.json", lambda tree: assign(tree, "fallback", [1.0] * len(tree["thresholds"]))
    ),
    "too few thresholds": edit_json("model.json", lambda tree: tree["thresholds"].pop()),
    "a threshold that is not a number": edit_json("model.json", lambda t: assign(t["thresholds"], 0, float("nan"))),
    "an unknown decision": edit_json("model.json", lambda tree: tree.update(exclusive="maybe")),
    "n-grams of endless length": edit_json("model.json", lambda t: assign(t["blocks"][0], "ngram_range", [1, 10**9])),
    "an unknown analyzer": edit_json("model.json", lambda tree: assign(tree["blocks"][0], "analyzer", "os.system")),
    "a wrong number of terms": edit_json("model.json", lambda tree: assign(tree["blocks"][0], "terms", 3)),
    "no blocks": edit_json("model.json", lambda tree: tree.update(blocks=[])),
    "topics that are no list": edit_json("model.json", lambda tree: tree.update(topics="shelling")),
    "lying golden predictions": edit_json("golden.json", lambda t: assign(t["probabilities"][1], 0, 0.123)),
    "no golden predictions": edit_json("golden.json", lambda tree: tree.update(texts=[], probabilities=[])),
    "golden predictions of another shape": edit_json("golden.json", lambda tree: tree["probabilities"].pop()),
    "JSON that is too deep": lambda folder: (folder / "model.json").write_text("[" * 200_000),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_manifest_signed_around_nonsense_does_not_help(folder: Path, attack: str) -> None:
    ATTACKS[attack](folder)
    sign(folder)
    with pytest.raises(UserError, match=r"do not fit together|golden predictions|not a JSON"):
        load(folder)


def test_a_signed_folder_as_such_is_accepted(folder: Path) -> None:
    sign(folder)
    load(folder)


def test_links_extra_files_and_paths_are_refused(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    shutil.copy(folder / "golden.json", outside)
    (folder / "golden.json").unlink()
    (folder / "golden.json").symlink_to(outside)
    with pytest.raises(UserError, match="not a regular file"):
        load(folder)
    (folder / "golden.json").unlink()
    with pytest.raises(UserError, match=r"golden\.json: missing"):
        load(folder)
    shutil.copy(outside, folder / "golden.json")
    (folder / "sitecustomize.py").write_text("print('run')")
    with pytest.raises(UserError, match="holds 'sitecustomize.py', which is not part of the model"):
        load(folder)
    sign(folder)
    with pytest.raises(UserError, match="does not list the files of a model"):
        load(folder)
    (folder / "sitecustomize.py").unlink()
    sign(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../outside.json"] = manifest["files"].pop("golden.json")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="does not list the files of a model"):
        load(folder)


def test_missing_foreign_and_newer_folders(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such model folder.*make train"):
        load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="not a model folder"):
        load(tmp_path)
    edit_json("manifest.json", lambda tree: tree.update(version=2))(folder)
    with pytest.raises(UserError, match=r"saved in model format 2; this version reads format 1\. Upgrade"):
        load(folder)


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
