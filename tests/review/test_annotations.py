from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_jsonl
from tests.review.conftest import annotation, studio_task
from training.errors import UserError
from training.review.records import read_all
from training.review.settle import settle


def read(*paths: Path, control: str | None = None) -> Any:
    return read_all([str(path) for path in paths], control)


def test_the_json_export_of_label_studio(write_json) -> None:
    person = {"id": 3, "email": "ada@example.org", "first_name": "Ada", "last_name": "L."}
    tasks = [
        studio_task(1, [annotation(1, ["shelling", "detention"], 3), annotation(2, ["shelling"], person)]),
        studio_task(2, [annotation(3, None, 3, ground_truth=True)]),
        studio_task(3, [annotation(4, None, 3, was_cancelled=True)], cancelled_annotations=1),
        studio_task(4, [], drafts=[{"id": 9, "result": [], "created_username": "ada", "user": "ada@example.org"}]),
        studio_task(5, []),
    ]
    export = read(write_json("export.json", tasks))
    first, second, third = export.annotations
    assert (first.topics, second.topics, third.topics) == (("shelling", "detention"), ("shelling",), ())
    assert (first.annotator, second.annotator) == ("3", "ada@example.org")
    assert first.at == "2024-05-31T10:01:30.000000Z"
    assert third.final and not first.final
    assert first.data["source"] == "wire" and first.data["paragraph_id"] == "p1"
    assert export.left_out == {"skipped": 1, "drafts": 1, "unlabelled": 1}


def flat_records() -> list[dict[str, Any]]:
    """JSON-MIN: one record an annotation; one choice is text, several are an object, none leaves the field out."""
    about = {"created_at": "2024-05-31T10:00:00Z", "updated_at": "2024-05-31T10:01:00Z", "lead_time": 4.2}
    both = {"choices": ["shelling", "detention"]}
    data = {"text": "T.", "article_id": "a", "date": "2024-05-01"}
    return [
        {**data, "paragraph_id": "p1", "id": 1, "topics": "shelling", "annotator": 3, "annotation_id": 11, **about},
        {**data, "paragraph_id": "p2", "id": 2, "topics": both, "annotator": 3, "annotation_id": 12, **about},
        {**data, "paragraph_id": "p3", "id": 3, "annotator": 3, "annotation_id": 13, **about},
        {**data, "paragraph_id": "p4", "id": 4, "annotator": None, "annotation_id": None, **dict.fromkeys(about)},
    ]  # fmt: skip


def test_json_min(write_json) -> None:
    export = read(write_json("min.json", flat_records()))
    assert [one.topics for one in export.annotations] == [("shelling",), ("shelling", "detention"), ()]
    assert export.left_out["unlabelled"] == 1
    assert "annotation_id" not in export.annotations[0].data


def test_the_csv_export_of_label_studio(tmp_path: Path) -> None:
    columns = ["text", "paragraph_id", "article_id", "date", "id", "topics", "annotator", "annotation_id"]
    columns += ["created_at", "updated_at", "lead_time"]
    with (tmp_path / "export.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        for record in flat_records():
            topics = record.get("topics", "")
            cell = '{"choices": ["shelling", "detention"]}' if isinstance(topics, dict) else topics
            writer.writerow({**record, "topics": cell})
    export = read(tmp_path / "export.csv")
    assert [one.topics for one in export.annotations] == [("shelling",), ("shelling", "detention"), ()]
    assert export.annotations[0].annotator == "3"
    assert export.left_out["unlabelled"] == 1


def test_own_spreadsheet_and_jsonl(tmp_path: Path) -> None:
    sheet = tmp_path / "ada.csv"
    sheet.write_text(
        "\ufefftopics,suggested,text,paragraph_id,annotator\n"
        'shelling; detention,none,"One\nwith a break",p1,\n'
        "none,shelling,Two,p2,grace\n"
        ",shelling,Three,p3,\n",
        encoding="utf-8",
    )
    export = read(sheet)
    assert [(one.topics, one.annotator) for one in export.annotations] == [
        (("shelling", "detention"), "ada"),
        ((), "grace"),
    ]
    assert export.annotations[0].data == {"text": "One\nwith a break", "paragraph_id": "p1"}
    assert export.left_out["unlabelled"] == 1
    records = [
        {"paragraph_id": "p1", "text": "One", "topics": []},
        {"paragraph_id": "p2", "text": "Two", "topics": None},
    ]
    export = read(write_jsonl(tmp_path / "own.jsonl", records))
    assert [one.topics for one in export.annotations] == [()]


def test_choices_of_another_name(write_json) -> None:
    task = studio_task(1, [annotation(1, ["shelling"], 3)])
    part = task["annotations"][0]["result"][0]
    part["from_name"] = "label"
    assert read(write_json("a.json", [task])).annotations[0].topics == ("shelling",)
    task["annotations"][0]["result"].append({**part, "from_name": "quality", "value": {"choices": ["good"]}})
    path = write_json("b.json", [task])
    with pytest.raises(UserError, match=r"b.json: result: has several choices \(label, quality\).*--control"):
        read(path)
    assert read(path, control="label").annotations[0].topics == ("shelling",)
    with pytest.raises(UserError, match=r'no choices of "lable" \(--control\). Did you mean "label"'):
        read(path, control="lable")


def test_choices_of_another_tag_are_no_topics(write_json) -> None:
    """Whoever ticks no topic may still tick something else; and what is no Choices tag at all is told."""
    tasks = [studio_task(1, [annotation(1, ["shelling"], 3)]), studio_task(2, [annotation(2, ["good"], 3)])]
    tasks[1]["annotations"][0]["result"][0]["from_name"] = "quality"
    assert [one.topics for one in read(write_json("a.json", tasks)).annotations] == [("shelling",), ()]
    for task in tasks:
        task["annotations"][0]["result"][0]["type"] = "taxonomy"
    with pytest.raises(UserError, match=r'b.json: result: no choices of "topics". Found: taxonomy. Say which Choices'):
        read(write_json("b.json", tasks))


def test_flat_exports_whose_control_has_another_name(write_json, tmp_path: Path) -> None:
    """Read by the wrong name, every label would silently become "no topic"."""
    records = [{**record} for record in flat_records()]
    for record in records:
        if "topics" in record:
            record["category"] = record.pop("topics")
    path = write_json("min.json", records)
    message = r'no record has a field "topics".*Fields found: .*category.*Say which holds the topics with --control'
    with pytest.raises(UserError, match=message):
        read(path)
    with pytest.raises(UserError, match=r'no record has a field "categry" \(--control\). Did you mean "category"'):
        read(path, control="categry")
    export = read(path, control="category")
    assert [one.topics for one in export.annotations] == [("shelling",), ("shelling", "detention"), ()]
    assert "category" not in export.annotations[0].data
    table = tmp_path / "export.csv"
    table.write_text(
        "text,paragraph_id,id,category,annotation_id,lead_time\nT.,p1,1,shelling,11,4.2\nU.,p2,2,,12,4.2\n"
    )
    with pytest.raises(UserError, match=message):
        read(table)
    assert [one.topics for one in read(table, control="category").annotations] == [("shelling",), ()]


def test_files_of_one_name_are_of_several_people(tmp_path: Path) -> None:
    """Every annotator fills in a queue.csv: taken for one person, the last would overrule the others in silence."""
    for person, topics in (("anna", "shelling"), ("ben", "detention")):
        (tmp_path / person).mkdir()
        (tmp_path / person / "queue.csv").write_text(f"topics,text,paragraph_id\n{topics},One,p1\n")
    anna, ben = tmp_path / "anna/queue.csv", tmp_path / "ben/queue.csv"
    export = read(anna, ben)
    assert [one.annotator for one in export.annotations] == [str(anna), str(ben)]
    found = settle(export, None)
    assert not found.labelled and found.disagreements[0]["votes"].keys() == {str(anna), str(ben)}
    again = read(anna, tmp_path / "ben/../anna/queue.csv", tmp_path / "*/queue.csv")
    assert len(again.annotations) == 2  # a file that is named twice is read once
    assert [one.annotator for one in read(anna).annotations] == ["queue"]


@pytest.mark.parametrize("mark", [";", "\t"])
def test_spreadsheets_that_do_not_separate_by_commas(tmp_path: Path, mark: str) -> None:
    sheet = tmp_path / "ada.csv"
    lines = (["topics", "text", "paragraph_id"], ['"shelling;detention"', "One, two", "p1"], ["none", "Three", "p2"])
    sheet.write_text("\ufeff" + "".join(mark.join(line) + "\n" for line in lines), encoding="utf-8")
    export = read(sheet)
    assert [one.topics for one in export.annotations] == [("shelling", "detention"), ()]
    assert export.annotations[0].data == {"text": "One, two", "paragraph_id": "p1"}


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv"])
def test_a_paragraph_without_id_is_told_by_its_line(tmp_path: Path, name: str) -> None:
    content = {"x.jsonl": '{"text": "T", "topics": []}\n', "x.csv": "topics,text,paragraph_id\nnone,T,p\nnone,U,\n"}
    (tmp_path / name).write_text(content[name])
    line = 1 if name == "x.jsonl" else 3
    with pytest.raises(UserError, match=rf"{name}:{line}: paragraph_id: found None, expected text or a whole number"):
        settle(read(tmp_path / name), None)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", "{", "cannot be read as JSON"),
        ("x.json", '{"a": 1}', "found a JSON dict, expected a list of tasks"),
        ("x.json", '[{"foo": 1}]', "task number 1: has neither annotations"),
        ("x.json", '[{"id": 5, "annotations": [7], "data": {"text": "T"}}]', "task 5: annotations: found 7"),
        ("x.json", '[{"id": 5, "annotations": [], "data": {"text": "T"}}]', r"holds no labels \(1 unlabelled\)"),
        ("x.csv", "text,tags\na,b\n", 'no column "topics"'),
        ("x.csv", "text,topics\na,b,c\n", "x.csv:2: has another number of columns"),
        ("x.csv", "text,topics\na,b\nc\rd,e\n", "x.csv:3: not a CSV record"),
        ("x.csv", "text\rtopics\ra,b\r", "x.csv:1: not a CSV record"),
        ("x.csv", "text|topics\na|b\n", "no column \"topics\". Fields seem to be separated by '|'"),
        ("x.jsonl", "[1]\n", "x.jsonl:1: found a JSON list"),
        ("x.jsonl", '{"text": "T", "topics": "shelling"}\n', "x.jsonl:1: topics: found 'shelling', expected a list"),
        ("x.xml", "<a/>", "labels cannot be read from .xml"),
    ],
)
def test_what_is_no_export_is_told(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        read(tmp_path / name)
