"""What a running job says on stderr: a bar on a terminal, a line now and then elsewhere, or JSON lines."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Protocol, TextIO

from training.tagging.summary import Summary

_EVERY_SECONDS = 10.0


class Progress(Protocol):
    """The face that the engine talks to."""

    def begin(self, total_bytes: int | None, done_bytes: int) -> None: ...

    def update(self, done_bytes: int, paragraphs: int, rejected: int) -> None:
        """``done_bytes`` of the whole job; ``paragraphs`` and ``rejected`` of this run."""
        ...

    def note(self, text: str) -> None: ...

    def end(self, summary: Summary | None) -> None: ...


def progress_for(quiet: bool, log_json: bool, stream: TextIO | None = None) -> Progress:
    """The right one for this terminal and these options."""
    stream = stream if stream is not None else sys.stderr
    if quiet:
        return Silent(JsonLines(stream) if log_json else Lines(stream))
    if log_json:
        return JsonLines(stream)
    return Bar(stream) if stream.isatty() else Lines(stream)


class Silent:
    """Nothing but the warnings of the summary, where there is somebody to tell them."""

    def __init__(self, warned: Lines | None = None) -> None:
        self._warned = warned

    def begin(self, total_bytes: int | None, done_bytes: int) -> None:
        pass

    def update(self, done_bytes: int, paragraphs: int, rejected: int) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def end(self, summary: Summary | None) -> None:
        if summary is not None and self._warned is not None:
            for line in summary.warnings():
                self._warned.note(line)


class Lines:
    """A line every ten seconds."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._total: int | None = None
        self._from = 0
        self._started = self._told = time.monotonic()

    def begin(self, total_bytes: int | None, done_bytes: int) -> None:
        self._total, self._from = total_bytes, done_bytes
        self._started = self._told = time.monotonic()

    def update(self, done_bytes: int, paragraphs: int, rejected: int) -> None:
        now = time.monotonic()
        if now - self._told >= _EVERY_SECONDS:
            self._told = now
            self._tell(done_bytes, paragraphs, rejected, now - self._started)

    def _tell(self, done_bytes: int, paragraphs: int, rejected: int, seconds: float) -> None:
        rate = (done_bytes - self._from) / seconds
        parts = [f"{paragraphs:,} paragraphs", f"{paragraphs / seconds:,.0f}/s", f"{rate / 1e6:,.1f} MB/s"]
        if rejected:
            parts.append(f"{rejected:,} rejected")
        if self._total and rate > 0:
            left = max(0, self._total - done_bytes) / rate
            parts += [f"{min(1.0, done_bytes / self._total):.0%}", f"{_duration(left)} left"]
        self.note(", ".join(parts))

    def note(self, text: str) -> None:
        print(f"tag: {text}", file=self._stream, flush=True)

    def end(self, summary: Summary | None) -> None:
        for line in summary.lines() if summary is not None else ():
            self.note(line)


class JsonLines(Lines):
    """The same as JSON records with the time and an event."""

    def _tell(self, done_bytes: int, paragraphs: int, rejected: int, seconds: float) -> None:
        rate = (done_bytes - self._from) / seconds
        self._record(
            "progress",
            paragraphs=paragraphs,
            rejected=rejected,
            bytes=done_bytes,
            total_bytes=self._total,
            paragraphs_per_second=round(paragraphs / seconds, 1),
            bytes_per_second=round(rate, 1),
            seconds_left=round(max(0, self._total - done_bytes) / rate, 1) if self._total and rate > 0 else None,
        )

    def note(self, text: str) -> None:
        self._record("note", message=text)

    def end(self, summary: Summary | None) -> None:
        if summary is not None:
            self._record("summary", **summary.to_json())

    def _record(self, event: str, **values: Any) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        record = {"time": stamp, "event": event, **values}
        print(json.dumps(record, ensure_ascii=False), file=self._stream, flush=True)


class Bar(Lines):
    """A bar with rates and the time left; standard input has no end to be told."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[rates]}"),
            TimeRemainingColumn(),
            console=Console(file=stream),
            transient=True,
            refresh_per_second=5,
        )
        self._task = self._bar.add_task("", total=None, rates="")

    def begin(self, total_bytes: int | None, done_bytes: int) -> None:
        super().begin(total_bytes, done_bytes)
        self._bar.update(self._task, total=total_bytes, completed=done_bytes)
        self._bar.start()

    def update(self, done_bytes: int, paragraphs: int, rejected: int) -> None:
        seconds = max(1e-6, time.monotonic() - self._started)
        rates = f"{paragraphs:,} paragraphs  {paragraphs / seconds:,.0f}/s  "
        rates += f"{(done_bytes - self._from) / seconds / 1e6:,.1f} MB/s"
        rates += f"  {rejected:,} rejected" if rejected else ""
        self._bar.update(self._task, completed=done_bytes, rates=rates)

    def end(self, summary: Summary | None) -> None:
        self._bar.stop()
        super().end(summary)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
