"""A search as one MLflow run, with a nested run for each trial."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.config import Config
from training.tracking.store import connect, experiment_id

log = logging.getLogger(__name__)


@contextmanager
def tracked_search(config: Config, study: Path) -> Iterator[Callable[[Any], None]]:
    """Gives a function that records a trial. A store that fails costs the record, never the search."""
    try:
        mlflow = connect(config.tracking.uri)
        where = experiment_id(mlflow, config.tracking.experiment)
        parent = mlflow.start_run(experiment_id=where, run_name=f"search {config.name}")
    except Exception as problem:  # a server that is down, a file that is locked: many types
        log.warning("the search is not tracked: %s. Its trials are all in %s.", problem, study)
        yield lambda trial: None
        return
    failed = False

    def record(trial: Any) -> None:
        nonlocal failed
        if failed:
            return
        try:
            with mlflow.start_run(experiment_id=where, run_name=f"trial {trial.number}", nested=True):
                mlflow.log_params(trial.values)
                mlflow.set_tag("pruned", trial.value is None)
                mlflow.log_metric("seconds", trial.seconds)
                if trial.value is not None:
                    mlflow.log_metric(f"out_of_fold.{config.search.objective}", trial.value)
        except Exception as problem:
            failed = True
            log.warning("further trials are not tracked: %s. They are all in %s.", problem, study)

    with parent:
        mlflow.log_param("objective", config.search.objective)
        mlflow.log_param("study", str(study))
        yield record
