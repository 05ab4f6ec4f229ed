"""Whole processes: tagging an archive, what bounds it, workers, memory, start-up and training."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from experiments.speed.clock import Run, in_turns, product, run
from experiments.speed.material import BENCHMARKS, Archive, linked, train
from experiments.speed.peers import libmultilabel
from experiments.speed.table import Row, figure

MIB = 1 << 20
ONE_PARAGRAPH = {"paragraph_id": "p", "article_id": "a", "text": "Two officers crossed the lines with their men."}
READ_PARQUET = "import pyarrow.parquet as p\nfor b in p.ParquetFile(__import__('sys').argv[1]).iter_batches(): pass\n"


@dataclass(frozen=True)
class Place:
    """Where the archive, the models and the outputs are."""

    folder: Path
    words: Path
    default: Path
    archive: Archive

    def tag(self, model: Path, *inputs: str, threads: int | None = None, one_core: bool = False) -> Run:
        output = self.folder / "tags.parquet"
        for left in (output, output.with_name(output.name + ".rejected.jsonl")):
            left.unlink(missing_ok=True)
        some = ["--threads", str(threads)] if threads else []
        command = product("--quiet", "tag", str(model), *inputs, "--output", str(output), *some)
        return run([sys.executable, "-c", _ON_ONE_CORE, *command] if one_core else command)


def tagging_rows(place: Place, rounds: int) -> list[Row]:
    """The archive against `wc -w`, from every format."""
    archive = place.archive
    jsonl, packed, parquet = (str(path) for path in (archive.jsonl, archive.compressed, archive.parquet))
    jobs: dict[str, Callable[[int], float]] = {
        "wc": lambda _: run(["wc", "-w", str(archive.text)]).wall,
        "words": lambda _: place.tag(place.words, jsonl).wall,
        "default": lambda _: place.tag(place.default, jsonl).wall,
        "jsonl.gz": lambda _: place.tag(place.words, packed).wall,
        "gzip": lambda _: _unpacked(packed),
        "parquet": lambda _: place.tag(place.words, parquet).wall,
        "read parquet": lambda _: run([sys.executable, "-c", READ_PARQUET, parquet]).wall,
        "nothing": lambda _: one_paragraph(place, place.words).wall,
    }
    seconds = in_turns(jobs, rounds)

    def shown(name: str) -> str:
        return f"{figure(seconds[name])} s ({archive.paragraphs / seconds[name]:,.0f}/s)"

    counted = f"`wc -w` {figure(seconds['wc'])} s"
    rows = [
        Row(
            f"`tag` JSONL to Parquet, {archive.paragraphs:,} paragraphs, whole process, {name}",
            shown(name),
            counted,
            seconds[name] / seconds["wc"],
            goal,
            larger_is_better=False,
        )
        for name, goal in (("words", 3.0), ("default", 8.0))
    ]
    start = seconds["nothing"]
    bounds = {
        "jsonl.gz": (".jsonl.gz", seconds["gzip"], "`gzip -dc` alone"),
        "parquet": ("Parquet", seconds["read parquet"], "reading it with pyarrow alone"),
    }
    for name, (title, bound, by) in bounds.items():
        floor = max(seconds["words"] - start, bound)
        rows.append(
            Row(
                f"`tag` {title} to Parquet, words",
                shown(name),
                f"JSONL {figure(seconds['words'])} s; {by} {figure(bound)} s; start-up {figure(start)} s",
                seconds[name] / (floor + start),
                1.1,
                larger_is_better=False,
                unit="times what bounds it",
            )
        )
    return rows


def workers_rows(place: Place, times: int, rounds: int) -> list[Row]:
    """Two workers against one, which has the reader and the writer beside it, and against all on one core."""
    folder = place.folder / "links"
    links = linked(place.archive, folder, times)
    rows = []
    for name, model in (("words", place.words), ("default", place.default)):
        jobs: dict[str, Callable[[int], float]] = {
            "two": lambda _, model=model: place.tag(model, *links, threads=2).wall,  # type: ignore[misc]
            "one": lambda _, model=model: place.tag(model, *links, threads=1).wall,  # type: ignore[misc]
            "core": lambda _, model=model: place.tag(model, *links, threads=1, one_core=True).wall,  # type: ignore[misc]
        }
        seconds = in_turns(jobs, rounds)
        two, total = seconds["two"], f"{len(links) * place.archive.paragraphs:,} paragraphs, {name}"
        for what, peer in (("two workers against one", "one"), ("two cores against one", "core")):
            shown = f"{figure(seconds[peer])} s"
            rows.append(Row(f"{what}, {total}", f"{figure(two)} s", shown, seconds[peer] / two, 1.8))
    shutil.rmtree(folder)
    return rows


_ON_ONE_CORE = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.execv(sys.argv[1], sys.argv[1:])
"""


def _unpacked(path: str) -> float:
    return run([sys.executable, "-c", _DISCARD, path]).wall


_DISCARD = "import subprocess, sys; subprocess.run(['gzip', '-dc', sys.argv[1]], stdout=subprocess.DEVNULL, check=True)"


def one_paragraph(place: Place, model: Path) -> Run:
    path = place.folder / "one.jsonl"
    path.write_text(json.dumps(ONE_PARAGRAPH) + "\n", encoding="utf-8")
    return place.tag(model, str(path))


def memory_row(place: Place, paragraphs: int) -> Row:
    """The most memory while tagging few and many paragraphs, above that of a process that tags one."""
    folder = place.folder / "links"
    few_times = max(1, paragraphs // place.archive.paragraphs // 5)
    links = linked(place.archive, folder, max(2, paragraphs // place.archive.paragraphs))
    model = one_paragraph(place, place.default).peak_bytes
    few = place.tag(place.default, *links[:few_times])
    many = place.tag(place.default, *links)
    shutil.rmtree(folder)
    total = len(links) * place.archive.paragraphs
    return Row(
        f"memory while tagging {total:,} paragraphs, default, above a process that tags one",
        f"{(many.peak_bytes - model) / MIB:,.0f} MiB, in {figure(many.wall)} s",
        f"{few_times * place.archive.paragraphs:,} paragraphs {(few.peak_bytes - model) / MIB:,.0f} MiB; "
        f"one paragraph {model / MIB:,.0f} MiB in all",
        (many.peak_bytes - model) / (1 << 30),
        1.0,
        larger_is_better=False,
        unit="GiB",
    )


def startup_rows(place: Place, rounds: int) -> list[Row]:
    """Whole processes in a warm installation."""
    one_paragraph(place, place.default)
    seconds = in_turns(
        {
            "python": lambda _: run([sys.executable, "-c", "pass"]).wall,
            "help": lambda _: run(product("--help")).wall,
            "default": lambda _: one_paragraph(place, place.default).wall,
            "words": lambda _: one_paragraph(place, place.words).wall,
        },
        rounds,
    )
    bare = f"`python -c pass` {figure(seconds['python'])} s"
    return [
        Row(what, f"{figure(seconds[name])} s", bare, seconds[name], goal, larger_is_better=False, unit="s")
        for what, name, goal in (
            ("`--help`", "help", 0.2),
            ("`tag` of one paragraph, default", "default", 1.0),
            ("`tag` of one paragraph, words", "words", 1.0),
        )
    ]


def reuters_rows(folder: Path) -> list[Row]:
    """A whole `train` with 90 topics, beside LibMultiLabel's `thresholding`."""
    ours = train("configs/benchmarks/reuters21578.yaml", folder / "reuters")
    plain = train(
        "configs/benchmarks/reuters21578.yaml",
        folder / "reuters-words",
        "features.char=null",
        "features.lead=null",
    )
    peer = libmultilabel(BENCHMARKS / "reuters21578")
    rows = []
    for what, name, seconds, limit in (
        ("default features", "reuters", ours, 1.0),
        ("default features, further goal", "reuters", ours, 3.0),
        ("words alone", "reuters-words", plain, 3.0),
    ):
        shown = f"{figure(seconds)} s, F1 {_f1(json.loads((folder / name / 'metrics.json').read_text())['test'])}"
        if isinstance(peer, str):
            rows.append(Row(f"whole `train` on reuters21578, {what}", shown, peer, None, limit))
            continue
        ran, figures = peer
        theirs = f"LibMultiLabel `thresholding` {figure(ran.wall)} s, F1 {_f1(figures)}"
        rows.append(Row(f"whole `train` on reuters21578, {what}", shown, theirs, ran.wall / seconds, limit))
    return rows


def _f1(figures: dict[str, float]) -> str:
    return f"{figures['micro_f1']:.3f} / {figures['macro_f1']:.3f} (micro / macro)"


def training_row(seconds: float) -> Row:
    return Row(
        "whole `train configs/default.yaml`, untracked",
        f"{figure(seconds)} s",
        "–",
        seconds,
        20.0,
        larger_is_better=False,
        unit="s",
    )


def size_row(name: str, folder: Path) -> Row:
    parts = {path.name: path.stat().st_size for path in folder.iterdir()}
    return Row(
        f"model folder, {name}",
        f"{sum(parts.values()) / MIB:.1f} MiB, of which model.safetensors {parts['model.safetensors'] / MIB:.1f} MiB",
        "–",
    )
