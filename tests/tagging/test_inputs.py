"""Inputs: the files that were meant, once each, in an order that does not change."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

import pytest

from training.errors import UserError
from training.tagging.formats import format_of, parse_format
from training.tagging.inputs import find_sources, shown


def found(*inputs, format=None, own=()):
    sources, _ = find_sources([str(name) for name in inputs], format, own)
    return [source.path for source in sources]


@pytest.fixture
def tree(tmp_path):
    """A folder with files of all kinds, links and what is no data."""
    for name in ("b.jsonl", "a.csv.gz", "deep/z.PARQUET", "deep/er/y.txt.zst", "x.html", "notes.md", ".hidden.jsonl"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "tree" / "_SUCCESS").write_bytes(b"")
    (tmp_path / "tree" / "deep" / "up").symlink_to(tmp_path / "tree")
    (tmp_path / "tree" / "deep" / "same.jsonl").symlink_to(tmp_path / "tree" / "b.jsonl")
    (tmp_path / "tree" / "broken.jsonl").symlink_to(tmp_path / "nowhere")
    return tmp_path / "tree"


def test_a_folder_is_walked_sorted_to_the_bottom_without_going_round(tree):
    wanted = ["a.csv.gz", "b.jsonl", "deep/er/y.txt.zst", "deep/z.PARQUET", "x.html"]
    assert found(tree) == [str(tree / name) for name in wanted]
    assert find_sources([str(tree)], None)[1] == 2


def test_rejected_rows_are_read_only_when_they_are_named(tree):
    rejected = tree / "b.parquet.rejected.jsonl"
    rejected.write_bytes(b"x")
    assert str(rejected) not in found(tree)
    assert find_sources([str(tree)], None)[1] == 3
    assert found(rejected) == [str(rejected)]


def test_an_output_in_a_folder_that_is_read_is_told(tree, caplog):
    with caplog.at_level(logging.WARNING, "training"):
        found(tree, own=[str(tree / "deep" / "b.csv"), str(tree / "deep" / "b.csv.rejected.jsonl")])
    assert len(caplog.messages) == 1
    assert re.search(r"deep/b\.csv: lies in .*tree, which is read: .*Write it elsewhere\.$", caplog.messages[0])
    caplog.clear()
    found(tree, own=[str(tree.parent / "tree.csv")])
    assert not caplog.messages


def test_a_file_named_twice_is_read_once(tree):
    assert found(tree / "b.jsonl", tree / "deep/same.jsonl", tree / "b.json[l]") == [str(tree / "b.jsonl")]


def test_a_glob_is_sorted_and_goes_deep(tree):
    assert found(tree / "**" / "*.txt.zst") == [str(tree / "deep/er/y.txt.zst")]
    (tree / "a.jsonl").write_bytes(b"")
    (tree / "broken.jsonl").unlink()
    assert found(tree / "?.jsonl") == [str(tree / "a.jsonl"), str(tree / "b.jsonl")]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path):
    (tmp_path / "a[1].jsonl").write_bytes(b"")
    assert found(tmp_path / "a[1].jsonl") == [str(tmp_path / "a[1].jsonl")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("notes.md", "cannot tell the format from the name"),
        ("nowhere.jsonl", "no such file"),
        ("*.nothing", "no file matches"),
        ("broken.jsonl", "cannot be read: No such file"),
    ],
)
def test_wrong_inputs_are_told(tree, name, message):
    with pytest.raises(UserError, match=message):
        found(tree / name)


def test_an_empty_folder_is_told(tmp_path):
    with pytest.raises(UserError, match=r"holds no file to tag \(0 passed over\)"):
        found(tmp_path)
    with pytest.raises(UserError, match="no input"):
        found()
    with pytest.raises(UserError, match="an INPUT is empty text"):
        found("")


def test_a_format_that_is_said_goes_before_the_suffix(tree):
    (source,), _ = find_sources([str(tree / "notes.md")], "jsonl.gz")
    assert (source.format, source.compression, source.article_id) == ("jsonl", "gz", "notes.md")


def test_a_format_picks_files_in_a_folder_and_takes_those_without_a_suffix(tree):
    (tree / "part-0000").write_bytes(b"")
    assert found(tree, format="jsonl") == [str(tree / "b.jsonl"), str(tree / "part-0000")]
    assert find_sources([str(tree)], "jsonl")[1] == 6


def test_files_that_cannot_be_opened_are_told_at_once(tree, monkeypatch):
    """A file that is said to be readable by nobody, whoever runs the test: root may read everything."""
    opened = Path.open

    def refused(path, *arguments, **options):
        if path.name == "b.jsonl":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(UserError, match="Permission denied"):
        found(tree)


def test_names_with_line_breaks_and_odd_bytes_stay_on_one_line(run, tmp_path):
    name = os.fsdecode(b"new\nline \xff\t\xc3\xbc.jsonl")
    (tmp_path / name).write_bytes(b"broken\n")
    assert shown(name) == r"new\nline \xff\tü.jsonl"
    summary = run(tmp_path / name, name.replace("jsonl", "csv"))
    assert summary.rows_rejected == 1
    assert (tmp_path / name.replace("jsonl", "csv")).exists()
    assert "\n" not in "".join(summary.lines())


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.jsonl", ("jsonl", None)),
        ("A.NDJSON.GZ", ("jsonl", "gz")),
        ("a.b.tsv.zst", ("tsv", "zst")),
        ("x/y.htm", ("html", None)),
        ("gz", None),
        ("a.gz", None),
        (".jsonl", None),
        ("a.jsonl.bz2", None),
    ],
)
def test_format_of(name, format):
    assert format_of(name) == format


@pytest.mark.parametrize("name", ["xml", "jsonl.bz2", "", "gz"])
def test_unknown_formats_are_told(name):
    with pytest.raises(UserError, match="unknown format"):
        parse_format(name, "--format")


def test_links_to_nowhere_and_to_themselves_and_pipes_in_folders_are_passed_over(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"")
    (tmp_path / "itself.jsonl").symlink_to("itself.jsonl")
    (tmp_path / "nowhere.jsonl").symlink_to("not-there")
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "above").symlink_to(tmp_path)
    sources, skipped = find_sources([str(tmp_path)], None)
    assert [source.shown for source in sources] == [str(tmp_path / "a.jsonl")]
    assert skipped == 3
    with pytest.raises(UserError, match=r"itself\.jsonl: cannot be read: Too many levels of symbolic links"):
        find_sources([str(tmp_path / "itself.jsonl")], None)
