"""JSON lines: the fast way and the slow way are one; every line is a row, blank or rejected, at its number."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tagging.conftest import jsonl, lines_of, paragraphs, rejected, tagged
from training.tagging import read_jsonl
from training.tagging.blocks import Block
from training.tagging.inputs import Source
from training.tagging.options import Options, Tuning
from training.tagging.read_jsonl import _Parser
from training.tagging.work import Reading

SOURCE = Source("x.jsonl", "x.jsonl", "x", "jsonl", None)

ids = st.one_of(st.none(), st.integers(), st.sampled_from(["", "p1", "ü", "a\nb"]), st.text(max_size=5))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=4,
)
odd = st.sampled_from(
    [
        b"",
        b" ",
        b"\r",
        b"{}",
        b"{",
        b"}",
        b"[]",
        b"null",
        b'{"text":"a"}{"text":"b"}',
        b'{"text":"a"} {"text":"b"}',
        b'{"text":',
        b'"a"}',
        b'{"text":"a","text":"b"}',
        b'{"te\\u0078t":"a","text":"b"}',
        b'{"text":"\\ud800"}',
        b'{"text":"\\udc00"}',
        b'{"text":"\\ud83d\\ude00"}',
        b'{"text":"\xff"}',
        b'{"text":"a","z":"\xed\xa0\x80"}',
        b'{"text":"a","z":NaN}',
        b'{"text":"a","z":' + b"9" * 5000 + b"}",
        b'{"text":"a","z":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"text":"a\x00b"}',
        b'{"text":"a\\u0000b"}',
        b'{"text":"a"}\x00',
        b'{"text":"a","z":01}',
        b'{"text":"a",}',
        b'{"text":1}',
        b'{"text":["a"]}',
        b'{"text":"2020-01-01","paragraph_id":1.0}',
        b'{"text":"a","paragraph_id":true}',
        b'{"text":"a","paragraph_id":-0}',
        b'{"text":"a","paragraph_id":1e3}',
        b'\xef\xbb\xbf{"text":"bom"}',
        b'{"text":"a","k":-0.0}',
        b'{"text":"a","k":1.10}',
        b'  {"text":"spaces"}  ',
        b'{"text":"crlf"}\r',
    ]
)
good = st.fixed_dictionaries(
    {"text": st.text(max_size=12)}, optional={"paragraph_id": ids, "article_id": ids, "k": values, "other": values}
).map(lambda row: json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass"))
plain = st.fixed_dictionaries({"paragraph_id": st.integers(), "text": st.text(max_size=12), "k": st.integers()}).map(
    lambda row: json.dumps(row).encode()
)
lines = st.lists(st.one_of(good, good, odd), max_size=8) | st.lists(plain, max_size=8)


def outcome(batch):
    columns = (batch.paragraph_ids, batch.article_ids, batch.texts, *batch.kept)
    return [column.to_pylist() for column in columns], batch.rows, batch.articles, batch.rejects, batch.blank


def parser(kept_as_json):
    options = Options(keep=("k",), max_characters=10)
    return _Parser(SOURCE, Reading(options, Tuning(), kept_as_json))


@settings(max_examples=400, deadline=None)
@given(lines, st.booleans(), st.booleans())
def test_a_block_gives_what_its_lines_give_one_by_one(rows, kept_as_json, newline_at_end):
    data = b"\n".join(rows) + (b"\n" if newline_at_end else b"")
    if not data:
        return
    count = data.count(b"\n") + (not data.endswith(b"\n"))
    block = Block(data, 0, 5, count, len(data))
    whole = outcome(parser(kept_as_json).decode(block))
    assert whole == outcome(parser(kept_as_json)._line_by_line(block))
    assert whole[1] + len(whole[3]) + whole[4] == count


@settings(max_examples=100, deadline=None)
@given(st.lists(plain, min_size=1, max_size=8))
def test_lines_of_one_shape_take_the_fast_way(rows):
    data = b"\n".join(rows) + b"\n"
    block = Block(data, 0, 1, len(rows), len(data))
    one = parser(True)
    one._line_by_line = None  # the slow way would raise
    if all(len(json.loads(row)["text"].encode()) <= 10 for row in rows):
        big = any(abs(json.loads(row)[name]) >= 2**63 for row in rows for name in ("paragraph_id", "k"))
        if not big:
            one.decode(block)


def test_real_shapes_take_the_fast_way(run, tmp_path, monkeypatch):
    monkeypatch.setattr(read_jsonl._Parser, "_line_by_line", None)
    rows = paragraphs(60)
    (tmp_path / "in.jsonl").write_bytes(jsonl(rows))
    run(tmp_path / "in.jsonl", keep=("n",))
    assert [row["n"] for row in tagged(tmp_path / "tags.jsonl")] == [row["n"] for row in rows]
    (tmp_path / "in.jsonl").write_bytes(jsonl(rows).replace(b"\n", b"\r\n").removesuffix(b"\r\n"))
    run(tmp_path / "in.jsonl", force=True)
    for row in rows:
        row["paragraph_id"] = row["n"]
    (tmp_path / "in.jsonl").write_bytes(jsonl(rows))
    run(tmp_path / "in.jsonl", force=True)
    assert [row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")] == [str(row["n"]) for row in rows]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b'{"paragraph_id":"a","text":"x"}', b"", b"broken", b'{"text":"\xff"}']), max_size=40))
def test_line_numbers_are_exact_however_input_is_cut(tmp_path_factory, rows):
    from tests.tagging.fake import FakeModel
    from training.tagging import tag

    folder = tmp_path_factory.mktemp("cut")
    (folder / "in.jsonl").write_bytes(b"\n".join(rows))
    wanted = [at for at, row in enumerate(rows, start=1) if row in (b"broken", b'{"text":"\xff"}')]
    for size in (1, 40, 10_000):
        out = folder / f"{size}.jsonl"
        tag(FakeModel(), [str(folder / "in.jsonl")], str(out), quiet=True, tuning=Tuning(size, 3, 0.0))
        assert [row["line"] for row in rejected(out)] == wanted
        assert len(lines_of(out)) == rows.count(b'{"paragraph_id":"a","text":"x"}')


def test_a_byte_order_mark_is_no_part_of_the_first_line(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b"\xef\xbb\xbf" + jsonl(paragraphs(20)))
    assert run(tmp_path / "in.jsonl").rows_rejected == 0


def test_numbers_and_nesting_beyond_pythons_parser_are_taken_where_not_asked_for(run, tmp_path):
    deep = b'{"paragraph_id":"1","text":"a","z":' + b"[" * 90_000 + b"]" * 90_000 + b"}\n"
    long = b'{"paragraph_id":"2","text":"a","z":' + b"9" * 90_000 + b"}\nbroken\n"
    (tmp_path / "in.jsonl").write_bytes(deep + long)
    summary = run(tmp_path / "in.jsonl", tuning=Tuning(1 << 20, 9, 0.0))
    assert [row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")] == ["1", "2"]
    assert summary.rows_rejected == 1


@pytest.mark.parametrize("limit", [5, 6])
def test_the_limit_counts_characters_and_not_bytes(run, tmp_path, limit):
    (tmp_path / "in.jsonl").write_bytes(jsonl([{"paragraph_id": "1", "text": "обстре"}]))
    assert run(tmp_path / "in.jsonl", max_characters=limit).rows_tagged == (limit == 6)
