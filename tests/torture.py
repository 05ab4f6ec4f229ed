"""``make torture``: the fault injection and fuzzing of the tests, longer and with seeds of its own.

    python -m tests.torture [--minutes 10] [--seed 1] [--record experiments/reliability/README.md]

Prints figures and records them. A failure prints what to repeat it with, and ends with exit code 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.fuzz.damage import damaged
from tests.fuzz.run import CORPUS
from tests.fuzz.targets import TARGETS, seeds
from tests.tagging.conftest import make_inputs
from tests.tagging.fake import FakeModel
from tests.tagging.faults import Crash, Disk
from tests.tagging.test_resume import OUTPUTS, ROOT, start
from training.errors import UserError
from training.tagging import Summary, Tuning, tag

Figures = Counter[str]
ATHERIS = importlib.util.find_spec("atheris") is not None
SLICE = {"seconds": 20}  # of each target in a round of guided fuzzing
WORK = Path(tempfile.mkdtemp(prefix="conflict-topics-fuzz-"))
TUNING = Tuning(block_bytes=600, shard_rows=7, commit_seconds=0.0)


def main() -> int:
    """Run every torture for its share of the time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--record", type=Path, default=ROOT / "experiments/reliability/README.md")
    chosen = parser.parse_args()
    figures: Figures = Counter()
    began = time.monotonic()
    try:
        failed = _all(chosen.minutes, chosen.seed, figures)
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    if failed:
        return 1
    lines = [f"| {name} | {count:,} |" for name, count in sorted(figures.items())]
    print("\n".join(lines))  # noqa: T201
    _record(chosen.record, lines, chosen.seed, time.monotonic() - began)
    return 0


def _all(minutes: float, first: int, figures: Figures) -> bool:
    """Every torture for its share of the minutes; whether one failed."""
    SLICE["seconds"] = min(60, max(5, round(60 * minutes / len(TORTURES) / len(TARGETS))))
    for torture in TORTURES:
        until = time.monotonic() + 60 * minutes / len(TORTURES)
        seed = first
        while time.monotonic() < until:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    torture(random.Random(f"{torture.__name__}{seed}"), Path(folder), figures)
                except Exception:
                    traceback.print_exc()
                    print(f"FAILED: {torture.__name__}, seed {seed}", flush=True)  # noqa: T201
                    return True
            seed += 1
        print(f"{torture.__name__}: {seed - first} rounds", flush=True)  # noqa: T201
    return False


def _tagged(folder: Path, inputs: list[Path], output: str, **options: Any) -> Summary:
    names = [str(path) for path in inputs]
    return tag(FakeModel(), names, str(folder / output), quiet=True, tuning=TUNING, **options)


def _bytes(folder: Path, output: str) -> tuple[bytes, bytes]:
    made = folder / output
    return made.read_bytes(), made.with_name(made.name + ".rejected.jsonl").read_bytes()


def _setting(choice: random.Random, folder: Path, figures: Figures) -> tuple[list[Path], str, tuple[bytes, bytes]]:
    """An archive, an output, and the bytes of an uninterrupted run."""
    inputs = make_inputs(folder / "archive", rows=choice.randint(20, 120))
    choice.shuffle(inputs)
    output = choice.choice([*OUTPUTS, "t.jsonl.zst", "t.csv"])
    summary = _tagged(folder, inputs, f"whole.{output}", threads=choice.randint(1, 3))
    figures["rows compared"] += summary.rows_read
    return inputs, output, _bytes(folder, f"whole.{output}")


def kill(choice: random.Random, folder: Path, figures: Figures) -> None:
    """kill -9, SIGTERM and SIGINT at random moments of a process of its own, until it is through."""
    inputs, output, wanted = _setting(choice, folder, figures)
    patience = 0.6
    while not (folder / output).exists() or (folder / f"{output}.partial").exists():
        patience *= 1.1  # a machine so busy that nothing is done in time must not go on for ever
        with start(folder / output, inputs, stderr=subprocess.DEVNULL) as process:
            process.stdout.readline()
            try:
                process.wait(choice.random() * patience)
            except subprocess.TimeoutExpired:
                number = choice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
                process.send_signal(number)
                figures[f"processes stopped by {number.name}"] += 1
            process.wait()
    assert _bytes(folder, output) == wanted


def break_disk(choice: random.Random, folder: Path, figures: Figures) -> None:
    """Crashes, torn writes, lost power and failing operations, several in a row."""
    inputs, output, wanted = _setting(choice, folder, figures)
    with Disk().installed() as disk:
        _tagged(folder, inputs, f"count.{output}")
    for attempt in range(5):
        name = f"{attempt}.{output}"
        for _ in range(choice.randint(1, 4)):
            how = choice.choice(["crash", "torn", "power", "ENOSPC", "EIO", "EDQUOT", "EROFS"])
            at = choice.randint(1, disk.count)
            if (folder / name).exists() and not (folder / f"{name}.partial" / "plan.json").exists():
                break
            with Disk(at, how).installed() as failing:
                try:
                    _tagged(folder, inputs, name, threads=choice.randint(1, 3))
                except (Crash, UserError):
                    figures[f"faults injected: {how}"] += 1
                    assert failing.failed is not None
        if not (folder / name).exists() or (folder / f"{name}.partial" / "plan.json").exists():
            _tagged(folder, inputs, name)
        assert _bytes(folder, name) == wanted


def fuzz_readers(choice: random.Random, folder: Path, figures: Figures) -> None:
    """Damaged archives: every row counted once, the fast way and the slow way the same."""
    for path in make_inputs(folder / "archive", rows=30):
        for _ in range(4):
            broken = path.with_name(f"damaged{''.join(path.suffixes)}")
            broken.write_bytes(damaged(choice, path.read_bytes()))
            for at, size in enumerate((200, 5000)):
                name = f"{path.name}{at}.jsonl"
                names, tuning = [str(broken)], Tuning(size, 9, 1.0)
                try:
                    summary = tag(FakeModel(), names, str(folder / name), quiet=True, force=True, tuning=tuning)
                except UserError:
                    figures["inputs refused with a message"] += 1
                    continue
                assert summary.rows_read == summary.rows_tagged + summary.rows_rejected
                figures["inputs fuzzed"] += 1
            made = [folder / f"{path.name}{at}.jsonl" for at in range(2)]
            if all(each.exists() for each in made) and "csv" not in path.name and "tsv" not in path.name:
                assert made[0].read_bytes() == made[1].read_bytes()
            for each in made:
                each.unlink(missing_ok=True)


def fuzz_targets(choice: random.Random, folder: Path, figures: Figures) -> None:
    """Everything that must hold for any bytes, with seeds and earlier findings damaged at random."""
    for name, target in TARGETS.items():
        given = [*seeds(name), *(path.read_bytes() for path in (CORPUS / name).glob("*"))]
        for _ in range(20):
            data = damaged(choice, choice.choice(given))
            try:
                target(data)
            except BaseException:
                (Path(tempfile.gettempdir()) / f"found-{name}").write_bytes(data)
                print(f"Found: {name}; the input is in {tempfile.gettempdir()}/found-{name}", flush=True)  # noqa: T201
                raise
            figures[f"inputs damaged at random: {name}"] += 1


def fuzz_guided(choice: random.Random, folder: Path, figures: Figures) -> None:
    """The same targets under atheris, which keeps what reaches new code; each goes on from where it was."""
    for name in TARGETS:
        work = WORK / name
        work.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.run",
            name,
            "--seconds",
            str(SLICE["seconds"]),
            "--work",
            str(work),
        ]
        command += ["--seed", str(choice.randrange(1, 2**31)), "--keep", tempfile.gettempdir()]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        ran = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
        if done.returncode or ran is None:
            raise AssertionError(f"{name} under atheris:\n{done.stderr[-3000:]}")
        figures[f"inputs fuzzed by atheris: {name}"] += int(ran[1])


TORTURES: tuple[Callable[[random.Random, Path, Figures], None], ...] = (
    kill,
    break_disk,
    fuzz_readers,
    fuzz_targets,
    *([fuzz_guided] if ATHERIS else []),
)


GUIDED = {
    True: "Coverage guided part of the fuzzing (atheris).",
    False: "No coverage guided the fuzzing: atheris was not installed (requirements-fuzz.lock).",
}


def _record(path: Path, lines: list[str], seed: int, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    when = time.strftime("%Y-%m-%d")
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    text = f"""# Reliability: what `make torture` has shown

Last run: {when}, {seconds / 60:.1f} minutes, seed {seed}, {machine}, pyarrow {pa.__version__}.
Command: `python -m tests.torture`. After every fault the job was resumed and its output compared byte by byte
with that of an uninterrupted run. Of every fuzzed input each row was tagged or rejected, the same by the fast and
the slow way of the readers; every fuzzed model was refused or gave probabilities. {GUIDED[ATHERIS]} Nothing failed.

| what | how often |
|---|---|
{chr(10).join(lines)}

The same in small, with fixed seeds, is in `tests/tagging/`: `test_resume.py` (crashes at every kind of operation,
torn writes, lost power, full disk, signals, two processes), `test_read_*.py`, `test_streams.py`, `test_hostile.py`
and `test_spark.py` (workers that die); in `tests/model/test_untrusted.py` (models from strangers); and in `tests/fuzz/`,
with the inputs that fuzzing has found (`corpus/`). Paragraphs a second on Spark: [spark.md](spark.md).
"""
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
