"""Finding the files that a path, folder or glob means, and opening them whatever their compression."""

from __future__ import annotations

import codecs
import glob
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard

from training.errors import UserError

COMPRESSIONS = (".gz", ".zst")
DAMAGED = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What reading a file raises that is not there, cut off or damaged."""
_RAW = 1 << 12  # bytes of zstd at once: each block of them may stand for 128 KiB
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def data_suffix(path: str | Path) -> str:
    """The suffix that tells the format, in lower case: ``.jsonl`` for ``news.JSONL.gz``."""
    name = Path(path)
    if name.suffix.lower() in COMPRESSIONS:
        name = name.with_suffix("")
    return name.suffix.lower()


def matching_files(pattern: str, *, where: str) -> list[Path]:
    """The files that a path or a glob names, sorted. No match is an error that names ``where`` it was asked."""
    if not pattern:
        raise UserError(f"{where}: found empty text, expected a path or a glob.")
    if pattern.startswith("~") and not Path(pattern).exists():
        pattern = os.path.expanduser(pattern)  # noqa: PTH111 - unlike Path's, leaves an unknown user as it is
    path = Path(pattern)
    if path.is_file():
        return [path]
    if path.is_dir():
        raise UserError(f"{where}: {pattern} is a folder. Name files, e.g. {pattern.rstrip('/')}/*.jsonl.")
    found = sorted(Path(name) for name in glob.glob(pattern, recursive=True) if Path(name).is_file())  # noqa: PTH207
    if not found:
        raise UserError(f"{where}: no file matches {pattern}. Paths are relative to {Path.cwd()}.")
    return found


def open_binary(path: Path) -> BinaryIO:
    """Open ``path`` for reading bytes, decompressing ``.gz`` and ``.zst`` as it is read."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if suffix == ".zst":
        return cast(BinaryIO, io.BufferedReader(_Zstandard(path)))
    return path.open("rb")


class _Zstandard(io.RawIOBase):
    """zstd frames one after another. Where the file ends within one, zstandard's own reader takes it for whole."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._raw = b""
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        while not self._held:
            raw = self._raw or self._file.read(_RAW)
            if not raw and self._frame is not None:
                raise EOFError("Compressed file ended before the end of its last frame")
            if not raw:
                return 0
            frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
            self._held = memoryview(frame.decompress(raw))
            self._raw = frame.unused_data
            self._frame = None if frame.eof else frame
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Every line of a UTF-8 text file with its number from 1; a byte that is not UTF-8 is an error with its line."""
    number = 0
    try:
        with open_binary(path) as stream:
            for number, line in enumerate(stream, start=1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as problem:
        encoding = "UTF-16" if number == 1 and problem.object.startswith(_UTF_16) else "WINDOWS-1252"
        raise UserError(
            f"{path}:{number}: byte {problem.start + 1} of the line is not UTF-8. "
            f"Save the file as UTF-8 (e.g. iconv -f {encoding} -t UTF-8)."
        ) from None
    except DAMAGED as problem:
        raise UserError(f"{path}:{number + 1}: cannot be read: {problem}.") from None
