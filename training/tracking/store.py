"""Where runs go: the tracking server of ``tracking.uri`` or ``MLFLOW_TRACKING_URI``, else SQLite in experiments/."""

from __future__ import annotations

import logging
import os
import re
import socket
import sqlite3
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from training.errors import UserError
from training.tracking.locks import Patient, locked, patiently

LOCAL_DATABASE = Path("experiments/mlflow.db")
HIDDEN_PASSWORD = "***"
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # mlflow's own are 120 s and 7 tries with pauses that double from 2 s: a quarter of an hour for one request.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
"""Used where the environment does not say otherwise."""

NOISY = ("mlflow", "alembic", "urllib3")
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
LOCK_SECONDS, BUSY_SECONDS = 120.0, 20.0


@dataclass(frozen=True)
class Store:
    """An MLflow store that answered. ``client`` is an ``MlflowClient`` that waits for a busy SQLite."""

    mlflow: Any
    client: Any
    uri: str

    def __str__(self) -> str:
        return shown(self.uri)

    @property
    def database(self) -> Path | None:
        """The file of a SQLite store."""
        return database_of(self.uri)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep our other processes from writing to a SQLite store meanwhile. A server serves many at once."""
        if self.database is None:
            yield
            return
        with locked(_lock_of(self.database), LOCK_SECONDS):
            yield


def tracking_uri(configured: str | None = None, otherwise: str | None = None) -> str:
    """The store that a config means; one that was set in Python counts like ``MLFLOW_TRACKING_URI``.

    ``otherwise`` stands in the place of SQLite in experiments/.
    """
    chosen = configured or os.environ.get("MLFLOW_TRACKING_URI")
    if chosen is None and "mlflow" in sys.modules and sys.modules["mlflow"].is_tracking_uri_set():
        chosen = sys.modules["mlflow"].get_tracking_uri()
    return chosen or otherwise or f"sqlite:///{LOCAL_DATABASE.resolve()}"


def shown(uri: str) -> str:
    """``uri`` without its password."""
    return re.sub(r"(?<=://)([^/@:]*):[^/]*@", rf"\1:{HIDDEN_PASSWORD}@", uri)


def database_of(uri: str) -> Path | None:
    """The file of a ``sqlite:///`` URI that is a plain path."""
    path = uri.removeprefix("sqlite:///").partition("?")[0]
    plain = uri.startswith("sqlite:///") and path and not path.startswith((":", "file:"))
    return Path(path) if plain else None


@contextmanager
def opened(uri: str, *, make: bool = True) -> Iterator[Store]:
    """Connect to a store and point mlflow at it for as long as this lasts; nothing of mlflow is changed afterwards.

    ``make`` a SQLite database that is not there. Raises whatever mlflow and its transports raise.
    """
    database = database_of(uri)
    if database is not None and not make and not database.exists():
        raise UserError(
            f"{shown(uri)}: there is no such MLflow database. Train a model here first, or name the server that holds "
            f"the model in MLFLOW_TRACKING_URI."
        )
    _reach(uri, database)
    with _environment(), _quiet_mlflow() as mlflow:
        before = os.environ.get("MLFLOW_TRACKING_URI")
        mlflow.set_tracking_uri(uri)
        try:
            yield Store(mlflow, _client(mlflow, database), uri)
        finally:
            mlflow.set_tracking_uri(None)
            if before is not None:
                os.environ["MLFLOW_TRACKING_URI"] = before


def experiment_id(store: Store, name: str) -> str:
    """The experiment of that name, made where it is missing; artifacts of a SQLite store stay beside its database."""
    found = store.client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(store.client.create_experiment(name, artifact_location=_artifacts(store, name)))
        except store.mlflow.exceptions.MlflowException:
            found = store.client.get_experiment_by_name(name)  # another training made it meanwhile
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        raise UserError(f'the MLflow experiment "{name}" is deleted. Restore it there, or name another one.')
    return str(found.experiment_id)


def _artifacts(store: Store, name: str) -> str | None:
    if store.database is None:
        return None
    return (store.database.resolve().parent / "mlartifacts" / re.sub(r"[^\w.-]|^\.+", "_", name)).as_uri()


def _client(mlflow: Any, database: Path | None) -> Any:
    """A client of a store whose tables exist: they are made by one process at a time."""
    if database is None:
        client = mlflow.MlflowClient()
    else:
        with locked(_lock_of(database), LOCK_SECONDS):
            client = patiently(mlflow.MlflowClient)
    return Patient(client)


def _lock_of(database: Path) -> Path:
    return database.with_name(f"{database.name}.lock")


def _reach(uri: str, database: Path | None) -> None:
    """Fail at once, with the reason, where mlflow would try for minutes."""
    if database is not None:
        database.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as connection:
            patiently(lambda: connection.execute("PRAGMA schema_version").fetchone())
        return
    parts = urlsplit(uri)
    port = PORTS.get(parts.scheme.partition("+")[0])
    if port is not None and parts.hostname:
        socket.create_connection((parts.hostname, parts.port or port), timeout=10).close()


@contextmanager
def _environment() -> Iterator[None]:
    added = [name for name in SETTINGS if name not in os.environ]
    os.environ.update({name: SETTINGS[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _quiet_mlflow() -> Iterator[Any]:
    """The mlflow module, kept from logging and warning about its own affairs; what fails reaches us as an exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow  # sets the level of its own logger

        levels = {name: logging.getLogger(name).level for name in NOISY}
        for name in NOISY:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            yield mlflow
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
