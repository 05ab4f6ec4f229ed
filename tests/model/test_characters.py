"""The character table says of every code point what this Python says, and survives being saved."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.model.characters import EXPANDS, SPACE, WORD, CharacterArrays, CharacterTable
from training.model.kernels import Bytes, lean
from training.model.kernels_tokens import Folded, fold, folded_buffers, token_end, token_start

TABLE = CharacterTable.current()
EVERYTHING = "".join(map(chr, range(0x110000)))

# Letters that change their length, sigmas among cased, uncased and case-ignorable neighbours, odd spaces.
tricky = st.text(
    st.sampled_from(
        "aB\u0130\u0131\u03a3\u03c3\u03c2'\u00b7\u00ad\u0301\u200d.1_\u01c5\u1fbc\u212a\ud7fb\u4e00 \u00a0\u3000\x1c\x85"
    )
)
texts = st.one_of(tricky, st.text(st.characters(exclude_categories=["Cs"])))


@lean
def fold_next(
    data: Bytes, at: int, end: int, characters: CharacterArrays, folded: Folded
) -> tuple[int, int]:  # pragma: no cover (compiled)
    """Where the next token ends, and how many code points it has when lower-cased; (-1, 0) if there is none."""
    start = token_start(data, at, end, characters)
    if start == end:
        return -1, 0
    stop = token_end(data, start, end, characters)
    return stop, fold(data, start, stop, True, characters, folded)


def lowered_tokens(raw: bytes) -> list[str]:
    """The lower-cased tokens that the kernels cut a text into."""
    characters = TABLE.kernel_arrays
    data = np.frombuffer(raw + bytes(8), np.uint8)
    folded = folded_buffers(TABLE.growth * len(raw) + 16)
    tokens = []
    at, count = fold_next(data, 0, len(raw), characters, folded)
    while at >= 0:
        tokens.append(folded.text[1 : folded.starts[count] - 1].tobytes().decode())
        at, count = fold_next(data, at, len(raw), characters, folded)
    return tokens


def test_word_characters_are_those_of_re() -> None:
    flags = TABLE.properties()
    expected = {match.start() for match in re.finditer(r"\w", EVERYTHING)}
    assert set(np.flatnonzero(flags & WORD).tolist()) == expected


def test_spaces_are_those_of_split() -> None:
    flags = TABLE.properties()
    expected = {i for i, character in enumerate(EVERYTHING) if character.isspace()}
    assert set(np.flatnonzero(flags & SPACE).tolist()) == expected
    assert expected == {match.start() for match in re.finditer(r"\s", EVERYTHING)}


def test_every_letter_lowers_as_in_python() -> None:
    text = " ".join(c for c in EVERYTHING if not "\ud800" <= c <= "\udfff")
    assert lowered_tokens(text.encode()) == text.lower().split()


@given(texts)
def test_tokens_lower_as_the_whole_text_does(text: str) -> None:
    assert lowered_tokens(text.encode()) == text.lower().split()


def test_growth_is_the_most_that_a_letter_grows_or_a_byte_that_is_none() -> None:
    letters = [c for c in EVERYTHING if not "\ud800" <= c <= "\udfff"]
    most = max(len(c.lower().encode()) / len(c.encode()) for c in letters)
    assert 1 < most <= TABLE.growth == len("\ufffd".encode())
    arrays = TABLE.arrays()
    grown = np.append(arrays["expansions"], [0x10000] * 4).astype(np.int32)
    offsets = np.append(arrays["expansion_offsets"], len(grown)).astype(np.int32)
    records = arrays["records"].copy()
    records[arrays["stage2"][arrays["stage1"][0] * 128 + ord("A")]] = len(offsets) - 2 << 8 | EXPANDS | WORD
    table = CharacterTable.from_arrays(
        {**arrays, "records": records, "expansion_offsets": offsets, "expansions": grown}
    )
    assert table.growth == 16


@given(st.binary(max_size=60))
def test_bytes_that_are_not_utf8_stay_within_the_buffers(raw: bytes) -> None:
    data = np.frombuffer(raw + bytes(8), np.uint8)
    size = TABLE.growth * len(raw) + 3
    folded = folded_buffers(size + 16)
    at = 0
    while at >= 0:
        at, count = fold_next(data, at, len(raw), TABLE.kernel_arrays, folded)
        assert at <= len(raw) and count <= size and folded.starts[count] <= size
        assert not folded.text[size:].any() and not folded.starts[size:].any()


def test_a_saved_table_is_the_same_table() -> None:
    again = CharacterTable.from_arrays(TABLE.arrays())
    for name, array in TABLE.arrays().items():
        assert np.array_equal(again.arrays()[name], array)
        assert again.arrays()[name].dtype == array.dtype


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("stage1", np.full_like(TABLE.stage1, 60000), "stage1 points outside"),
        ("stage1", np.zeros(3, np.uint16), "wrong shape"),
        ("stage2", np.full_like(TABLE.stage2, 60000), "stage2 points outside"),
        ("expansion_offsets", np.array([0, 900], np.int32), "does not cover"),
        ("expansion_offsets", np.array([0, 2, 1, 2], np.int32), "descends"),
        ("records", np.full(500, 99 << 8 | 16, np.int32), "outside the expansions"),
    ],
)
def test_a_damaged_table_is_refused(name: str, value: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CharacterTable.from_arrays({**TABLE.arrays(), name: value})
