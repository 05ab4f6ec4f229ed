"""Models in the MLflow registry: their versions, who is champion, and fetching them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from training.errors import UserError
from training.model.model import Model
from training.tracking import cache
from training.tracking.runs import Tracked
from training.tracking.steps import reason
from training.tracking.store import Store, opened, shown, tracking_uri

CHAMPION, CHALLENGER = "champion", "challenger"
VERDICT, WHY = "conflict-topics.verdict", "conflict-topics.reason"
VERSIONS_OF_MODEL = "mlflow.modelVersions"
LONGEST_REASON = 1000


@dataclass(frozen=True)
class Registered:
    """A version in the registry and the alias it was given, with the reason."""

    name: str
    version: str
    alias: str
    reason: str

    def __str__(self) -> str:
        return f"models:/{self.name}@{self.alias}  (version {self.version}; {self.reason})"


def register(store: Store, tracked: Tracked, name: str) -> str:
    """The version of the registered model ``name`` that holds the model of a run; made where it is missing."""
    client = store.client
    found = _versions(store, tracked.run_id, name)
    if not found:
        _make_name(store, name)
        source = f"models:/{tracked.model_id}"
        client.create_model_version(
            name, source, tracked.run_id, await_creation_for=None, model_id=tracked.model_id
        )  # fmt: skip
        found = _versions(store, tracked.run_id, name)
    version = str(found[0].version)
    for repeated in found[1:]:  # a request whose answer was lost can have been carried out twice
        client.delete_model_version(name, str(repeated.version))
    link = json.dumps([{"name": name, "version": version}])
    client.set_logged_model_tags(tracked.model_id, {VERSIONS_OF_MODEL: link})
    return version


def verdict_of(store: Store, name: str, version: str) -> Registered | None:
    """What was decided about a version, if it was."""
    tags = store.client.get_model_version(name, version).tags
    return Registered(name, version, tags[VERDICT], tags.get(WHY, "")) if VERDICT in tags else None


def decide(store: Store, registered: Registered) -> None:
    """Give a version its alias. The verdict is written last: where it stands, nothing is left to do."""
    name, version = registered.name, registered.version
    store.client.set_model_version_tag(name, version, WHY, registered.reason[:LONGEST_REASON])
    store.client.set_registered_model_alias(name, registered.alias, version)
    store.client.set_model_version_tag(name, version, VERDICT, registered.alias)


def champion(store: Store, name: str) -> Any:
    """The version that holds the champion's alias, or None."""
    try:
        return store.client.get_model_version_by_alias(name, CHAMPION)
    except store.mlflow.exceptions.MlflowException as problem:
        if problem.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def trained_at(store: Store, version: Any) -> int:
    """When the model of a version was trained, in milliseconds since 1970; 0 where its run is gone."""
    try:
        return int(store.client.get_run(version.run_id).info.end_time or 0)
    except store.mlflow.exceptions.MlflowException:
        return 0


def fetch_model(uri: str, configured: str | None = None) -> Model:
    """Download the folder of the model that an MLflow URI names, verify and load it.

    The MLflow model around the folder is not opened: nothing that the store holds is run.
    """
    place = tracking_uri(configured)
    try:
        with opened(place, make=False) as store:
            return cache.fetch(store, uri)
    except UserError:
        raise
    except Exception as problem:  # network, permission, unknown name or alias: many types
        raise UserError(
            f"{uri}: cannot be fetched from {shown(place)}: {reason(problem)} "
            f"Set MLFLOW_TRACKING_URI to the server that holds it."
        ) from problem


def _versions(store: Store, run_id: str, name: str) -> list[Any]:
    found = store.client.search_model_versions(f"run_id = '{run_id}'")
    return sorted((version for version in found if version.name == name), key=lambda version: int(version.version))


def _make_name(store: Store, name: str) -> None:
    try:
        store.client.create_registered_model(name)
    except store.mlflow.exceptions.MlflowException as problem:
        if problem.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
            raise
