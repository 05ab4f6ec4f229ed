"""The files of a model folder: a manifest of SHA-256 sums, and every file read once and only as it was saved.

A folder may come from anyone. So nothing of it is followed or opened but regular files of known names and bounded
size, and what is hashed is what is used.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.errors import UserError

FORMAT, VERSION = "conflict-topics-model", 1
MANIFEST = "manifest.json"
REQUIRED = ("model.json", "model.safetensors", "golden.json")
OPTIONAL = ("config.yaml", "codebook.yaml", "metrics.json", "report.html")
MOST_BYTES = {MANIFEST: 1 << 20, "model.json": 16 << 20, "golden.json": 16 << 20, "model.safetensors": 16 << 30}
MOST_BYTES_OTHERWISE = 256 << 20
_NO_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a link is refused, and a pipe does not keep us waiting


def to_json(tree: Any) -> bytes:
    """``tree`` as the files of a model hold it."""
    return (json.dumps(tree, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """The manifest of a folder with these files."""
    entries = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(files.items())
    }
    return to_json({"format": FORMAT, "version": VERSION, "files": entries})


def read_folder(folder: Path) -> dict[str, bytes]:
    """The bytes of every file that the manifest names. Raises :class:`UserError` unless each is as it was saved."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such model folder. Train one with: make train")
    if not (folder / MANIFEST).is_file() or (folder / MANIFEST).is_symlink():
        raise UserError(f"{folder}: not a model folder: it has no {MANIFEST}. Train a model with: make train")
    manifest = parse(folder / MANIFEST, _read(folder / MANIFEST))
    check_version(folder, manifest)
    entries = manifest.get("files")
    if not isinstance(entries, dict) or not set(REQUIRED) <= set(entries) <= {*REQUIRED, *OPTIONAL}:
        raise UserError(f"{folder / MANIFEST}: does not list the files of a model. Copy or train the model again.")
    extra = sorted(path.name for path in folder.iterdir() if path.name not in {*entries, MANIFEST})
    if extra:
        raise UserError(f"{folder}: holds {extra[0]!r}, which is not part of the model. Move it elsewhere.")
    return {name: _verified(folder / name, entry) for name, entry in entries.items()}


def parse(path: Path, content: bytes) -> dict[str, Any]:
    """One JSON object: UTF-8, no key twice, no number that is not finite. Raises :class:`UserError`."""
    try:
        tree = json.loads(content.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_not_json)
    except (ValueError, RecursionError, MemoryError):
        tree = None
    if not isinstance(tree, dict):
        raise UserError(f"{path}: not a JSON object as it was saved. Copy or train the model again.")
    return tree


def check_version(folder: Path, description: Mapping[str, Any]) -> None:
    """Refuse what another program, or another version of this one, has written."""
    if description.get("format") != FORMAT:
        raise UserError(f"{folder}: not a model of conflict-topics. Train one with: make train")
    version = description.get("version")
    if type(version) is not int or version != VERSION:
        raise UserError(
            f"{folder}: saved in model format {str(version)[:40]}; this version reads format {VERSION}. "
            f"Upgrade conflict-topics, or train the model again."
        )


def _verified(path: Path, entry: Any) -> bytes:
    size = entry.get("bytes") if isinstance(entry, dict) else None
    content = _read(path, size if type(size) is int else -1)
    if not isinstance(entry, dict) or hashlib.sha256(content).hexdigest() != entry.get("sha256"):
        raise UserError(f"{path}: altered since it was saved (its SHA-256 differs). Copy or train the model again.")
    return content


def _read(path: Path, size: int | None = None) -> bytes:
    """The bytes of a regular file; none of them if it has not the ``size`` that it should have."""
    most = MOST_BYTES.get(path.name, MOST_BYTES_OTHERWISE)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | _NO_FILE), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.ELOOP, "")
            if status.st_size > most:
                raise UserError(
                    f"{path}: {status.st_size:,} bytes, more than the {most:,} that a model may have there."
                )
            return stream.read(status.st_size) if size in (None, status.st_size) else b""
    except FileNotFoundError:
        raise UserError(f"{path}: missing, though {MANIFEST} lists it. Copy or train the model again.") from None
    except MemoryError:
        raise UserError(f"{path}: larger than the memory of this machine.") from None
    except OSError as problem:
        if problem.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise UserError(f"{path}: not a regular file. A model holds no links; copy or train it again.") from None
        raise UserError(f"{path}: cannot be read: {problem.strerror}.") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a key stands twice")
    return tree


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
