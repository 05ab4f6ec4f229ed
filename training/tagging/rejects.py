"""Rows that can't be tagged, set aside with their place, the reason and what stood there."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_RAW = 64 << 10


@dataclass(frozen=True)
class Reject:
    """One row set aside. ``line`` counts lines from 1 in text files, rows from 1 in Parquet.

    ``raw`` is the row as it stands in the file, or its beginning where it is long; ``size`` is its full size in bytes.
    ``rest`` says that this stands for all of the file from here on, which cannot be read.
    """

    file: str
    line: int
    reason: str
    raw: bytes
    size: int
    rest: bool = False

    @staticmethod
    def of(file: str, line: int, reason: str, raw: bytes) -> Reject:
        return Reject(file, line, reason, raw[:LONGEST_RAW], len(raw))

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    def to_json(self) -> dict[str, object]:
        record: dict[str, object] = {"file": self.file, "line": self.line, "reason": self.reason}
        try:
            record["row"] = self.raw.decode("utf-8")
        except UnicodeDecodeError as problem:
            if self.size > len(self.raw) and problem.start >= len(self.raw) - 3:  # cut inside a character
                record["row"] = self.raw[: problem.start].decode("utf-8")
            else:
                record["row"] = None
                record["row_base64"] = base64.b64encode(self.raw).decode("ascii")
        if self.size > len(self.raw):
            record["row_bytes"] = self.size
            record["row_truncated"] = True
        return record


def encode_rejects(rejects: Iterable[Reject]) -> bytes:
    """One JSON record a line."""
    return b"".join(json.dumps(reject.to_json(), ensure_ascii=False).encode() + b"\n" for reject in rejects)
