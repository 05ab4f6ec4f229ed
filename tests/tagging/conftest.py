"""A quick model, and small ways to write archives and to read tags back."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.tagging.fake import FakeModel
from training.tagging import Summary, tag
from training.tagging.options import Tuning

SMALL = Tuning(block_bytes=600, shard_rows=7, commit_seconds=0.0)
"""Blocks of a few lines and shards of a few rows, so that little data has many of both."""


@pytest.fixture
def model() -> FakeModel:
    """A model that finds its own topics in the text."""
    return FakeModel()


@pytest.fixture
def run(model: FakeModel, tmp_path: Path):
    """Tag with small blocks and shards, quietly, into tmp_path unless told otherwise."""

    def run(inputs: Any, output: str = "tags.jsonl", **more: Any) -> Summary:
        names = [str(inputs)] if isinstance(inputs, str | Path) else [str(name) for name in inputs]
        options = {"quiet": True, "threads": 2, "tuning": SMALL, **more}
        return tag(options.pop("model", model), names, str(tmp_path / output), **options)

    run.folder = tmp_path
    return run


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The records of a JSONL file, whatever its compression."""
    return [json.loads(line) for line in content(path).decode("utf-8").split("\n") if line]


def content(path: Path) -> bytes:
    """The decompressed bytes of a file."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()
    return data


def tagged(path: Path) -> list[dict[str, Any]]:
    """Tagged records of any format, as plain values."""
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    if ".csv" in path.name:
        rows = list(csv.DictReader(io.StringIO(content(path).decode("utf-8"), newline="")))
        for row in rows:
            row["topics"] = row["topics"].split(";") if row["topics"] else []
            row["probabilities"] = [float(each) for each in row["probabilities"].split(";") if each]
        return rows
    return lines_of(path)


def rejected(path: Path) -> list[dict[str, Any]]:
    """The rejected rows beside an output."""
    beside = path.with_name(path.name + ".rejected.jsonl")
    return lines_of(beside) if beside.exists() else []


TEXTS = (
    "An airstrike hit the depot; shelling followed.",
    "Nothing of note happened.",
    "",
    "   \u00a0 ",
    "shelling, shelling and an airstrike — обстрел",
    'A prisoner exchange took place\non Monday\twith "quoted" words and a \\ backslash.',
    "quoted",
)


def paragraphs(count: int) -> list[dict[str, Any]]:
    """Paragraphs with all sorts of text."""
    return [
        {
            "paragraph_id": f"p{at}",
            "article_id": f"a{at // 3}",
            "text": TEXTS[at % len(TEXTS)] + " x" * (at % 5),
            "n": at,
        }
        for at in range(count)
    ]


def jsonl(rows: list[Any]) -> bytes:
    """Rows as JSON lines."""
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


INPUT_FILES = ("1.jsonl", "2.csv", "3.parquet", "4.jsonl.gz", "5.jsonl.zst", "6.txt", "7.txt", "8.tsv")


def make_inputs(folder: Path, rows: int) -> list[Path]:
    """An archive in every format, with rows to reject and with articles among the paragraphs."""
    folder.mkdir()
    table = [
        {**row, "paragraph_id": None if at % 9 == 4 else row["paragraph_id"]} for at, row in enumerate(paragraphs(rows))
    ]
    lines = jsonl(table[: rows // 2]) + b"broken\n\n" + jsonl(table[rows // 2 :]) + b'{"text": "\xff"}\n'
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, ["paragraph_id", "article_id", "text", "n"])
    writer.writeheader()
    writer.writerows(table)
    comma = sink.getvalue().encode() + b"too,few\n"
    made = {
        "1.jsonl": lines,
        "2.csv": comma,
        "4.jsonl.gz": gzip.compress(lines, mtime=0),
        "5.jsonl.zst": zstandard.compress(lines),
        "6.txt": b"An airstrike.\n\nThen nothing.",
        "7.txt": b"not \xff text",
        "8.tsv": comma.replace(b",", b"\t"),
    }
    for name, data in made.items():
        (folder / name).write_bytes(data)
    binary = pa.array([None if at == 5 else row["text"].encode() for at, row in enumerate(table)])
    columns = {name: [row[name] for row in table] for name in ("paragraph_id", "article_id", "n")}
    pq.write_table(pa.table({**columns, "text": binary}), folder / "3.parquet", row_group_size=11)
    return [folder / name for name in INPUT_FILES]
