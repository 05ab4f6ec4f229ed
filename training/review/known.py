"""What a saved model still knows of its training: metrics, support, codebook, the texts it learned from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.codebook import Codebook, load_codebook
from training.config import Columns, Config
from training.config_file import load_config
from training.corpus.columns import by_source, has_standard_labels, keys_of
from training.corpus.sources import read_rows
from training.errors import UserError
from training.measure import model_config, saved_codebook
from training.model.folder import parse
from training.model.model import Model

log = logging.getLogger(__name__)


def metrics_of(model: Model) -> dict[str, Any]:
    """``metrics.json`` of the model's folder; empty where it was saved without."""
    path = model.folder / "metrics.json" if model.folder else None
    if path is None or not path.exists():
        return {}
    return parse(path, path.read_bytes())


def support_of(model: Model) -> dict[str, int]:
    """Positive training paragraphs by topic, topics that were left out included; 0 where it is not known."""
    topics = metrics_of(model).get("test", {}).get("topics", {})
    known = {topic: int(entry.get("train_support") or 0) for topic, entry in topics.items()}
    return dict.fromkeys(model.topics, 0) | known


def codebook_of(model: Model, path: str | None = None) -> Codebook | None:
    """The codebook at ``path``, or the one saved with the model, or None."""
    return load_codebook(path) if path is not None else saved_codebook(model)


def labelled_texts(model: Model, labelled: Sequence[str]) -> list[str]:
    """Texts that have labels already: the training and test data of the model where they can be read, and ``labelled``.

    Data that the model was trained on and that are not here any more are a warning; a missing ``labelled`` file is an
    error.
    """
    data = model_config(model).data
    texts: list[str] = []
    for spec, where in ((data.train, "data.train"), (data.test, "data.test")):
        if spec is None or model.folder is None or not (model.folder / "config.yaml").exists():
            continue
        try:
            texts += texts_of(spec, data.columns, where)
        except UserError as problem:
            log.warning(
                "near-duplicates of %s cannot be left out, because it cannot be read here: %s Give --labelled FILE.",
                where,
                problem,
            )
    for path in labelled:
        texts += texts_of(path, Columns(), "--labelled")
    return texts


def texts_of(spec: str | Sequence[str], columns: Columns, where: str) -> list[str]:
    """The texts of labelled data, whatever their labels are."""
    rows = read_rows(spec, where=where, by_position=columns.by_position)
    texts: list[str] = []
    sources = by_source(rows)
    anywhere = keys_of(row for source in sources for row in source)
    for source in sources:
        first = source[0]
        key = "text" if has_standard_labels(columns, source, anywhere) else columns.text
        if key not in first.values:
            raise UserError(
                f"{first.place}: {where}: no column {key!r}, expected the text of a paragraph. "
                f"Columns found: {', '.join(map(str, first.values))}."
            )
        texts += [text for row in source if isinstance(text := row.values.get(key), str)]
    return texts


def is_model(path: str) -> bool:
    """Whether an argument that may be a config or a model names a model."""
    return ":/" in path or Path(path).is_dir()


def audited_config(config_or_model: str, overrides: Sequence[str] = ()) -> Config:
    """The config at a path, or the one that a model was trained with."""
    if not is_model(config_or_model):
        return load_config(config_or_model, overrides)
    if overrides:
        raise UserError(
            f"--set: {config_or_model} is a model, whose config is settled. Give a config to change keys of."
        )
    from training import load

    model = load(config_or_model)
    if model.folder is None or not (model.folder / "config.yaml").exists():
        raise UserError(
            f"{config_or_model}: was saved without config.yaml, so its data are not known. Give the config."
        )
    return model_config(model)
