from __future__ import annotations

import csv
import gzip
import io
import json
import logging
import re
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import write_jsonl
from training.config import Columns, IndicatorTopics, SeparatedTopics
from training.corpus.records import Corpus, read_corpus
from training.errors import UserError

GOOD = [
    {"paragraph_id": "p1", "article_id": "a", "text": "Shells fell.", "topics": ["shelling"], "date": "2020-05-01"},
    {"paragraph_id": "p2", "article_id": "a", "text": 'Nothing; "quiet",\nthey said.', "topics": [], "date": None},
    {"paragraph_id": "p3", "article_id": "b", "text": "Élan, Ψ, 停火", "topics": ["truce", "shelling"], "date": "2021"},
]


def read(path: Path | str | list[str], columns: Columns | None = None, topics: Any = None) -> Corpus:
    return read_corpus(
        [str(path)] if isinstance(path, Path) else path,
        columns or Columns(),
        topics,
        where="data.train",
        codebook="data/codebook.yaml",
    )


def lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def separated(separator: str) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(GOOD[0]), delimiter=separator)
    writer.writeheader()
    for record in GOOD:
        writer.writerow(record | {"topics": ";".join(record["topics"]), "date": record["date"] or ""})
    return stream.getvalue().encode()


def parquet() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(GOOD), stream)
    return stream.getvalue()


COMPRESS = {"": lambda raw: raw, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv", ".parquet"])
def test_every_format_gives_the_same_corpus(tmp_path: Path, suffix: str, compression: str) -> None:
    if suffix == ".parquet" and compression:
        return
    columns = Columns()
    if suffix == ".jsonl":
        raw = lines(GOOD)
    elif suffix == ".parquet":
        raw = parquet()
    else:
        raw = separated("," if suffix == ".csv" else "\t")
        columns = Columns(topics=SeparatedTopics(column="topics", separator=";"))
    path = tmp_path / f"news{suffix}{compression}"
    path.write_bytes(COMPRESS[compression](raw))
    corpus = read(path, columns)
    assert corpus.paragraph_ids == ("p1", "p2", "p3")
    assert corpus.article_ids == ("a", "a", "b")
    assert corpus.texts.to_pylist() == [record["text"] for record in GOOD]
    assert corpus.dates == ("2020-05-01", None, "2021")
    assert corpus.support == {"shelling": 2, "truce": 1}
    plain = tmp_path / "plain.jsonl"
    plain.write_bytes(lines(GOOD))
    assert corpus.digest() == read(plain).digest()


def test_file_without_header_by_position(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text('"A title. Then ""words""."\t0\t1\nplain text\t1\t1\n')
    corpus = read(path, Columns(text=0, topics=IndicatorTopics(indicators={1: "arson", 2: "theft"})))
    assert corpus.topics == ("arson", "theft")
    assert corpus.labels.tolist() == [[False, True], [True, True]]
    assert corpus.texts.to_pylist()[0] == 'A title. Then "words".'
    assert len(set(corpus.paragraph_ids)) == 2


def test_indicator_columns_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("body,arson,theft\nfire,1,0\ncalm,0,0\n")
    corpus = read(path, Columns(text="body", topics=IndicatorTopics(indicators=["arson", "theft"])))
    assert corpus.support == {"arson": 1, "theft": 0}


def test_several_files_by_glob(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(GOOD[:1]))
    (tmp_path / "b.jsonl").write_bytes(lines(GOOD[1:]))
    assert read(str(tmp_path / "*.jsonl")).paragraph_ids == ("p1", "p2", "p3")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a[1].csv", "a*.csv", "x::y.csv"])
def test_a_file_with_the_name_of_a_glob_is_read_and_no_other(tmp_path: Path, name: str) -> None:
    (tmp_path / "a1.csv").write_text("text,topics\nShells fell.,shelling\n")
    (tmp_path / name).write_text("text,topics\nAll is calm.,truce\n")
    corpus = read(tmp_path / name, Columns(topics=SeparatedTopics(column="topics", separator=";")))
    assert (corpus.texts.to_pylist(), corpus.topics) == (["All is calm."], ("truce",))


def test_files_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.jsonl").write_bytes(lines(GOOD))
    assert read("~/a.jsonl").paragraph_ids == read("~/*.jsonl").paragraph_ids == ("p1", "p2", "p3")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no file matches ~nobody-of-this-name/a.jsonl"):
        read("~nobody-of-this-name/a.jsonl")  # type: ignore[arg-type]


def test_codes_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("paragraph_id,text,topics\n007,NA,true\n008,null,1\n")
    corpus = read(path, Columns(topics=SeparatedTopics(column="topics", separator=";")))
    assert corpus.paragraph_ids == ("007", "008")
    assert corpus.texts.to_pylist() == ["NA", "null"]


def test_hub_data_set_with_class_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    features = datasets.Features(
        {"text": datasets.Value("string"), "topics": datasets.List(datasets.ClassLabel(names=["truce", "raid"]))}
    )
    table = datasets.Dataset.from_dict({"text": ["a", "b"], "topics": [[1], []]}, features=features)
    asked: list[Any] = []

    def load(name: str, config: str | None, split: str) -> Any:
        asked.append((name, config, split))
        return table

    monkeypatch.setattr(datasets, "load_dataset", load)
    corpus = read("hub:some-body/news-set/small:validation")  # type: ignore[arg-type]
    assert asked == [("some-body/news-set", "small", "validation")]
    assert corpus.support == {"raid": 1}
    assert read("some-body/news-set").support == {"raid": 1}  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-1, None])
def test_class_labels_that_name_nothing_are_told(monkeypatch: pytest.MonkeyPatch, value: int | None) -> None:
    labels = datasets.ClassLabel(names=["truce", "raid"])
    features = datasets.Features({"text": datasets.Value("string"), "topics": datasets.List(labels)})
    table = datasets.Dataset.from_dict({"text": ["a", "b"], "topics": [[1], [0, value]]}, features=features)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: table)
    with pytest.raises(UserError, match=rf"train:2: topics: found \['truce', {value}\], expected a list of topic ids"):
        read("some-body/news-set")  # type: ignore[arg-type]


BAD_LINES = [
    ('{"text": "half', r"news\.jsonl:2: not a JSON record \(.*column \d+\)"),
    ("[1, 2]", r"news\.jsonl:2: found a JSON list, expected an object"),
    ('{"text": null, "topics": []}', r"news\.jsonl:2: text: found no text \(null\)"),
    ('{"text": 7, "topics": []}', r"news\.jsonl:2: text: found int 7, expected text"),
    ('{"text": "x"}', r"news\.jsonl:2: topics: found None, expected a list"),
    ('{"text": "x", "topics": "shelling"}', r"news\.jsonl:2: topics: found the text 'shelling', expected a list.*separator"),
    ('{"text": "x", "topics": [3]}', r"news\.jsonl:2: topics: found \[3\], expected a list of topic ids"),
    ('{"text": "x", "topics": [], "paragraph_id": "p1"}', r'news\.jsonl:2: paragraph_id "p1" stands already at .*:1'),
    ('{"text": "x", "topics": [], "date": [2020]}', r"news\.jsonl:2: date: found \[2020\], expected a date"),
    ('{"text": "x", "topics": [], "article_id": 1.5}', r"news\.jsonl:2: article_id: found 1\.5, expected an id"),
    ('{"text": "\\ud800", "topics": []}', r"news\.jsonl:2: text: character 1 is half of a surrogate pair"),
    ('{"text": "x", "topics": ["shelings"]}', r'news\.jsonl:2: topic "shelings" is not in data/codebook.yaml. Did you mean "shelling"\?'),
    ('{"text": "x", "topics": ["air\\tstrike"]}', r"news\.jsonl:2: topics: the topic .* holds a control character"),
    (
        '{"text": "x", "topics": [], "article_id": "a\\ud800"}',
        r"news\.jsonl:2: article_id: character 2 is half of a surrogate pair",
    ),
    ('{"text": "x", "topics": ["\\ud800"]}', r"news\.jsonl:2: topics: the topic .* holds half of a surrogate pair"),
    ('{"text": "x", "topics": ["%s"]}' % ("x" * 1001), r"news\.jsonl:2: topics: the topic .* has 1001 characters"),
    ('{"text": "x", "topics": ["shelling"], "topics": []}', r'news\.jsonl:2: not a JSON record \(the key "topics" stands'),
    ('{"text": "x", "topics": [], "z": 9%s}' % ("9" * 5000), r"news\.jsonl:2: not a JSON record \(Exceeds the limit"),
    ("[" * 100_000, r"news\.jsonl:2: not a JSON record"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), BAD_LINES, ids=[message[:60] for _, message in BAD_LINES])
def test_bad_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "news.jsonl"
    path.write_text(json.dumps(GOOD[0]) + "\n" + line + "\n")
    with pytest.raises(UserError, match=message):
        read(path, topics=("shelling", "truce"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", r"holds no rows"),
        ("a.csv", b"", r"holds no rows"),
        ("a.csv", b"text,topics\n", r"holds no rows"),
        ("a.docx", b"x", r"a\.docx: labelled data cannot be read from \.docx"),
        ("a.jsonl", b'{"text": "caf\xe9", "topics": []}\n', r"a\.jsonl:1: byte 14 of the line is not UTF-8"),
        (
            "a.jsonl",
            '{"text": "a", "topics": []}\n'.encode("utf-16"),
            r"a\.jsonl:1: byte 1 .* iconv -f UTF-16 -t UTF-8",
        ),
        ("a.csv", b"text,topics\nok,\ncaf\xe9,\n", r"a\.csv:3: byte 4 of the line is not UTF-8"),
        ("a.csv", b'text,topics\nok,\n"one" x,\n', r"a\.csv:3: not a CSV record .*Lines 3 to 3 were read as one"),
        (
            "a.csv",
            b'text,topics\n"one,\ntwo,\n"three",\n',
            r"a\.csv:2: not a CSV record .*Lines 2 to 4 were read as one",
        ),
        ("a.csv", b'text,topics\n"one,\ntwo,\n', r"a\.csv:2: not a CSV record .*Lines 2 to 3 were read as one"),
        ("a.csv", b"text,topics\na\rb,\n", r"a\.csv:2: not a CSV record .*save the file with LF"),
        ("a.csv", b"text,topics\na,b,c\n", r"a\.csv:2: found 3 columns, expected 2"),
        ("a.csv", b"text;topics\na, b;c\n", r"a\.csv:1: found one column.* by ';': save it with commas, or as \.tsv"),
        ("a.csv", b"text\ttopics\na\tb\n", r"a\.csv:1: found one column.* by tabs: name it \.tsv"),
        ("a.csv", b"text,text\na,b\n", r"a\.csv:1: the header names a column twice: text"),
        ("a.csv", b"body,topics\na,\n", r"no column 'text'.*Columns found: body, topics.*data\.columns"),
        ("a.parquet", b"not parquet", r"a\.parquet: cannot be read as parquet: .*[^.]\.$"),
        ("a.jsonl.gz", b"not gzip", r"a\.jsonl\.gz:1: cannot be read"),
        ("a.jsonl.gz", gzip.compress(b"{}")[:10] + b"\xff" * 20, r"a\.jsonl\.gz:1: cannot be read: Error -3"),
        ("a.jsonl.zst", b"not zstd", r"a\.jsonl\.zst:1: cannot be read"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    columns = Columns(topics=SeparatedTopics(column="topics", separator=";")) if ".csv" in name else Columns()
    with pytest.raises(UserError, match=message):
        read(path, columns)


@pytest.mark.parametrize("compression", [".gz", ".zst"])
@pytest.mark.parametrize("frames", [1, 2])
def test_compressed_files_that_are_cut_off_are_named(tmp_path: Path, compression: str, frames: int) -> None:
    path = tmp_path / f"news.csv{compression}"
    raw = COMPRESS[compression](b"text,topics\n" + b"Shells fell.,shelling\n" * 20_000)
    second = COMPRESS[compression](b"Shells fell.,shelling\n" * 20_000)
    path.write_bytes(raw + second)
    columns = Columns(topics=SeparatedTopics(column="topics", separator=";"))
    assert len(read(path, columns)) == 40_000
    path.write_bytes(raw[:-1] if frames == 1 else raw + second[:20])
    with pytest.raises(UserError, match=r"news\.csv.*: cannot be read: Compressed file ended before"):
        read(path, columns)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.train: no file matches .*nowhere\.jsonl"):
        read(tmp_path / "nowhere.jsonl")
    with pytest.raises(UserError, match=r"is a folder"):
        read(tmp_path)


def test_many_problems_are_cut_with_a_count(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_text('{"text": null, "topics": []}\n' * 30)
    with pytest.raises(UserError, match=r"and 20 more problems in data\.train"):
        read(path)


record_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(record_texts, min_size=1, max_size=6))
def test_texts_come_back_as_they_were(tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "any.jsonl"
    path.write_bytes(lines([{"text": text, "topics": []} for text in texts]))
    corpus = read(path)
    assert corpus.texts.to_pylist() == texts
    assert corpus.labels.shape == (len(texts), 0)


def test_select_and_topics_keep_rows_together(tmp_path: Path) -> None:
    import numpy as np

    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(GOOD))
    corpus = read(path)
    part = corpus.select(np.array([2, 0]))
    assert part.paragraph_ids == ("p3", "p1")
    wider = part.with_topics(("raid", "shelling"))
    assert wider.labels.tolist() == [[False, True], [False, True]]
    assert wider.topics == ("raid", "shelling")


def test_dates_that_cannot_be_read_count_as_none_and_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dates = ["2020-05-01", "31.05.2020", "2020/5/1", "May", "2024-13-45", ""]
    records = [{"text": "Shells fell.", "topics": [], "date": date} for date in dates]
    with caplog.at_level(logging.WARNING, "training"):
        corpus = read(write_jsonl(tmp_path / "news.jsonl", records))
    assert corpus.dates == ("2020-05-01", None, "2020/5/1", None, None, None)
    assert len(caplog.messages) == 1
    assert re.search(r"3 dates cannot be read.*news\.jsonl:2: found '31\.05\.2020', expected", caplog.messages[0])


def test_an_empty_id_is_none(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text("paragraph_id,article_id,text,topics\n,,Shells fell.,shelling\np2,,Calm.,\n")
    corpus = read_corpus(
        str(path), Columns(topics=SeparatedTopics(column="topics", separator=";")), None, where="data.train"
    )
    assert corpus.paragraph_ids == (f"{path}:2", "p2")
    assert corpus.article_ids == corpus.paragraph_ids


def test_a_parquet_value_that_python_does_not_have_is_told(tmp_path: Path) -> None:
    odd = pa.array([0, -(10**6)], pa.int32()).cast(pa.date32())
    path = tmp_path / "news.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "topics": [["shelling"], []], "day": odd}), path)
    with pytest.raises(UserError, match=r"news\.parquet:\d: a value cannot be read .*Leave its column out"):
        read(path)
