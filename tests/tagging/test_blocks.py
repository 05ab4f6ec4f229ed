"""Blocks of lines: the data and nothing else, the same from any block on, never too many lines."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tagging.test_read_csv import blocks as csv_blocks
from training.tagging import blocks
from training.tagging.inputs import Source
from training.tagging.streams import ByteStream

data = st.text(st.sampled_from('ab\n"\r'), max_size=60).map(str.encode)


def line_blocks(content, size, longest=1000):
    stream = ByteStream(Source(None, "x", "x", "jsonl", None), io.BytesIO(content))
    return list(blocks.line_blocks(stream, 0, 1, size=size, longest=longest))


@pytest.fixture(params=[1, 3, 32_768])
def most_lines(request, monkeypatch):
    """A limit of lines in a block."""
    monkeypatch.setattr(blocks, "MOST_LINES", request.param)
    return request.param


@pytest.mark.parametrize("cut", [line_blocks, csv_blocks])
def test_blocks_are_the_data_cut_after_line_ends(most_lines, cut):
    @settings(max_examples=150, deadline=None)
    @given(data, st.integers(1, 70))
    def check(content, size):
        made = cut(content, size)
        assert b"".join(block.data for block in made) == content
        line, offset = 1, 0
        for block in made:
            assert (block.line, block.offset) == (line, offset)
            assert block.lines == block.data.count(b"\n") + (not block.data.endswith(b"\n"))
            line, offset = line + block.lines, offset + block.size
            rest = cut(content[block.offset :], size)
            assert [one.data for one in rest] == [other.data for other in made if other.offset >= block.offset]
        if cut is line_blocks:
            assert all(block.lines <= most_lines for block in made)
            assert all(block.data.endswith(b"\n") for block in made[:-1])
            assert all(len(block.data) <= size or block.lines == 1 for block in made)

    check()


@pytest.mark.parametrize("size", [3, 10, 100])
def test_a_line_that_is_too_long_is_counted_and_passed_over(size):
    content = b"one\n" + b"x" * 50 + b"\ntwo\n" + b"y" * 60
    made = line_blocks(content, size, longest=20)
    if size < 100:
        assert [(block.line, block.size) for block in made if block.problem] == [(2, 51), (4, 60)]
    assert sum(block.size for block in made) == len(content)
    assert sum(block.lines for block in made) == 4
