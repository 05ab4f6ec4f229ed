"""CSV: records as Python's reader has them, by Arrow where it can be, at their line numbers."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tagging.conftest import rejected, tagged
from training.errors import UserError
from training.tagging.blocks import csv_records, record_blocks
from training.tagging.inputs import Source
from training.tagging.options import Options, Tuning
from training.tagging.read_csv import _Parser
from training.tagging.streams import ByteStream
from training.tagging.work import Reading

SOURCE = Source(None, "x.csv", "x", "csv", None)
NAMES = ["paragraph_id", "text", "k"]

fields = st.text(st.sampled_from('ab,"\n\r;ü\t '), max_size=6)
written = st.lists(st.tuples(fields, fields, fields), max_size=6).map(
    lambda rows: "".join(_line(row) for row in rows).encode()
)
raw = st.text(st.sampled_from('ab,"\n\r'), max_size=30).map(str.encode) | st.binary(max_size=20)


def _line(row):
    sink = io.StringIO(newline="")
    csv.writer(sink).writerow(row)
    return sink.getvalue()


def blocks(data, size, longest=10_000):
    stream = ByteStream(SOURCE, io.BytesIO(data))
    return list(record_blocks(stream, 0, 1, size=size, longest=longest, delimiter=b","))


def parser(kept_as_json=False):
    return _Parser(SOURCE, Reading(Options(keep=("k",), max_characters=20), Tuning(), kept_as_json), NAMES, b",")


def outcome(batch):
    columns = (batch.paragraph_ids, batch.article_ids, batch.texts, *batch.kept)
    return [column.to_pylist() for column in columns], batch.rows, batch.articles, batch.rejects, batch.blank


@settings(max_examples=500, deadline=None)
@given(written | raw, st.integers(1, 60))
def test_blocks_are_the_data_cut_between_records(data, size):
    made = blocks(data, size)
    assert b"".join(block.data for block in made) == data
    line = 1
    for block in made:
        assert block.line == line
        line += block.lines
    offsets = [block.offset for block in made]
    assert offsets == sorted(set(offsets))
    for block in made[1:]:  # a job that begins here sees the same blocks
        rest = blocks(data[block.offset :], size)
        assert [one.data for one in rest] == [other.data for other in made if other.offset >= block.offset]


@settings(max_examples=500, deadline=None)
@given(written, st.integers(1, 60))
def test_cutting_changes_no_record(data, size):
    text = data.decode()
    wanted = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    found = []
    for block in blocks(data, size):
        assert block.problem is None
        records = [record.fields for record in csv_records(block.data, b",") if record.fields]
        found += [[field.encode("latin-1").decode() for field in fields] for fields in records]
    assert found == wanted


@settings(max_examples=500, deadline=None)
@given(written | raw, st.integers(1, 60) | st.just(1000), st.booleans())
def test_a_block_gives_what_its_records_give_one_by_one(data, size, kept_as_json):
    for block in blocks(data, size):
        if block.problem is None:
            whole = outcome(parser(kept_as_json).decode(block))
            assert whole == outcome(parser(kept_as_json)._record_by_record(block))


def test_real_shapes_take_the_fast_way(monkeypatch):
    monkeypatch.setattr(_Parser, "_record_by_record", None)
    data = b'1,"a ""quoted""\ntext, x",k\r\n2,plain,\r\n\r\n3,"",k\r\n'
    (block,) = blocks(data, 1000)
    batch = parser().decode(block)
    assert batch.texts.to_pylist() == ['a "quoted"\ntext, x', "plain", ""]
    assert (batch.rows, batch.blank) == (3, 2)


def test_a_quote_that_never_closes_costs_one_line(run, tmp_path):
    rows = "".join(f"{at},fine\n" for at in range(50))
    (tmp_path / "in.csv").write_text(f'paragraph_id,text\n{rows}x,"never closed\n{rows}')
    summary = run(tmp_path / "in.csv", max_characters=10)
    (reject,) = rejected(tmp_path / "tags.jsonl")
    assert (reject["line"], reject["row"]) == (52, 'x,"never closed\n')
    assert "never closed" in reject["reason"]
    assert (summary.rows_read, summary.rows_tagged) == (101, 100)


@pytest.mark.parametrize("block_bytes", [40, 300, 1 << 20])
def test_stray_quotes_cost_the_lines_in_which_they_stand_and_no_other(run, tmp_path, block_bytes):
    rows = [f"p{at},fine {at}" for at in range(200)]
    rows[20], rows[40], rows[60], rows[90] = 'a,"fine" 5', 'b,"not closed', 'c,"nor this', '"d,"e"'
    (tmp_path / "in.csv").write_text("paragraph_id,text\n" + "\n".join(rows) + "\n")
    summary = run(tmp_path / "in.csv", tuning=Tuning(block_bytes=block_bytes))
    assert [(each["line"], each["row"].strip()) for each in rejected(tmp_path / "tags.jsonl")] == [
        (at + 2, rows[at]) for at in (20, 40, 60, 90)
    ]
    assert (summary.rows_read, summary.rows_tagged) == (200, 196)


def test_stray_quotes_in_every_line_take_no_longer_than_the_budget(run, tmp_path):
    (tmp_path / "in.csv").write_text("paragraph_id,text\n" + 'x,"""a\n' * 3000)
    summary = run(tmp_path / "in.csv")
    assert summary.rows_tagged == 0
    assert summary.rows_rejected > 0


def test_broken_records_keep_their_line_numbers(run, tmp_path):
    (tmp_path / "in.csv").write_bytes(
        b'\xef\xbb\xbftext,paragraph_id\r\n"two\r\nlines",1\r\nshort\r\n\r\n"x",2,3\r\nb\xffd,4\r\n5" pipe,5\r\n'
    )
    run(tmp_path / "in.csv")
    assert [row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")] == ["1", "5"]
    found = [(row["line"], row["row"]) for row in rejected(tmp_path / "tags.jsonl")]
    assert found == [(4, "short"), (6, '"x",2,3'), (7, None)]


def test_articles_without_ids_are_named_by_their_line(run, tmp_path):
    (tmp_path / "in.csv").write_text('text\n"one\n\ntwo"\nthree\n')
    run(tmp_path / "in.csv")
    assert [row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")] == ["in:2:1", "in:2:2", "in:5:1"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a,b\n1,2\n", 'no column "text"'),
        (b"text,text\n1,2\n", 'names the column "text" twice'),
        (b"te\xffxt\n1\n", "header is not UTF-8"),
        (b'"text\n', "no header found"),
        ("id,text\r\n1,a\r\n".encode("utf-16"), "the file is UTF-16. Save it as UTF-8"),
        (b"id,text\r1,a\r", "no header found.*Lines seem to end in CR alone: save the file with LF"),
    ],
)
def test_wrong_headers_are_told_before_anything_is_done(run, tmp_path, data, message):
    (tmp_path / "in.csv").write_bytes(data)
    with pytest.raises(UserError, match=rf"in\.csv:1: .*{message}"):
        run(tmp_path / "in.csv")


@pytest.mark.parametrize(
    ("name", "delimiter", "message"),
    [
        ("in.csv", ";", "separated by ';': save it with commas, or as .tsv with tabs."),
        ("in.csv", "\t", "separated by tabs: name it .tsv."),
        ("in.tsv", ",", "separated by commas: name it .csv."),
    ],
)
def test_another_delimiter_is_told_with_the_way_out(run, tmp_path, name, delimiter, message):
    (tmp_path / name).write_text(delimiter.join(["id", "text", "x"]) + "\n1\n")
    with pytest.raises(UserError, match=r"no column \"text\".*" + re.escape(message)):
        run(tmp_path / name)


def test_one_column_that_is_named_may_hold_a_delimiter(run, tmp_path):
    (tmp_path / "in.csv").write_text("text;plain\nOne; two\n")
    assert run(tmp_path / "in.csv", text_column="text;plain").rows_tagged == 1


def test_a_file_with_a_header_alone_has_no_rows(run, tmp_path):
    for data in (b"text\n", b"text", b""):
        (tmp_path / "in.csv").write_bytes(data)
        assert run(tmp_path / "in.csv", force=True).rows_read == 0


def test_columns_may_share_a_name_if_they_are_not_asked_for(run, tmp_path):
    (tmp_path / "in.csv").write_text("x,text,x\n1,a,2\n")
    assert run(tmp_path / "in.csv").rows_tagged == 1


@pytest.mark.parametrize("data", [b"\n" * (1 << 20) + b"text\na\n", b"text," + b"x," * (1 << 20) + b"\na,\n"])
def test_a_header_that_does_not_come_or_does_not_end(run, tmp_path, data):
    (tmp_path / "in.csv").write_bytes(data)
    with pytest.raises(UserError, match=r"in\.csv:1: no header found.*within 1,048,576 bytes"):
        run(tmp_path / "in.csv")
