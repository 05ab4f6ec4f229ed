"""What is measured on: the archive in several forms, and the two models."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from experiments.speed.clock import ROOT, product, run

BENCHMARKS = Path(os.environ.get("BENCHMARKS", ROOT.parent / "shared/benchmarks"))
TOPICS = 27


@dataclass(frozen=True)
class Archive:
    """The archive, `copies` times over, as JSONL, the same compressed, Parquet, and its text alone."""

    jsonl: Path
    compressed: Path
    parquet: Path
    text: Path
    paragraphs: int


def archive_texts(most: int | None = None) -> list[str]:
    path = BENCHMARKS / "archive/paragraphs.jsonl.gz"
    if not path.exists():
        raise SystemExit(f"{path}: missing. Say where the benchmark sets are: BENCHMARKS=… make bench")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line, _ in zip(lines, range(most or 1 << 30), strict=False)]


def write_archive(folder: Path, texts: list[str], copies: int) -> Archive:
    archive = Archive(
        folder / "archive.jsonl",
        folder / "archive.jsonl.gz",
        folder / "archive.parquet",
        folder / "archive.txt",
        copies * len(texts),
    )
    ids = [f"p{number}" for number in range(archive.paragraphs)]
    with archive.jsonl.open("w", encoding="utf-8") as out:
        for number, name in enumerate(ids):
            row = {"paragraph_id": name, "article_id": f"a{number // 5}", "text": texts[number % len(texts)]}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    with archive.text.open("w", encoding="utf-8") as out:
        for _ in range(copies):
            out.writelines(" ".join(text.splitlines()) + "\n" for text in texts)
    table = pa.table(
        {
            "paragraph_id": ids,
            "article_id": [f"a{number // 5}" for number in range(archive.paragraphs)],
            "text": texts * copies,
        }
    )
    pq.write_table(table, archive.parquet, compression="zstd", row_group_size=1 << 17)
    with archive.jsonl.open("rb") as plain, gzip.open(archive.compressed, "wb", compresslevel=6) as packed:
        while block := plain.read(1 << 20):
            packed.write(block)
    return archive


def linked(archive: Archive, folder: Path, times: int) -> list[str]:
    """The JSONL file under several names, which takes no room."""
    folder.mkdir()
    names = [folder / f"{number:03}.jsonl" for number in range(times)]
    for name in names:
        name.hardlink_to(archive.jsonl)
    return [str(name) for name in names]


def train(config: str, folder: Path, *overrides: str) -> float:
    """Train a shipped configuration in a process of its own, untracked; its wall seconds."""
    settings = [part for key in ("tracking.enabled=false", *overrides) for part in ("--set", key)]
    return run(product("train", config, *settings, "--output", str(folder)), BENCHMARKS=str(BENCHMARKS)).wall
