"""The README says what works: its tour is run, its other commands, files, configs and code are checked."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from tests.conftest import write_jsonl
from tests.test_cli import every_command
from tests.view.started import started
from training.cli import conflict_topics
from training.config_file import parse_config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
TOUR = README.split("## From three labelled paragraphs")[1].split("\n## ")[0]


def shell_commands(block: str) -> list[str]:
    """The commands of a block, here-documents with theirs."""
    commands: list[str] = []
    end = None
    for line in block.splitlines():
        if end is not None:
            commands[-1] += "\n" + line
            end = None if line == end else end
            continue
        commands.append(line)
        opened = re.search(r"<<'(\w+)'", line)
        end = opened[1] if opened else None
    return commands


TOUR_COMMANDS = [
    command
    for block in re.findall(r"^```sh\n(.*?)^```$", TOUR, re.MULTILINE | re.DOTALL)
    for command in shell_commands(block)
]


def test_the_tour_has_ten_commands_from_three_paragraphs() -> None:
    assert sum(command.startswith("conflict-topics ") for command in TOUR_COMMANDS) == 9
    assert sum(command.startswith("grep ") for command in TOUR_COMMANDS) == 1
    start = next(command for command in TOUR_COMMANDS if "start.jsonl" in command)
    assert [json.loads(line)["topics"] for line in start.splitlines()[1:-1]] == [
        ["shelling", "civilian_harm"],
        ["displacement"],
        [],
    ]


@pytest.mark.slow
def test_every_command_of_the_tour_works(tmp_path: Path) -> None:
    for name in ("data", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "conflict-topics"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m training "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for command in TOUR_COMMANDS:
        if command.startswith("conflict-topics view"):
            with started(*shlex.split(command)[2:], cwd=tmp_path) as view:
                view.correct(4, [])
                code, told = view.stop()
            assert (code, told.splitlines()[-1]) == (0, "1 paragraph corrected in tour/tags.corrections.jsonl")
            continue
        ended = subprocess.run(
            ["bash", "-ec", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{command}\n{ended.stderr}"
        for name in re.findall(r"(?:--output|>) (\S+)", command):
            assert (tmp_path / name).exists(), command
    labelled = (tmp_path / "tour/labelled/round-1.jsonl").read_text().splitlines()
    assert len(labelled) == 31
    assert "experiments/models/second" in ended.args[2]


def written_commands() -> list[str]:
    """Every ``conflict-topics …`` of the README, in blocks and in running text."""
    blocks = [line for _, block in BLOCKS for command in shell_commands(block) for line in command.splitlines()[:1]]
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", prose)
    found = []
    for line in (*blocks, *inline):
        match = re.search(r"(?:^|\s|/)conflict-topics ([a-z][^|>#]*)", line)
        if match and "conflict-topics (" not in line:
            found.append(match[1].strip())
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("written", written_commands())
def test_every_written_command_exists_with_its_options_and_files(written: str) -> None:
    words = shlex.split(written)
    command: click.Command = conflict_topics
    while words and isinstance(command, click.Group):
        assert words[0] in command.commands, written
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in parameter.opts}
    for word in words:
        assert not word.startswith("--") or word.split("=")[0] in known, written
        if word.startswith(("configs/", "data/")) and "*" not in word:
            assert (ROOT / word).exists(), written


def test_every_command_is_in_the_readme() -> None:
    for command in every_command():
        name = " ".join(command)
        assert f"conflict-topics {name}" in README or f"`{name}`" in README, name


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert named and named <= targets


@pytest.mark.parametrize("block", [block for language, block in BLOCKS if language == "yaml"])
def test_every_config_of_the_readme_is_one(block: str) -> None:
    assert parse_config(block, where="README.md").data.train == "labelled/*.csv"


def test_the_labelled_record_of_the_readme_can_be_read(tmp_path: Path) -> None:
    from training.config import Columns
    from training.corpus.records import read_corpus

    records = [json.loads(line) for language, block in BLOCKS if language == "json" for line in block.splitlines()]
    labelled = [record for record in records if "text" in record]
    corpus = read_corpus(str(write_jsonl(tmp_path / "one.jsonl", labelled)), Columns(), None, where="README.md")
    assert corpus.dates == ("2024-05-31",)


PYTHON = [block for language, block in BLOCKS if language == "python"]


def test_the_python_of_the_readme_runs(trained: Any) -> None:
    (code,) = [block for block in PYTHON if "spark" not in block]
    own = code.replace("experiments/models/default", str(trained.folder))
    assert own != code
    text = "Families fled the shelling."
    exec(compile(own, "README.md", "exec"), {"texts": [text], "text": text})


@pytest.mark.parametrize("block", PYTHON)
def test_what_the_python_of_the_readme_imports_is_defined(block: str) -> None:
    for imported in ast.walk(ast.parse(block)):
        if isinstance(imported, ast.ImportFrom):
            module = ROOT / str(imported.module).replace(".", "/")
            source = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
            defined = {getattr(node, "name", None) for node in ast.parse(source.read_text(encoding="utf-8")).body}
            assert {alias.name for alias in imported.names} <= defined
