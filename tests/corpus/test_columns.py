from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_jsonl
from training.config import Columns, IndicatorTopics, SeparatedTopics
from training.corpus.records import Corpus, read_corpus
from training.errors import UserError

MAPPED = Columns(text="body", topics=SeparatedTopics(column="tags", separator=";"), article_id="url")
STANDARD = {"paragraph_id": "p1", "article_id": "a", "text": "Shells.", "topics": ["shelling"], "date": "2020-05-01"}


def read(paths: list[Path], columns: Columns | None = None, **more: Any) -> Corpus:
    return read_corpus([str(path) for path in paths], columns or Columns(), None, where="data.train", **more)


@pytest.mark.parametrize("files", [1, 2])
def test_ids_and_dates_are_looked_for_in_every_row(tmp_path: Path, files: int) -> None:
    bare = {"text": "Calm.", "topics": []}
    full = [STANDARD | {"paragraph_id": name} for name in ("p1", "p2")]
    parts = [[bare, *full]] if files == 1 else [[bare], full]
    paths = [write_jsonl(tmp_path / f"{at}.jsonl", part) for at, part in enumerate(parts)]
    corpus = read(paths)
    own = f"{paths[0]}:1"
    assert corpus.paragraph_ids == (own, "p1", "p2")
    assert corpus.article_ids == (own, "a", "a")
    assert corpus.dates == (None, "2020-05-01", "2020-05-01")


def test_repeated_ids_are_found_where_the_first_row_has_none(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "x.jsonl", [{"text": "Calm.", "topics": []}, STANDARD, STANDARD])
    with pytest.raises(UserError, match=r'x\.jsonl:3: paragraph_id "p1" stands already at .*:2'):
        read([path])


SOURCES = {
    "separated": ('body,tags,url\nFire.,arson;theft,u\nCalm.,,u\n', MAPPED),
    "indicators": (
        "body,arson,theft,url\nFire.,1,1,u\nCalm.,0,0,u\n",
        Columns(text="body", topics=IndicatorTopics(indicators=["arson", "theft"]), article_id="url"),
    ),
    "only topics": (
        "text,topics,url\nFire.,arson;theft,u\nCalm.,,u\n",
        Columns(topics=SeparatedTopics(column="topics", separator=";"), article_id="url"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("first", ["mapped", "standard"])
@pytest.mark.parametrize("kind", SOURCES)
def test_files_with_mapped_and_with_standard_columns_are_read_together(
    tmp_path: Path, kind: str, first: str, caplog: pytest.LogCaptureFixture
) -> None:
    content, columns = SOURCES[kind]
    mine, imported = tmp_path / "mine.csv", write_jsonl(tmp_path / "imported.jsonl", [STANDARD])
    mine.write_text(content)
    with caplog.at_level(logging.INFO, "training"):
        corpus = read([mine, imported] if first == "mapped" else [imported, mine], columns)
    by_text = {text: at for at, text in enumerate(corpus.texts.to_pylist())}
    carried = {
        text: {t for t, on in zip(corpus.topics, corpus.labels[at], strict=True) if on} for text, at in by_text.items()
    }
    assert carried == {"Fire.": {"arson", "theft"}, "Calm.": set(), "Shells.": {"shelling"}}
    assert [corpus.article_ids[by_text[text]] for text in ("Fire.", "Calm.", "Shells.")] == ["u", "u", "a"]
    assert corpus.dates[by_text["Shells."]] == "2020-05-01"
    assert [f"{imported}: read by the standard names" in message for message in caplog.messages] == [True]


def test_a_mapped_column_that_one_file_lacks_has_its_standard_name_there(tmp_path: Path) -> None:
    mine = write_jsonl(tmp_path / "mine.jsonl", [{"text": "Calm.", "topics": [], "published": "2021", "date": "2022"}])
    corpus = read([mine, write_jsonl(tmp_path / "imported.jsonl", [STANDARD])], Columns(date="published"))
    assert corpus.dates == ("2021", "2020-05-01")


@pytest.mark.parametrize(
    "columns", [Columns(date="publshed"), Columns(text="body"), Columns(topics="glod")], ids=["date", "text", "topics"]
)
def test_a_mapped_column_that_no_file_has_is_not_guessed(tmp_path: Path, columns: Columns) -> None:
    with pytest.raises(UserError, match=r"no column '(publshed|body|glod)'"):
        read([write_jsonl(tmp_path / "imported.jsonl", [STANDARD])], columns)


def test_a_mapped_column_that_the_first_row_lacks_is_still_read(tmp_path: Path) -> None:
    rows = [STANDARD, STANDARD | {"paragraph_id": "b:1", "gold": ["truce"]}]
    with pytest.raises(UserError, match=r"mine\.jsonl:1: gold: found None, expected a list"):
        read([write_jsonl(tmp_path / "mine.jsonl", rows)], Columns(topics="gold"))


@pytest.mark.parametrize(
    "record",
    [
        {"words": "Calm.", "topics": []},
        {"text": "Calm.", "topics": "shelling"},
        {"text": "Calm.", "topics": [], "tags": "truce"},
    ],
    ids=json.dumps,
)
def test_a_file_with_neither_mapped_nor_standard_columns_is_an_error(tmp_path: Path, record: dict[str, Any]) -> None:
    mine = write_jsonl(tmp_path / "mine.jsonl", [{"body": "Calm.", "tags": "", "url": "u"}])
    other = write_jsonl(tmp_path / "other.jsonl", [record])
    with pytest.raises(UserError, match=r"other\.jsonl: no column 'body'.*Map them under data\.columns"):
        read([mine, other], MAPPED)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"words": "x"}, r"no column 'text'.*under --columns"),
        ({"text": "x", "topics": "a"}, r"topics under --columns to"),
    ],
)
def test_messages_name_the_option_that_maps_columns(tmp_path: Path, record: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read([write_jsonl(tmp_path / "x.jsonl", [record])], option="--columns")
