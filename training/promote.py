"""Who is champion: a new model, unless it is worse than the present champion on the same test data."""

from __future__ import annotations

from training.corpus.records import Corpus
from training.measure import compare_models
from training.model.model import Model
from training.tracking.registry import CHALLENGER, CHAMPION, Registered, current_champion, give_alias

DECISIVE = ("micro_f1", "macro_f1")


def promote(model: Model, test: Corpus, name: str, version: str, uri: str | None) -> Registered:
    """Give ``version`` of the registered model ``name`` the alias it has earned, and say why."""
    alias, reason = _verdict(model, test, name, uri)
    give_alias(uri, name, version, alias)
    return Registered(name, version, alias, reason)


def _verdict(model: Model, test: Corpus, name: str, uri: str | None) -> tuple[str, str]:
    champion = current_champion(name, uri)
    if champion is None:
        return CHAMPION, "there was no champion"
    if not set(champion.topics) & set(model.topics):
        return CHALLENGER, f"the champion {champion.id} knows none of its topics, so the two cannot be compared"
    overall, _ = compare_models(champion, model, test)
    shown = ", ".join(
        f"{difference.figure.replace('_', '-')} {difference.b - difference.a:+.3f} "
        f"[{difference.interval[0]:+.3f} to {difference.interval[1]:+.3f}]"
        for difference in overall
        if difference.figure in DECISIVE
    )
    worse = any(difference.figure in DECISIVE and difference.verdict == "worse" for difference in overall)
    return (
        CHALLENGER if worse else CHAMPION,
        f"{'worse' if worse else 'not worse'} than the champion {champion.id} on this test data: {shown}",
    )
