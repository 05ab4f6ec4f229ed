"""Sending the record of a training to MLflow. Whatever MLflow does, the training ends well and its record is kept."""

from __future__ import annotations

import getpass
import logging
import shlex
import subprocess
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from training.corpus.records import Corpus
from training.model.model import Model
from training.promote import Candidate, promote
from training.tracking.pending import PLACE, Entry, Held, keep, pending
from training.tracking.record import Record
from training.tracking.registry import Registered, register
from training.tracking.runs import Tracked, log_run
from training.tracking.steps import Steps, reason
from training.tracking.store import HIDDEN_PASSWORD, opened, shown, tracking_uri

log = logging.getLogger(__name__)

MOST_SECONDS = 180.0
"""No step of sending begins later than this after a training; ``sync`` takes the time it needs."""
SYNC = "conflict-topics sync"


@dataclass(frozen=True)
class Sent:
    """What became of one record. ``problem`` says why it was not sent."""

    name: str
    run: Tracked | None = None
    registered: Registered | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Destination:
    """Where a record goes in the place of what its config says."""

    uri: str | None = None
    experiment: str | None = None


def track(model: Model, folder: Path, test: Corpus, seconds: float) -> Sent:
    """Send the record of a training that has just ended. Never fails: what cannot be sent is kept, with a warning."""
    later = f"{SYNC} {shlex.quote(str(folder))}"
    try:
        entry = described(folder, seconds)
        try:
            held = keep(entry, folder)
            later = SYNC
        except OSError as problem:
            log.debug("%s cannot be written: %s", PLACE, problem)
            held = Held(entry, folder)
        with held:
            sent = send(held, Destination(), model, lambda: test, MOST_SECONDS)
        _mention_others()
    except (Exception, KeyboardInterrupt) as problem:
        log.debug("sending failed", exc_info=True)
        log.warning(
            "Not recorded in MLflow: %s\nThe model and its complete record are in %s. Send the record later with: %s",
            reason(problem),
            folder,
            later,
        )
        return Sent(folder.name, problem=f"not in MLflow yet; send it with: {later}")
    return sent


def described(folder: Path, seconds: float | None) -> Entry:
    """What there is to say about a training beside its folder. Without ``seconds`` it was not a moment ago."""
    record = Record.read(folder)
    now = int(time.time() * 1000)
    ended = now if seconds is not None else int((folder / "manifest.json").stat().st_mtime * 1000)
    return Entry(
        id=f"model-{record.manifest[:32]}" if seconds is None else uuid.uuid4().hex,
        folder=str(folder.resolve()),
        manifest=record.manifest,
        began=ended - int((seconds or 0) * 1000),
        ended=ended,
        uri=shown(tracking_uri(record.config["tracking"]["uri"])),
        seconds=seconds,
        tags={} if seconds is None else _circumstances(),
        by_training=seconds is not None,
    )


def send(
    held: Held, to: Destination, model: Model, test: Callable[[], Corpus], seconds: float | None = None
) -> Sent:  # fmt: skip
    """Bring a record into its store as far as it is not there yet: run, model, version, alias. Then forget it.

    Raises :class:`SendingError`, or what reading the folder raises, after noting it in the entry.
    """
    try:
        record = Record.read(held.folder)
        tracking = record.config["tracking"]
        uri = destination(held.entry, tracking["uri"], to)
        step = Steps(shown(uri), seconds)
        with ExitStack() as stack:
            with step("opening the store"):
                store = stack.enter_context(opened(uri))
                stack.enter_context(store.alone())
            run = log_run(store, held.entry, record, to.experiment or tracking["experiment"], step)
            registered, name = None, tracking["registered_model"]
            if name is not None and run.model_id is not None:
                with step("registering the model"):
                    version = register(store, run, name)
                with step("choosing the champion"):
                    registered = promote(store, Candidate(name, version, model, test, held.entry.ended))
    except (Exception, KeyboardInterrupt) as problem:
        held.failed(reason(problem))
        raise
    held.done()
    return Sent(held.entry.name, run, registered)


def destination(entry: Entry, configured: str | None, to: Destination) -> str:
    """The store for a record: as told now, by its config or in the environment; else where it was meant to go."""
    chosen = to.uri or configured
    meant = entry.uri if entry.uri is not None and HIDDEN_PASSWORD not in entry.uri else None
    return chosen or tracking_uri(None, otherwise=meant)


def _circumstances() -> dict[str, str]:
    """Who trained and with which state of the project, under the names that MLflow has for them."""
    tags = {"mlflow.source.name": "conflict-topics train", "mlflow.source.type": "LOCAL"}
    with suppress(OSError, KeyError, ImportError):
        tags["mlflow.user"] = getpass.getuser()
    with suppress(OSError, subprocess.SubprocessError):
        command = ["git", "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        tags["mlflow.source.git.commit"] = commit.stdout.strip()
    return tags


def _mention_others() -> None:
    others = len(pending()[0])
    if others:
        log.info("%d earlier record%s still to be sent to MLflow: %s", others, " is" if others == 1 else "s are", SYNC)
