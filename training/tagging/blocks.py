"""A stream of bytes cut into blocks of whole lines, or of whole CSV records.

Where a block ends depends on where it begins and on the bytes alone, so a job that is resumed at the beginning of a
block sees the blocks that an uninterrupted job sees.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from training.tagging.rejects import LONGEST_RAW
from training.tagging.streams import ByteStream

csv.field_size_limit(2**31 - 1)

MOST_LINES = 32_768
"""Lines in a block, however short they are: a million rows that are rejected must not be in memory at once."""

MOST_READINGS = 64
"""How often, on average, the bytes of a block are read again behind stray quotes: they can be put so that all are."""

_QUOTE, _NEWLINE, _RETURN = b'"\n\r'


@dataclass(frozen=True)
class Block:
    """Whole lines. ``offset`` is that of the first byte, ``line`` the number of the first line from 1.

    ``lines`` counts lines, the last one also where its line end is missing. ``records`` counts CSV records that are
    not blank, where that is known. A block with a ``problem`` is the beginning of one line of ``size`` bytes that
    cannot be taken at all.
    """

    data: bytes
    offset: int
    line: int
    lines: int
    size: int
    records: int | None = None
    problem: str | None = None

    @property
    def end(self) -> int:
        return self.offset + self.size


def line_blocks(stream: ByteStream, offset: int, line: int, *, size: int, longest: int) -> Iterator[Block]:
    """Blocks of whole lines, of at most ``size`` bytes or one line; a line over ``longest`` bytes is only counted."""
    held = b""
    while data := held + stream.read(size - len(held)):
        cut, lines = _cut_lines(data, last=len(data) < size)
        if cut:
            block, held = Block(data[:cut], offset, line, lines, cut), data[cut:]
        else:
            block, held = _long_line(stream, data, offset=offset, line=line, step=min(size, 1 << 16), longest=longest)
        yield block
        offset, line = block.end, line + block.lines


def _cut_lines(data: bytes, last: bool) -> tuple[int, int]:
    """Where the last whole line ends, and how many lines stand before that."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE)
    all_lines = len(ends) + (not data.endswith(b"\n"))
    if last and all_lines <= MOST_LINES:
        return len(data), all_lines
    lines = min(len(ends), MOST_LINES)
    return (int(ends[lines - 1]) + 1 if lines else 0), lines


def _block(data: bytes, offset: int, line: int, records: int | None = None) -> Block:
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    return Block(data, offset, line, lines, len(data), records)


def _long_line(
    stream: ByteStream, data: bytes, *, offset: int, line: int, step: int, longest: int
) -> tuple[Block, bytes]:
    """One line read to its end, and the bytes read behind it."""
    pieces = [data]
    total = kept = len(data)
    rest = b""
    while piece := stream.read(step):
        end = piece.find(b"\n") + 1
        piece, rest = (piece[:end], piece[end:]) if end else (piece, b"")
        total += len(piece)
        if total <= longest:
            pieces.append(piece)
            kept += len(piece)
        elif kept > LONGEST_RAW:
            pieces, kept = [b"".join(pieces)[:LONGEST_RAW]], LONGEST_RAW
        if end:
            break
    whole = b"".join(pieces)
    if total <= longest:
        return _block(whole, offset, line), rest
    problem = f"the line is too long: more than {longest:,} bytes"
    return Block(whole[:LONGEST_RAW], offset, line, 1, total, problem=problem), rest


def record_blocks(
    stream: ByteStream, offset: int, line: int, *, size: int, longest: int, delimiter: bytes
) -> Iterator[Block]:
    """Blocks of whole CSV records. Of a record that never ends, its first line is taken as one that is broken."""
    held = b""
    while data := held + stream.read(size - len(held)):
        wanted = size
        while True:
            last = len(data) < wanted
            cut, records = _cut_records(data, delimiter, last)
            if cut or last or len(data) > longest:
                break
            wanted = min(2 * len(data), longest + 1)
            data += stream.read(wanted - len(data))
        first_line = data.find(b"\n") + 1 or (len(data) if last else 0)
        if cut:
            block, held = _block(data[:cut], offset, line, records), data[cut:]
        elif first_line:
            problem = "a quote that is opened in this line is never closed"
            shown = data[: min(first_line, LONGEST_RAW)]
            block, held = Block(shown, offset, line, 1, first_line, problem=problem), data[first_line:]
        else:
            block, held = _long_line(stream, data, offset=offset, line=line, step=1 << 16, longest=longest)
        stream.unread(held[size:])
        held = held[:size]
        yield block
        offset, line = block.end, line + block.lines


def _cut_records(data: bytes, delimiter: bytes, last: bool) -> tuple[int, int | None]:
    """Where the last whole record ends, and how many records stand before it if the quotes are in good order."""
    if last and not data.endswith(b"\n"):
        cut, records = _cut_records(data + b"\n", delimiter, last)
        return min(cut, len(data)), records
    buffer = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(buffer == _NEWLINE)
    quotes = np.flatnonzero(buffer == _QUOTE)
    if not _in_good_order(buffer, quotes, delimiter[0]):
        return _cut_by_reading(data, delimiter, last), None
    if len(quotes):
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    ends = ends[:MOST_LINES]
    if not len(ends):
        return 0, None
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    blank = (lengths == 0) | ((lengths == 1) & (buffer[starts] == _RETURN))
    return int(ends[-1]) + 1, len(ends) - int(blank.sum())


def _in_good_order(buffer: npt.NDArray[np.uint8], quotes: npt.NDArray[np.intp], delimiter: int) -> bool:
    """Whether every quote opens a field, closes one or is doubled inside one: then counting quotes tells the state."""
    if not len(quotes):
        return True
    opening, closing = quotes[0::2], quotes[1::2]
    before = buffer[np.maximum(opening - 1, 0)]
    opens = (before == delimiter) | (before == _NEWLINE) | (before == _QUOTE) | (opening == 0)
    padded = np.concatenate((buffer, np.frombuffer(b"\n\n", np.uint8)))
    after, behind = padded[closing + 1], padded[closing + 2]
    line_end = (after == _NEWLINE) | ((after == _RETURN) & (behind == _NEWLINE))
    closes = (after == delimiter) | (after == _QUOTE) | line_end
    return bool(opens.all() and closes.all())


def _cut_by_reading(data: bytes, delimiter: bytes, last: bool) -> int:
    cut = 0
    for record in islice(csv_records(data, delimiter), MOST_LINES):
        if record.open or (record.end == len(data) and not last):
            break
        cut = record.end
    return cut


@dataclass(frozen=True)
class Record:
    """One CSV record: bytes ``start`` to ``end`` of its block, ``line`` counted in the block from 0.

    ``fields`` hold bytes as Latin-1 characters; None if the record is broken, as ``problem`` says. ``open`` is a record
    whose quote is still open where the block ends.
    """

    line: int
    start: int
    end: int
    fields: list[str] | None
    problem: str | None = None
    open: bool = False


def csv_records(data: bytes, delimiter: bytes, whole: bool = False) -> Iterator[Record]:
    """The records of a block, blank lines included, by Python's own CSV reader.

    Of a record that turns out to be broken some lines on, its first line is taken as one that is broken, and reading
    goes on behind it: a stray quote must not take other rows with it. In a block that is known to be ``whole`` so is
    that of a record that is still open at the end.
    """
    lines = data.decode("latin-1").split("\n")
    tail = lines.pop()
    fed = [line + "\n" for line in lines] + ([tail] if tail else [])
    source = _Feed(fed)
    reader = csv.reader(source, delimiter=delimiter.decode("ascii"), strict=True)
    start = line = 0
    again = MOST_READINGS * len(data)
    while source.fed < len(fed):
        problem = None
        fields: list[str] | None = None
        try:
            fields = next(reader)
        except csv.Error as error:
            problem = f"not a CSV record ({error})"
        except StopIteration:
            return
        if problem and source.fed > line + 1 and (whole or not source.asked_past_end) and again > 0:
            again -= sum(map(len, fed[line : source.fed]))
            source.fed, source.asked_past_end = line + 1, False
            problem = "not a CSV record (the quote that is opened in this line is not closed where a field ends)"
        end = start + sum(map(len, fed[line : source.fed]))
        # Where input ends inside quotes the reader asks for one line more than there is.
        yield Record(line, start, end, fields, problem, source.asked_past_end)
        start, line = end, source.fed


class _Feed:
    """An iterator over lines that knows how many were taken."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self.fed = 0
        self.asked_past_end = False

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self.fed == len(self._lines):
            self.asked_past_end = True
            raise StopIteration
        self.fed += 1
        return self._lines[self.fed - 1]
