"""A list of terms as two arrays, so that half a million of them load at once and need no Python strings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from training.model import kernels_terms


@dataclass(frozen=True, eq=False)
class Terms:
    """Terms in the order of their code points, each once.

    Attributes:
        data: uint8, their UTF-8 one after the other.
        offsets: int64 [terms + 1], where each begins, and the end of the last.
    """

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        """Bring the arrays to their types.

        Raises:
            ValueError: the offsets do not fit the data, or the terms are not sorted.
        """
        object.__setattr__(self, "data", np.ascontiguousarray(self.data, np.uint8))
        object.__setattr__(self, "offsets", np.ascontiguousarray(self.offsets, np.int64))
        offsets = self.offsets
        if offsets.ndim != 1 or not offsets.size or offsets[0] != 0 or offsets[-1] != self.data.size:
            raise ValueError("The offsets of the terms do not fit their bytes.")
        if (offsets[1:] < offsets[:-1]).any():
            raise ValueError("The offsets of the terms descend.")
        if not kernels_terms.is_sorted(self.data, offsets):
            raise ValueError("The terms are not in the order of their code points, or one occurs twice.")

    @classmethod
    def from_strings(cls, strings: Iterable[str]) -> Terms:
        """The terms of any iterable, sorted; a term given twice is kept once."""
        encoded = [string.encode() for string in sorted(set(strings))]
        return cls(np.frombuffer(b"".join(encoded), np.uint8), np.cumsum([0, *map(len, encoded)]))

    def __len__(self) -> int:
        return int(self.offsets.size - 1)

    def __getitem__(self, index: int) -> str:
        if not -len(self) <= index < len(self):
            raise IndexError(f"There is no term {index}: there are {len(self)} terms.")
        index %= len(self)
        return self.data[self.offsets[index] : self.offsets[index + 1]].tobytes().decode()

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Terms)
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.data, other.data)
        )

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def strings(self) -> list[str]:
        """The terms as Python strings."""
        raw, ends = self.data.tobytes(), self.offsets.tolist()
        return [raw[start:end].decode() for start, end in pairwise(ends)]

    def strings_at(self, which: npt.NDArray[np.int64]) -> list[str]:
        """The terms at these indices as Python strings."""
        places = zip(self.offsets[which].tolist(), self.offsets[which + 1].tolist(), strict=True)
        return [self.data[start:end].tobytes().decode() for start, end in places]

    def take(self, which: npt.NDArray[np.int64] | Sequence[int]) -> Terms:
        """The terms at ascending indices."""
        chosen = np.asarray(which, np.int64)
        offsets = np.concatenate([[0], np.cumsum(np.diff(self.offsets)[chosen])]).astype(np.int64)
        data = np.empty(int(offsets[-1]), np.uint8)
        kernels_terms.take_terms(self.data, self.offsets, chosen, offsets, data)
        return Terms(data, offsets)

    def places_in(self, other: Terms) -> npt.NDArray[np.int32]:
        """int32 [terms], where each term stands in the other list, or -1."""
        return kernels_terms.join_terms(self.data, self.offsets, other.data, other.offsets)
