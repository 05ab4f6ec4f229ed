"""A search as one MLflow run, with a nested run for each trial."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from training.config import Config
from training.tracking.steps import reason
from training.tracking.store import Store, experiment_id, opened, tracking_uri

log = logging.getLogger(__name__)
PARENT = "mlflow.parentRunId"


@contextmanager
def tracked_search(config: Config, study: Path) -> Iterator[Callable[[Any], None]]:
    """Gives a function that records a trial. A store that fails costs the record, never the search."""
    with ExitStack() as stack:
        try:
            store = stack.enter_context(opened(tracking_uri(config.tracking.uri)))
            where = experiment_id(store, config.tracking.experiment)
            parent = store.client.create_run(where, _now(), {"study": str(study)}, f"search {config.name}")
        except Exception as problem:  # a server that is down, a file that is locked: many types
            log.warning("the search is not tracked: %s. Its trials are all in %s.", reason(problem), study)
            yield lambda trial: None
            return
        failed = False

        def record(trial: Any) -> None:
            nonlocal failed
            if failed:
                return
            try:
                _log_trial(store, where, parent.info.run_id, trial, config.search.objective)
            except Exception as problem:
                failed = True
                log.warning("further trials are not tracked: %s. They are all in %s.", reason(problem), study)

        yield record
        if not failed:
            store.client.set_terminated(parent.info.run_id)


def _log_trial(store: Store, where: str, parent: str, trial: Any, objective: str) -> None:
    tags = {PARENT: parent, "pruned": str(trial.value is None).lower()}
    run = store.client.create_run(where, _now(), tags, f"trial {trial.number}").info.run_id
    for key, value in trial.values.items():
        store.client.log_param(run, key, value)
    store.client.log_metric(run, "seconds", trial.seconds)
    if trial.value is not None:
        store.client.log_metric(run, f"out_of_fold.{objective}", trial.value)
    store.client.set_terminated(run)


def _now() -> int:
    return int(time.time() * 1000)
