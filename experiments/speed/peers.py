"""fastText and LibMultiLabel, in an environment of their own: `.venv-bench`, which `make bench` makes."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from experiments.speed.clock import ROOT, Run, run
from experiments.speed.material import TOPICS

PYTHON = ROOT / ".venv-bench/bin/python"
PROGRAMS = Path(__file__).parent / "peer_programs"
MISSING = "not installed: .venv-bench could not be made"


class FastText:
    """A fastText model with one output for each topic (one-vs-all), in a process that times itself.

    The model is trained for one epoch, only to exist: its speed does not depend on what it has learned.
    """

    def __init__(self, training: list[str], texts: list[str], subwords: tuple[int, int]) -> None:
        self.settings = "word bigrams" + (f" and subwords of {subwords[0]} to {subwords[1]}" if subwords[1] else "")
        self.problem: str | None = None
        self._folder = tempfile.TemporaryDirectory()
        place = Path(self._folder.name)
        _lines(place / "training.txt", [f"__label__{at % TOPICS} {text}" for at, text in enumerate(training)])
        _lines(place / "texts.txt", texts)
        if not PYTHON.exists():
            self.problem = f"fastText {MISSING}"
            return
        command = [str(PYTHON), str(PROGRAMS / "fasttext_process.py"), str(place), *map(str, subwords)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._answer("") != "ready":
            self.problem = "fastText: could not be started"

    def seconds(self, first: int, count: int) -> float:
        """Processor seconds for the topics of some of the texts."""
        return float(self._answer(f"{first} {count}\n"))

    def close(self) -> None:
        if self.problem is None:
            self._process.communicate("", timeout=60)
        self._folder.cleanup()

    def _answer(self, question: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question)
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


def libmultilabel(folder: Path) -> tuple[Run, dict[str, float]] | str:
    """Its `thresholding` technique, defaults, whole process; with its figures on the test set. Else what is wrong."""
    if not PYTHON.exists():
        return f"LibMultiLabel {MISSING}"
    try:
        ran = run([str(PYTHON), str(PROGRAMS / "libmultilabel_process.py"), str(folder)])
    except RuntimeError as problem:
        return f"LibMultiLabel failed: {str(problem).splitlines()[-1]}"
    return ran, json.loads(ran.printed.splitlines()[-1])


def peer_versions() -> dict[str, str]:
    if not PYTHON.exists():
        return {}
    names = ("fasttext-numpy2-wheel", "libmultilabel", "liblinear-multicore")
    code = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {names}}}))"
    return json.loads(run([str(PYTHON), "-c", code]).printed)


def _lines(path: Path, texts: list[str]) -> None:
    path.write_text("".join(" ".join(text.split()) + "\n" for text in texts), encoding="utf-8")
