"""Parquet: any kind of text column, rows that are not UTF-8 set aside, batches that stay small."""

from __future__ import annotations

import io
import itertools
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tagging.conftest import rejected, tagged
from training.errors import UserError
from training.tagging import Tuning
from training.tagging.parquet_pages import _chunks, largest_page
from training.tagging.read_parquet import _written_out

TEXTS = ["An airstrike", None, "", "shelling", "ü"]


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.binary_view(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.large_string()),
    ],
    ids=str,
)
def test_text_of_any_kind(run, tmp_path, kind):
    texts = pa.array(TEXTS).dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else _cast(kind)
    table = pa.table({"paragraph_id": pa.array(range(5), pa.uint16()), "text": texts})
    pq.write_table(table, tmp_path / "in.parquet")
    summary = run(tmp_path / "in.parquet", keep=("text",))
    assert [row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")] == ["0", "2", "3", "4"]
    assert [row["text"] for row in tagged(tmp_path / "tags.jsonl")] == [text for text in TEXTS if text is not None]
    (reject,) = rejected(tmp_path / "tags.jsonl")
    assert (reject["line"], reject["reason"]) == (2, '"text" is null, expected text')
    assert json.loads(reject["row"])["paragraph_id"] == 1
    assert (summary.rows_read, summary.rows_tagged, summary.rows_rejected) == (5, 4, 1)


def _cast(kind):
    return pa.array(TEXTS, pa.binary() if "binary" in str(kind) else pa.string()).cast(kind)


@pytest.mark.parametrize("kind", [pa.binary(), pa.string()], ids=str)
def test_bytes_that_are_no_text_are_set_aside(run, tmp_path, kind):
    texts = pa.array([b"fine", b"bad \xff", b"an airstrike"], pa.binary())
    if kind == pa.string():
        texts = pa.StringArray.from_buffers(3, texts.buffers()[1], texts.buffers()[2])
    pq.write_table(pa.table({"paragraph_id": ["1", "2", "3"], "text": texts, "n": [1, 2, 3]}), tmp_path / "in.parquet")
    run(tmp_path / "in.parquet", keep=("n",))
    assert [(row["paragraph_id"], row["n"]) for row in tagged(tmp_path / "tags.jsonl")] == [("1", 1), ("3", 3)]
    (reject,) = rejected(tmp_path / "tags.jsonl")
    assert reject["line"] == 2
    assert "not UTF-8" in reject["reason"]
    assert reject["row"] is None
    assert reject["row_base64"]


def test_kept_text_that_is_no_text_is_set_aside(run, tmp_path):
    kept = pa.array([b"fine", b"bad \xff"], pa.binary())
    kept = pa.StringArray.from_buffers(2, kept.buffers()[1], kept.buffers()[2])
    pq.write_table(pa.table({"paragraph_id": ["1", "2"], "text": ["a", "b"], "k": kept}), tmp_path / "in.parquet")
    for output in ("t.jsonl", "t.parquet"):
        run(tmp_path / "in.parquet", output, keep=("k",))
        assert [row["k"] for row in tagged(tmp_path / output)] == ["fine"]
        assert [row["reason"] for row in rejected(tmp_path / output)] == ['"k" is not UTF-8']


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"text": [1]}), 'column "text" is int64, expected text'),
        (pa.table({"text": [["a"]]}), 'column "text" is list<.*expected text'),
        (pa.table({"text": ["a"], "paragraph_id": [1.5]}), 'column "paragraph_id" is double, expected text or whole'),
        (pa.table({"txt": ["a"]}), 'no column "text".*Did you mean "txt"'),
    ],
)
def test_wrong_types_are_told_before_anything_is_done(run, tmp_path, table, message):
    pq.write_table(table, tmp_path / "in.parquet")
    with pytest.raises(UserError, match=rf"in\.parquet: {message}"):
        run(tmp_path / "in.parquet")


def test_a_damaged_footer_is_told_before_anything_is_done(run, tmp_path):
    for data in (b"", b"PAR1", b"PAR1xxxxPAR1", b"{}" * 50):
        (tmp_path / "in.parquet").write_bytes(data)
        with pytest.raises(UserError, match=r"in\.parquet: cannot be read as Parquet"):
            run(tmp_path / "in.parquet")


def test_damaged_pages_cost_the_rest_of_the_file_and_say_so(run, tmp_path):
    sink = io.BytesIO()
    table = pa.table({"paragraph_id": [str(at) for at in range(100)], "text": [f"text {at}" * 9 for at in range(100)]})
    pq.write_table(table, sink, row_group_size=10, compression="zstd")
    data = bytearray(sink.getvalue())
    middle = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(5).column(1).data_page_offset
    data[middle : middle + 40] = b"\xff" * 40
    (tmp_path / "in.parquet").write_bytes(data)
    (tmp_path / "next.jsonl").write_bytes(b'{"paragraph_id":"next","text":"a"}\n')
    summary = run([tmp_path / "in.parquet", tmp_path / "next.jsonl"])
    found = [row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")]
    assert found == [*(str(at) for at in range(50)), "next"]
    (reject,) = rejected(tmp_path / "tags.jsonl")
    assert reject["line"] == 51
    assert "cannot be read from here on" in reject["reason"]
    assert (summary.rows_read, summary.rows_rejected) == (52, 1)


def test_batches_are_small_where_rows_are_large(run, tmp_path, model):
    sizes = []

    class Noting(type(model)):
        def predict_proba(self, texts, threads=1):
            sizes.append(len(texts))
            return super().predict_proba(texts)

    texts = [f"{at:06}" * 2000 for at in range(40)]
    pq.write_table(pa.table({"text": texts, "paragraph_id": [str(at) for at in range(40)]}), tmp_path / "in.parquet")
    run(tmp_path / "in.parquet", model=Noting(), tuning=Tuning(50_000, 5, 0.0), max_characters=20_000)
    assert sum(sizes) == 40
    assert max(sizes) <= 5


def test_parquet_in_a_pipe_or_compressed_is_told(run, tmp_path):
    (tmp_path / "in.parquet.gz").write_bytes(b"x")
    with pytest.raises(UserError, match=r"Parquet can't be read from \.gz"):
        run(tmp_path / "in.parquet.gz")
    with pytest.raises(UserError, match="Parquet can't be read from a pipe"):
        run("-", input_format="parquet")


def test_pages_of_every_kind_are_measured(tmp_path):
    table = pa.table({"text": [f"{at:05}" * 40 for at in range(5000)], "same": ["again"] * 5000})
    for version, compression, dictionary in itertools.product(
        ("1.0", "2.0"), ("none", "snappy", "zstd"), (True, False)
    ):
        pq.write_table(
            table, tmp_path / "in.parquet", data_page_version=version, compression=compression,
            use_dictionary=dictionary, data_page_size=20_000, write_batch_size=10,
        )  # fmt: skip
        group = pq.ParquetFile(tmp_path / "in.parquet").metadata.row_group(0)
        with (tmp_path / "in.parquet").open("rb") as stream:
            chunks = {name: largest_page(stream, *place) for name, *place in _chunks(footer_of(stream))}
        assert list(chunks) == [group.column(at).path_in_schema for at in range(2)]
        assert 0 < chunks["same"] <= (1000 if dictionary else 25_000)
        assert 20_000 <= chunks["text"] <= (1_100_000 if dictionary else 25_000)


def footer_of(stream):
    stream.seek(-8, 2)
    size = int.from_bytes(stream.read(4), "little")
    stream.seek(-8 - size, 2)
    return stream.read(size)


@pytest.mark.slow
def test_a_page_that_would_fill_the_memory_is_not_read(run, tmp_path):
    pq.write_table(pa.table({"text": ["a", "b" * 300_000_000]}), tmp_path / "in.parquet", compression="zstd")
    assert (tmp_path / "in.parquet").stat().st_size < 100_000
    summary = run(tmp_path / "in.parquet")
    assert (summary.rows_read, summary.rows_rejected) == (1, 1)
    (reject,) = rejected(tmp_path / "tags.jsonl")
    assert 'a page of column "text" has 300,0' in reject["reason"]


def test_a_dictionary_that_is_not_utf8(run, tmp_path):
    broken = pa.array([b"An airstrike", b"\xff", b"An airstrike"]).dictionary_encode()
    text = pa.DictionaryArray.from_arrays(broken.indices, broken.dictionary.view(pa.string()))
    nested = pa.array([[b"a"], [b"b"], [b"\xff"]])
    nested = pa.ListArray.from_arrays(nested.offsets, nested.values.view(pa.string()))
    pq.write_table(pa.table({"paragraph_id": ["1", "2", "3"], "text": text, "k": nested}), tmp_path / "in.parquet")
    summary = run(tmp_path / "in.parquet", keep=("k",))
    assert (summary.rows_tagged, summary.rows_rejected) == (1, 2)
    assert [row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")] == ["1"]
    assert [reject["line"] for reject in rejected(tmp_path / "tags.jsonl")] == [2, 3]


@pytest.mark.parametrize(
    "odd",
    [
        pa.array([-(10**6), 19_000], pa.int32()).cast(pa.date32()),
        pa.array([2**62, 0], pa.timestamp("us")),
        pa.array([0, 1], pa.timestamp("us", tz="Mars/Olympus")),
        pa.array([[-(10**6)], [19_000]], pa.list_(pa.int32())).cast(pa.list_(pa.date32())),
    ],
    ids=str,
)
@pytest.mark.parametrize("output", ["t.jsonl", "t.csv"])
def test_days_and_times_that_python_does_not_have_are_kept_as_text(run, tmp_path, odd, output):
    pq.write_table(pa.table({"text": ["a", "b"], "paragraph_id": ["1", "2"], "k": odd}), tmp_path / "in.parquet")
    summary = run(tmp_path / "in.parquet", output, keep=("k",))
    assert summary.rows_tagged == 2
    assert all(row["k"] for row in tagged(tmp_path / output))


def test_decimals_and_bytes_go_to_tables_as_they_are(run, tmp_path):
    columns = {"k": pa.array([Decimal("1.10")]), "b": pa.array([b"raw"])}
    pq.write_table(pa.table({"text": ["a"], "paragraph_id": ["1"], **columns}), tmp_path / "in.parquet")
    run(tmp_path / "in.parquet", "t.csv", keep=("k", "b"))
    (row,) = tagged(tmp_path / "t.csv")
    assert (row["k"], row["b"]) == ("1.10", "raw")


def test_a_dictionary_of_long_texts_is_written_out_in_parts(monkeypatch):
    """Else a file of kilobytes comes to more text than a column of strings can hold, and its offsets overflow."""
    monkeypatch.setattr("training.tagging.read_parquet._MOST_TEXT", 1000)
    texts = pa.DictionaryArray.from_arrays(pa.array([0, 1, None] * 40, pa.int32()), ["s" * 300, "t"])
    batch = pa.record_batch({"text": texts, "n": pa.array(range(120))})
    parts = list(_written_out(batch))
    assert {part.num_rows for part in parts} == {9, 3}
    assert pa.Table.from_batches(parts).to_pylist() == batch.to_pylist()
    assert list(_written_out(batch.slice(0, 9))) == [batch.slice(0, 9)]
