"""A working folder of its own for each test, and a look into MLflow stores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.tracking.proxy import Proxy
from tests.tracking.servers import Server, mlflow_server
from training.tracking.store import opened


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with a cache of its own, no MLflow settings, and a client that gives up at once."""
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    place = tmp_path / "workplace"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store with its tables and nothing in them, to be copied: making one takes seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    with opened(f"sqlite:///{path}"):
        pass
    return path


@pytest.fixture
def local_store(workplace: Path, empty_store: Path) -> str:
    """The URI of an empty store at the default place of the working folder."""
    path = workplace / "experiments" / "mlflow.db"
    path.parent.mkdir()
    path.write_bytes(empty_store.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real MLflow server over SQLite."""
    with mlflow_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A proxy in front of the server that can be told to fail."""
    with Proxy(server.uri).serving() as running:
        yield running


@dataclass(frozen=True)
class Content:
    """What a store holds of one registered model and one experiment; deleted things are not counted."""

    runs: list[Any]
    models: list[Any]
    versions: list[Any]
    aliases: dict[str, str] = field(default_factory=dict)


Look = Callable[..., Content]


@pytest.fixture
def content() -> Look:
    """Look into a store: ``content(uri)``, or with names of an experiment and a registered model."""

    def look(uri: str, experiment: str = "conflict-topics", name: str = "conflict-topics") -> Content:
        with opened(uri) as store:
            found = store.client.get_experiment_by_name(experiment)
            if found is None:
                return Content([], [], [])
            where = [found.experiment_id]
            versions = store.client.search_model_versions(f"name = '{name}'")
            registered = store.client.search_registered_models(f"name = '{name}'")
            return Content(
                list(store.client.search_runs(where)),
                list(store.client.search_logged_models(where)),
                sorted(versions, key=lambda version: int(version.version)),
                {alias: str(version) for entry in registered for alias, version in entry.aliases.items()},
            )

    return look
