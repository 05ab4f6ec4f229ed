"""The MLflow model around a model folder: a pyfunc by loader module with the folder as its data. No pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.model.saved import GOLDEN_TEXTS
from training.tracking.pyfunc import TEXT_COLUMN
from training.tracking.store import Store

LOADER = "training.tracking.pyfunc"


def write_model(store: Store, target: Path, folder: Path, logged: Any, run_id: str) -> None:
    """Write ``folder`` as an MLflow model to ``target``, for the logged model that is to hold it."""
    from mlflow.models import Model

    about = Model(
        artifact_path=logged.artifact_location, model_uuid=logged.model_id, run_id=run_id, model_id=logged.model_id
    )
    store.mlflow.pyfunc.save_model(
        path=str(target),
        loader_module=LOADER,
        data_path=str(folder),
        mlflow_model=about,
        signature=_signature(store),
        input_example=_example(),
        pip_requirements=["conflict-topics"],
    )


def _signature(store: Store) -> Any:
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array

    inputs = [ColSpec(DataType.string, TEXT_COLUMN)]
    outputs = [
        ColSpec(Array(DataType.string), "topics"),
        ColSpec(Array(DataType.double), "probabilities"),
        ColSpec(DataType.string, "model"),
    ]
    return store.mlflow.models.ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _example() -> Any:
    import pandas as pd

    return pd.DataFrame({TEXT_COLUMN: [text for text in GOLDEN_TEXTS if text]})
