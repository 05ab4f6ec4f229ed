"""The Unicode rules that tokens are cut and lower-cased by, as arrays that a compiled kernel can read.

CPython defines them through its own copy of the Unicode database: ``str.lower``, the whitespace of
``str.split`` and the ``\\w`` of ``re``. A new Python may bring a new database, so a model keeps the table it
was trained with, and its tags stay the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

WORD = 1  # \w: str.isalnum() or "_"
SPACE = 2  # \s: str.isspace()
CASED = 4  # cased and not case-ignorable, as the rule of the final sigma needs it
IGNORABLE = 8  # case-ignorable: the rule of the final sigma looks through it
EXPANDS = 16  # lower-cases to several code points
SIGMA = 32  # lower-cases to a final or a medial sigma
SHIFT = 8  # a record is (distance to the lower-case letter, or index of an expansion) << SHIFT | flags

BLOCK_BITS = 7
BLOCK = 1 << BLOCK_BITS
CODE_POINTS = 0x110000
CAPITAL_SIGMA, MEDIAL_SIGMA, FINAL_SIGMA = 0x3A3, 0x3C3, 0x3C2
REPLACEMENT = 0xFFFD
LONGEST_EXPANSION = 4  # code points; Unicode's longest has three
_TYPES = {
    "stage1": np.uint16,
    "stage2": np.uint16,
    "records": np.int32,
    "expansion_offsets": np.int32,
    "expansions": np.int32,
}

ORDINARY_BYTE, SPACE_BYTE, MAYBE_SPACE_BYTE = 0, 1, 2
_SURROGATES = np.zeros(CODE_POINTS, bool)
_SURROGATES[0xD800:0xE000] = True


class CharacterArrays(NamedTuple):
    """What the kernels read; see `CharacterTable` for the meaning."""

    stage1: npt.NDArray[np.uint16]
    stage2: npt.NDArray[np.uint16]
    records: npt.NDArray[np.int32]
    expansion_offsets: npt.NDArray[np.int32]
    expansions: npt.NDArray[np.int32]
    byte_kinds: npt.NDArray[np.uint8]
    ascii: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class CharacterTable:
    """A two-stage table of character properties (Unicode Standard, section 5.1, "Multistage tables").

    The record of code point ``c`` is ``records[stage2[stage1[c >> 7] << 7 | c & 127]]``.

    Attributes:
        stage1: uint16 [8704], the block of each run of 128 code points.
        stage2: uint16 [128 * blocks], the record of each code point of the distinct blocks.
        records: int32 [records], ``lower - c`` (or, if EXPANDS, the index of an expansion) << 8, with flags below.
        expansion_offsets: int32 [expansions + 1], where each one-to-many lower-casing stands in `expansions`.
        expansions: int32, code points.
    """

    stage1: npt.NDArray[np.uint16]
    stage2: npt.NDArray[np.uint16]
    records: npt.NDArray[np.int32]
    expansion_offsets: npt.NDArray[np.int32]
    expansions: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        """Refuse a table that a kernel could not follow safely.

        Raises:
            ValueError: an index points outside its array.
        """
        problem = self._problem()
        if problem:
            raise ValueError(f"The character table is damaged: {problem}. Train or copy the model again.")

    @staticmethod
    @lru_cache(maxsize=1)
    def current() -> CharacterTable:
        """The rules of the running Python. Takes about a third of a second, the first time."""
        from training.model.python_characters import measure

        return measure()

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The table as named arrays, to be saved with a model."""
        return {
            "stage1": self.stage1,
            "stage2": self.stage2,
            "records": self.records,
            "expansion_offsets": self.expansion_offsets,
            "expansions": self.expansions,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]]) -> CharacterTable:
        """The table that `arrays` was called on.

        Raises:
            KeyError: an array is missing.
            ValueError: an array is of another type, or an index points outside its array.
        """
        for name, kind in _TYPES.items():
            if arrays[name].dtype != kind or arrays[name].ndim != 1:
                raise ValueError(f"The character table is damaged: {name} is not a list of {np.dtype(kind)}.")
        return cls(**{name: np.require(arrays[name], requirements=["C", "A"]) for name in _TYPES})

    @cached_property
    def kernel_arrays(self) -> CharacterArrays:
        """The arrays for the kernels, with two shortcuts.

        byte_kinds: uint8 [256], whether a byte is a space or may begin one. ascii: int32 [128], the lower-case
        letter << 8 with its flags (those for the final sigma are the character's own), or EXPANDS if it is not ASCII.
        """
        kinds = np.zeros(256, np.uint8)
        spaces = ((self.records[self.stage2] & SPACE) != 0).reshape(-1, BLOCK)
        for block in np.flatnonzero(spaces.any(axis=1)[self.stage1]).tolist():
            for code_point in (block * BLOCK + np.flatnonzero(spaces[self.stage1[block]])).tolist():
                lead = chr(code_point).encode("utf-8", "surrogatepass")[0]
                kinds[lead] = SPACE_BYTE if code_point < 0x80 else MAYBE_SPACE_BYTE
        records = self.records[self.stage2[int(self.stage1[0]) * BLOCK :][:BLOCK]]
        lower = np.arange(BLOCK) + (records >> SHIFT)
        plain = ((records & (EXPANDS | SIGMA)) == 0) & (lower >= 0) & (lower < BLOCK)
        context = CASED | IGNORABLE
        flags = (records[np.where(plain, lower, 0)] & ~context) | (records & context)
        ascii_records = np.where(plain, lower << SHIFT | flags, EXPANDS).astype(np.int32)
        return CharacterArrays(
            self.stage1,
            self.stage2,
            self.records,
            self.expansion_offsets,
            self.expansions,
            kinds,
            ascii_records,
        )

    @cached_property
    def growth(self) -> int:
        """A bound on the bytes that one byte of text may become when lower-cased; of what is not UTF-8, too."""
        properties = self.properties()
        changing = np.append(np.flatnonzero(properties & ~(WORD | SPACE | CASED | IGNORABLE)), REPLACEMENT)
        records = properties[changing]
        lower = _bytes_of(changing + (records >> SHIFT))
        lower[(records & SIGMA) != 0] = _bytes_of(np.array([MEDIAL_SIGMA]))
        ends = np.append(0, np.cumsum(_bytes_of(self.expansions)))[self.expansion_offsets]
        expands = (records & EXPANDS) != 0
        lower[expands] = np.diff(ends)[records[expands] >> SHIFT]
        # A byte that is not UTF-8 reads as U+FFFD; where case is kept, nothing else grows.
        upper = np.where(changing == REPLACEMENT, 1, _bytes_of(changing))
        return max(int(_bytes_of(np.array(REPLACEMENT))), int(np.ceil(lower / upper).max()))

    @property
    def has_plain_ascii(self) -> bool:
        """Whether ASCII letters, digits and "_" are what words are made of, and lower-cased as everywhere."""
        records = self.records[self.stage2[int(self.stage1[0]) * BLOCK :][:BLOCK]]
        letters = [chr(code_point) for code_point in range(BLOCK)]
        distance = [ord(letter.lower()) - ord(letter) for letter in letters]
        flags = [WORD * (letter.isalnum() or letter == "_") for letter in letters]
        relevant = records & ~(SPACE | CASED | IGNORABLE)
        return bool((relevant == np.array(distance) << SHIFT | np.array(flags)).all())

    def properties(self) -> npt.NDArray[np.int32]:
        """int32 [1114112], the record of every code point."""
        per_block = self.records[self.stage2].reshape(-1, BLOCK)
        return np.asarray(per_block[self.stage1].reshape(-1), np.int32)

    def _problem(self) -> str | None:
        if self.stage1.shape != (CODE_POINTS // BLOCK,) or self.stage2.ndim != 1 or self.stage2.size % BLOCK:
            return "stage1 or stage2 has the wrong shape"
        if self.stage2.size == 0 or int(self.stage1.max()) >= self.stage2.size // BLOCK:
            return "stage1 points outside stage2"
        if self.records.ndim != 1 or self.records.size == 0 or int(self.stage2.max()) >= self.records.size:
            return "stage2 points outside records"
        ascii_spaces = np.flatnonzero(self.records[self.stage2[int(self.stage1[0]) * BLOCK :][:BLOCK]] & SPACE)
        if ascii_spaces.size and int(ascii_spaces.max()) > ord(" "):
            return "an ASCII character after the blank is a space"
        offsets = self.expansion_offsets
        if offsets.ndim != 1 or offsets.size == 0 or offsets[0] != 0 or offsets[-1] != self.expansions.size:
            return "expansion_offsets does not cover expansions"
        if (np.diff(offsets) < 0).any():
            return "expansion_offsets descends"
        if int(np.diff(offsets).max(initial=0)) > LONGEST_EXPANSION:
            return f"a character expands to more than {LONGEST_EXPANSION}"
        if not _are_code_points(self.expansions):
            return "an expansion is no character"
        which = self.records[(self.records & EXPANDS) != 0] >> SHIFT
        if which.size and (int(which.min()) < 0 or int(which.max()) >= offsets.size - 1):
            return "a record points outside the expansions"
        properties = self.properties()
        plain = (properties & EXPANDS) == 0
        if not _are_code_points((np.arange(CODE_POINTS) + (properties >> SHIFT))[plain & ~_SURROGATES]):
            return "a lower-case letter is no character"
        return None


def _bytes_of(code_points: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """How many bytes of UTF-8 each takes."""
    return 1 + np.searchsorted([0x80, 0x800, 0x10000], code_points, side="right")


def _are_code_points(values: npt.NDArray[Any]) -> bool:
    """Whether UTF-8 can hold each of them."""
    return bool(((values >= 0) & (values < CODE_POINTS) & ~((values >= 0xD800) & (values < 0xE000))).all())
