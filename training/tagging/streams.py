"""Bytes of one source, decompressed as they are read, in bounded memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from training.errors import UserError
from training.tagging.inputs import Source

_RAW = 128 << 10
# A zstd block of four bytes can mean 128 KiB: fed 256 bytes at a time, a bomb fills 8 MiB and not the memory.
_RAW_ZSTD = 256
_AT_ONCE = 1 << 20


class Decompressor(Protocol):
    """The face that :class:`ByteStream` needs: what follows from more bytes, and whether the data ended well."""

    def feed(self, raw: bytes) -> Iterator[bytes]: ...

    def end(self) -> str | None: ...


class ByteStream:
    """A source read from the front. ``read`` returns less than was asked for only at the end.

    Damage in compressed data ends the stream early and is told by ``problem``; what came before it has been read.
    ``raw_bytes`` counts bytes of the file itself, for progress.
    """

    def __init__(self, source: Source, stdin: BinaryIO | None = None) -> None:
        self._source = source
        self._file: BinaryIO = _open(source, stdin)
        self._decompressor = _decompressor(source.compression)
        self._pieces: Iterator[bytes] = iter(())
        self._held = b""
        self._ended = False
        self.raw_bytes = 0
        self.problem: str | None = None

    def __enter__(self) -> ByteStream:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._source.path is not None:
            self._file.close()

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, or all that are left."""
        pieces = [self._held] if self._held else []
        total = len(self._held)
        while total < size and not self._ended:
            piece = self._next(size - total)
            pieces.append(piece)
            total += len(piece)
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._held = data[size:]
        return data[:size] if self._held else data

    def unread(self, data: bytes) -> None:
        """Put ``data`` back in front of what is read next."""
        self._held = data + self._held

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes, by seeking where the file allows it."""
        if self._decompressor is None and not self._held and not self._source.stream:
            self._file.seek(size, 1)
            self.raw_bytes += size
            return
        while size > 0:
            passed = len(self.read(min(size, _AT_ONCE)))
            if not passed:
                raise UserError(f"{self._source.shown}: is shorter than when the job began. Start over with --force.")
            size -= passed

    def _next(self, size: int) -> bytes:
        if self._decompressor is None:
            piece = self._read_file(max(size, _RAW))
            self._ended = not piece
            return piece
        try:
            while not (piece := next(self._pieces, b"")):
                raw = self._read_file(_RAW)
                if not raw:
                    self._ended = True
                    self.problem = self._decompressor.end()
                    return b""
                self._pieces = self._decompressor.feed(raw)
        except ValueError as problem:
            self._ended = True
            self.problem = str(problem)
            return b""
        return piece

    def _read_file(self, size: int) -> bytes:
        try:
            raw = self._file.read(size) or b""
        except OSError as problem:
            raise UserError(
                f"{self._source.shown}: cannot be read: {problem.strerror or problem}. "
                f"When it can be read again, run the same command: it goes on where it stopped."
            ) from None
        self.raw_bytes += len(raw)
        return raw


class _Gzip:
    """Members one after another, as ``cat a.gz b.gz`` makes them; zeros after the last are padding."""

    def __init__(self) -> None:
        from isal import isal_zlib  # faster than zlib: experiments/speed/NOTES.md

        self._begin = isal_zlib.decompressobj
        self._damage: Any = isal_zlib.IsalError  # an instance, to its stubs
        self._member: Any = None

    def feed(self, raw: bytes) -> Iterator[bytes]:
        more = False  # there may be: a full piece leaves some inside of the decompressor
        while raw or more:
            if self._member is None:
                raw = raw.lstrip(b"\0") if raw.startswith(b"\0") else raw
                if not raw:
                    return
                self._member = self._begin(wbits=31)
            try:
                piece = self._member.decompress(raw, _AT_ONCE)
            except self._damage as problem:
                raise ValueError(f"the gzip data is damaged ({problem})") from None
            if piece:
                yield piece
            raw, more = self._member.unconsumed_tail, len(piece) == _AT_ONCE
            if self._member.eof:
                raw, more = self._member.unused_data, False
                self._member = None

    def end(self) -> str | None:
        return None if self._member is None else "the gzip data is cut off before its end"


class _Zstandard:
    def __init__(self) -> None:
        import zstandard

        self._zstandard = zstandard
        self._frame: Any = None

    def feed(self, raw: bytes) -> Iterator[bytes]:
        for start in range(0, len(raw), _RAW_ZSTD):
            piece = raw[start : start + _RAW_ZSTD]
            while piece:
                if self._frame is None:
                    self._frame = self._zstandard.ZstdDecompressor().decompressobj()
                try:
                    data = self._frame.decompress(piece)
                except self._zstandard.ZstdError as problem:
                    raise ValueError(f"the zstd data is damaged ({problem})") from None
                piece = self._frame.unused_data if self._frame.eof else b""
                if self._frame.eof:
                    self._frame = None
                if data:
                    yield data

    def end(self) -> str | None:
        return None if self._frame is None else "the zstd data is cut off before its end"


def _decompressor(compression: str | None) -> Decompressor | None:
    if compression is None:
        return None
    return _Gzip() if compression == "gz" else _Zstandard()


def _open(source: Source, stdin: BinaryIO | None) -> BinaryIO:
    if source.path is None:
        if stdin is None and sys.stdin is None:
            raise UserError("-: standard input is closed. Name a file, or pipe one in.")
        return stdin if stdin is not None else sys.stdin.buffer
    try:
        return Path(source.path).open("rb", buffering=0)
    except OSError as problem:
        raise UserError(
            f"{source.shown}: cannot be read: {problem.strerror}. "
            f"Put it back and run the same command again: it goes on where it stopped."
        ) from None
