"""Where runs go: the tracking server of ``tracking.uri`` or ``MLFLOW_TRACKING_URI``, else SQLite in experiments/."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path
from typing import Any

from training.errors import UserError

LOCAL_DATABASE = Path("experiments/mlflow.db")
LOCAL_ARTIFACTS = Path("experiments/mlartifacts")


def tracking_uri(configured: str | None) -> str:
    """The store that a config means."""
    return configured or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{LOCAL_DATABASE.resolve()}"


def connect(configured: str | None = None) -> Any:
    """The ``mlflow`` module, pointed at the store. Making a local one creates its folder."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    uri = tracking_uri(configured)
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow


def experiment_id(mlflow: Any, name: str) -> str:
    """The experiment of that name, made where it is missing; artifacts of a local store stay beside its database."""
    client = mlflow.MlflowClient()
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage == "deleted":
            raise UserError(
                f'MLflow experiment "{name}" is deleted. Restore it, or set tracking.experiment to another.'
            )
        return str(found.experiment_id)
    local = mlflow.get_tracking_uri().startswith("sqlite:///")
    location = (LOCAL_ARTIFACTS.resolve() / name).as_uri() if local else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except mlflow.exceptions.MlflowException:
        found = client.get_experiment_by_name(name)  # another training made it meanwhile
        if found is None:
            raise
        return str(found.experiment_id)
