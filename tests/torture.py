"""``make torture``: the fault injection and fuzzing of the tests, longer and with seeds of its own.

    python -m tests.torture [--minutes 10] [--seed 1] [--record experiments/reliability/README.md]

Prints figures and records them. A failure prints what to repeat it with, and ends with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
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

from tests.tagging.conftest import make_inputs
from tests.tagging.fake import FakeModel
from tests.tagging.faults import Crash, Disk
from tests.tagging.test_read_csv import blocks, outcome
from tests.tagging.test_read_csv import parser as csv_parser
from tests.tagging.test_read_jsonl import parser as json_parser
from tests.tagging.test_resume import OUTPUTS, ROOT, start
from training.corpus.articles import html_paragraphs, split_text
from training.errors import UserError
from training.tagging import Summary, Tuning, tag
from training.tagging.blocks import Block

Figures = Counter[str]
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
    for torture in TORTURES:
        until = time.monotonic() + 60 * chosen.minutes / len(TORTURES)
        seed = chosen.seed
        while time.monotonic() < until:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    torture(random.Random(f"{torture.__name__}{seed}"), Path(folder), figures)
                except Exception:
                    traceback.print_exc()
                    print(f"FAILED: {torture.__name__}, seed {seed}", flush=True)  # noqa: T201
                    return 1
            seed += 1
        print(f"{torture.__name__}: {seed - chosen.seed} rounds", flush=True)  # noqa: T201
    seconds = time.monotonic() - began
    lines = [f"| {name} | {count:,} |" for name, count in sorted(figures.items())]
    print("\n".join(lines))  # noqa: T201
    _record(chosen.record, lines, chosen.seed, seconds)
    return 0


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


def _mutated(choice: random.Random, data: bytes) -> bytes:
    """Bytes changed, cut, doubled or swapped at random places."""
    changed = bytearray(data)
    for _ in range(choice.randint(1, 8)):
        at = choice.randrange(len(changed) + 1)
        kind = choice.randrange(5)
        if kind == 0:
            changed[at:at] = choice.choice([b'"', b"\n", b"\r\n", b"{", b"}", b"\\", b"\0", b"\xff", b",", b"\\ud800"])
        elif kind == 1:
            del changed[at : at + choice.randint(1, 30)]
        elif kind == 2 and at < len(changed):
            changed[at] = choice.randrange(256)
        elif kind == 3:
            changed[at:at] = changed[at : at + choice.randint(1, 200)]
        else:
            other = choice.randrange(len(changed) + 1)
            changed[at : at + 5], changed[other : other + 5] = changed[other : other + 5], changed[at : at + 5]
    return bytes(changed)


def fuzz_readers(choice: random.Random, folder: Path, figures: Figures) -> None:
    """Damaged archives: every row counted once, the fast way and the slow way the same."""
    for path in make_inputs(folder / "archive", rows=30):
        for _ in range(4):
            damaged = path.with_name(f"damaged{''.join(path.suffixes)}")
            damaged.write_bytes(_mutated(choice, path.read_bytes()))
            for at, size in enumerate((200, 5000)):
                name = f"{path.name}{at}.jsonl"
                names, tuning = [str(damaged)], Tuning(size, 9, 1.0)
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


def fuzz_parsers(choice: random.Random, folder: Path, figures: Figures) -> None:
    """Blocks of damaged lines through the fast and the slow way of the parsers."""
    inputs = make_inputs(folder / "archive", rows=20)
    lines, table = inputs[0].read_bytes(), inputs[1].read_bytes()
    for _ in range(40):
        data = _mutated(choice, lines)
        block = Block(data, 0, 1, data.count(b"\n") + (not data.endswith(b"\n")), len(data))
        for as_json in (True, False):
            fast, slow = json_parser(as_json), json_parser(as_json)
            assert outcome(fast.decode(block)) == outcome(slow._line_by_line(block))
        for block in blocks(_mutated(choice, table), choice.randint(1, 3000)):
            if block.problem is None:
                assert outcome(csv_parser().decode(block)) == outcome(csv_parser()._record_by_record(block))
        figures["blocks compared, fast and slow"] += 3


def fuzz_articles(choice: random.Random, folder: Path, figures: Figures) -> None:
    """Damaged text and pages through the splitter and the extraction."""
    page = b"<html><body><nav>Menu</nav><article><p>One two.</p><p>Three <b>four</b>.</p></article></body></html>"
    for _ in range(50):
        text = _mutated(choice, "One.\n\nTwo — обстрел\r\n \r\nThree\u2029Four\n".encode()).decode("utf-8", "replace")
        for paragraph in split_text(text):
            assert paragraph == paragraph.strip() != ""
        for paragraph in html_paragraphs(_mutated(choice, page)):
            assert paragraph.strip()
        figures["articles fuzzed"] += 2


TORTURES: tuple[Callable[[random.Random, Path, Figures], None], ...] = (
    kill,
    break_disk,
    fuzz_readers,
    fuzz_parsers,
    fuzz_articles,
)


def _record(path: Path, lines: list[str], seed: int, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    when = time.strftime("%Y-%m-%d")
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    text = f"""# Reliability: what `make torture` has shown

Last run: {when}, {seconds / 60:.1f} minutes, seed {seed}, {machine}, pyarrow {pa.__version__}.
Command: `python -m tests.torture`. After every fault the job was resumed and its output compared byte by byte
with that of an uninterrupted run. Of every fuzzed input each row was tagged or rejected, the same by the fast and
the slow way of the readers. Nothing failed.

| what | how often |
|---|---|
{chr(10).join(lines)}

The same in small, with fixed seeds, is in `tests/tagging/`: `test_resume.py` (crashes at every kind of operation,
torn writes, lost power, full disk, signals, two processes), `test_read_*.py`, `test_streams.py`, `test_hostile.py`
and `test_spark.py` (workers that die).
"""
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
