"""A search as one MLflow run, with a nested run for each trial."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.config import Config
from training.tracking.record import named
from training.tracking.steps import reason
from training.tracking.store import Store, experiment_id, opened, shown, tracking_uri

log = logging.getLogger(__name__)

PARENT = "mlflow.parentRunId"


@contextmanager
def tracked_search(config: Config, study: Path) -> Iterator[Callable[[Any], None]]:
    """Gives a function that records a trial. A store that fails costs the record, never the search."""
    search = _Search(config, study)
    search.attempt(search.begin)
    try:
        yield lambda trial: search.attempt(lambda store: search.add(store, trial))
    except BaseException:
        search.attempt(lambda store: search.end(store, "FAILED"))
        raise
    search.attempt(lambda store: search.end(store, "FINISHED"))


class _Search:
    """The store is opened for each trial: hours can lie between two of them."""

    def __init__(self, config: Config, study: Path) -> None:
        self._config = config
        self._study = study
        self._uri = tracking_uri(config.tracking.uri)
        self._experiment = self._run = ""
        self._failed = False

    def attempt(self, step: Callable[[Store], None]) -> None:
        """Do ``step`` unless one before it failed."""
        if self._failed:
            return
        try:
            with opened(self._uri) as store, store.alone():
                step(store)
        except Exception as problem:  # a server that is down, a file that is locked: many types
            self._failed = True
            log.warning(
                "The search is not tracked from here on: %s: %s. Its trials are all in %s.",
                shown(self._uri),
                reason(problem),
                self._study,
            )

    def begin(self, store: Store) -> None:
        self._experiment = experiment_id(store, self._config.tracking.experiment)
        run = store.client.create_run(self._experiment, run_name=f"search {self._config.name}")
        self._run = run.info.run_id
        params = {"objective": self._config.search.objective, "study": self._study}
        store.client.log_batch(self._run, params=_params(store, params))

    def add(self, store: Store, trial: Any) -> None:
        now = int(time.time() * 1000)
        tags = {PARENT: self._run, "pruned": str(trial.value is None)}
        began = now - int(trial.seconds * 1000)
        run_id = store.client.create_run(self._experiment, began, tags, f"trial {trial.number}").info.run_id
        figures = {"seconds": trial.seconds}
        if trial.value is not None:
            figures[f"out_of_fold.{self._config.search.objective}"] = trial.value
        metrics = [store.mlflow.entities.Metric(key, value, now, 0) for key, value in figures.items()]
        store.client.log_batch(run_id, metrics, _params(store, trial.values))
        store.client.set_terminated(run_id, "FINISHED", now)

    def end(self, store: Store, status: str) -> None:
        store.client.set_terminated(self._run, status)


def _params(store: Store, values: dict[str, Any]) -> list[Any]:
    return [store.mlflow.entities.Param(key, str(value)) for key, value in named(values).items()]
