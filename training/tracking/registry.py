"""Models in the MLflow registry: fetching them, and who is champion."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from training.errors import UserError
from training.model import saved
from training.model.model import Model
from training.tracking.store import connect

CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True)
class Registered:
    """A version in the registry and the alias it was given, with the reason."""

    name: str
    version: str
    alias: str
    reason: str

    def __str__(self) -> str:
        return f"models:/{self.name}@{self.alias}  (version {self.version}; {self.reason})"


def fetch_model(uri: str, configured: str | None = None) -> Model:
    """Download the model that an MLflow URI names and load its folder; the MLflow model around it is never run."""
    mlflow = connect(configured)
    with tempfile.TemporaryDirectory(prefix="conflict-topics-") as place:
        try:
            downloaded = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=place))
        except Exception as problem:  # network, permission, unknown name or alias: many types
            reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
            raise UserError(
                f"{uri}: cannot be fetched from {mlflow.get_tracking_uri()}: {reason} "
                f"Set MLFLOW_TRACKING_URI to the server that holds it."
            ) from problem
        folders = sorted(path.parent for path in downloaded.rglob("manifest.json"))
        if len(folders) != 1:
            raise UserError(f"{uri}: holds {len(folders)} model folders of conflict-topics, expected one.")
        return saved.load(folders[0])


def current_champion(name: str, configured: str | None = None) -> Model | None:
    """The model that holds the champion's alias, or None."""
    mlflow = connect(configured)
    try:
        mlflow.MlflowClient().get_model_version_by_alias(name, CHAMPION)
    except mlflow.exceptions.MlflowException as problem:
        if problem.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return fetch_model(f"models:/{name}@{CHAMPION}", configured)


def give_alias(configured: str | None, name: str, version: str, alias: str) -> None:
    """Point ``alias`` at ``version``."""
    connect(configured).MlflowClient().set_registered_model_alias(name, alias, version)
