"""The labelling loop as a user runs it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conftest import write_jsonl
from training.cli import conflict_topics
from training.errors import UserError


def run(*arguments: object) -> str:
    result = CliRunner().invoke(conflict_topics, ["-q", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_queue_label_import_and_audit(trained: Any, archive_file: Path, tmp_path: Path) -> None:
    told = run("review", "queue", trained.folder, archive_file, "--number", 20, "--output", tmp_path / "round")
    assert "20 of 360 paragraphs chosen: 4 drawn at random, 16 by uncertainty" in told
    assert {path.name for path in (tmp_path / "round").iterdir()} == {
        "tasks.json", "labelling.xml", "queue.jsonl", "queue.csv",
    }  # fmt: skip
    sheet = tmp_path / "round/queue.csv"
    with sheet.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows[:15]:
        row["topics"] = row["suggested"]
    with sheet.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    told = run("review", "import", sheet, "--output", tmp_path / "labelled.jsonl")
    assert "15 paragraphs labelled, 0 set aside" in told and "5 not labelled yet: left out." in told
    records = [json.loads(line) for line in (tmp_path / "labelled.jsonl").read_text().splitlines()]
    assert all({"paragraph_id", "article_id", "text", "topics", "date", "annotator"} <= set(r) for r in records)
    second = tmp_path / "second.jsonl"
    run(
        "review",
        "queue",
        trained.folder,
        archive_file,
        "-n",
        20,
        "-o",
        second,
        "--labelled",
        tmp_path / "labelled.jsonl",
    )
    again = {json.loads(line)["paragraph_id"] for line in second.read_text().splitlines()}
    assert not again & {record["paragraph_id"] for record in records}
    told = run("review", "audit", trained.folder, "-n", 5, "--output", tmp_path / "audit")
    assert "5 of 180 paragraphs listed" in told


def test_queue_tells_whether_labelling_still_helps(trained: Any, archive_file: Path, tmp_path: Path) -> None:
    arguments = [
        "review",
        "queue",
        trained.folder,
        archive_file,
        "--output",
        tmp_path / "q",
        "--before",
        trained.folder,
    ]
    assert "has stopped to help" in run(*arguments)
    with pytest.raises(UserError, match=r"exists already and may hold labels"):
        run(*arguments)


def test_drift(trained: Any, archive_file: Path, tmp_path: Path) -> None:
    told = run("drift", trained.folder, archive_file, "--by", "year", "--output", tmp_path / "drift")
    assert "training" in told and "corrected" in told
    assert (tmp_path / "drift/drift.html").stat().st_size > 10_000
    tree = json.loads((tmp_path / "drift/drift.json").read_text())
    assert tree["model"] == trained.model.id and len(tree["periods"]) == 15
    assert (
        json.loads(run("drift", trained.folder, archive_file, "--by", "all", "--json"))["periods"][0]["month"] == "all"
    )


def test_import_writes_jsonl_only(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected a file ending in \.jsonl"):
        run("review", "import", "x.json", "--output", tmp_path / "x.csv")


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_dates_that_do_not_exist_are_wrong_usage(tmp_path: Path, option: str) -> None:
    arguments = ["review", "queue", "model", "archive", "--output", str(tmp_path / "q"), option, "2024-13"]
    result = CliRunner().invoke(conflict_topics, arguments)
    assert result.exit_code == 2
    assert 'found "2024-13", expected a year, month or day that exists' in result.stderr.replace("\n", " ")


def test_import_without_a_codebook_shows_what_it_took_as_topics(tmp_path: Path) -> None:
    topics = [["arrest"], ["arrest"], ["arest"], ["theft, flight"], []]
    records = [{"paragraph_id": str(at), "text": f"Text {at}.", "topics": names} for at, names in enumerate(topics)]
    source = write_jsonl(tmp_path / "labels.jsonl", records)
    told = run("review", "import", source, "--output", tmp_path / "a.jsonl")
    assert 'Topics: "arrest" 2, "arest" 1, "theft, flight" 1.' in told
    assert 'Of one label only, slips perhaps (--codebook FILE would tell): "arest", "theft, flight".' in told
    book = tmp_path / "book.yaml"
    book.write_text("topics: [{id: arrest}, {id: arest}, {id: 'theft, flight'}]")
    told = run("review", "import", source, "--codebook", book, "--output", tmp_path / "b.jsonl")
    assert "Topics:" not in told
