"""One MLflow run for one trained model folder; everything logged is read from that folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from training.tracking.store import connect, experiment_id

LOADER = "training.tracking.pyfunc"


@dataclass(frozen=True)
class Tracked:
    """A run as the store knows it."""

    run_id: str
    uri: str
    version: str | None

    def __str__(self) -> str:
        return f"{self.run_id}  ({self.uri})"


def log_run(folder: Path, seconds: float) -> Tracked:
    """Log the model folder as a finished run: parameters, metrics, data, artifacts and the model itself."""
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    tracking = config["tracking"]
    mlflow = connect(tracking["uri"])
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    where = experiment_id(mlflow, tracking["experiment"])
    with mlflow.start_run(experiment_id=where, run_name=config["name"]) as run:
        mlflow.log_params(dict(flattened(config)))
        mlflow.log_metrics(dict(numbers(metrics)) | {"seconds": seconds})
        for context, entry in description["trained_on"].items():
            mlflow.log_input(_dataset(mlflow, config, context, entry), context=context)
        for name in ("config.yaml", "codebook.yaml", "metrics.json", "report.html"):
            if (folder / name).exists():
                mlflow.log_artifact(str(folder / name))
        mlflow.log_table(_topic_table(metrics["test"]), "topics.json")
        logged = mlflow.pyfunc.log_model(
            name="model",
            loader_module=LOADER,
            data_path=str(folder),
            signature=_signature(mlflow),
            input_example=_example(),
            pip_requirements=["conflict-topics"],
            registered_model_name=tracking["registered_model"],
        )
        version = logged.registered_model_version
        return Tracked(run.info.run_id, mlflow.get_tracking_uri(), None if version is None else str(version))


def flattened(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys with the leaves of a nested mapping."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def numbers(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers of ``metrics.json`` under names that MLflow takes; intervals as ``….low`` and ``….high``."""
    for key, value in flattened(metrics):
        name = re.sub(r"[^\w\-. :/]", "_", key)
        if isinstance(value, list) and len(value) == 2 and all(isinstance(part, int | float) for part in value):
            yield from zip((f"{name}.low", f"{name}.high"), map(float, value), strict=True)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield name, float(value)


def _dataset(mlflow: Any, config: Mapping[str, Any], context: str, entry: Mapping[str, Any]) -> Any:
    """Our own digest over every record: MLflow's covers the first 10,000 rows only."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.types import ColSpec, Schema

    source = config["data"][context] or config["data"]["train"]
    schema = Schema([ColSpec("string", "text"), ColSpec("string", "topics")])
    origin = CodeDatasetSource({"source": str(source), "paragraphs": entry["paragraphs"], "sha256": entry["sha256"]})
    return MetaDataset(origin, name=context, digest=entry["sha256"][:32], schema=schema)


def _topic_table(test: Mapping[str, Any]) -> dict[str, list[Any]]:
    columns = ("support", "train_support", "tagged", "precision", "recall", "f1", "average_precision", "threshold")
    table: dict[str, list[Any]] = {"topic": list(test["topics"])}
    for column in columns:
        table[column] = [entry.get(column) for entry in test["topics"].values()]
    return table


def _signature(mlflow: Any) -> Any:
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array

    outputs = [
        ColSpec(Array(DataType.string), "topics"),
        ColSpec(Array(DataType.double), "probabilities"),
        ColSpec(DataType.string, "model"),
    ]
    return mlflow.models.ModelSignature(inputs=Schema([ColSpec(DataType.string, "text")]), outputs=Schema(outputs))


def _example() -> Any:
    import pandas as pd

    from training.model.saved import GOLDEN_TEXTS

    return pd.DataFrame({"text": [text for text in GOLDEN_TEXTS if text]})
