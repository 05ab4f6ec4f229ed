from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import config_for, synthetic_records, write_jsonl
from training.checks import check_data
from training.errors import UserError
from training.prepare import learnable_topics, prepare


def notes(path: Path, records: list[dict[str, Any]], *overrides: str) -> str:
    findings = check_data(config_for(write_jsonl(path / "x.jsonl", records), *overrides))
    assert not findings.fatal
    return findings.text()


def test_a_small_test_part_is_told_with_the_topics_that_it_lacks(tmp_path: Path) -> None:
    records = [record | {"topics": [f"t{at % 12}"]} for at, record in enumerate(synthetic_records(20))]
    told = notes(tmp_path, records)
    assert "12 test paragraphs, expected 50 or more: figures measured on so few mean little" in told
    rare = [record | {"topics": ["rare", "shelling"] if at < 3 else ["shelling"]} for at, record in enumerate(records)]
    told = notes(tmp_path, [record | {"article_id": "a0"} if "rare" in record["topics"] else record for record in rare])
    assert "no test paragraph has the topic, so that how well it is found is not measured: rare" in told


def test_a_test_part_with_enough_of_every_topic_is_not_told(tmp_path: Path) -> None:
    assert "test part" not in notes(tmp_path, synthetic_records(100))


@pytest.mark.parametrize("seed", range(3))
def test_faults_of_the_data_are_found_on_either_side_of_the_split(tmp_path: Path, seed: int) -> None:
    records = synthetic_records(40)
    again = [records[at] | {"paragraph_id": f"copy{at}", "topics": ["displacement"]} for at in (0, 60)]
    assert all(records[at]["topics"] != ["displacement"] for at in (0, 60))
    blank = {"paragraph_id": "blank", "article_id": "blank", "text": " ", "topics": []}
    told = notes(tmp_path, [*records, *again, blank], f"seed={seed}")
    assert "2 pairs of near-duplicates are labelled differently" in told
    assert "1 paragraphs hold no text" in told


@pytest.mark.parametrize(
    ("topics", "told"),
    [
        ([[]], "PROBLEM  no topics: no paragraph has any topic"),
        ([["shelling", "detention"]], "PROBLEM  topics of all: all 48 training paragraphs have the topic"),
        ([["shelling"]] * 59 + [["shelling", "detention"]], "PROBLEM  rare topics: 1 topics have fewer than 2"),
    ],
)
def test_what_training_would_fail_on_is_a_problem(tmp_path: Path, topics: list[list[str]], told: str) -> None:
    records = [record | {"topics": topics[at % len(topics)]} for at, record in enumerate(synthetic_records(20))]
    config = config_for(write_jsonl(tmp_path / "x.jsonl", records))
    findings = check_data(config)
    assert findings.fatal
    assert told in findings.text()
    with pytest.raises(UserError, match=r"no topic has the 2 positive paragraphs .* Found: (none|shelling|detention)"):
        learnable_topics(prepare(config), config)


def test_training_paragraphs_of_one_article_are_a_problem(tmp_path: Path) -> None:
    findings = check_data(config_for(write_jsonl(tmp_path / "x.jsonl", synthetic_records(2))))
    assert findings.fatal
    assert "PROBLEM  too few articles: what is left for training: The 3 paragraphs all belong to" in findings.text()


def test_a_topic_of_all_beside_others_is_told(tmp_path: Path) -> None:
    records = [record | {"topics": [*record["topics"], "news"]} for record in synthetic_records(20)]
    assert "note  topics of all: all 48 training" in notes(tmp_path, records)


def slipped(*slips: str) -> list[dict[str, Any]]:
    records = synthetic_records(20)
    return [
        record | {"topics": [*record["topics"], slip]} for record, slip in zip(records, slips, strict=False)
    ] + records[len(slips) :]


@pytest.mark.parametrize(
    ("slip", "told"),
    [
        ("Shelling", "'Shelling', 'shelling' differ in case, blanks or dashes only"),
        (" shelling", "' shelling', 'shelling' differ in case, blanks or dashes only"),
        (
            "shelling,arson",
            "'shelling,arson' holds ',' between what are topics: divide it",
        ),
        ("N/A", "'N/A': is it meant to be no topic?"),
    ],
)
def test_topics_that_look_like_slips_are_told_without_a_codebook(tmp_path: Path, slip: str, told: str) -> None:
    assert told in notes(tmp_path, slipped(slip))
    book = tmp_path / "book.yaml"
    names = [slip, "shelling", "detention", "displacement"]
    book.write_text("topics:\n" + "".join(f"- id: {name!r}\n" for name in names))
    assert "odd topics" not in notes(tmp_path, slipped(slip), f"data.codebook={book}")


def test_normal_forms_of_one_topic_are_told_by_their_code_points(tmp_path: Path) -> None:
    assert r"'de\u0301tention', 'd\xe9tention' differ" in notes(tmp_path, slipped("d\xe9tention", "de\u0301tention"))


def test_the_separator_in_use_is_named(tmp_path: Path) -> None:
    records = [record | {"topics": ";".join(record["topics"])} for record in slipped("shelling,detention")]
    told = notes(tmp_path, records, "data.columns.topics={column: topics, separator: ;}")
    assert (
        "holds ',' between what are topics: divide it, or set the separator under data.columns.topics, which is ';'"
        in told
    )


def test_topics_without_slips_are_not_told(tmp_path: Path) -> None:
    assert "odd topics" not in notes(tmp_path, synthetic_records(20))
