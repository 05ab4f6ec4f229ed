"""The contract of ``tag``: every row is tagged or rejected, in order, the same in every format."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.tagging.conftest import content, jsonl, lines_of, paragraphs, rejected, tagged
from tests.tagging.fake import FakeModel
from training.errors import UserError
from training.tagging import Summary, Tuning, tag


def expected(rows, model=None):
    """Tags by the definition, one paragraph at a time."""
    model = model or FakeModel()
    records = []
    for row in rows:
        probabilities = model.predict_proba([row["text"]])
        chosen = np.flatnonzero(model.decide(probabilities)[0]) if row["text"].strip() else []
        order = sorted(chosen, key=lambda at: (-probabilities[0, at], at))
        records.append(
            {
                "paragraph_id": row["paragraph_id"],
                "article_id": row["article_id"],
                "topics": [model.topics[at] for at in order],
                "probabilities": [float(probabilities[0, at]) for at in order],
                "model": model.id,
            }
        )
    return records


def same(found, wanted):
    assert [{**row, "probabilities": None} for row in found] == [{**row, "probabilities": None} for row in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert np.float32(one["probabilities"]).tolist() == np.float32(other["probabilities"]).tolist()


OUTPUTS = ("t.jsonl", "t.ndjson", "t.jsonl.gz", "t.jsonl.zst", "t.csv", "t.csv.gz", "t.csv.zst", "t.parquet")


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_holds_the_same_tags_in_the_order_of_the_input(run, tmp_path, output):
    rows = paragraphs(100)
    (tmp_path / "in.jsonl").write_bytes(jsonl(rows))
    summary = run(tmp_path / "in.jsonl", output)
    same(tagged(tmp_path / output), expected(rows))
    assert (summary.rows_read, summary.rows_tagged, summary.rows_rejected) == (100, 100, 0)
    assert summary.paragraphs == 100
    assert summary.rejected is None
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", output}


def _csv(rows, delimiter):
    table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
    sink = io.BytesIO()
    pa.csv.write_csv(table, sink, pa.csv.WriteOptions(delimiter=delimiter))
    return sink.getvalue()


def _parquet(rows):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=13)
    return sink.getvalue()


INPUTS = {
    "in.jsonl": jsonl,
    "in.ndjson": jsonl,
    "in.jsonl.gz": lambda rows: gzip.compress(jsonl(rows)),
    "in.JSONL.zst": lambda rows: zstandard.compress(jsonl(rows)),
    "in.csv": lambda rows: _csv(rows, ","),
    "in.csv.gz": lambda rows: gzip.compress(_csv(rows, ",")),
    "in.tsv": lambda rows: _csv(rows, "\t"),
    "in.parquet": _parquet,
}


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_gives_the_same_tags(run, tmp_path, name):
    rows = paragraphs(60)
    (tmp_path / name).write_bytes(INPUTS[name](rows))
    run(tmp_path / name)
    same(tagged(tmp_path / "tags.jsonl"), expected(rows))


@pytest.mark.parametrize("output", ["t.jsonl", "t.parquet", "t.csv.gz"])
def test_bytes_do_not_depend_on_threads(run, tmp_path, output):
    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(200)))
    made = []
    for threads in (1, 2, 5):
        run(tmp_path / "in.jsonl", output, threads=threads, force=True)
        made.append((tmp_path / output).read_bytes())
    assert made[0] == made[1] == made[2]


def test_tags_do_not_depend_on_how_input_is_cut(run, tmp_path):
    rows = paragraphs(120)
    (tmp_path / "in.jsonl").write_bytes(jsonl(rows))
    for block in (1, 64, 977, 1 << 20):
        run(tmp_path / "in.jsonl", force=True, tuning=Tuning(block, 5, 0.0))
        same(tagged(tmp_path / "tags.jsonl"), expected(rows))


def test_a_row_without_paragraph_id_is_an_article(run, tmp_path):
    rows = [
        {"article_id": "A", "text": "An airstrike.\n\nMore shelling.\r\n \r\nThe end."},
        {"text": "One paragraph."},
        {"paragraph_id": "P", "text": "As it\n\nstands."},
        {"paragraph_id": "", "article_id": None, "text": ""},
        {"paragraph_id": 7, "article_id": 8, "text": "numbers"},
    ]
    (tmp_path / "news.jsonl").write_bytes(jsonl(rows))
    summary = run(tmp_path / "news.jsonl")
    found = [(row["paragraph_id"], row["article_id"]) for row in tagged(tmp_path / "tags.jsonl")]
    assert found == [
        ("A:1", "A"),
        ("A:2", "A"),
        ("A:3", "A"),
        ("news:2:1", "news:2"),
        ("P", None),
        ("news:4:1", "news:4"),
        ("7", "8"),
    ]
    assert (summary.rows_read, summary.rows_tagged, summary.articles, summary.paragraphs) == (5, 5, 3, 7)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("in.html", b"%PDF-1.7 and more", "holds a PDF, expected an HTML page"),
        ("in.html", b"\x1f\x8b\x08 and more", "holds gzip data, expected an HTML page"),
        ("in.txt", b"%PDF-1.7\nand more", "holds a PDF, expected plain text"),
        ("in.txt", b"{\\rtf1\\ansi Shells fell.\\par }", "holds RTF, expected plain text"),
        ("in.txt", b"fine\nnot \xff\n", "not UTF-8 (byte 10, line 2)"),
    ],
)
def test_files_that_are_no_articles_are_set_aside(run, tmp_path, name, data, reason):
    (tmp_path / name).write_bytes(data)
    run(tmp_path / name)
    (row,) = rejected(tmp_path / "tags.jsonl")
    assert row["reason"] == reason


def test_text_and_html_files_are_articles(run, tmp_path):
    folder = tmp_path / "news"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.txt").write_text("An airstrike.\n\nShelling.")
    (folder / "a.html").write_text("<html><body><p>Shelling was heard.</p><p>It ended.</p></body></html>")
    (folder / "deep" / "c.txt.gz").write_bytes(gzip.compress("Ünder fire.".encode()))
    (folder / "README.md").write_text("not data")
    summary = run(folder)
    found = [row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")]
    assert found == ["a:1", "a:2", "b:1", "b:2", "deep/c:1"]
    assert (summary.rows_read, summary.files, summary.files_skipped) == (3, 3, 1)


def test_articles_of_the_same_name_are_told_apart(run, tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "raid.txt").write_text("A raid.")
    run([tmp_path / "x" / "raid.txt", tmp_path / "y" / "raid.txt"])
    found = [row["article_id"] for row in tagged(tmp_path / "tags.jsonl")]
    assert found == [str(tmp_path / "x" / "raid.txt"), str(tmp_path / "y" / "raid.txt")]


def test_blank_text_has_no_topics_even_if_the_model_gives_some(run, tmp_path):
    class Eager(FakeModel):
        def decide(self, probabilities):
            return np.ones(probabilities.shape, bool)

    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(8)))
    summary = run(tmp_path / "in.jsonl", model=Eager())
    found = [len(row["topics"]) for row in tagged(tmp_path / "tags.jsonl")]
    assert found == [4, 4, 4, 4, 4, 4, 4, 4]
    (tmp_path / "in.jsonl").write_bytes(jsonl([{"paragraph_id": "p", "text": text} for text in ("", " \u3000\n", "a")]))
    summary = run(tmp_path / "in.jsonl", model=Eager(), force=True)
    assert [len(row["topics"]) for row in tagged(tmp_path / "tags.jsonl")] == [0, 0, 4]
    assert (summary.tags, summary.untagged) == (4, 2)


@pytest.mark.parametrize("output", ["t.jsonl", "t.csv", "t.parquet"])
def test_all_probabilities(run, tmp_path, output):
    rows = paragraphs(20)
    (tmp_path / "in.jsonl").write_bytes(jsonl(rows))
    run(tmp_path / "in.jsonl", output, all_probabilities=True)
    model = FakeModel()
    wanted = model.predict_proba([row["text"] for row in rows])
    for at, row in enumerate(tagged(tmp_path / output)):
        if output == "t.csv":
            values = [float(row[f"probability_{topic}"]) for topic in model.topics]
        else:
            assert list(row["all_probabilities"]) == list(model.topics)
            values = list(row["all_probabilities"].values())
        assert np.float32(values).tolist() == wanted[at].tolist()


@pytest.mark.parametrize("output", ["t.jsonl", "t.csv", "t.parquet"])
def test_explain_adds_the_evidence(run, tmp_path, output):
    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(3)))
    run(tmp_path / "in.jsonl", output, explain=True)
    evidence = [row["evidence"] for row in tagged(tmp_path / output)]
    if output != "t.jsonl":
        evidence = [json.loads(each) for each in evidence]
    assert evidence == [[{"topic": "airstrike", "count": 1}, {"topic": "shelling", "count": 1}], [], []]


VALUES = [1, -0, 2.5, 1e300, True, None, "text", 'q"uote\n\\', [1, {"a": "ü"}], {"x": None}, 10**30, "\u2028", ""]


def test_kept_columns_pass_through_json_as_they_are(run, tmp_path):
    rows = [{"paragraph_id": str(at), "text": "t", "k": value, "date": "2020-01-01"} for at, value in enumerate(VALUES)]
    (tmp_path / "in.jsonl").write_bytes(jsonl(rows))
    run(tmp_path / "in.jsonl", keep=("k", "date", "text"))
    found = tagged(tmp_path / "tags.jsonl")
    assert [row["k"] for row in found] == VALUES
    assert [type(row["k"]) for row in found] == [type(value) for value in VALUES]
    assert {row["date"] for row in found} == {"2020-01-01"}
    assert list(found[0]) == ["paragraph_id", "article_id", "topics", "probabilities", "model", "k", "date", "text"]


def test_kept_columns_are_text_in_csv_and_in_parquet_from_json(run, tmp_path):
    rows = [{"paragraph_id": str(at), "text": "t", "k": value} for at, value in enumerate(VALUES)]
    (tmp_path / "in.jsonl").write_bytes(jsonl(rows))
    run(tmp_path / "in.jsonl", "t.parquet", keep=("k",))
    run(tmp_path / "in.jsonl", "t.csv", keep=("k",))
    wanted = [
        value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False) for value in VALUES
    ]
    assert [row["k"] for row in tagged(tmp_path / "t.parquet")] == wanted
    assert [row["k"] for row in tagged(tmp_path / "t.csv")] == [value or "" for value in wanted]


def test_kept_columns_keep_their_types_from_parquet_to_parquet(run, tmp_path):
    table = pa.table(
        {
            "paragraph_id": ["1", "2", "3"],
            "text": ["a", "b", "c"],
            "when": pa.array([0, 1, None], pa.timestamp("ms", "UTC")),
            "where": pa.array([{"lat": 1.5, "names": ["x"]}, None, {"lat": None, "names": []}]),
            "kind": pa.array(["u", "v", "u"]).dictionary_encode(),
            "n": pa.array([1, 2, None], pa.int8()),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    keep = ("when", "where", "kind", "n")
    run(tmp_path / "in.parquet", "t.parquet", keep=keep)
    made = pq.read_table(tmp_path / "t.parquet")
    assert made.schema.field("when").type == pa.timestamp("ms", "UTC")
    assert made.schema.field("kind").type == pa.string()
    assert made.select(keep).to_pylist() == table.select(keep).to_pylist()
    run(tmp_path / "in.parquet", "t.jsonl", keep=keep)
    assert [row["n"] for row in tagged(tmp_path / "t.jsonl")] == [1, 2, None]
    assert tagged(tmp_path / "t.jsonl")[0]["where"] == {"lat": 1.5, "names": ["x"]}


def test_rejected_rows_are_set_aside_with_place_reason_and_row(run, tmp_path):
    lines = [
        b'{"paragraph_id": "1", "text": "fine"}',
        b'{"paragraph_id": "2", "text": "broken',
        b"",
        b'{"paragraph_id": "3"}',
        b'{"paragraph_id": "4", "text": 5}',
        b'{"paragraph_id": "5", "text": "\xff"}',
        b'{"paragraph_id": [6], "text": "id"}',
        b'{"paragraph_id": "7", "text": "\\ud800"}',
        b'{"paragraph_id": "8", "text": "long ' + b"x" * 60 + b'"}',
        b'["no", "object"]',
        b'{"paragraph_id": "10", "text": "a", "text": "b"}',
        b'{"paragraph_id": "11", "text": null}',
        b'{"\\ud800": "half a character in a name"}',
        b'{"paragraph_id": "12", "text": "fine too"}',
    ]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines))
    summary = run(tmp_path / "in.jsonl", max_characters=50)
    assert [row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")] == ["1", "12"]
    found = rejected(tmp_path / "tags.jsonl")
    assert [row["line"] for row in found] == [2, *range(4, 14)]
    assert {row["file"] for row in found} == {str(tmp_path / "in.jsonl")}
    reasons = [
        "not a JSON record",
        'no "text"; columns found: paragraph_id',
        '"text" is a number, expected text',
        "not UTF-8 (byte 32",
        '"paragraph_id" is a list, expected an id',
        'character 1 of "text" is half of a surrogate pair',
        '"text" is too long: 65 characters, at most 50',
        "a JSON list, expected an object",
        '"text" stands twice',
        '"text" is null',
        'no "text"; columns found: \ufffd',
    ]
    for row, reason in zip(found, reasons, strict=True):
        assert reason in row["reason"]
    assert [row["row"] for row in found if row["line"] != 6] == [
        lines[row["line"] - 1].decode() for row in found if row["line"] != 6
    ]
    assert found[3]["row"] is None
    assert (summary.rows_read, summary.rows_tagged, summary.rows_rejected) == (13, 2, 11)
    assert summary.rejected == str(tmp_path / "tags.jsonl.rejected.jsonl")


def test_strict_stops_at_the_first_rejected_row(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(30)) + b"broken\n" + jsonl(paragraphs(3)))
    with pytest.raises(UserError, match=r"in\.jsonl:31: not a JSON record"):
        run(tmp_path / "in.jsonl", strict=True)
    assert not (tmp_path / "tags.jsonl").exists()


def test_all_rows_rejected_still_gives_an_output(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b"1\n2\n")
    for output in ("t.jsonl", "t.csv", "t.parquet"):
        summary = run(tmp_path / "in.jsonl", output)
        assert tagged(tmp_path / output) == []
        assert summary.rows_rejected == 2


@pytest.mark.parametrize("output", ["t.jsonl", "t.csv.gz", "t.parquet"])
def test_an_empty_file_gives_an_empty_output(run, tmp_path, output):
    (tmp_path / "in.jsonl").write_bytes(b"")
    assert run(tmp_path / "in.jsonl", output).rows_read == 0
    assert tagged(tmp_path / output) == []


def test_an_existing_output_is_kept_unless_forced(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(3)))
    (tmp_path / "tags.jsonl").write_text("precious")
    with pytest.raises(UserError, match=r"is there already.*--force"):
        run(tmp_path / "in.jsonl")
    assert (tmp_path / "tags.jsonl").read_text() == "precious"
    assert not (tmp_path / "tags.jsonl.partial").exists()
    run(tmp_path / "in.jsonl", force=True)
    assert len(tagged(tmp_path / "tags.jsonl")) == 3


def test_a_forced_run_without_rejects_removes_the_old_rejects(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b"broken\n")
    run(tmp_path / "in.jsonl")
    assert rejected(tmp_path / "tags.jsonl")
    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(3)))
    run(tmp_path / "in.jsonl", force=True)
    assert not (tmp_path / "tags.jsonl.rejected.jsonl").exists()


class _Stdin:
    def __init__(self, data):
        self.buffer = io.BytesIO(data)


def test_standard_input_and_output(model, monkeypatch, capfdbinary):
    rows = paragraphs(20)
    monkeypatch.setattr(sys, "stdin", _Stdin(jsonl(rows) + b"broken\n"))
    summary = tag(model, ["-"], "-", quiet=True, tuning=Tuning(500, 5, 0.0))
    out, err = capfdbinary.readouterr()
    same([json.loads(line) for line in out.splitlines()], expected(rows))
    (reject,) = [json.loads(line) for line in err.splitlines()]
    assert (reject["file"], reject["line"], reject["row"]) == ("-", 21, "broken")
    assert (summary.rows_read, summary.rows_rejected) == (21, 1)


@pytest.mark.parametrize(("name", "format"), [("in.csv", "csv"), ("in.jsonl.gz", "jsonl.gz"), ("in.tsv", "tsv")])
def test_standard_input_of_another_format(run, tmp_path, monkeypatch, name, format):
    rows = paragraphs(20)
    monkeypatch.setattr(sys, "stdin", _Stdin(INPUTS[name](rows)))
    run("-", input_format=format)
    same(tagged(tmp_path / "tags.jsonl"), expected(rows))


def test_rejects_of_standard_output_can_go_to_a_file(model, tmp_path, capfdbinary):
    (tmp_path / "in.jsonl").write_bytes(b"broken\n")
    tag(model, [str(tmp_path / "in.jsonl")], "-", rejected=str(tmp_path / "r.jsonl"), quiet=True)
    assert [row["row"] for row in lines_of(tmp_path / "r.jsonl")] == ["broken"]
    assert capfdbinary.readouterr() == (b"", b"")


def test_other_column_names(run, tmp_path):
    (tmp_path / "in.csv").write_text("id,body\n1,An airstrike\n")
    run(tmp_path / "in.csv", text_column="body", paragraph_column="id", keep=("id",))
    (row,) = tagged(tmp_path / "tags.jsonl")
    assert (row["paragraph_id"], row["topics"][0], row["id"]) == ("1", "airstrike", "1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": ("topics",)}, r"--keep topics: the output has its own column"),
        ({"keep": ("n", "n")}, "twice"),
        ({"keep": ("nowhere",)}, r'in\.csv:1: no column "nowhere".*Columns found: paragraph_id, article_id, text, n'),
        ({"text_column": "txt"}, r'no column "txt"\. Did you mean "text"\?'),
        ({"text_column": "article_id"}, "different columns"),
        ({"input_format": "xml"}, 'unknown format "xml"'),
        ({"threads": 0}, "--threads 0"),
        ({"max_characters": 0}, "--max-characters 0"),
    ],
)
def test_wrong_options_are_told(run, tmp_path, options, message):
    (tmp_path / "in.csv").write_bytes(_csv(paragraphs(3), ","))
    with pytest.raises(UserError, match=message):
        run(tmp_path / "in.csv", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t.xlsx", "cannot tell the output format"),
        ("t.parquet.gz", "cannot tell"),
        ("no/t.csv", "is not there"),
        ("/proc/t.csv", r"/proc/t\.csv\.partial: cannot be made: .*Name another --output"),
    ],
)
def test_wrong_outputs_are_told(run, tmp_path, name, message):
    (tmp_path / "in.csv").write_bytes(_csv(paragraphs(3), ","))
    with pytest.raises(UserError, match=message):
        run(tmp_path / "in.csv", name)


def test_topics_that_csv_cannot_hold_are_refused(run, tmp_path):
    (tmp_path / "in.csv").write_bytes(_csv(paragraphs(3), ","))
    with pytest.raises(UserError, match='topic "a;b" holds ";"'):
        run(tmp_path / "in.csv", "t.csv", model=FakeModel(topics=("a;b",)))


def test_a_model_that_miscounts_is_found_out(run, tmp_path):
    class Short(FakeModel):
        def predict_proba(self, texts, threads=1):
            return super().predict_proba(texts)[1:]

    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(3)))
    with pytest.raises(RuntimeError, match="shape"):
        run(tmp_path / "in.jsonl", model=Short())


def test_numbers_are_written_so_that_float32_comes_back(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(50)))
    run(tmp_path / "in.jsonl", "a.jsonl", all_probabilities=True)
    run(tmp_path / "in.jsonl", "a.parquet", all_probabilities=True)
    texts = [np.float32(list(row["all_probabilities"].values())) for row in tagged(tmp_path / "a.jsonl")]
    exact = [np.float32(list(row["all_probabilities"].values())) for row in tagged(tmp_path / "a.parquet")]
    assert np.array_equal(texts, exact)
    assert b"NaN" not in content(tmp_path / "a.jsonl")


def test_summary_says_all_of_it(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(7)) + b"x\ny\n")
    text = "\n".join(run(tmp_path / "in.jsonl").lines())
    assert "read 9 rows from 1 files = 7 tagged + 2 rejected" in text
    assert "wrote 7 paragraphs" in text
    assert "2 × not a JSON record" in text
    assert "more reasons" not in text and "repeated" not in text and "could not be read" not in text


def test_reasons_that_are_not_told_are_counted():
    reasons = {f"reason {at}": 1 for at in range(8)}
    text = "\n".join(Summary(rows_read=8, rows_rejected=8, reasons=reasons).lines())
    assert text.count(" × ") == 5
    assert "\n  and 3 more reasons" in text


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl", "in.parquet"])
def test_rows_that_share_an_article_id_are_told(run, tmp_path, name):
    """Their paragraph ids are the same, because what a row becomes depends on that row alone."""
    rows = [{"url": "x/0", "body": "One."}, {"url": "x/1", "body": "Two."}, {"url": "x/0", "body": "Three."}]
    columns = {"text_column": "body", "article_column": "url"}
    (tmp_path / name).write_bytes(INPUTS[name](rows))
    summary = run(tmp_path / name, **columns)
    assert [row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")] == ["x/0:1", "x/1:1", "x/0:1"]
    assert summary.repeated == 1
    assert "1 rows or more have the article id of another row and no paragraph id" in "\n".join(summary.lines())
    (tmp_path / name).write_bytes(INPUTS[name]([{**row, "paragraph_id": str(at)} for at, row in enumerate(rows)]))
    assert run(tmp_path / name, force=True, **columns).repeated == 0
    unnamed = run(tmp_path / name, force=True, text_column="body", paragraph_column="none")
    assert unnamed.repeated == 0
    assert len({row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")}) == 3


@pytest.mark.parametrize("output", ["t.jsonl", "t.csv", "t.parquet"])
def test_kept_columns_without_any_value_are_told(run, tmp_path, output):
    rows = [{"text": f"Shells {at}.", "date": "2020-01-01" if at == 70 else None, "number": at} for at in range(90)]
    (tmp_path / "in.jsonl").write_bytes(jsonl(rows))
    (tmp_path / "more.jsonl").write_bytes(jsonl([{"text": "Nothing."}]))
    summary = run(tmp_path, output, keep=("text", "date", "day", "number"))
    assert summary.kept == {"date": 1, "day": 0, "number": 90}
    assert "no paragraph has a value for --keep day: is that" in "\n".join(summary.lines())
    assert "--keep" not in "\n".join(run(tmp_path / "in.jsonl", output, keep=("date",), force=True).lines())


def test_output_inside_the_input_folder_is_not_read_back(run, tmp_path: Path):
    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(3)))
    assert run(tmp_path).rows_read == 3
    assert run(tmp_path, force=True).rows_read == 3
    with pytest.raises(UserError, match="is the output of this very job"):
        run(tmp_path / "tags.jsonl", force=True)


@pytest.mark.parametrize("output", ["t.jsonl", "t.csv", "t.parquet"])
def test_paragraphs_of_a_split_article_keep_their_own_text(run, tmp_path, output):
    first, second = 'The first "one".\nGoes on.', "The second; with a \\."
    (tmp_path / "in.jsonl").write_bytes(
        jsonl(
            [
                {"text": f"{first}\n\n{second}", "date": "2020-01-01"},
                {"paragraph_id": "p", "text": "As it\n\nstands.", "date": None},
            ]
        )
    )
    (tmp_path / "plain.txt").write_text(f"{first}\n\n{second}\n")
    run(tmp_path / "in.jsonl", output, keep=("date", "text"))
    assert [row["text"] for row in tagged(tmp_path / output)] == [first, second, "As it\n\nstands."]
    run(tmp_path / "plain.txt", f"p{output}", keep=("text",))
    assert [row["text"] for row in tagged(tmp_path / f"p{output}")] == [first, second]


@pytest.mark.parametrize(
    ("output", "rejected", "message"),
    [
        ("t.jsonl", "t.jsonl", "where the output is made"),
        ("t.jsonl", "t.jsonl.partial/rejected", "where the output is made|the folder .* is not there"),
        ("t.jsonl", "nowhere/r.jsonl", "the folder .*nowhere is not there"),
        ("t.jsonl", "sub", "is a folder"),
        ("nowhere/t.jsonl", None, "the folder .*nowhere is not there"),
        ("t" * 240 + ".jsonl", None, "more than 200 bytes"),
    ],
)
def test_places_that_cannot_be_written_are_told_before_anything_is_read(run, tmp_path, output, rejected, message):
    (tmp_path / "sub").mkdir()
    (tmp_path / "in.jsonl").write_bytes(jsonl(paragraphs(3)))
    with pytest.raises(UserError, match=message):
        run(tmp_path / "in.jsonl", output, rejected=str(tmp_path / rejected) if rejected else None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "sub"]
