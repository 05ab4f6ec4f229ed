"""Spark: on a real cluster of two executor processes, the tags, rejected rows and counts of the local engine."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import synthetic_records
from tests.tagging.conftest import SMALL, make_inputs, paragraphs, rejected, tagged
from tests.tagging.fake import FakeModel, load_fake, save_fake
from training.errors import UserError
from training.tagging.summary import Counts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed, so Spark cannot start"),
    pytest.mark.filterwarnings("ignore"),  # pyspark and py4j warn on their own account
]
pyspark = pytest.importorskip("pyspark", reason="pyspark is not installed (the spark extra)")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster():
    """A session on a cluster of two executors of one core, each a process of its own."""
    from pyspark.sql import SparkSession

    before = {name: os.environ.get(name) for name in ("PYSPARK_PYTHON", "PYTHONPATH")}
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = str(ROOT)
    session = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .appName("conflict-topics tests")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.executorEnv.PYTHONPATH", str(ROOT))
        .config("spark.task.maxFailures", "3")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture
def folder(tmp_path):
    """A saved fake model."""
    return save_fake(FakeModel(), tmp_path / "model")


def rows_for_spark():
    rows = [{name: row[name] for name in ("paragraph_id", "article_id", "text", "n")} for row in paragraphs(60)]
    for row in rows[4::9]:
        row["paragraph_id"] = None
    rows[11]["text"] = None
    rows[12]["text"] = "x" * 300
    return rows


def test_a_dataframe_has_the_tags_and_rejects_of_the_local_engine(cluster, folder, run, tmp_path):
    from training.tagging.spark import split, tag

    pq.write_table(pa.Table.from_pylist(rows_for_spark()), tmp_path / "in.parquet")
    local = run(tmp_path / "in.parquet", "t.parquet", keep=("n",), all_probabilities=True, max_characters=200)
    df = cluster.read.parquet(str(tmp_path / "in.parquet")).repartition(3)
    made = tag(df, folder, keep=("n",), all_probabilities=True, max_characters=200, loader=load_fake)
    made.write.parquet(str(tmp_path / "out"))
    records, rejects = split(cluster.read.parquet(str(tmp_path / "out")))
    found = sorted((row.asDict(recursive=True) for row in records.collect()), key=lambda row: row["paragraph_id"])
    wanted = sorted(tagged(tmp_path / "t.parquet"), key=lambda row: row["paragraph_id"])
    assert found == wanted
    assert len(wanted) == local.paragraphs
    reasons = sorted(row["reason"] for row in rejects.collect())
    assert reasons == sorted(row["reason"] for row in rejected(tmp_path / "t.parquet"))
    assert sorted(json.loads(row["row"])["n"] for row in rejects.collect()) == [11, 12]


def test_a_dataframe_may_have_times(cluster, folder):
    from training.tagging.spark import split, tag

    at = datetime(2024, 5, 31, 10, 30)
    df = cluster.createDataFrame(
        [("p", "An airstrike.", at, at)], "paragraph_id string, text string, at timestamp, t timestamp"
    )
    [row] = split(tag(df, folder, keep=("at",), loader=load_fake))[0].collect()
    assert (row["paragraph_id"], row["at"]) == ("p", at)


def test_articles_without_ids_are_named_the_same_however_often_a_task_runs(cluster, folder):
    from training.tagging.spark import split, tag

    df = cluster.createDataFrame([("An airstrike.\n\nShelling.",), ("Other.",)], ["text"])
    names = [[row["paragraph_id"] for row in split(tag(df, folder, loader=load_fake))[0].collect()] for _ in range(2)]
    assert names[0] == names[1]
    assert [name.partition(":")[2] for name in names[0]] == ["1", "2", "1"]
    assert len({name.partition(":")[0] for name in names[0]}) == 2


def test_wrong_columns_are_told_before_any_task_runs(cluster, folder):
    from training.tagging.spark import tag

    df = cluster.createDataFrame([(1, "a")], ["text", "txt"])
    with pytest.raises(UserError, match='column "text" is int64, expected text'):
        tag(df, folder, loader=load_fake)
    with pytest.raises(UserError, match="keep rejected: the result has its own column of this name"):
        tag(df.selectExpr("txt text", "text rejected"), folder, keep=("rejected",), loader=load_fake)
    with pytest.raises(UserError, match='no column "body"'):
        tag(df, folder, text_column="body", loader=load_fake)


OPTIONS = {"quiet": True, "tuning": SMALL}


def test_files_have_the_tags_rejects_and_counts_of_the_local_engine(cluster, folder, run, tmp_path):
    from training.tagging.spark_files import tag_files

    inputs = make_inputs(tmp_path / "archive", rows=40)
    local = run(inputs, "t.parquet")
    names = [str(path) for path in inputs]
    summary = tag_files(cluster, folder, names, str(tmp_path / "out"), loader=load_fake, **OPTIONS)
    parts = sorted((tmp_path / "out").iterdir())
    assert len(parts) == 7  # two text files are one task
    assert [row for part in parts for row in tagged(part)] == tagged(tmp_path / "t.parquet")
    assert rejected(tmp_path / "out") == rejected(tmp_path / "t.parquet")
    for name in Counts.__dataclass_fields__:
        assert getattr(summary, name) == getattr(local, name), name
    assert not (tmp_path / "out.partial").exists()
    with pytest.raises(UserError, match="is there already"):
        tag_files(cluster, folder, names, str(tmp_path / "out"), loader=load_fake, **OPTIONS)
    tag_files(cluster, folder, names[:1], str(tmp_path / "out"), loader=load_fake, force=True, **OPTIONS)
    assert len(list((tmp_path / "out").iterdir())) == 1


MARKS = Path(tempfile.gettempdir()) / "conflict-topics-spark-marks"


def load_dying(folder):
    """A model whose first two batches anywhere on the cluster end their worker without a word."""

    class Dying(FakeModel):
        def predict_proba(self, texts, threads=1):
            probabilities = super().predict_proba(texts)
            for name in ("one", "two"):
                try:
                    (MARKS / name).touch(exist_ok=False)
                except FileExistsError:
                    continue
                os._exit(9)
            return probabilities

    return Dying()


MARKS = Path(os.environ.get("CONFLICT_TOPICS_TEST_MARKS", "/tmp/conflict-topics-spark-marks"))


def test_tasks_that_die_are_tried_again_without_duplicates(cluster, folder, run, tmp_path):
    from training.tagging.spark import split, tag
    from training.tagging.spark_files import tag_files

    inputs = make_inputs(tmp_path / "archive", rows=40)
    names = [str(path) for path in inputs]
    run(inputs, "t.parquet")
    shutil.rmtree(MARKS, ignore_errors=True)
    MARKS.mkdir(parents=True)
    tag_files(cluster, folder, names, str(tmp_path / "out"), loader=load_dying, **OPTIONS)
    assert len(list(MARKS.iterdir())) == 2
    parts = sorted((tmp_path / "out").iterdir())
    assert [row for part in parts for row in tagged(part)] == tagged(tmp_path / "t.parquet")

    shutil.rmtree(MARKS)
    MARKS.mkdir()
    df = cluster.createDataFrame([(str(at), f"text {at}") for at in range(50)], ["paragraph_id", "text"])
    tag(df, folder, loader=load_dying).write.parquet(str(tmp_path / "df"))
    assert len(list(MARKS.iterdir())) == 2
    records, _ = split(cluster.read.parquet(str(tmp_path / "df")))
    assert sorted(row["paragraph_id"] for row in records.collect()) == sorted(str(at) for at in range(50))
    shutil.rmtree(MARKS)


def load_counted(folder):
    """A model that leaves a mark for every time it is loaded."""
    (MARKS / f"{os.getpid()}-{uuid.uuid4().hex}").touch()
    return load_fake(folder)


def test_the_model_is_sent_once_and_loaded_once_in_a_worker(cluster, folder):
    from training.tagging.spark import ship, tag

    shutil.rmtree(MARKS, ignore_errors=True)
    MARKS.mkdir(parents=True)
    assert ship(cluster, folder, load_fake) == ship(cluster, folder, load_fake)
    sent = len(cluster.sparkContext.listArchives)
    df = cluster.createDataFrame([(str(at), "a") for at in range(60)], ["paragraph_id", "text"]).repartition(6)
    for _ in range(3):
        assert tag(df, folder, loader=load_counted).where("rejected is null").count() == 60
    assert len(cluster.sparkContext.listArchives) == sent
    loads = [int(mark.name.partition("-")[0]) for mark in MARKS.iterdir()]
    workers = [process for process in loads if process != os.getpid()]
    assert workers
    assert len(workers) == len(set(workers))
    shutil.rmtree(MARKS)


def test_strict_and_another_place_for_rejected_rows(cluster, folder, tmp_path, monkeypatch):
    from training.tagging.spark_files import tag_files

    inputs = [str(path) for path in make_inputs(tmp_path / "archive", rows=20)]
    with pytest.raises(UserError, match=r"1\.jsonl:11: not a JSON record.*leave out --strict"):
        tag_files(cluster, folder, inputs, str(tmp_path / "out"), loader=load_fake, strict=True, **OPTIONS)
    assert not (tmp_path / "out").exists()
    aside = tmp_path / "other" / "aside.jsonl"
    aside.parent.mkdir()
    real = os.replace

    def replace(source, target, **options):
        if Path(target).parent == aside.parent and Path(source).parent != aside.parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")  # as from another disk
        real(source, target, **options)

    monkeypatch.setattr(os, "replace", replace)
    summary = tag_files(
        cluster, folder, inputs, str(tmp_path / "out"), loader=load_fake, rejected=str(aside), **OPTIONS
    )
    assert summary.rejected == str(aside)
    assert len(aside.read_bytes().splitlines()) == summary.rows_rejected > 0


def test_a_folder_that_no_job_has_made_is_not_replaced(cluster, folder, tmp_path):
    from training.tagging.spark_files import tag_files

    (tmp_path / "in.jsonl").write_bytes(b'{"text":"a"}\n')
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    names = [str(tmp_path / "in.jsonl")]
    with pytest.raises(UserError, match=r"thesis: holds chapter\.txt, which no tagging job has made"):
        tag_files(cluster, folder, names, str(tmp_path / "thesis"), loader=load_fake, force=True, **OPTIONS)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


def load_and_remove(folder):
    """A model whose loading takes away the input of the task."""
    for path in MARKS.glob("*.jsonl"):
        path.unlink()
    return load_fake(folder)


def test_an_input_that_vanishes_is_told_as_on_one_machine(cluster, folder, tmp_path):
    from training.tagging.spark_files import tag_files

    shutil.rmtree(MARKS, ignore_errors=True)
    MARKS.mkdir(parents=True)
    (MARKS / "in.jsonl").write_bytes(b'{"text":"a"}\n')
    save_fake(FakeModel(id="fake@vanishing"), tmp_path / "other")
    with pytest.raises(UserError, match=r"in\.jsonl: .*No such file or directory"):
        tag_files(
            cluster,
            tmp_path / "other",
            [str(MARKS / "in.jsonl")],
            str(tmp_path / "out"),
            loader=load_and_remove,
            **OPTIONS,
        )
    shutil.rmtree(MARKS)


def command(*arguments, cwd, **environment):
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "training", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "SPARK_LOCAL_IP": "127.0.0.1"} | environment,
        check=False,
    )


def test_the_command_gives_what_the_local_engine_gives(trained, tmp_path):
    """With a real model, on a cluster of two executor processes of its own, Parquet partitions in and out."""
    rows = [{**row, "text": row["text"]} for row in synthetic_records(40)]
    rows[7]["text"] = None
    for at in range(3):
        place = tmp_path / "archive" / f"month={at}"
        place.mkdir(parents=True)
        part = [{name: row[name] for name in ("paragraph_id", "article_id", "text")} for row in rows[at::3]]
        pq.write_table(pa.Table.from_pylist(part), place / "part-0.parquet")
    ordinary = ["tag", trained.folder, "archive", "--keep", "text"]
    local = command(*ordinary, "--output", "local.parquet", cwd=tmp_path)
    assert local.returncode == 0, local.stderr
    spark = [*ordinary, "--engine", "spark", "--spark-master", "local-cluster[2,1,1024]", "--output"]
    made = command(*spark, "spark", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "= 119 tagged + 1 rejected" in made.stderr
    assert len(list((tmp_path / "spark").iterdir())) == 3
    found = [row for part in sorted((tmp_path / "spark").iterdir()) for row in tagged(part)]
    assert found == tagged(tmp_path / "local.parquet")
    assert rejected(tmp_path / "spark") == rejected(tmp_path / "local.parquet")
    again = command(*spark, "spark", cwd=tmp_path)
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert "Traceback" not in again.stderr


def test_what_is_missing_is_told_in_one_message(trained, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b'{"text":"a"}\n')
    spark = ["tag", trained.folder, "in.jsonl", "--output", "out", "--engine", "spark"]
    no_java = command(*spark, cwd=tmp_path, PATH=str(tmp_path), JAVA_HOME="")
    assert (no_java.returncode, no_java.stdout) == (1, "")
    assert no_java.stderr.startswith("Error: --engine spark: Java was not found")
    assert len(no_java.stderr.splitlines()) == 1
    (tmp_path / "pyspark.py").write_text("raise ModuleNotFoundError(\"No module named 'pyspark'\", name='pyspark')")
    no_spark = command(*spark, cwd=tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert no_spark.returncode == 1
    assert no_spark.stderr.startswith("Error: --engine spark: pyspark is not installed. Install it with: pip install")
    assert len(no_spark.stderr.splitlines()) == 1
    threads = command(*spark, "--threads", "2", cwd=tmp_path)
    assert threads.returncode == 2
    assert "--threads is for --engine local" in threads.stderr
    master = command(*spark[:-1], "local", "--spark-master", "local[2]", cwd=tmp_path)
    assert master.returncode == 2
    assert "--spark-master is for --engine spark" in master.stderr


def test_what_a_cluster_cannot_do_is_told(cluster, folder, tmp_path):
    from training.tagging.spark_files import tag_files

    with pytest.raises(UserError, match="can be read only once"):
        tag_files(cluster, folder, ["-"], str(tmp_path / "out"), loader=load_fake)
    (tmp_path / "in.jsonl").write_bytes(b"")
    with pytest.raises(UserError, match="Name a folder"):
        tag_files(cluster, folder, [str(tmp_path / "in.jsonl")], str(tmp_path / "t.parquet"), loader=load_fake)
