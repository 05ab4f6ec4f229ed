"""A record on its way into an MLflow store. A step looks first whether it was done, so that sending can begin again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.tracking.flavor import write_model
from training.tracking.locks import patiently
from training.tracking.pending import Entry
from training.tracking.record import TABLE, Record
from training.tracking.steps import Steps
from training.tracking.store import Store, experiment_id

ID, MANIFEST, COMPLETE = (f"conflict-topics.{name}" for name in ("record", "manifest", "complete"))
CONTEXT = "mlflow.data.context"
MODEL = "model"
# Of 101 metrics of a model or more that are sent again, mlflow's servers refuse all (UNIQUE constraint failed).
MOST_IN_A_BATCH = {"params": 100, "metrics": 100}


@dataclass(frozen=True)
class Tracked:
    """A run as the store knows it. ``found`` if it had been sent before."""

    run_id: str
    model_id: str | None
    store: str
    found: bool = False

    def __str__(self) -> str:
        return f"{self.run_id}  ({self.store})"


def log_run(store: Store, entry: Entry, record: Record, experiment: str, step: Steps) -> Tracked:
    """Log a record as a finished run: parameters, metrics, data, artifacts and the model. Sent before: found again."""
    with step("finding the experiment"):
        where = experiment_id(store, experiment)
    with step("finding or making the run"):
        run = _complete_run(store, where, entry) or _run(store, where, entry, record)
    run_id = run.info.run_id
    if COMPLETE in run.data.tags:
        models = _models(store, where, run_id)
        return Tracked(run_id, models[0].model_id if models else None, str(store), found=True)
    with step("logging the model"):
        model_id = _log_model(store, where, run_id, record)
    with step("logging parameters and data"):
        _log_parameters(store, run_id, record)
        store.client.log_inputs(run_id, [_dataset(store, record, context) for context in record.trained_on])
    with step("logging metrics"):
        _log_metrics(store, run_id, model_id, entry, record)
    with step("logging artifacts"), tempfile.TemporaryDirectory(prefix="conflict-topics-") as place:
        record.write_artifacts(Path(place))
        store.client.log_artifacts(run_id, place)
    with step("finishing the run"):
        store.client.set_terminated(run_id, "FINISHED", entry.ended)
        _remove_repeats(store, where, run_id, entry)
        store.client.set_tag(run_id, COMPLETE, "true")
    return Tracked(run_id, model_id, str(store))


def _runs(store: Store, where: str, tag: str, value: str) -> list[Any]:
    """Active runs with that tag, complete ones first."""
    found = store.client.search_runs([where], f"tags.\"{tag}\" = '{value}'")
    return sorted(found, key=lambda run: (COMPLETE not in run.data.tags, run.info.run_id))


def _complete_run(store: Store, where: str, entry: Entry) -> Any:
    """The run of this very model, for a folder that is sent without what its training wrote down."""
    if entry.by_training:
        return None
    runs = _runs(store, where, MANIFEST, entry.manifest)
    return runs[0] if runs and COMPLETE in runs[0].data.tags else None


def _run(store: Store, where: str, entry: Entry, record: Record) -> Any:
    found = _runs(store, where, ID, entry.id)
    if found:
        return found[0]
    table = json.dumps([{"path": TABLE, "type": "table"}])  # this tag is how the interface knows a table
    tags = entry.tags | {ID: entry.id, MANIFEST: entry.manifest, "mlflow.loggedArtifacts": table}
    return store.client.create_run(where, entry.began, tags, record.config["name"])


def _remove_repeats(store: Store, where: str, run_id: str, entry: Entry) -> None:
    """A request that is sent again because its answer was lost can have been carried out twice."""
    for run in _runs(store, where, ID, entry.id):
        if run.info.run_id != run_id and COMPLETE not in run.data.tags:
            store.client.delete_run(run.info.run_id)
    for model in _models(store, where, run_id)[1:]:
        store.client.delete_logged_model(model.model_id)


def _models(store: Store, where: str, run_id: str) -> list[Any]:
    """The logged models of a run, those that are ready first."""
    found = store.client.search_logged_models([where], f"source_run_id = '{run_id}'")
    return sorted(found, key=lambda model: (str(model.status) != "READY", model.creation_timestamp, model.model_id))


def _log_model(store: Store, where: str, run_id: str, record: Record) -> str:
    """Upload the folder as a pyfunc model.

    The steps of ``mlflow.pyfunc.log_model``, which cannot go on with a model that was half sent, and asks the store
    for the history of every metric.
    """
    client = store.client
    found = _models(store, where, run_id)
    model = found[0] if found else client.create_logged_model(where, MODEL, run_id, params=record.parameters())
    model_id = str(model.model_id)
    if str(model.status) != "READY":
        with tempfile.TemporaryDirectory(prefix="conflict-topics-") as place:
            written = Path(place) / MODEL
            write_model(store, written, record.folder, model, run_id)
            client.log_model_artifacts(model_id, str(written))
        client.finalize_logged_model(model_id, "READY")
    patiently(lambda: _link(store, run_id, model_id))
    return model_id


def _link(store: Store, run_id: str, model_id: str) -> None:
    """Make the model an output of the run, unless it is one: a second time would be refused."""
    outputs = store.client.get_run(run_id).outputs
    if model_id not in [output.model_id for output in (outputs.model_outputs if outputs else [])]:
        store.client.log_outputs(run_id, [store.mlflow.entities.LoggedModelOutput(model_id, step=0)])


def _log_parameters(store: Store, run_id: str, record: Record) -> None:
    params = [store.mlflow.entities.Param(key, value) for key, value in record.parameters().items()]
    for batch in _batches(params, "params"):
        store.client.log_batch(run_id, params=batch)


def _log_metrics(store: Store, run_id: str, model_id: str, entry: Entry, record: Record) -> None:
    """Metrics of the run and of its model. The same value at the same time is one value, however often it is sent."""
    figures = record.figures()
    if entry.seconds is not None:
        figures["seconds"] = entry.seconds
    metrics = []
    for key, value in figures.items():
        context = key.partition(".")[0]
        digest = record.trained_on.get(context, {}).get("sha256")
        of = {"dataset_name": context, "dataset_digest": digest[:32]} if digest else {}
        metrics.append(store.mlflow.entities.Metric(key, value, entry.ended, 0, model_id=model_id, run_id=run_id, **of))
    for batch in _batches(metrics, "metrics"):
        store.client.log_batch(run_id, metrics=batch)


def _batches(items: Sequence[Any], kind: str) -> Iterator[Sequence[Any]]:
    most = MOST_IN_A_BATCH[kind]
    for begin in range(0, len(items), most):
        yield items[begin : begin + most]


def _dataset(store: Store, record: Record, context: str) -> Any:
    """Our own digest over every paragraph: mlflow's covers the first 10,000 rows only."""
    entities = store.mlflow.entities
    entry = record.trained_on[context]
    columns = [{"type": "string", "name": name, "required": True} for name in ("text", "topics")]
    dataset = entities.Dataset(
        name=context,
        digest=entry["sha256"][:32],
        source_type="code",
        source=json.dumps({"tags": {"source": record.source(context), "sha256": entry["sha256"]}}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"num_rows": entry["paragraphs"]}),
    )
    return entities.DatasetInput(dataset, [entities.InputTag(CONTEXT, context)])
