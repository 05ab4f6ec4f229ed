"""Model folders as an attacker would make them: parts changed, and the manifest made to fit."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from training.model import folder as folders

Attack = Callable[[Path], object]
TENSORS = "model.safetensors"


def sign(folder: Path) -> None:
    """Write a manifest that fits whatever the folder holds now."""
    entries = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in folder.iterdir()
        if path.name != folders.MANIFEST
    }
    manifest = {"format": folders.FORMAT, "version": folders.VERSION, "files": entries}
    (folder / folders.MANIFEST).write_text(json.dumps(manifest))


def json_of(name: str, change: Callable[[dict[str, Any]], object]) -> Attack:
    """Change the tree of a JSON file."""

    def spoil(folder: Path) -> None:
        tree = json.loads((folder / name).read_text())
        change(tree)
        (folder / name).write_text(json.dumps(tree))

    return spoil


def text_of(name: str, old: str, new: str) -> Attack:
    """Change the text of a JSON file, for what no encoder would write."""

    def spoil(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return spoil


def arrays_of(change: Callable[[dict[str, np.ndarray]], object]) -> Attack:
    """Change the arrays."""

    def spoil(folder: Path) -> None:
        arrays = {name: array.copy() for name, array in safetensors.numpy.load_file(folder / TENSORS).items()}
        change(arrays)
        (folder / TENSORS).write_bytes(safetensors.numpy.save(arrays))

    return spoil


def header_of(change: Callable[[dict[str, Any]], object], pad: int = 8) -> Attack:
    """Change the header of the tensor file, which says of what type and where the arrays are."""

    def spoil(folder: Path) -> None:
        raw = (folder / TENSORS).read_bytes()
        (size,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8 : 8 + size])
        change(header)
        write_tensors(folder, json.dumps(header).encode(), raw[8 + size :], pad)

    return spoil


def write_tensors(folder: Path, header: bytes, content: bytes, pad: int = 8) -> None:
    """A tensor file with this header, padded with blanks to a multiple of ``pad`` bytes."""
    header += b" " * (-len(header) % pad)
    (folder / TENSORS).write_bytes(struct.pack("<Q", len(header)) + header + content)


def bytes_of(name: str, content: bytes) -> Attack:
    """Put other bytes in the place of a file."""
    return lambda folder: (folder / name).write_bytes(content)


def terms_of(block: int, terms: Sequence[bytes]) -> Attack:
    """Give a block other terms, with weights of zero, everything else fitting."""

    def spoil(folder: Path) -> None:
        def change(arrays: dict[str, np.ndarray]) -> None:
            before = sum(arrays[f"block{at}.idf"].size for at in range(block))
            old = arrays[f"block{block}.idf"].size
            weights = arrays["weights"]
            new = np.zeros((len(terms), weights.shape[1]), np.float32)
            arrays["weights"] = np.concatenate([weights[:before], new, weights[before + old :]])
            arrays[f"block{block}.idf"] = np.ones(len(terms), np.float32)
            arrays[f"block{block}.terms"] = np.frombuffer(b"".join(terms), np.uint8)
            arrays[f"block{block}.offsets"] = np.cumsum([0, *map(len, terms)]).astype(np.int64)

        arrays_of(change)(folder)
        json_of("model.json", lambda tree: tree["blocks"][block].update(terms=len(terms)))(folder)

    return spoil


def put(array: Any, at: Any, value: Any) -> None:
    """``array[at] = value`` as an expression."""
    array[at] = value


def colliding(count: int) -> list[bytes]:
    """Words of seven letters that all belong in one slot of the table that ``count`` of them get."""
    bits = (2 * count).bit_length()
    rng = np.random.default_rng(1)
    found: set[bytes] = set()
    while len(found) < count:
        letters = rng.integers(97, 123, (1 << 20, 8), dtype=np.uint8)
        letters[:, 7] = 7  # the key of a short string: its bytes, and how many there are
        keys = letters.view("<u8").reshape(-1)
        slots = ((keys ^ (keys >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits)
        found.update(row[:7].tobytes() for row in letters[slots == 5])
    return sorted(found)[:count]
