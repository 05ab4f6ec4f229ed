"""Time and memory: of calls in turns, and of whole processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Run:
    """A process that ended well. Wall and processor seconds (of all its threads); the most memory that was resident."""

    wall: float
    processor: float
    peak_bytes: int
    printed: str


def in_turns(contenders: Mapping[str, Callable[[int], float]], rounds: int) -> dict[str, float]:
    """The median of what each contender gives for rounds 0, 1, …; they take turns, so that load hits all alike."""
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, contender in contenders.items():
            figures[name].append(contender(number))
    return {name: statistics.median(values) for name, values in figures.items()}


def run(command: Sequence[str], **environment: str) -> Run:
    """Run a command to its end. VmHWM is polled, because ru_maxrss begins with that of the parent."""
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    peak = 0
    while True:
        peak = max(peak, _high_water(process.pid))
        try:
            printed, complaints = process.communicate(timeout=POLL_SECONDS)
            break
        except subprocess.TimeoutExpired:
            continue
    wall = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}\ngave exit code {process.returncode}:\n{complaints[-2000:]}")
    return Run(wall, _children_seconds(), peak, printed)


def product(*arguments: str) -> list[str]:
    """The command line of conflict-topics, as its console script has it."""
    return [sys.executable, "-c", "from training.cli import main; main()", *arguments]


_counted = 0.0


def _children_seconds() -> float:
    global _counted
    used = os.times()
    total = used.children_user + used.children_system
    since, _counted = total - _counted, total
    return since


def _high_water(process: int) -> int:
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
