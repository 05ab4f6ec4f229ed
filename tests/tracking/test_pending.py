from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tracking.servers import environment
from training.tracking.pending import ABANDONED_SECONDS, Entry, keep, pending, sweep, take


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two files."""
    place = tmp_path / "model"
    place.mkdir()
    (place / "manifest.json").write_text("{}")
    (place / "model.json").write_text("first")
    return place


def entry(identity: str = "one", ended: int = 5) -> Entry:
    return Entry(identity, "/somewhere/model", "abc", ended - 1, ended, "http://host", 1.5, {"a": "b"})


def test_what_is_kept_is_taken_as_it_was(folder: Path) -> None:
    keep(entry(), folder).close()
    (folder / "model.json").unlink()
    (folder / "model.json").write_text("second")
    with take("one") as held:
        assert held.entry == entry()
        assert held.folder.name == "model"
        assert (held.folder / "model.json").read_text() == "first"


def test_a_record_is_in_one_hand_at_a_time(folder: Path) -> None:
    with keep(entry(), folder):
        assert take("one") is None
    with take("one"):
        assert take("one") is None
    assert take("one") is not None


def test_what_is_done_is_gone(folder: Path) -> None:
    with keep(entry(), folder) as held:
        held.done()
    assert take("one") is None
    assert pending() == ([], {})
    assert list(Path("experiments/pending").iterdir()) == []


def test_a_failure_is_written_down(folder: Path) -> None:
    with keep(entry(), folder) as held:
        held.failed("no answer")
        held.failed("still none")
    [found] = pending()[0]
    assert (found.tries, found.problem) == (2, "still none")


def test_the_same_record_is_not_kept_twice(folder: Path) -> None:
    with keep(entry(), folder), pytest.raises(FileExistsError, match="one"):
        keep(entry(), folder)
    assert [path.name for path in Path("experiments/pending").iterdir()] == ["one"]


def test_oldest_training_first(folder: Path) -> None:
    for name, ended in (("b", 9), ("c", 3), ("a", 9)):
        keep(entry(name, ended), folder).close()
    assert [found.id for found in pending()[0]] == ["c", "a", "b"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": "x"}', '{"unknown": 1}', "null"])
def test_damaged_entries_are_named(folder: Path, content: str) -> None:
    keep(entry(), folder).close()
    Path("experiments/pending/one/entry.json").write_text(content)
    assert "Remove experiments/pending/one" in pending()[1]["one"]
    with pytest.raises(ValueError, match="damaged"):
        take("one")


def test_a_file_system_without_hard_links(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    with keep(entry(), folder) as held:
        assert (held.folder / "model.json").read_text() == "first"


@pytest.mark.parametrize("call", ["mkdir", "link", "replace", "rename", "fsync"])
def test_a_disk_that_fails_leaves_no_half_entry(folder: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    Path("experiments/pending").mkdir(parents=True)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if call in ("fsync", "link") else Path, call, fail)
        if call == "link":
            patch.setattr("shutil.copyfile", fail)
        with pytest.raises(OSError, match="No space left"):
            keep(entry(), folder)
    assert list(Path("experiments/pending").iterdir()) == []
    keep(entry(), folder).done()


def test_what_dead_processes_left_aside_is_swept(folder: Path) -> None:
    place = Path("experiments/pending")
    keep(entry(), folder).close()
    for name in (".old.1.tmp", ".new.2.tmp"):
        (place / name).mkdir()
    os.utime(place / ".old.1.tmp", (0, place.stat().st_mtime - ABANDONED_SECONDS - 1))
    sweep()
    assert sorted(path.name for path in place.iterdir()) == [".new.2.tmp", "one"]


def test_the_hold_of_a_process_that_was_killed_ends_with_it(folder: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from training.tracking.pending import Entry, keep\n"
        "held = keep(Entry(**__import__('json').loads(sys.argv[2])), Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    from dataclasses import asdict

    command = [sys.executable, "-c", program, str(folder), json.dumps(asdict(entry()))]
    assert subprocess.run(command, env=environment(), check=False).returncode == -9
    [found] = pending()[0]
    assert "interrupted" in found.problem
    assert take("one") is not None
