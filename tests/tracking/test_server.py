"""Against a real ``mlflow server`` on loopback, with its artifacts behind it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import synthetic_records, write_jsonl
from tests.tracking.conftest import Look
from tests.tracking.helpers import configured, rewritten, synced, tracked, waiting
from tests.tracking.proxy import DIES, HANGS, LOSES_ANSWER, Proxy
from tests.tracking.servers import Server, environment, mlflow_server, postgresql
from training import load
from training.errors import UserError
from training.tracking.locks import patiently
from training.tracking.runs import _link
from training.tracking.store import opened

pytestmark = pytest.mark.slow
ONCE = [1, 1, 1]


@pytest.fixture
def folder(trained: Any, workplace: Path, request: pytest.FixtureRequest) -> Path:
    """The trained model's folder, with an experiment and a registered model named after the test."""
    name = request.node.name.replace("[", "-").strip("]").replace(" ", "-")
    return configured(trained.folder, workplace / "model", experiment=name, registered_model=name)


@pytest.fixture
def held(content: Look, server: Server, request: pytest.FixtureRequest) -> Any:
    """What the server holds of this test: numbers of runs, models and versions, and the only run."""

    def look(uri: str = server.uri, name: str | None = None) -> tuple[list[int], Any]:
        name = name or request.node.name.replace("[", "-").strip("]").replace(" ", "-")
        found = content(uri, name, name)
        return [len(found.runs), len(found.models), len(found.versions)], found

    return look


def is_whole(found: Any, trained: Any) -> None:
    """The run, its model and its artifacts are complete, and nothing is there twice."""
    [run] = found.runs
    assert run.info.status == "FINISHED"
    assert run.data.tags["conflict-topics.complete"] == "true"
    assert run.data.metrics["test.micro_f1"] == trained.metrics["test"]["micro_f1"]
    assert len(run.data.metrics) == len(found.models[0].metrics)
    assert len(run.inputs.dataset_inputs) == 2
    assert {output.model_id for output in run.outputs.model_outputs} == {found.models[0].model_id}
    assert found.models[0].status == "READY"
    assert found.versions[0].run_id == run.info.run_id
    assert found.aliases == {"champion": str(found.versions[0].version)}


def test_a_server_with_its_artifacts(
    trained: Any, folder: Path, server: Server, held: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    sent = tracked(trained, folder)
    assert sent.problem is None
    counts, found = held()
    assert counts == ONCE
    is_whole(found, trained)
    assert list(server.artifacts.rglob("precision_recall.svg"))
    model = load(f"models:/{found.versions[0].name}@champion")
    assert model.id == trained.model.id


def test_it_takes_few_requests(trained: Any, folder: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """mlflow's own ``log_model`` asks for the history of each metric: hundreds of requests."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.uri)
    tracked(trained, folder)
    assert len(proxy.requests) < 60


def places_to_fail(trained: Any, folder: Path, proxy: Proxy, way: str) -> list[int]:
    """For ``DIES`` every second request of a sending; for ``LOSES_ANSWER`` those that change something."""
    place = folder.with_name("counted")
    configured(folder, place, experiment=f"counted-{way}", registered_model=f"counted-{way}")
    proxy.heal()
    assert tracked(trained, place).problem is None
    asked = list(enumerate(proxy.requests))
    return [at for at, line in asked if (at % 2 == 0 if way == DIES else not line.startswith(("GET", "PUT")))]


@pytest.mark.parametrize("way", [DIES, LOSES_ANSWER])
def test_a_server_that_fails_at_any_request(
    trained: Any, workplace: Path, folder: Path, proxy: Proxy, held: Any, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Whatever request it is: training ends well, the record is sent later, and nothing is there twice."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.uri)
    for at in places_to_fail(trained, folder, proxy, way):
        name = f"{way}-at-{at}"
        place = configured(folder, workplace / name, experiment=name, registered_model=name)
        proxy.fail(way, at)
        sent = tracked(trained, place)
        assert proxy.struck.is_set()
        line = f"{way} at request {at}: {proxy.requests[at]}"
        assert waiting() == (sent.problem is not None), line
        assert sent.problem is not None or way != DIES, line
        proxy.heal()
        assert [late.problem for late in synced(trained)] == [None] * (sent.problem is not None), line
        counts, found = held(name=name)
        assert counts == ONCE, line
        is_whole(found, trained)
        assert synced(trained) == []
        [again] = synced(trained, place)
        assert again.run is not None
        assert again.run.found, line


def test_metrics_by_the_hundred_whose_answer_is_lost(
    trained: Any, workplace: Path, folder: Path, proxy: Proxy, held: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """mlflow refuses to take more than a hundred metrics of a model a second time."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.uri)

    def many(content: bytes) -> bytes:
        return json.dumps({**json.loads(content), "many": {f"n{at}": at / 7 for at in range(250)}}).encode()

    place = rewritten(folder, workplace / "many", "metrics.json", many)
    proxy.heal()
    assert tracked(trained, place).problem is None
    name = "lost-of-many"
    for at in [at for at, line in enumerate(proxy.requests) if line.endswith("/runs/log-batch")]:
        proxy.fail(LOSES_ANSWER, at)
        again = configured(
            place, workplace / f"{name}-{at}", experiment=f"{name}-{at}", registered_model=f"{name}-{at}"
        )
        tracked(trained, again)
        assert proxy.struck.is_set()
        proxy.heal()
        list(synced(trained))
        counts, found = held(name=f"{name}-{at}")
        assert counts == ONCE
        assert len(found.runs[0].data.metrics) == len(found.models[0].metrics) > 250


def test_the_same_request_twice_at_once(server: Server) -> None:
    """What becomes of a request that is sent again because its answer is late."""
    with opened(server.uri) as store:
        client, entities = store.client, store.mlflow.entities
        experiment = client.create_experiment("twice-at-once")
        run = client.create_run(experiment).info.run_id
        model = client.create_logged_model(experiment, "model", run).model_id
        metrics = [entities.Metric(f"m{at}", at, 5, 0, model_id=model, run_id=run) for at in range(60)]
        params = [entities.Param(f"p{at}", str(at)) for at in range(60)]
        dataset = entities.DatasetInput(entities.Dataset("train", "abc", "code", "{}"), [])
        calls = [
            lambda: client.log_batch(run, metrics=metrics),
            lambda: client.log_batch(run, params=params),
            lambda: client.log_inputs(run, [dataset]),
            lambda: client.set_tag(run, "a", "b"),
            lambda: _link(store, run, model),
        ]
        for call in calls:
            with ThreadPoolExecutor(4) as pool:
                for done in [pool.submit(patiently, call) for _ in range(4)]:
                    done.result()
        found = client.get_run(run)
        assert len(found.data.metrics) == 60
        assert len(found.data.params) == 60
        assert [output.model_id for output in found.outputs.model_outputs] == [model]
        assert len(found.inputs.dataset_inputs) == 1


def test_a_server_that_fails_again_and_again(
    trained: Any, folder: Path, server: Server, proxy: Proxy, held: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try gets one request further than the one before, and in the end the record is whole."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.uri)
    proxy.fail(DIES, 0)
    tracked(trained, folder)
    for at in range(1, 200):
        proxy.fail(DIES, at)
        [sent] = synced(trained)
        if sent.problem is None:
            break
    counts, found = held()
    assert counts == ONCE
    is_whole(found, trained)


def test_a_server_that_never_answers(
    trained: Any, folder: Path, proxy: Proxy, server: Server, held: Any,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    proxy.fail(HANGS, 9)
    assert tracked(trained, folder).problem is not None
    assert "timed out" in caplog.text
    assert [sent.problem for sent in synced(trained, uri=server.uri)] == [None]
    assert held()[0] == ONCE


def test_a_process_killed_while_it_sends(
    trained: Any, folder: Path, proxy: Proxy, server: Server, held: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "import sys; from pathlib import Path; from training import load; from training.track import track\n"
        "track(load(sys.argv[1]), Path(sys.argv[1]), None, 2.5)"
    )
    proxy.fail(HANGS, 12)
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], env=environment(MLFLOW_TRACKING_URI=proxy.uri)
    )
    try:
        assert proxy.struck.wait(240)
        assert synced(trained, uri=server.uri) == [], "it is in the other's hands"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    [sent] = synced(trained, uri=server.uri)
    assert sent.problem is None
    counts, found = held()
    assert counts == ONCE
    is_whole(found, trained)


def test_two_syncs_at_once(
    trained: Any, folder: Path, server: Server, held: Any, monkeypatch: pytest.MonkeyPatch, workplace: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    for _ in range(3):
        tracked(trained, folder)
    command = [sys.executable, "-m", "training", "sync", "--uri", server.uri]
    both = [
        subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert held()[0] == [3, 3, 3]
    assert waiting() == 0


def test_an_archive_is_tagged_with_the_champion(
    trained: Any, folder: Path, server: Server, workplace: Path, held: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    tracked(trained, folder)
    [version] = held()[1].versions
    write_jsonl(workplace / "news.jsonl", synthetic_records(5))
    command = [sys.executable, "-m", "training", "--quiet", "tag", f"models:/{version.name}@champion", "news.jsonl"]
    subprocess.run(
        [*command, "--output", "tags.jsonl"],
        env=environment(MLFLOW_TRACKING_URI=server.uri),
        check=True,
        capture_output=True,
    )
    lines = [json.loads(line) for line in (workplace / "tags.jsonl").read_text().splitlines()]
    assert [line["topics"] for line in lines] == [
        trained.model.tag([record["text"]])[0] for record in synthetic_records(5)
    ]
    assert {line["model"] for line in lines} == {trained.model.id}


def test_a_tampered_artifact_is_refused(
    trained: Any, folder: Path, server: Server, held: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    tracked(trained, folder)
    [version] = held()[1].versions
    [weights] = [
        path for path in server.artifacts.rglob("model.safetensors") if version.source.split("/")[-1] in str(path)
    ]
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(UserError, match=r"refused: .*altered since it was saved"):
        load(f"models:/{version.name}@champion")


def test_a_database_of_postgresql(
    trained: Any, folder: Path, held: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(postgresql())
        server = stack.enter_context(mlflow_server(tmp_path, database))
        with Proxy(server.uri).serving() as proxy:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.uri)
            proxy.fail(DIES, 20)
            assert tracked(trained, folder).problem is not None
            proxy.heal()
            assert [sent.problem for sent in synced(trained)] == [None]
        counts, found = held(server.uri)
        assert counts == ONCE
        is_whole(found, trained)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        assert load(f"models:/{found.versions[0].name}@champion").id == trained.model.id
        [direct] = synced(trained, folder, uri=database)
        assert direct.run is not None
        assert direct.run.found
        assert held(server.uri)[0] == ONCE


def test_eight_trainings_at_once_into_one_new_database(corpus_file: Path, workplace: Path, content: Look) -> None:
    (workplace / "mine.yaml").write_text(
        f"name: mine\ndata: {{train: {corpus_file}, codebook: null}}\nevaluation: {{resamples: 100}}\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "training", "train", "mine.yaml", "--set", f"name=number-{number}"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    said = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, said
    assert waiting() == 0, said
    found = content(f"sqlite:///{workplace / 'experiments' / 'mlflow.db'}")
    assert sorted(run.info.run_name for run in found.runs) == [f"number-{number}" for number in range(8)]
    assert [len(found.models), len(found.versions)] == [8, 8]
    assert {run.info.status for run in found.runs} == {"FINISHED"}
    assert "champion" in found.aliases
