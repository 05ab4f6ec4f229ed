"""Who is champion: a new model, unless it is worse than the present champion on the same test data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from training.corpus.records import Corpus
from training.errors import UserError, listed
from training.evaluation.comparison import Difference, difference_told
from training.measure import compare_models
from training.model.model import Model
from training.tracking import cache
from training.tracking.registry import CHALLENGER, CHAMPION, Registered, champion, decide, trained_at, verdict_of
from training.tracking.steps import reason
from training.tracking.store import Store

DECISIVE = ("micro_f1", "macro_f1")
MOST_REVISIONS = 5


@dataclass(frozen=True)
class Candidate:
    """A new version of the registered model ``name``.

    ``test`` reads the test data that ``model`` was measured on; ``ended`` is when its training ended, in milliseconds
    since 1970.
    """

    name: str
    version: str
    model: Model
    test: Callable[[], Corpus]
    ended: int


def promote(store: Store, candidate: Candidate) -> Registered:
    """Give a new version the alias it has earned, and say why. What was decided once is not decided again."""
    name, version = candidate.name, candidate.version
    decided = verdict_of(store, name, version)
    if decided is not None:
        return decided
    for _ in range(MOST_REVISIONS):
        present = champion(store, name)
        alias, why = _verdict(store, present, candidate)
        after = champion(store, name)
        if (after and after.version) == (present and present.version):  # nobody else was promoted meanwhile
            break
    registered = Registered(name, version, alias, why)
    decide(store, registered)
    return registered


def _verdict(store: Store, present: Any, candidate: Candidate) -> tuple[str, str]:
    if present is None:
        return CHAMPION, "there was no champion"
    if str(present.version) == candidate.version:
        return CHAMPION, "it already was the champion"
    try:
        rival = cache.fetch(store, f"models:/{candidate.name}/{present.version}")
    except Exception as problem:
        return CHALLENGER, f"the champion, version {present.version}, cannot be loaded: {reason(problem)}"
    if not set(rival.topics) & set(candidate.model.topics):
        return CHALLENGER, f"the champion {rival.id} knows none of its topics, so the two cannot be compared"
    try:
        corpus = _same_test(candidate)
    except UserError as problem:
        return CHALLENGER, f"it cannot be compared with the champion {rival.id}: {problem}"
    overall = [entry for entry in compare_models(rival, candidate.model, corpus)[0] if entry.figure in DECISIVE]
    verdicts = {entry.verdict for entry in overall}
    if "worse" in verdicts:
        return CHALLENGER, f"worse than the champion {rival.id} on this test data: {_shown(overall)}"
    if "better" not in verdicts and trained_at(store, present) > candidate.ended:
        return CHALLENGER, f"trained before the champion {rival.id}, and not better: {_shown(overall)}"
    lost = [topic for topic in rival.topics if topic not in candidate.model.topics]
    less = f"; it does not know {listed(lost, 5)}" if lost else ""
    return CHAMPION, f"not worse than the champion {rival.id} on this test data: {_shown(overall)}{less}"


def _same_test(candidate: Candidate) -> Corpus:
    """The test data, if they are still those that the model was measured on."""
    try:
        corpus = candidate.test()
    except Exception as problem:  # of reading: files, networks, libraries
        raise UserError(f"its test data cannot be read again: {reason(problem)}") from problem
    if corpus.digest() != candidate.model.settings["trained_on"]["test"]["sha256"]:
        raise UserError("its test data have changed since it was trained")
    return corpus


def _shown(differences: Sequence[Difference]) -> str:
    return ", ".join(
        f"{entry.figure.replace('_', '-')} {difference_told(entry.b - entry.a, entry.interval)}"
        for entry in differences
    )
