"""Short ways to track, to send later, and to make model folders that differ in what a test is about."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from training.sync import sync
from training.track import Destination, Sent, track
from training.tracking.pending import pending


def tracked(trained: Any, folder: Path | None = None) -> Sent:
    """Send the record of the trained model, or of a copy of its folder, as a training does."""
    return track(trained.model, folder or trained.folder, trained.prepared.test, 2.5)


def synced(trained: Any, *folders: Path, uri: str | None = None, experiment: str | None = None) -> list[Sent]:
    """What ``conflict-topics sync`` does."""
    return list(sync(folders, Destination(uri, experiment), lambda _: trained.prepared.test))


def waiting() -> int:
    """How many records are still to be sent."""
    return len(pending()[0])


def configured(folder: Path, place: Path, **tracking: Any) -> Path:
    """A copy of a model folder with another ``tracking`` section in its config, rightly signed."""

    def change(content: bytes) -> bytes:
        config = yaml.safe_load(content)
        config["tracking"] |= tracking
        return yaml.safe_dump(config).encode()

    return rewritten(folder, place, "config.yaml", change)


def rewritten(folder: Path, place: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy of a model folder with one file changed and the manifest made to fit."""
    shutil.copytree(folder, place)
    content = change((place / name).read_bytes())
    (place / name).write_bytes(content)
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (place / "manifest.json").write_text(json.dumps(manifest))
    return place
