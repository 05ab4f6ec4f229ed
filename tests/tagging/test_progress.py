"""Progress: nothing when quiet, lines elsewhere, JSON on request, a bar on a terminal."""

from __future__ import annotations

import io
import json
import time
from types import SimpleNamespace

import pytest

from tests.tagging.conftest import jsonl, paragraphs
from training.tagging import progress
from training.tagging.progress import Bar, JsonLines, Lines, Silent, progress_for
from training.tagging.summary import Summary


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_right_one_is_chosen():
    assert isinstance(progress_for(True, True, Terminal()), Silent)
    assert isinstance(progress_for(False, True, Terminal()), JsonLines)
    assert isinstance(progress_for(False, False, Terminal()), Bar)
    assert type(progress_for(False, False, io.StringIO())) is Lines


@pytest.fixture
def clock(monkeypatch):
    """A clock that only goes when it is told to."""
    now = [100.0]
    own = SimpleNamespace(monotonic=lambda: now[0], strftime=time.strftime, gmtime=time.gmtime)
    monkeypatch.setattr(progress, "time", own)
    return now


def test_lines_tell_rates_and_the_time_left(clock):
    stream = io.StringIO()
    lines = Lines(stream)
    lines.begin(10_000_000, 0)
    lines.update(1, 1, 0)
    assert stream.getvalue() == ""
    clock[0] += 20
    lines.update(2_000_000, 5000, 3)
    assert stream.getvalue() == "tag: 5,000 paragraphs, 250/s, 0.1 MB/s, 3 rejected, 20%, 1:20 left\n"


def test_json_lines_are_json(clock):
    stream = io.StringIO()
    lines = JsonLines(stream)
    lines.begin(None, 0)
    clock[0] += 20
    lines.update(2_000_000, 5000, 3)
    lines.note("hello")
    lines.end(Summary(rows_read=3))
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [record["event"] for record in records] == ["progress", "note", "summary"]
    assert records[0]["paragraphs_per_second"] == 250
    assert records[0]["seconds_left"] is None
    assert records[2]["rows_read"] == 3


def test_a_bar_shows_and_goes(clock):
    stream = Terminal()
    bar = Bar(stream)
    bar.begin(100, 0)
    clock[0] += 2
    bar.update(50, 10, 1)
    bar._bar.refresh()
    bar.note("between")
    bar.end(Summary(rows_read=3, rows_tagged=3))
    shown = stream.getvalue()
    assert "10 paragraphs  5/s" in shown
    assert "1 rejected" in shown
    assert "read 3 rows" in shown


def test_stderr_has_the_summary_and_stdout_nothing(run, tmp_path, capsys):
    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(5)))
    run(tmp_path / "in.jsonl", quiet=False)
    out, err = capsys.readouterr()
    assert out == ""
    assert "tag: read 5 rows from 1 files = 5 tagged + 0 rejected" in err
    run(tmp_path / "in.jsonl", force=True)
    assert capsys.readouterr() == ("", "")


def test_warnings_are_told_quietly_too(run, tmp_path, capsys):
    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(5)))
    run(tmp_path / "in.jsonl", keep=["no_such"])
    assert capsys.readouterr() == (
        "",
        "tag: no paragraph has a value for --keep no_such: is that the name in the input?\n",
    )
