"""What a job is, written down, so that an interrupted one is only resumed by its like."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from training import __version__
from training.errors import UserError
from training.tagging.inputs import Source, shown
from training.tagging.journal import Commit, Journal
from training.tagging.options import Options, TaggingModel, Tuning
from training.tagging.outputs import Output


def plan_of(
    model: TaggingModel, sources: Sequence[Source], options: Options, tuning: Tuning, target: Output
) -> dict[str, Any]:
    """All that decides about the bytes of the output, as JSON gives it back."""
    plan = {
        "version": f"conflict-topics {__version__}, pyarrow {pa.__version__}",
        "model": model.id,
        "topics": list(model.topics),
        "options": options.to_json(),
        "format": [target.format, target.compression],
        "pieces": [tuning.block_bytes, tuning.shard_rows],
        "sources": [source.fingerprint() for source in sources],
    }
    same: dict[str, Any] = json.loads(json.dumps(plan))
    return same


def commits_to_go_on_from(
    journal: Journal, plan: dict[str, Any], *, output: Path, rejected: Path, force: bool, again: bool
) -> list[Commit]:
    """The commits of an interrupted job that is this one; where there is none, a new job is begun.

    ``again`` says that inputs cannot be read from the middle, so that the job always begins anew. ``force`` overwrites
    outputs, and throws away an interrupted job only if it is not this one or is damaged.
    """
    try:
        old = journal.plan()
        changes = _differences(old, plan) if old is not None else []
        if changes:
            raise UserError(
                f"{shown(str(journal.folder))}: holds an interrupted job that is not this one: {'; '.join(changes)}. "
                f"Run that job again as it was, throw it away with --force, or name another --output."
            )
        commits = journal.resume() if old is not None and not again else []
    except UserError:
        if not force:
            raise
        old, commits = None, []
    if commits and commits[-1].ended:
        return commits
    for path in (output, rejected) if not force else ():
        if path.exists():
            if old is None:
                journal.discard()
            raise UserError(
                f"{shown(str(path))}: is there already. Name another --output, or overwrite it with --force."
            )
    if not commits:
        journal.begin(plan)
    return commits


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What is not the same in the plan of an interrupted job and in this one, in words."""
    found = []
    for key in sorted(old.keys() | new.keys()):
        before, now = old.get(key), new.get(key)
        if before == now:
            continue
        if key == "sources":
            found += _changed_sources(before or [], now or [])
        elif key == "options" and isinstance(before, dict) and isinstance(now, dict):
            names = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
            found += [f"option {name} was {before.get(name)!r} and is {now.get(name)!r}" for name in names]
        else:
            found.append(f"{key} was {_short(before)} and is {_short(now)}")
    return found


def _changed_sources(before: list[Any], now: list[Any]) -> list[str]:
    old, new = {entry[0]: entry for entry in before}, {entry[0]: entry for entry in now}
    changed = [f"{name} has changed" for name in new if name in old and old[name] != new[name]]
    added = [f"{name} is new" for name in new if name not in old]
    gone = [f"{name} is gone" for name in old if name not in new]
    return (changed + added + gone)[:5] or ["the order of the inputs has changed"]


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "…"
