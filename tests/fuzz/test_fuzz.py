"""Every target holds for its seeds, for what fuzzing has found, and for a little random damage to both."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.damage import damaged
from tests.fuzz.targets import TARGETS, seeds

FOUND = sorted(Path(__file__).parent.glob("corpus/*/*"))


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    given = list(seeds(name))
    assert given
    for seed in given:
        TARGETS[name](seed)
    TARGETS[name](b"")


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_random_damage(name: str) -> None:
    choice = random.Random(f"damage to {name}")
    given = [*seeds(name), *(path.read_bytes() for path in FOUND if path.parent.name == name)]
    for _ in range(60):
        TARGETS[name](damaged(choice, choice.choice(given)))
