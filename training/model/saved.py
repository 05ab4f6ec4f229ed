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
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import safetensors
import safetensors.numpy

from training.atomic import check_writable, telling, write_folder
from training.errors import UserError
from training.model.folder import (
    FORMAT,
    MANIFEST,
    OPTIONAL,
    REQUIRED,
    VERSION,
    check_version,
    manifest_of,
    parse,
    read_folder,
    to_json,
)
from training.model.model import Decision, Model
from training.model.parts import arrays_of, decision_of, description_of, scorer_of, topics_of
from training.model.scorer import Scorer

GOLDEN_TOLERANCE = 1e-4
MOST_GOLDEN_CHARACTERS = 1 << 20
GOLDEN_TEXTS = (
    "",
    "Soldiers opened fire on a convoy near the bridge, and four people were killed, officials said on Monday.",
    "The council met to discuss the price of bread; no decision was taken.",
    "Hundreds of families fled after warplanes struck the market. Délégués, Übergänge, Переговоры, اللاجئين, 停火.",
)
SETTINGS = ("name", "topics", "left_out", "trained_on")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def save(
    folder: Path, settings: Mapping[str, Any], scorer: Scorer, decision: Decision, extras: Mapping[str, bytes]
) -> Model:
    """Write a model folder and return the model as it will be loaded. ``extras`` are the files for people.

    Nothing is written unless what is to be written can be loaded.
    """
    return write(folder, pack(folder, settings, scorer, decision), extras)


class Packed(NamedTuple):
    """The files that make a model, and the model that was loaded from them."""

    files: Mapping[str, bytes]
    model: Model


def pack(folder: Path, settings: Mapping[str, Any], scorer: Scorer, decision: Decision) -> Packed:
    """The first half of :func:`save`. Nothing is written."""
    unsaved = Model("unsaved", list(settings["topics"]), scorer, decision, dict(settings))
    golden = {"texts": GOLDEN_TEXTS, "probabilities": unsaved.predict_proba(list(GOLDEN_TEXTS)).tolist()}
    description = {"format": FORMAT, "version": VERSION, **settings, **description_of(scorer, decision)}
    files = {
        "model.json": to_json(description),
        "model.safetensors": safetensors.numpy.save(arrays_of(scorer)),
        "golden.json": to_json(golden),
    }
    return Packed(files, _model_of(folder, files))


def write(folder: Path, packed: Packed, extras: Mapping[str, bytes]) -> Model:
    """The second half of :func:`save`."""
    files = {**packed.files, **extras}
    unexpected = set(files) - {*REQUIRED, *OPTIONAL}
    if unexpected:
        raise ValueError(f"not part of a model folder: {sorted(unexpected)}")
    check_place(folder)
    with telling(folder):
        write_folder(folder, {**files, MANIFEST: manifest_of(files)})
    return packed.model


def check_place(folder: Path) -> None:
    """Raise :class:`UserError` if no model can be saved to ``folder``: known before hours of training, not after."""
    with telling(folder):
        if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / MANIFEST).exists())):
            raise UserError(
                f"{folder}: exists and is not a model folder, so it is left as it is. Choose another --output."
            )
    check_writable(folder.parent)


def load(folder: str | Path) -> Model:
    """Load a model folder. Raises :class:`UserError` if any byte of it is not as it was saved."""
    folder = Path(folder)
    return _model_of(folder, read_folder(folder))


def _model_of(folder: Path, files: Mapping[str, bytes]) -> Model:
    description = parse(folder / "model.json", files["model.json"])
    check_version(folder, description)
    try:
        topics = topics_of(description)
        decision = decision_of(description)
        with ThreadPoolExecutor(1) as beside:
            digest = beside.submit(_digest, files)
            scorer = scorer_of(description, safetensors.numpy.load(files["model.safetensors"]))
        identity = _id_of(description, digest.result())
    except (safetensors.SafetensorError, pa.ArrowException, *_UNFIT) as problem:
        raise UserError(
            f"{folder}: the model's parts do not fit together ({_line(problem)}). Copy or train the model again."
        ) from None
    settings = {key: description.get(key) for key in SETTINGS}
    model = Model(identity, topics, scorer, decision, settings, folder)
    _check_golden(folder, model, parse(folder / "golden.json", files["golden.json"]))
    return model


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(files["model.json"])
    digest.update(files["model.safetensors"])
    return digest.hexdigest()


_UNFIT = (KeyError, TypeError, ValueError, IndexError, OverflowError, MemoryError)


def _line(problem: BaseException) -> str:
    text = " ".join(str(problem).split()) or type(problem).__name__
    return "".join(char if char.isprintable() else "?" for char in text)[:300]


def _id_of(description: Mapping[str, Any], digest: str) -> str:
    name = description["name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("the name is not that of an experiment")
    return f"{name}-{digest[:12]}"


def _check_golden(folder: Path, model: Model, golden: Mapping[str, Any]) -> None:
    lie = UserError(
        f"{folder}: does not give its golden predictions, so its parts do not belong together. "
        f"Copy or train the model again."
    )
    try:
        texts = golden["texts"]
        expected = np.asarray(golden["probabilities"], dtype=np.float32)
        known = isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts)
        if not known or sum(map(len, texts)) > MOST_GOLDEN_CHARACTERS:
            raise lie
        if expected.shape != (len(texts), len(model.topics)):
            raise lie
        given = model.predict_proba(texts)
    except _UNFIT:
        raise lie from None
    if not np.allclose(given, expected, rtol=0, atol=GOLDEN_TOLERANCE):
        raise lie
