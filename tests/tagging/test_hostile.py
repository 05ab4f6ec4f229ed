"""Hostile input: bounded memory, and the right result or a clear error."""

from __future__ import annotations

import gzip
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.tagging.conftest import jsonl, lines_of, rejected, tagged
from training.tagging import Tuning

ROOT = Path(__file__).parents[2]

LIMITED = textwrap.dedent("""
    import pathlib, re, sys
    from tests.tagging.fake import FakeModel
    from training.tagging import tag

    tag(FakeModel(), sys.argv[1:2], sys.argv[2], quiet=True, threads=2)
    # Not getrusage: there a child process begins with the peak of its parent.
    print(re.search(r"VmHWM:\\s*([0-9]+) kB", pathlib.Path("/proc/self/status").read_text())[1])
""")


def peak_megabytes(source, output):
    """Peak memory of a process of its own that tags ``source``."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(source), str(output)], cwd=ROOT, capture_output=True, check=True
    )
    return int(done.stdout) / 1024


@pytest.mark.slow
def test_a_line_of_300_megabytes_is_rejected_without_being_held(tmp_path):
    source = tmp_path / "in.jsonl"
    with source.open("wb") as file:
        file.write(b'{"paragraph_id":"1","text":"fine"}\n{"paragraph_id":"2","text":"')
        for _ in range(300):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n{"paragraph_id":"3","text":"fine"}\n')
    assert peak_megabytes(source, tmp_path / "t.jsonl") < 400
    assert [row["paragraph_id"] for row in tagged(tmp_path / "t.jsonl")] == ["1", "3"]
    (reject,) = rejected(tmp_path / "t.jsonl")
    assert (reject["line"], reject["row_truncated"]) == (2, True)
    assert reject["row_bytes"] > 300_000_000
    assert len(reject["row"]) < 100_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["in.jsonl.gz", "in.csv.gz", "in.txt.gz", "in.html.gz"])
def test_a_gzip_bomb_is_rejected_without_being_held(tmp_path, name):
    with gzip.open(tmp_path / name, "wb", compresslevel=9) as file:
        file.write(b"text\n" if "csv" in name else b"")
        for _ in range(400):
            file.write(b"\0" * 1_000_000)
    assert peak_megabytes(tmp_path / name, tmp_path / "t.jsonl") < 500
    assert len(rejected(tmp_path / "t.jsonl")) == 1


@pytest.mark.slow
def test_a_million_tiny_lines(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b"{}\n" * 500_000 + b"\n" * 500_000 + b'{"text":""}\n')
    summary = run(tmp_path / "in.jsonl", tuning=Tuning())
    assert (summary.rows_read, summary.rows_tagged) == (500_001, 1)
    assert rejected(tmp_path / "tags.jsonl")[-1]["line"] == 500_000
    assert tagged(tmp_path / "tags.jsonl")[0]["paragraph_id"] == "in:1000001:1"


def test_every_plane_of_unicode_and_nul_go_through(run, tmp_path):
    rows = [
        {"paragraph_id": f"{plane}\0\x1f\x7f", "text": "".join(map(chr, range(plane << 16, (plane << 16) + 64)))}
        for plane in range(17)
    ]
    (tmp_path / "in.jsonl").write_bytes(jsonl(rows))
    for output in ("t.jsonl", "t.parquet"):
        run(tmp_path / "in.jsonl", output, keep=("text",))
        found = tagged(tmp_path / output)
        assert [row["text"] for row in found] == [row["text"] for row in rows]
        assert [row["paragraph_id"] for row in found] == [row["paragraph_id"] for row in rows]


def test_csv_with_everything_in_a_field(run, tmp_path):
    text = 'a "quote", a comma,\na line\r\nand another\rü\t;'
    (tmp_path / "in.csv").write_bytes(b"paragraph_id,text\n" + ('"1;2","' + text.replace('"', '""') + '"\n').encode())
    run(tmp_path / "in.csv", "t.jsonl", keep=("text",))
    assert tagged(tmp_path / "t.jsonl")[0]["text"] == text
    run(tmp_path / "t.jsonl", "t.csv", keep=("text",))
    assert tagged(tmp_path / "t.csv")[0]["text"] == text


def test_a_long_line_is_cut_in_the_rejects_between_characters(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(("x" + "ü" * 60_000 + "\n").encode())
    run(tmp_path / "in.jsonl", tuning=Tuning())
    (reject,) = rejected(tmp_path / "tags.jsonl")
    assert set(reject["row"][1:]) == {"ü"}
    assert (reject["row_bytes"], reject["row_truncated"]) == (120_001, True)


@pytest.mark.parametrize("size", [50_000, 1 << 20, 4 << 20])
@pytest.mark.parametrize("name", ["in.jsonl", "in.csv"])
def test_lines_longer_than_a_block_and_than_the_limit(run, tmp_path, name, size):
    longest = 12 * 5 + (1 << 20)
    one, two = (b'{"paragraph_id":"1","text":"a"}', b'{"paragraph_id":"3","text":"b"}')
    if name == "in.csv":
        one, two = b"paragraph_id,text\n1,a", b"3,b"
    (tmp_path / name).write_bytes(b"\n".join([one, b"y" * 3 * longest, two, b"z" * (longest - 9)]))
    summary = run(tmp_path / name, max_characters=5, tuning=Tuning(size, 2, 0))
    assert [row["paragraph_id"] for row in lines_of(tmp_path / "tags.jsonl")] == ["1", "3"]
    long, broken = rejected(tmp_path / "tags.jsonl")
    first = 2 if name == "in.jsonl" else 3
    assert [long["line"], broken["line"]] == [first, first + 2]
    assert "too long" in long["reason"] or size > longest
    assert summary.rows_read == 4


def test_an_article_over_the_limit_is_rejected(run, tmp_path):
    (tmp_path / "a.txt").write_text("x" * 30)
    (tmp_path / "b.txt").write_text("ü" * 20)
    (tmp_path / "c.txt").write_text("y" * 200)
    summary = run(tmp_path, max_characters=20)
    assert [row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")] == ["b:1"]
    assert summary.rows_rejected == 2
