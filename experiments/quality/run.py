"""The default configuration beside its linear peers on every benchmark set; writes README.md and results.json here.

    make bench-quality BENCHMARKS=folder [SETS=a,b] [FRESH=1]
    BENCHMARKS=… python -m experiments.quality.run [--sets a,b] [--fresh]

Features, classifier and thresholds are those of configs/default.yaml; a set's own file says only where its data are. Peers
run one at a time in processes of their own, with the Python of .venv-bench, and never see the topics of a test set. What has
finished is kept in cache/, under a digest of the data and of the code that made it, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from experiments.quality import readme
from experiments.quality.marks import GOALS
from experiments.quality.peers import PEERS
from experiments.quality.readme import OURS, Measured, Result
from training.config import Config
from training.config_file import load_config
from training.corpus.files import matching_files
from training.errors import UserError
from training.model.fitting import fit
from training.model.texts import as_string_array
from training.prepare import prepare
from training.train import train

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = HERE / "cache"
PEER_PYTHON = ROOT / ".venv-bench/bin/python"
PEER_MINUTES = 30


def digest(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def cached(name: str, system: str, key: str, run: Callable[[], Result]) -> Result:
    """The kept result of ``system`` on the set ``name``, or a new one; failures are not kept."""
    place = CACHE / name / system.replace(" ", "_")
    described = place.with_suffix(".json")
    if described.exists():
        kept = json.loads(described.read_text(encoding="utf-8"))
        if kept["key"] == key:
            print(f"{name}: {system}: finished before", flush=True)
            return Result(np.load(place.with_suffix(".npy")), kept["figures"])
    began = time.monotonic()
    result = run()
    result.figures["wall_seconds"] = time.monotonic() - began
    if result.tags is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        np.save(place.with_suffix(".npy"), result.tags)
        described.write_text(json.dumps({"key": key, "figures": result.figures}), encoding="utf-8")
    told = f"{result.figures['train_seconds']:.1f} s" if result.tags is not None else result.figures["failure"]
    print(f"{name}: {system}: {told}", flush=True)
    return result


def ours(config: Config) -> Result:
    """Train the default, with report and saved model, and tag the test set with what was saved."""
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        outcome = train(config, Path(place) / config.name)
        trained = time.perf_counter()
        tags = outcome.model.predict(outcome.prepared.test.texts, threads=os.cpu_count() or 1)
        scored = time.perf_counter()
    topics = outcome.prepared.test.topics
    wide = np.zeros((len(tags), len(topics)), dtype=bool)
    wide[:, [topics.index(topic) for topic in outcome.model.topics]] = tags
    kept = {name: part for name, part in outcome.metrics.items() if name not in ("reference", "curves")}
    return Result(wide, {"train_seconds": trained - began, "score_seconds": scored - trained, "metrics": kept})


def peer(name: str, train_set: Any, test_set: Any) -> Result:
    """One peer in a process of its own; a failure is a result too."""
    task = {
        "texts": train_set.texts.to_pylist(),
        "labels": [np.flatnonzero(row).tolist() for row in train_set.labels],
        "topics": len(train_set.topics),
        "test_texts": test_set.texts.to_pylist(),
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "task.json").write_text(json.dumps(task), encoding="utf-8")
        command = [str(PEER_PYTHON), str(HERE / "peers.py"), name, folder]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60 * PEER_MINUTES, check=False)
        except (OSError, subprocess.TimeoutExpired) as problem:
            told = f"no end after {PEER_MINUTES} minutes" if isinstance(problem, subprocess.TimeoutExpired) else problem
            return Result(None, {"failure": str(told)})
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"]
            return Result(None, {"failure": lines[-1]})
        figures = json.loads(Path(folder, "peer.json").read_text(encoding="utf-8"))
        return Result(np.load(Path(folder, "tags.npy")), figures)


def run_set(name: str) -> Measured:
    """Every system on one set, in the order of the table."""
    config, train_set, test_set, data = the_set(name)
    product = [*sorted((ROOT / "training").rglob("*.py")), ROOT / "configs/default.yaml"]
    results = {OURS: cached(name, OURS, digest([*product, *data]), lambda: ours(config))}
    for system in PEERS:
        key = digest([HERE / "peers.py", ROOT / "requirements-bench.lock", *data])
        results[system] = cached(name, system, key, partial(peer, system, train_set, test_set))
    return Measured(train_set, test_set, config.evaluation.confidence, results)


def the_set(name: str) -> tuple[Config, Any, Any, list[Path]]:
    """Its config, its training and test corpus over the same topics, and its files."""
    config = load_config(ROOT / f"configs/benchmarks/{name}.yaml", ["tracking.enabled=false"])
    untied = config.model_copy(update={"split": config.split.model_copy(update={"near_duplicates": None})})
    prepared = prepare(untied)
    patterns = [
        pattern
        for spec in (config.data.train, config.data.test)
        for pattern in ([spec] if isinstance(spec, str) else spec or [])
    ]
    files = [path for pattern in patterns for path in matching_files(pattern, where=name)]
    return config, prepared.train, prepared.test, files


def warm_up() -> None:
    """Compile what is compiled on first use, so that the first set's seconds are like those of the others."""
    config = load_config(ROOT / "configs/default.yaml")
    words = ["convoy", "market", "bridge", "rain", "school", "harvest", "village", "river"]
    texts = [f"{first} {second} near the {third}" for first in words for second in words for third in words[:2]]
    labels = np.array([[text.startswith(word) for word in words[:3]] for text in texts])
    fit(as_string_array(texts).cast("large_string"), labels, np.arange(len(texts)) % 3, config, os.cpu_count() or 1)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="The default configuration and its peers on the benchmark sets.")
    parser.add_argument("--sets", default=",".join(GOALS), help="some of the sets, with commas between [all]")
    parser.add_argument("--fresh", action="store_true", help="forget what finished before")
    options = parser.parse_args(arguments)
    names = [name for name in options.sets.split(",") if name]
    unknown = sorted({*names} - {*GOALS})
    if unknown:
        parser.error(f"--sets: no set is called {unknown[0]}; there are {', '.join(GOALS)}")
    if options.fresh:
        shutil.rmtree(CACHE, ignore_errors=True)
    warm_up()
    measured = {name: run_set(name) for name in GOALS if name in names}
    readme.write(HERE, measured)
    print(f"{HERE / 'README.md'}: {len(measured)} sets")


if __name__ == "__main__":
    try:
        main()
    except UserError as problem:
        sys.exit(str(problem))
