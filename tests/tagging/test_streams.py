"""Streams: the bytes of a file whatever its compression, damage told, memory bounded."""

from __future__ import annotations

import gzip
import io
import json
import os
import tracemalloc
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tagging.conftest import jsonl, paragraphs, rejected, tagged
from training.errors import UserError
from training.tagging.inputs import Source
from training.tagging.streams import ByteStream

PACK = {None: bytes, "gz": gzip.compress, "zst": zstandard.compress}


def stream(data, compression=None):
    return ByteStream(Source(None, "x", "x", "jsonl", compression), io.BytesIO(data))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=4), st.integers(1, 300), st.sampled_from(list(PACK)))
def test_parts_one_after_another_are_read_as_one(parts, size, compression):
    made = stream(b"".join(PACK[compression](part) for part in parts), compression)
    read = []
    while piece := made.read(size):
        read.append(piece)
    assert b"".join(read) == b"".join(parts)
    assert all(len(piece) == size for piece in read[:-1])
    assert made.problem is None


@pytest.mark.parametrize("compression", ["gz", "zst"])
@pytest.mark.parametrize("damage", ["cut", "garbage", "flip"])
def test_damage_is_told_after_what_came_before_it(compression, damage):
    data = os.urandom(300_000)
    packed = bytearray(PACK[compression](data))
    if damage == "cut":
        packed = packed[:-50_000]
    elif damage == "garbage":
        packed += b"garbage"
    else:
        packed[2:6] = b"\xff\xff\xff\xff"
    made = stream(bytes(packed), compression)
    read = made.read(10**6)
    assert made.problem
    assert data.startswith(read)
    assert (len(read) > 100_000) == (damage != "flip")


def test_all_that_came_before_a_cut_is_read(monkeypatch):
    """As much as zlib finds, also what the decompressor holds back where a piece of it was full."""
    monkeypatch.setattr("training.tagging.streams._AT_ONCE", 64)
    packed = gzip.compress(b"the same line again\n" * 500)
    for end in range(20, len(packed)):
        made = stream(packed[:end], "gz")
        assert made.read(10**6) == zlib.decompressobj(wbits=31).decompress(packed[:end])
        assert made.problem == "the gzip data is cut off before its end"


def test_zeros_behind_gzip_are_padding():
    made = stream(gzip.compress(b"abc") + b"\0" * 512, "gz")
    assert made.read(100) == b"abc"
    assert made.problem is None


@pytest.mark.parametrize("compression", ["gz", "zst"])
def test_a_bomb_is_never_held_whole(compression):
    zeros = b"\0" * (1 << 20)
    if compression == "gz":
        sink = io.BytesIO()
        with gzip.GzipFile(fileobj=sink, mode="wb") as file:
            for _ in range(200):
                file.write(zeros)
        packed = sink.getvalue()
    else:
        packed = zstandard.ZstdCompressor(level=1).compress(zeros * 200)
    assert len(packed) < 300_000
    tracemalloc.start()
    made = stream(packed, compression)
    total = 0
    while piece := made.read(1 << 20):
        total += len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 200 << 20
    assert peak < 80 << 20


@pytest.mark.parametrize("name", ["in.jsonl.gz", "in.jsonl.zst"])
def test_a_file_that_is_cut_off_gives_its_rows_and_one_reject_for_the_rest(run, tmp_path, name):
    pack = PACK["gz" if name.endswith("gz") else "zst"]
    rows = paragraphs(200)
    for row in rows:
        row["noise"] = os.urandom(2000).hex()
    packed = pack(jsonl(rows))
    (tmp_path / name).write_bytes(packed[: len(packed) // 2])
    summary = run(tmp_path / name)
    found = [row["paragraph_id"] for row in tagged(tmp_path / "tags.jsonl")]
    assert 20 < len(found) < 190
    assert found == [f"p{at}" for at in range(len(found))]
    *broken, last = rejected(tmp_path / "tags.jsonl")
    assert len(broken) <= 1
    assert last["reason"].startswith("cannot be read from here on: the")
    assert summary.rows_read == summary.rows_tagged + summary.rows_rejected


def test_a_file_that_is_not_what_its_suffix_says(run, tmp_path):
    (tmp_path / "in.jsonl.gz").write_bytes(jsonl(paragraphs(3)))
    run(tmp_path / "in.jsonl.gz")
    (reject,) = rejected(tmp_path / "tags.jsonl")
    assert "the gzip data is damaged" in reject["reason"]


def test_files_that_cannot_be_read_to_their_end_are_named_in_the_summary(run, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    packed = gzip.compress(jsonl(paragraphs(9)))
    (folder / "0.jsonl.gz").write_bytes(packed)
    (folder / "1.jsonl.gz").write_bytes(packed[:-20])
    (folder / "2.txt.gz").write_bytes(b"not gzip")
    (folder / "3.txt").write_bytes(b"not \xff text, but read to its end")
    summary = run(folder)
    assert f"2 files could not be read to their end: {folder}/1.jsonl.gz, {folder}/2.txt.gz" in summary.lines()
    for at in range(4, 9):
        (folder / f"{at}.jsonl.zst").write_bytes(b"not zstd")
    summary = run(folder, force=True)
    assert (summary.files_unread, len(summary.unread)) == (7, 5)
    assert any(line.endswith("6.jsonl.zst and 2 more") for line in summary.lines())


def test_skipping_past_the_end_is_an_error(tmp_path):
    made = stream(b"abc")
    with pytest.raises(UserError, match="shorter than when the job began"):
        made.skip(10)


def test_a_pipe_with_a_name_is_read_once(run, tmp_path):
    import threading

    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    rows = paragraphs(30)
    writer = threading.Thread(target=lambda: pipe.write_bytes(jsonl(rows)))
    writer.start()
    assert run(pipe).rows_tagged == 30
    writer.join()
    assert json.loads((tmp_path / "tags.jsonl").read_text().splitlines()[0])["paragraph_id"] == "p0"
