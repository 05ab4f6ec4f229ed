"""The saved model: a folder of JSON and safetensors that runs no code, checked byte by byte when it is loaded.

=====================  ===========================================================================
``manifest.json``      name, size and SHA-256 of every other file; nothing else may be in the folder
``model.json``         topics, feature blocks, thresholds, calibration
``model.safetensors``  vocabulary, idf, weights, intercepts, character table
``golden.json``        texts with the probabilities that the model must give them
the rest               ``config.yaml``, ``codebook.yaml``, ``metrics.json``, ``report.html``: for people
=====================  ===========================================================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import safetensors
import safetensors.numpy

from training.atomic import write_folder
from training.errors import UserError
from training.model.characters import CharacterTable
from training.model.model import Decision, Exclusive, Model
from training.model.scorer import Block, BlockSettings, Scorer
from training.model.terms import Terms

FORMAT, VERSION = "conflict-topics-model", 1
REQUIRED = ("model.json", "model.safetensors", "golden.json")
OPTIONAL = ("config.yaml", "codebook.yaml", "metrics.json", "report.html")
MOST_JSON_BYTES = 64 * 2**20
GOLDEN_TOLERANCE = 1e-4
GOLDEN_TEXTS = (
    "",
    "Soldiers opened fire on a convoy near the bridge, and four people were killed, officials said on Monday.",
    "The council met to discuss the price of bread; no decision was taken.",
    "Hundreds of families fled after warplanes struck the market. Délégués, Übergänge, Переговоры, اللاجئين, 停火.",
)

Arrays = dict[str, npt.NDArray[Any]]


def save(
    folder: Path, settings: Mapping[str, Any], scorer: Scorer, decision: Decision, extras: Mapping[str, bytes]
) -> Model:
    """Write a model folder and return the model as loaded from it. ``extras`` are the files for people."""
    unsaved = Model("unsaved", tuple(settings["topics"]), scorer, decision, dict(settings))
    golden = {"texts": GOLDEN_TEXTS, "probabilities": unsaved.predict_proba(list(GOLDEN_TEXTS)).tolist()}
    description = {
        "format": FORMAT,
        "version": VERSION,
        **settings,
        "blocks": [asdict(block.settings) | {"terms": len(block.terms)} for block in scorer.blocks],
        "exclusive": decision.exclusive,
        "thresholds": decision.thresholds.tolist(),
        "fallback": None if decision.fallback is None else decision.fallback.tolist(),
    }
    files = {
        "model.json": _json(description),
        "model.safetensors": safetensors.numpy.save(_arrays(scorer)),
        "golden.json": _json(golden),
        **extras,
    }
    unexpected = set(files) - {*REQUIRED, *OPTIONAL}
    if unexpected:
        raise ValueError(f"not part of a model folder: {sorted(unexpected)}")
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / "manifest.json").exists())):
        raise UserError(f"{folder}: exists and is not a model folder, so it is left as it is. Choose another --output.")
    write_folder(folder, {**files, "manifest.json": _manifest(files)})
    return load(folder)


def load(folder: str | Path) -> Model:
    """Load a model folder. Raises :class:`UserError` if any byte of it is not as it was saved."""
    folder = Path(folder)
    files = _verified_files(folder)
    description = _parse(folder / "model.json", files["model.json"])
    _check_version(folder, description)
    digest = hashlib.sha256(files["model.json"] + files["model.safetensors"]).hexdigest()
    try:
        arrays = safetensors.numpy.load(files["model.safetensors"])
        scorer = _scorer(description, arrays)
        decision = _decision(description)
    except (safetensors.SafetensorError, pa.ArrowException, KeyError, TypeError, ValueError, IndexError) as problem:
        raise UserError(
            f"{folder}: the model's parts do not fit together ({problem}). Copy or train the model again."
        ) from None
    settings = {name: description.get(name) for name in ("name", "topics", "left_out", "trained_on")}
    model = Model(
        f"{description['name']}-{digest[:12]}", tuple(description["topics"]), scorer, decision, settings, folder
    )
    _check_golden(folder, model, _parse(folder / "golden.json", files["golden.json"]))
    return model


def _json(tree: Any) -> bytes:
    return (json.dumps(tree, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def _manifest(files: Mapping[str, bytes]) -> bytes:
    entries = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(files.items())
    }
    return _json({"format": FORMAT, "version": VERSION, "files": entries})


def _verified_files(folder: Path) -> dict[str, bytes]:
    """The bytes of every file that the manifest names, each as it was saved; hashed and used from one read."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such model folder. Train one with: make train")
    manifest_path = folder / "manifest.json"
    if not manifest_path.is_file() or manifest_path.is_symlink():
        raise UserError(f"{folder}: not a model folder: it has no manifest.json. Train a model with: make train")
    manifest = _parse(manifest_path, _read(manifest_path))
    _check_version(folder, manifest)
    entries = manifest.get("files")
    if not isinstance(entries, dict) or not set(REQUIRED) <= set(entries) <= {*REQUIRED, *OPTIONAL}:
        raise UserError(f"{manifest_path}: does not list the files of a model. Copy or train the model again.")
    extra = sorted(path.name for path in folder.iterdir() if path.name not in {*entries, "manifest.json"})
    if extra:
        raise UserError(f"{folder}: holds {extra[0]!r}, which is not part of the model. Move it elsewhere.")
    return {name: _verified(folder / name, entry) for name, entry in entries.items()}


def _verified(path: Path, entry: Any) -> bytes:
    if not path.exists():
        raise UserError(f"{path}: missing, though manifest.json lists it. Copy or train the model again.")
    if path.is_symlink() or not path.is_file():
        raise UserError(f"{path}: not a regular file. A model holds no links; copy or train it again.")
    content = path.read_bytes() if path.stat().st_size == (entry or {}).get("bytes") else b""
    if hashlib.sha256(content).hexdigest() != entry.get("sha256"):
        raise UserError(f"{path}: altered since it was saved (its SHA-256 differs). Copy or train the model again.")
    return content


def _read(path: Path) -> bytes:
    if path.stat().st_size > MOST_JSON_BYTES:
        raise UserError(f"{path}: larger than {MOST_JSON_BYTES} bytes, so not a file of a model.")
    return path.read_bytes()


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        tree = None
    if not isinstance(tree, dict):
        raise UserError(f"{path}: not a JSON object. Copy or train the model again.")
    return tree


def _check_version(folder: Path, description: Mapping[str, Any]) -> None:
    if description.get("format") != FORMAT:
        raise UserError(f"{folder}: not a model of conflict-topics. Train one with: make train")
    version = description.get("version")
    if not isinstance(version, int) or version != VERSION:
        raise UserError(
            f"{folder}: saved in model format {version!r}; this version reads format {VERSION}. "
            f"Upgrade conflict-topics, or train the model again."
        )


def _arrays(scorer: Scorer) -> Arrays:
    arrays: Arrays = {"weights": scorer.weights, "intercepts": scorer.intercepts}
    for at, block in enumerate(scorer.blocks):
        arrays |= {
            f"block{at}.terms": block.terms.data,
            f"block{at}.offsets": block.terms.offsets,
            f"block{at}.idf": block.idf,
        }
    arrays |= {f"characters.{name}": array for name, array in scorer.characters.arrays().items()}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _scorer(description: Mapping[str, Any], arrays: Arrays) -> Scorer:
    blocks = []
    for at, entry in enumerate(description["blocks"]):
        fields = dict(entry)
        n_terms = fields.pop("terms")
        terms = Terms(_array(arrays, f"block{at}.terms"), _array(arrays, f"block{at}.offsets"))
        idf = _array(arrays, f"block{at}.idf", np.float32, (n_terms,))
        blocks.append(Block(BlockSettings(**fields | {"ngram_range": tuple(fields["ngram_range"])}), terms, idf))
    n_topics = len(_topics(description))
    weights = _array(arrays, "weights", np.float32, (sum(len(block.terms) for block in blocks), n_topics))
    intercepts = _array(arrays, "intercepts", np.float32, (n_topics,))
    table = {name.partition(".")[2]: arrays.pop(name) for name in list(arrays) if name.startswith("characters.")}
    if arrays:
        raise ValueError(f"unknown arrays: {', '.join(sorted(arrays))}")
    return Scorer(blocks, weights, intercepts, CharacterTable.from_arrays(table))


def _array(arrays: Arrays, name: str, dtype: Any = None, shape: tuple[int, ...] | None = None) -> npt.NDArray[Any]:
    array = arrays.pop(name)
    if dtype is not None and (array.dtype != dtype or array.shape != shape):
        raise ValueError(f"{name} is {array.dtype}{list(array.shape)}, expected {np.dtype(dtype)}{list(shape or ())}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} holds a value that is not finite")
    return array


def _topics(description: Mapping[str, Any]) -> list[str]:
    topics = description["topics"]
    if not isinstance(topics, list) or not all(isinstance(topic, str) and topic for topic in topics):
        raise ValueError("topics is not a list of names")
    if len(set(topics)) != len(topics) or not isinstance(description["name"], str):
        raise ValueError("a topic stands twice, or the name is not text")
    return topics


def _decision(description: Mapping[str, Any]) -> Decision:
    n_topics = len(_topics(description))

    def cuts(name: str) -> npt.NDArray[np.float32]:
        return _array({name: np.asarray(description[name], dtype=np.float32)}, name, np.float32, (n_topics,))

    thresholds, fallback = cuts("thresholds"), None
    if description["fallback"] is not None:
        fallback = cuts("fallback")
        if (fallback > thresholds).any():
            raise ValueError("a fallback is above its threshold")
    if description["exclusive"] not in get_args(Exclusive):
        raise ValueError(f"exclusive is none of {', '.join(get_args(Exclusive))}")
    return Decision(thresholds, description["exclusive"], fallback)


def _check_golden(folder: Path, model: Model, golden: Mapping[str, Any]) -> None:
    lie = UserError(
        f"{folder}: does not give its golden predictions, so its parts do not belong together. "
        f"Copy or train the model again."
    )
    try:
        texts = golden["texts"]
        expected = np.asarray(golden["probabilities"], dtype=np.float32)
        if not isinstance(texts, list) or not texts or expected.shape != (len(texts), len(model.topics)):
            raise lie
        given = model.predict_proba(texts)
    except (KeyError, TypeError, ValueError):
        raise lie from None
    if not np.allclose(given, expected, rtol=0, atol=GOLDEN_TOLERANCE):
        raise lie
