"""Records of trainings that MLflow did not get, sent later."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from training.config import Config
from training.config_file import parse_config
from training.corpus.records import Corpus
from training.errors import UserError
from training.model import saved
from training.track import Destination, Sent, described, destination, send
from training.tracking.pending import Held, keep, pending, sweep, take
from training.tracking.record import manifest_digest
from training.tracking.steps import SendingError, reason

log = logging.getLogger(__name__)


def sync(folders: Sequence[Path], to: Destination, test: Callable[[Config], Corpus]) -> Iterator[Sent]:
    """Send what is pending, or the records of ``folders``; oldest training first.

    ``test`` reads the test data of a config again. A record that another process is sending is left to it. When a
    store does not answer, what else was to go there is not tried.
    """
    sweep()
    silent: dict[str, str] = {}
    for identity, folder in _chosen(folders):
        held: Held | None = None
        try:
            held = _held(identity, folder)
            if held is None:
                log.info("%s: is being sent by another process", identity)
                continue
            with held:
                yield _send(held, to, test, silent)
        except Exception as problem:
            log.debug("sending failed", exc_info=True)
            yield Sent(held.entry.name if held else identity, problem=reason(problem))


def _send(held: Held, to: Destination, test: Callable[[Config], Corpus], silent: dict[str, str]) -> Sent:
    config = parse_config((held.folder / "config.yaml").read_text(encoding="utf-8"), where=held.entry.folder)
    uri = destination(held.entry, config.tracking.uri, to)
    if uri in silent:
        return Sent(held.entry.name, problem=silent[uri])
    try:
        return send(held, to, saved.load(held.folder), lambda: test(config))
    except SendingError as problem:
        if problem.unanswered:
            silent[uri] = str(problem)
        raise


def _chosen(folders: Sequence[Path]) -> Iterator[tuple[str, Path | None]]:
    """The id of each record, or a name and the model folder from which it has to be made."""
    entries, damaged = pending()
    if not folders:
        yield from ((entry.id, None) for entry in entries)
        yield from ((identity, None) for identity in damaged)
    for folder in folders:
        if not (folder / "manifest.json").is_file():
            raise UserError(f"{folder}: no such model folder. Without one, sync sends what is pending.")
        manifest = manifest_digest(folder)
        waiting = [entry.id for entry in entries if entry.manifest == manifest]
        yield from ((identity, None) for identity in waiting)
        if not waiting:
            yield folder.name, folder


def _held(identity: str, folder: Path | None) -> Held | None:
    if folder is None:
        return take(identity)
    entry = described(folder, None)
    try:
        return keep(entry, folder)
    except FileExistsError:
        return take(entry.id)
    except OSError:
        return Held(entry, folder)
