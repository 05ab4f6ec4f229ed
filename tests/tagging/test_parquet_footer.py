"""Merged footers: what pyarrow writes at once is what is put together from pieces."""

from __future__ import annotations

import io

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.tagging.parquet_footer import Reader, _struct
from training.tagging.shards import ParquetShards, TextShards

SCHEMA = pa.schema(
    [
        ("paragraph_id", pa.string()),
        ("topics", pa.list_(pa.string())),
        ("probabilities", pa.list_(pa.float32())),
        ("all_probabilities", pa.struct([("a", pa.float32()), ("b é", pa.float32())])),
        ("when", pa.timestamp("us", "UTC")),
        ("where", pa.struct([("x", pa.list_(pa.int8()))])),
    ]
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "paragraph_id": st.text(max_size=30),
            "topics": st.lists(st.sampled_from(["a", "b", "longer topic"]), max_size=3),
            "probabilities": st.lists(st.floats(0, 1, width=32), max_size=3),
            "all_probabilities": st.fixed_dictionaries({"a": st.floats(0, 1, width=32), "b é": st.none()}),
            "when": st.none() | st.datetimes(),
            "where": st.none() | st.fixed_dictionaries({"x": st.lists(st.integers(-5, 5), max_size=3)}),
        }
    ),
    min_size=1,
    max_size=20,
)


def written(tables):
    shards = ParquetShards(SCHEMA)
    data = shards.begin()
    footers = []
    for table in tables:
        for batch in table.to_batches():
            shards.add(batch)
        body, footer = shards.shard(len(data))
        data += body
        footers.append(footer)
    return data + shards.end(footers)


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, max_size=20))
def test_shards_make_one_file_that_readers_take_whole(parts):
    tables = [pa.Table.from_pylist(part, SCHEMA) for part in parts]
    whole = pa.concat_tables([SCHEMA.empty_table(), *tables])
    data = written(tables)
    file = pq.ParquetFile(io.BytesIO(data))
    assert file.read().equals(whole)
    assert file.schema_arrow.equals(SCHEMA)
    assert file.metadata.num_row_groups == len(parts)
    for at, table in enumerate(tables):
        assert file.read_row_group(at).equals(table)


def test_other_readers_take_it_too(tmp_path):
    table = pa.table({"paragraph_id": [str(at) for at in range(50)], "topics": [["a"]] * 50})
    shards = ParquetShards(table.schema)
    data, footers = shards.begin(), []
    for at in range(0, 50, 7):
        for batch in table.slice(at, 7).to_batches():
            shards.add(batch)
        body, footer = shards.shard(len(data))
        data += body
        footers.append(footer)
    path = tmp_path / "t.parquet"
    path.write_bytes(data + shards.end(footers))
    assert polars.read_parquet(path).rows() == [(str(at), ["a"]) for at in range(50)]
    assert duckdb.sql(f"select * from '{path}'").fetchall() == [(str(at), ["a"]) for at in range(50)]
    filtered = duckdb.sql(f"select count(*) from '{path}' where paragraph_id = '30'").fetchall()
    assert filtered == [(1,)]


def test_reading_and_writing_a_footer_changes_nothing():
    sink = io.BytesIO()
    columns = {f"c{at}": pa.array([at, None]) for at in range(40)}
    pq.write_table(pa.table(columns), sink, write_page_index=True)
    data = sink.getvalue()
    footer = data[-8 - int.from_bytes(data[-8:-4], "little") : -8]
    assert _struct(Reader(footer).struct()) == footer


@pytest.mark.parametrize("compression", [None, "gz", "zst"])
def test_text_shards_follow_one_another(tmp_path, compression):
    from tests.tagging.conftest import content

    shards = TextShards(compression, b"head\n")
    data = shards.begin()
    for piece in (b"a\n", b"", b"b\n"):
        shards.add(piece)
        data += shards.shard(len(data))[0]
    path = tmp_path / f"x.{compression}"
    path.write_bytes(data + shards.end([]))
    assert content(path) == b"head\na\nb\n"
