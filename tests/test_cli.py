from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tests.conftest import synthetic_records, write_jsonl
from training.cli import conflict_topics

ROOT = Path(__file__).parents[1]


def run(*arguments: object, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command line as a user runs it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "training", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )


def every_command(group: click.Group = conflict_topics, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        found += every_command(command, (*prefix, name)) if isinstance(command, click.Group) else [(*prefix, name)]
    return found


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(conflict_topics, [*command, "--help"])
    assert result.exit_code == 0
    assert f"conflict-topics {' '.join(command)}" in result.output.split("Example", 1)[1]


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['conflict-topics', '--help']\n"
        "from training.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'pyarrow', 'numba', 'sklearn', 'mlflow', 'pydantic', 'yaml', 'datasets', 'pandas', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stderr.strip() == "[]"


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "mine.jsonl", synthetic_records(40))
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ndata: {train: mine.jsonl, codebook: null}\nevaluation: {resamples: 100}\ntracking: {enabled: false}\n"
    )
    return tmp_path


def test_train_evaluate_explain_compare_and_check(workplace: Path) -> None:
    trained = run("train", "mine.yaml", cwd=workplace)
    assert trained.returncode == 0, trained.stderr
    assert "micro-F1" in trained.stdout
    assert "conflict-topics tag experiments/models/mine" in trained.stdout
    assert "training 3 topics" in trained.stderr
    assert "MLflow" not in trained.stdout
    model = workplace / "experiments/models/mine"
    evaluated = run("evaluate", model, "mine.jsonl", "--json", cwd=workplace)
    assert json.loads(evaluated.stdout)["test"]["micro_f1"] > 0.9
    explained = run("explain", model, "--json", stdin="Families fled.\n", cwd=workplace)
    top = json.loads(explained.stdout)[0]
    assert top["topic"] == "displacement"
    assert top["intercept"] + sum(span["contribution"] for span in top["spans"]) == pytest.approx(
        top["score"], abs=1e-4
    )
    assert "displacement  probability" in run("explain", model, "Families fled.", cwd=workplace).stdout
    for given in ([], [b"Families \xff fled."]):
        garbled = subprocess.run(
            [sys.executable, "-m", "training", "explain", str(model), *given],
            input=b"Families \xff fled.",
            capture_output=True,
            cwd=workplace,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )
        assert garbled.returncode == 1
        assert b"not UTF-8" in garbled.stderr
        assert b"Traceback" not in garbled.stderr
    other = run("train", "mine.yaml", "--set", "features.char=null", "--output", "other", cwd=workplace)
    assert other.returncode == 0
    compared = run("compare", model, "other", "mine.jsonl", cwd=workplace)
    assert "micro-f1" in compared.stdout
    checked = run("check", "mine.yaml", cwd=workplace)
    assert checked.returncode == 0
    assert "120 paragraphs in 40 articles" in checked.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "nowhere.yaml"], 1, "no such config file"),
        (["train", "mine.yaml", "--set", "seeed=3"], 1, 'Did you mean "seed"'),
        (["train", "mine.yaml", "--set", "data.train=nowhere.jsonl"], 1, "no file matches nowhere.jsonl"),
        (["train", "mine.yaml", "--output", "/proc/m"], 1, "Error: /proc: cannot be written: No such file"),
        (["train", "mine.yaml", "--output", "mine.jsonl/m"], 1, "mine.jsonl: cannot be written: Not a directory"),
        (["drift", "nowhere", "mine.jsonl", "--output", "/proc/d"], 1, "/proc/d: cannot be written: No such file"),
        (["search", "mine.yaml", "--output", "/proc/s.yaml"], 1, "/proc: cannot be written: No such file"),
        (["review", "audit", "mine.yaml", "--output", "/proc/a.csv"], 1, "/proc: cannot be written: No such file"),
        (
            ["review", "import", "mine.jsonl", "--output", "/proc/l.jsonl"],
            1,
            "/proc/l.jsonl: cannot be written: No such",
        ),
        (["evaluate", "nowhere", "mine.jsonl"], 1, "no such model folder"),
        (["tain"], 2, "No such command"),
        (["train"], 2, "Missing argument"),
        (["train", "mine.yaml", "--fast"], 2, "No such option"),
    ],
)
def test_errors_are_one_message_and_a_code(workplace: Path, arguments: list[str], code: int, message: str) -> None:
    result = run(*arguments, cwd=workplace)
    assert result.returncode == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert "topics on" not in result.stderr  # nothing was trained
    assert not result.stdout


def test_logs_as_json_lines(workplace: Path) -> None:
    result = run("--log-json", "train", "mine.yaml", cwd=workplace)
    entries: list[dict[str, Any]] = [json.loads(line) for line in result.stderr.splitlines()]
    assert {"level", "message", "time", "logger"} <= set(entries[0])
    assert not run("--quiet", "train", "mine.yaml", cwd=workplace).stderr


def test_errors_are_json_lines_too(workplace: Path) -> None:
    result = run("--log-json", "tag", "nowhere", "mine.jsonl", "--output", "t.jsonl", cwd=workplace)
    [entry] = [json.loads(line) for line in result.stderr.splitlines()]
    assert (result.returncode, entry["level"]) == (1, "error")
    assert "no such model folder" in entry["message"]


@pytest.mark.parametrize(("place", "message"), [("/dev/full", "No space left on device"), (None, "is closed")])
def test_standard_output_that_takes_nothing(trained: Any, tmp_path: Path, place: str | None, message: str) -> None:
    write_jsonl(tmp_path / "in.jsonl", synthetic_records(3))
    command = f'"{sys.executable}" -m training tag "{trained.folder}" in.jsonl --output - >{place or "&-"}'
    result = subprocess.run(
        command,
        shell=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("Error: standard output")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_job_that_a_signal_stops_says_so_in_its_code(trained: Any, tmp_path: Path) -> None:
    """128 and the number of the signal, and how to go on."""
    os.mkfifo(tmp_path / "in.jsonl")
    process = subprocess.Popen(
        [sys.executable, "-m", "training", "tag", str(trained.folder), "in.jsonl", "--output", "t.jsonl"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    with (tmp_path / "in.jsonl").open("wb", buffering=0) as pipe:
        row = json.dumps({"paragraph_id": "1", "text": "Families fled."}).encode() + b"\n"
        pipe.write(row)
        while not (tmp_path / "t.jsonl.partial" / "plan.json").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(BrokenPipeError):
            for _ in range(1000):
                pipe.write(row * 1000)
    said = process.communicate()[1]
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "Run the same command again to go on" in said


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("tag {model} in.jsonl --output - | head -n 1 > first", 0),
        ("tag {model} in.jsonl --output t.jsonl 2>&-", 0),
        ("tag {model} in.jsonl --output t.jsonl >&-", 0),
        ("tag {model} nowhere.jsonl --output t.jsonl 2>&-", 1),
        ("drift {model} in.jsonl <&-", 0),
        ("drift {model} - <&-", 1),
        ("explain {model} 'Families fled.' >&-", 0),
    ],
)
def test_streams_that_are_closed(trained: Any, tmp_path: Path, command: str, code: int) -> None:
    """Whoever has read enough of standard output is no error, and neither is nobody to tell the progress."""
    row = json.dumps({"paragraph_id": "1", "text": "Families fled."}) + "\n"
    (tmp_path / "in.jsonl").write_text(row * 20_000)
    program = f"set -o pipefail; {sys.executable} -m training {command.format(model=trained.folder)}"
    ended = subprocess.run(
        ["bash", "-c", program],
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False), ended.stderr
    assert (tmp_path / "t.jsonl").exists() == (" in.jsonl --output t.jsonl" in command)
