from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_jsonl
from tests.review.conftest import annotation, studio_task
from training.config import Columns
from training.corpus.records import read_corpus
from training.errors import UserError
from training.review.agreement import agreement
from training.review.annotations import Annotation, Export
from training.review.records import read_all, write_settled
from training.review.settle import settle

TOPICS = ("shelling", "detention")


def said(paragraph: str, person: str | None, *topics: str, at: str = "2024-05-01", final: bool = False) -> Annotation:
    data = {"paragraph_id": paragraph, "text": f"Text of {paragraph}."}
    return Annotation(f"x.json: {paragraph} by {person}", data, topics, person, at, final)


def settled(*annotations: Annotation) -> Any:
    return settle(Export(list(annotations), Counter()), TOPICS, "codebook.yaml")


def test_the_majority_of_annotators_decides_each_topic() -> None:
    found = settled(
        said("p", "ada", "shelling"), said("p", "bo", "shelling", "detention"), said("p", "cy", "detention", "shelling")
    )
    assert found.labelled[0]["topics"] == ["shelling", "detention"]
    assert found.labelled[0]["annotator"] == ["ada", "bo", "cy"]
    assert not found.disagreements


def test_a_tie_is_set_aside_with_its_votes_and_never_guessed() -> None:
    found = settled(said("p", "ada", "shelling"), said("p", "bo", "shelling", "detention"))
    assert not found.labelled
    (aside,) = found.disagreements
    assert aside["topics"] is None
    assert aside["tied"] == ["detention"]
    assert aside["votes"] == {"ada": ["shelling"], "bo": ["shelling", "detention"]}


def test_a_disagreement_is_settled_by_importing_it_with_topics(tmp_path: Path) -> None:
    tasks = [studio_task(1, [annotation(1, ["shelling"], 1), annotation(2, ["detention"], 2)])]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    first = settle(read_all([str(path)]), TOPICS)
    paths = write_settled(first, tmp_path / "out.jsonl")
    assert [one.name for one in paths.values()] == ["out.jsonl", "out.disagreements.jsonl"]
    decided = write_jsonl(tmp_path / "decided.jsonl", [first.disagreements[0] | {"topics": ["detention"]}])
    second = settle(read_all([str(path), str(decided)]), TOPICS)
    assert [record["topics"] for record in second.labelled] == [["detention"]]
    assert second.labelled[0]["annotator"] == "decided"
    assert (second.agreement.paragraphs, second.agreement.annotators) == (1, 2)  # who adjudicated is no third
    assert {"votes", "tied"}.isdisjoint(second.labelled[0])
    assert {"annotator", "annotated_at"}.isdisjoint(first.disagreements[0])


def test_ground_truth_decides_alone_and_the_latest_of_a_person_counts() -> None:
    found = settled(said("p", "ada", "shelling"), said("p", "bo"), said("p", "cy", "detention", final=True))
    assert found.labelled[0]["topics"] == ["detention"]
    again = settled(said("p", "ada", "shelling", at="2024-05-02"), said("p", "ada", at="2024-05-01"))
    assert again.labelled[0]["topics"] == ["shelling"]
    assert again.labelled[0]["annotated_at"] == "2024-05-02"
    assert "1 labels that the same person gave otherwise later, or further down: left out." in again.text()
    agreed = settled(said("p", "ada", "shelling"), said("p", "ada", "shelling"), said("p", None), said("p", None))
    assert "otherwise" not in found.text() + agreed.text()
    twice = settled(said("p", "ada"), said("p", "ada", "shelling"))  # at one time: the last one told
    assert twice.labelled[0]["topics"] == ["shelling"]
    marked = settled(said("p", "ada", "shelling", final=True), said("p", "ada", at="2024-06-01"), said("p", "bo"))
    assert marked.labelled[0]["topics"] == ["shelling"]


def test_nobody_in_particular_is_one_person_each() -> None:
    found = settled(said("p", None, "shelling"), said("p", None, "shelling"), said("p", None, "detention"))
    assert found.labelled[0]["topics"] == ["shelling"]
    assert found.labelled[0]["annotator"] is None
    assert found.agreement.annotators == 3


def test_what_several_say_beside_the_topics_is_that_of_the_first_and_the_time_that_of_the_last() -> None:
    first, second = said("p", "ada", at="2024-05-03"), said("p", "bo", at="2024-05-02")
    first.data["reason"], second.data["reason"], second.data["note"] = "random", "uncertain", "seen"
    (record,) = settled(first, second).labelled
    assert (record["reason"], record["note"], record["annotated_at"]) == ("random", "seen", "2024-05-03")


def test_only_the_first_problems_are_told() -> None:
    with pytest.raises(UserError, match=r"and 5 more problems") as caught:
        settled(*(said(f"p{at}", "ada", "sheling") for at in range(15)))
    assert len(str(caught.value).splitlines()) == 11


def test_labelled_records_can_be_trained_on(tmp_path: Path) -> None:
    tasks = [
        studio_task(1, [annotation(1, ["shelling"], 1)]),
        studio_task(2, [annotation(2, None, 1)], data={"article_id": None}),
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    write_settled(settle(read_all([str(path)]), TOPICS), tmp_path / "out.jsonl")
    corpus = read_corpus(str(tmp_path / "out.jsonl"), Columns(), TOPICS, where="data.train")
    assert corpus.paragraph_ids == ("p1", "p2")
    assert corpus.labels.tolist() == [[True, False], [False, False]]
    assert corpus.dates[0] == "2024-05-01"
    with pytest.raises(UserError, match=r"out.jsonl: exists already.*--force"):
        write_settled(settle(read_all([str(path)]), TOPICS), tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ([said("p", "ada", "shelings")], r'topics: "shelings" is not in codebook.yaml. Did you mean "shelling"'),
        ([Annotation("x.json: task 3", {"paragraph_id": "p"}, (), None, None)], "x.json: task 3: text: found None"),
        (
            [Annotation("x.json: task 3", {"paragraph_id": "p", "text": "a \ud800"}, (), None, None)],
            "x.json: task 3: text: holds half of a surrogate pair",
        ),
        (
            [said("p", "ada"), Annotation("y.json: task 1", {"paragraph_id": "p", "text": "Other."}, (), "bo", None)],
            r'y.json: task 1: text: paragraph "p" has another text at x.json',
        ),
    ],
)  # fmt: skip
def test_problems_are_told_by_file_task_and_field(annotations: list[Annotation], message: str) -> None:
    with pytest.raises(UserError, match=message):
        settled(*annotations)


def test_agreement_is_krippendorffs_alpha() -> None:
    """By hand, two people, four units, one disagreement: D_o = 2/8, D_e = 2 * 3 * 5 / (8 * 7)."""
    votes = [
        {"a": ["shelling"], "b": ["shelling"]},
        {"a": ["shelling"], "b": []},
        {"a": [], "b": []},
        {"a": [], "b": []},
    ]
    found = agreement(votes, TOPICS)
    assert found.topics["shelling"] == pytest.approx(1 - (2 / 8) / (2 * 3 * 5 / (8 * 7)))
    assert found.topics["detention"] is None
    assert found.paragraphs == 4
    assert "no paragraph" in agreement([{"a": ["shelling"]}], TOPICS).text().lower()


def test_the_random_part_estimates_quality() -> None:
    records = [
        Annotation(
            "x", {"paragraph_id": str(at), "text": "T", "reason": "random", "model_tags": tags}, topics, "a", None
        )
        for at, (tags, topics) in enumerate([("shelling", ("shelling",)), ("none", ()), ("none", ("detention",))])
    ]
    sought = {"paragraph_id": "sought", "text": "T", "reason": "uncertain", "model_tags": "shelling"}
    records.append(Annotation("x", sought, ("shelling",), "a", None))
    assert "Of the 3 paragraphs drawn at random, the model had tagged 67% without any error" in settled(*records).text()
    wide = {"paragraph_id": "wide", "text": "T", "reason": "random", "model_tags": "shelling;detention"}
    records.append(Annotation("x", wide, ("shelling",), "a", None))
    assert "Of the 4 paragraphs drawn at random, the model had tagged 50% without any error" in settled(*records).text()
