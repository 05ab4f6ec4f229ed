"""The ways in which MLflow itself loads a logged model."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tracking.conftest import Look
from tests.tracking.helpers import tracked
from tests.tracking.servers import environment, free_port, running
from training.tracking.store import opened

TEXTS = ["Families fled the camp.", "Two men were arrested and fled.", "", "Nothing of note."]


@pytest.fixture
def champion(trained: Any, local_store: str) -> str:
    """The URI of a registered model."""
    tracked(trained)
    return "models:/conflict-topics@champion"


def assert_same(trained: Any, rows: list[dict[str, Any]], texts: list[str] = TEXTS) -> None:
    assert [row["topics"] for row in rows] == trained.model.tag(texts)
    for row, values in zip(rows, trained.model.predict_proba(texts), strict=True):
        expected = [values[trained.model.topics.index(topic)] for topic in row["topics"]]
        assert np.allclose(row["probabilities"], expected)
        assert row["model"] == trained.model.id


def test_pyfunc(trained: Any, local_store: str, champion: str, content: Look) -> None:
    import pandas as pd

    with opened(local_store) as store:
        loaded = store.mlflow.pyfunc.load_model(champion)
        given = pd.DataFrame({"text": TEXTS})
        assert_same(trained, loaded.predict(given).to_dict("records"))
        assert list(loaded.predict(given[1:3]).index) == [1, 2]
        assert loaded.metadata.signature.inputs.input_names() == ["text"]
        assert loaded.metadata.signature.outputs.input_names() == ["topics", "probabilities", "model"]
        [run] = content(local_store).runs
        assert_same(
            trained, store.mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(given).to_dict("records")
        )
        example = loaded.input_example
        assert list(example.columns) == ["text"]
        assert len(loaded.predict(example)) == len(example)


def test_pyfunc_of_a_tampered_folder(champion: str, local_store: str, content: Look) -> None:
    [model] = content(local_store).models
    path = next(Path(model.artifact_location.removeprefix("file://")).rglob("model.json"))
    path.write_bytes(path.read_bytes() + b" ")
    with opened(local_store) as store, pytest.raises(Exception, match="altered since it was saved"):
        store.mlflow.pyfunc.load_model(champion)


@pytest.mark.slow
def test_models_serve(trained: Any, local_store: str, champion: str, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--model-uri", champion]
    url = f"http://127.0.0.1:{port}"
    more = {"MLFLOW_TRACKING_URI": local_store}
    with running([*command, "--port", port, "--workers", 1], tmp_path / "serve.log", f"{url}/ping", **more):
        body = json.dumps({"dataframe_records": [{"text": text} for text in TEXTS]}).encode()
        request = urllib.request.Request(f"{url}/invocations", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert_same(trained, json.load(answer)["predictions"])


SPARK = """
import json, sys
import mlflow
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
tag = mlflow.pyfunc.spark_udf(spark, sys.argv[1], env_manager="local")
texts = json.loads(sys.argv[2])
rows = spark.createDataFrame([(at, text) for at, text in enumerate(texts)], "at int, text string")
for row in rows.withColumn("tagged", tag("text")).orderBy("at").collect():
    print("ROW " + json.dumps(row.tagged.asDict()))
spark.stop()
"""


@pytest.mark.slow
def test_spark_udf(trained: Any, local_store: str, champion: str, tmp_path: Path) -> None:
    import subprocess

    if shutil.which("java") is None:
        pytest.skip("Java is not installed (on Debian: apt-get install default-jre-headless)")
    pytest.importorskip("pyspark", reason="pyspark is not installed (pip install conflict-topics[spark])")
    done = subprocess.run(
        [sys.executable, "-c", SPARK, champion, json.dumps(TEXTS)],
        env=environment(MLFLOW_TRACKING_URI=local_store, SPARK_LOCAL_IP="127.0.0.1", PYSPARK_PYTHON=sys.executable),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert_same(trained, [json.loads(line[4:]) for line in done.stdout.splitlines() if line.startswith("ROW ")])
