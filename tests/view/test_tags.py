from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.view.conftest import HOSTILE, archive
from training.errors import UserError
from training.view.filters import PAGE, parse_filter
from training.view.newest import Asked
from training.view.tags import Tags, open_tags

FORMATS = [
    f"{more}{name}"
    for more in ("", "every ")
    for name in ("jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz", "parquet")
]


def all_rows(tags: Tags, **asked: str) -> list[dict[str, Any]]:
    """Every row of a filter, page after page."""
    wanted, rows, after = parse_filter(asked), [], None
    while True:
        page = tags.page(wanted, after, Asked("test", 1))
        rows += page
        if len(page) < PAGE:
            return rows
        after = page[-1]["place"]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_rows_in_the_order_of_the_file(tag_files: dict[str, Path], form: str) -> None:
    with open_tags(tag_files[form]) as tags:
        rows = all_rows(tags)
        assert [row["paragraph_id"] for row in rows] == [record["paragraph_id"] for record in archive()]
        assert [row["text"] for row in rows] == [record["text"] for record in archive()]
        assert [row["date"] for row in rows] == [record["date"] for record in archive()]
        assert tags.rows == 63
        assert tags.months[0] == ("2024-01", 10)
        assert dict(tags.topics)["shelling"] >= 20
    with open_tags(tag_files["jsonl"]) as plain:
        assert [row["topics"] for row in all_rows(plain)] == [row["topics"] for row in rows]


@pytest.mark.parametrize("form", ["parquet", "every jsonl", "every csv"])
@pytest.mark.parametrize("order", ["file", "surest", "least"])
def test_filters_agree_with_plain_python(tag_files: dict[str, Path], form: str, order: str) -> None:
    with open_tags(tag_files[form]) as tags:
        rows = all_rows(tags)
        probability = {row["row"]: dict(row["topics"]).get("shelling") for row in rows}
        cases = {
            "topic:shelling": [row for row in rows if probability[row["row"]] is not None],
            "untagged": [row for row in rows if not row["topics"]],
        }
        for topic, wanted in cases.items():
            if topic == "untagged" and order != "file":
                continue
            found = all_rows(tags, topic=topic, order=order)
            assert sorted(row["row"] for row in found) == [row["row"] for row in wanted]
            assert tags.count(parse_filter({"topic": topic}), Asked("test", 1)) == len(wanted)
        told = [row["probability"] for row in all_rows(tags, topic="topic:shelling", order=order)]
        if order != "file":
            assert told == sorted(told, reverse=order == "surest")
        middle = sorted(told)[len(told) // 2]
        above = all_rows(tags, topic="topic:shelling", low=repr(middle))
        assert [row["row"] for row in above] == [at for at, value in probability.items() if (value or 0) >= middle]
        below = all_rows(tags, topic="topic:shelling", high=repr(middle))
        assert [row["row"] for row in below] == [at for at, value in probability.items() if 0 < (value or 0) <= middle]
        if order != "file":
            assert len(all_rows(tags, order=order)) == tags.rows - tags.untagged, "what has no probability has no order"


def test_words_and_dates(tag_files: dict[str, Path]) -> None:
    with open_tags(tag_files["parquet"]) as tags:
        assert [row["paragraph_id"] for row in all_rows(tags, words='FLED "number 5."')] == ["p5"]
        assert len(all_rows(tags, since="2024-02", until="2024-03")) == 20
        assert len(all_rows(tags, since="2024-03-16", until="2024-04-15")) == 10
        assert len(all_rows(tags, until="2023")) == 0
        assert [row["paragraph_id"] for row in all_rows(tags, words="مدفعي")] == ["h1"]
        assert all_rows(tags, words="' OR 1=1 --") == []
        assert [row["text"] for row in all_rows(tags, words='"\'" drop')] == [HOSTILE[0]]


def test_a_topic_can_be_looked_for_where_it_was_not_set(tag_files: dict[str, Path]) -> None:
    with open_tags(tag_files["every parquet"]) as tags:
        assert set(tags.every) == {"detention", "displacement", "shelling"}
        found = all_rows(tags, topic="topic:shelling", everywhere="1", order="surest")
        assert len(found) == tags.rows
        told = [row["probability"] for row in found]
        assert told == sorted(told, reverse=True)
    with open_tags(tag_files["parquet"]) as tags:
        assert len(all_rows(tags, topic="topic:shelling", everywhere="1")) == dict(tags.topics)["shelling"]


@pytest.mark.parametrize("name", ["it's [1] *.parquet", "tags'; DROP TABLE tags; --.jsonl"])
def test_the_name_of_a_file_means_nothing(tmp_path: Path, tag_files: dict[str, Path], name: str) -> None:
    path = tmp_path / name
    path.write_bytes(tag_files[path.suffix.lstrip(".")].read_bytes())
    with open_tags(path) as tags:
        assert tags.rows == 63


def test_topics_are_values_never_sql(tmp_path: Path) -> None:
    topic = 'a"); DROP TABLE tags; --'
    record = {
        "paragraph_id": "1",
        "topics": [topic],
        "probabilities": [0.5],
        "all_probabilities": {topic: 0.5},
        "text": "x",
    }
    (tmp_path / "t.jsonl").write_text(json.dumps(record) + "\n")
    with open_tags(tmp_path / "t.jsonl") as tags:
        assert len(all_rows(tags, topic=f"topic:{topic}", everywhere="1", low="0.1")) == 1
        assert len(all_rows(tags, topic=f"topic:{topic}x")) == 0


def test_dates_of_other_kinds(tmp_path: Path) -> None:
    days = ["20240531", "2024/06/01", "2024-07-02T10:00:00", None, "31.05.2024", "May 2024", "2024-08", "2023"]
    rows = [
        {"paragraph_id": str(at), "topics": [], "probabilities": [], "text": "x", "when": day}
        for at, day in enumerate(days)
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with open_tags(tmp_path / "t.jsonl", date_column="when") as tags:
        assert {"2024-05", "2024-06", "2024-07", "2024-08"} <= {month for month, _ in tags.months}
        assert [row["row"] for row in all_rows(tags, until="2024-06-01")] == [0, 1, 7]
        assert [row["row"] for row in all_rows(tags, since="2024-05-31", until="2024-07")] == [0, 1, 2]
        assert [row["row"] for row in all_rows(tags, since="2024-06")] == [1, 2, 6]
        assert [row["row"] for row in all_rows(tags, since="2024-08-20", until="2024-08-21")] == [6]
        assert [row["row"] for row in all_rows(tags, until="2024")] == [0, 1, 2, 6, 7]


def test_days_and_months_of_one_digit(tmp_path: Path) -> None:
    days = ["2024-5-31", "2024/5/9 10:00", "2024.12.1", "2024-7", "31-05-2024", "2024-05-31"]
    rows = [
        {"paragraph_id": str(at), "topics": [], "probabilities": [], "text": "x", "date": day}
        for at, day in enumerate(days)
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with open_tags(tmp_path / "t.jsonl") as tags:
        assert tags.months == [("2024-05", 3), ("2024-07", 1), ("2024-12", 1)]
        assert [row["row"] for row in all_rows(tags, until="2024-05-31")] == [0, 1, 5]
        assert [row["row"] for row in all_rows(tags, since="2024-05-10", until="2024-12-01")] == [0, 2, 3, 5]


GOOD = {"paragraph_id": "1", "article_id": "1", "topics": ["a"], "probabilities": [0.5], "model": "m", "text": "x"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jsonl", json.dumps({k: v for k, v in GOOD.items() if k != "text"}), r"without their text: .* --keep text"),
        ("t.jsonl", '{"title": "x", "text": "y"}', r'no column "paragraph_id". Expected tags'),
        ("t.jsonl", "", r"holds no rows"),
        ("t.jsonl", "nonsense", r"t.jsonl:1: not a JSON record"),
        ("t.jsonl", json.dumps(GOOD) + '\n{"paragraph_id": \n', r"t.jsonl: cannot be read as jsonl: .*Malformed JSON"),
        ("t.jsonl", json.dumps(GOOD | {"topics": "a"}) + "\n", r"t.jsonl: cannot be read"),
        ("t.csv", "paragraph_id,topics,probabilities,text\n", r"holds no rows"),
        ("t.csv", "paragraph_id,topics,probabilities,text\n1,a,many,x\n", r"t.csv: cannot be read"),
        ("t.csv", "a,b\n1,2\n", r'no column "paragraph_id"'),
        ("t.parquet", "PAR1 not really", r"cannot be read as Parquet"),
        ("t.docx", "x", r"tags cannot be read from .docx"),
    ],
)
def test_what_is_not_tags_is_told(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message), open_tags(tmp_path / name):
        pass


def test_a_paragraph_without_an_id_is_not_corrected(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(json.dumps(GOOD) + "\n" + json.dumps(GOOD | {"paragraph_id": None}) + "\n")
    with open_tags(tmp_path / "t.jsonl") as tags:
        tags.corrected(["1"])
        assert [row["row"] for row in all_rows(tags, state="open")] == [1]
        assert [row["row"] for row in all_rows(tags, state="corrected")] == [0]


def test_a_file_that_was_written_over_in_place_is_told(tags_file: Path) -> None:
    with open_tags(tags_file) as tags:
        tags_file.write_bytes(tags_file.read_bytes())
        with pytest.raises(UserError, match="was changed or moved"):
            tags.row(0)


def test_ctrl_c_while_tags_are_read_is_no_fault(tag_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise RuntimeError("Query interrupted")  # as DuckDB 1 does

    monkeypatch.setattr("training.view.tags._prepare", interrupted)
    with pytest.raises(KeyboardInterrupt, match="^$"), open_tags(tag_files["jsonl"]):
        pass


def test_labelled_parquet_is_not_tags(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"paragraph_id": ["1"], "topics": ["a;b"], "probabilities": [[0.5]], "text": ["x"]}),
        tmp_path / "t.parquet",
    )
    with pytest.raises(UserError, match="column topics is string, expected a list"), open_tags(tmp_path / "t.parquet"):
        pass


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"low": "2"}, 'probability from: found "2"'),
        ({"high": "nan"}, 'probability to: found "nan"'),
        ({"since": "May 2024"}, 'from: found "May 2024"'),
        ({"until": "2024-13"}, 'to: found "2024-13"'),
        ({"since": "2024-06", "until": "2024-05"}, "dates: found from 2024-06 to 2024-05"),
        ({"topic": "shelling"}, 'topic: found "shelling"'),
        ({"order": "worst"}, "found state all and order worst"),
    ],
)
def test_a_filter_that_cannot_be_is_told(asked: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_filter(asked)
