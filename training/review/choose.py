"""From what was held of an archive to the paragraphs that are labelled next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.corpus.duplicates import near_duplicate_pairs, tied_groups
from training.review.pool import Found, Pool

NEAR_DUPLICATE = 0.5
MOST_OF_ONE_ARTICLE = 2
# Beyond these log-odds (probability 0.05 against a threshold of 0.5) a topic yields its place to another.
UNCERTAIN = 3.0

Reason = Literal["random", "keywords", "uncertain"]
LeftOut = Literal["labelled", "alike", "article"]


@dataclass(frozen=True)
class Item:
    """A paragraph to label and why. Only random ones have an ``inclusion_probability``: see :func:`choose`."""

    found: Found
    reason: Reason
    topic: str | None = None
    inclusion_probability: float | None = None


@dataclass(frozen=True)
class Chosen:
    """``left_out`` counts the candidates that were not chosen although there was room for more, by the reason.

    ``drawn`` random paragraphs were looked at, of which ``known`` were left to one side as labelled already.
    """

    items: list[Item]
    left_out: Counter[LeftOut]
    drawn: int = 0
    known: int = 0


def choose(
    pool: Pool,
    topics: Sequence[str],
    support: Mapping[str, int],
    labelled: Sequence[str],
    *,
    number: int,
    at_random: int,
) -> Chosen:
    """``number`` paragraphs: the random sample first, then by uncertainty, rare topics first.

    ``support`` counts the positives in training by topic: a topic of n positives gets a share of the queue in
    proportion to 1/sqrt(n + 1), and takes it from the paragraphs nearest to its decision (uncertainty sampling:
    Lewis & Gale, SIGIR 1994). None is a near-duplicate of another or of the texts in ``labelled``, except that the
    random sample may hold near-duplicates of its own, as the archive does: otherwise its inclusion probability would
    not be true.

    In the place of a random paragraph that is labelled already the next one is drawn, as far as the pool has more. So
    every paragraph that is not labelled is as likely to be drawn as any other; the probability is that of the number
    of paragraphs looked at, ``drawn / pool.seen``, which is exact where none was labelled already.
    """
    sample = pool.random_sample() if at_random else []
    queried = pool.queried()
    by_topic = [pool.nearest(at) for at in range(len(topics))]
    candidates = [*sample, *(found for part in queried.values() for found in part)]
    candidates += [found for part in by_topic for _, found in part]
    group = _groups(candidates, labelled)
    known = {group[""]} if labelled else set()
    taken = set(known)
    fresh = [at for at, found in enumerate(sample) if group[found.paragraph_id] not in known][:at_random]
    drawn = fresh[-1] + 1 if len(fresh) == at_random > 0 else len(sample)
    probability = min(1.0, drawn / pool.seen) if pool.seen else 0.0
    items = [Item(sample[at], "random", None, probability) for at in fresh]
    articles = Counter(item.found.article_id for item in items)
    taken |= {group[item.found.paragraph_id] for item in items}

    def full(found: Found) -> bool:
        return found.article_id is not None and articles[found.article_id] >= MOST_OF_ONE_ARTICLE

    def take(found: Found, reason: Reason, topic: str) -> bool:
        if full(found) or group[found.paragraph_id] in taken:
            return False
        taken.add(group[found.paragraph_id])
        articles[found.article_id] += 1
        items.append(Item(found, reason, topic))
        return True

    chosen = max(0, number - at_random)
    room = chosen // (len(queried) + len(topics)) if queried else 0
    for topic, part in queried.items():
        left = max(1, room) if chosen else 0
        for found in part:
            if left and len(items) < number and take(found, "keywords", topic):
                left -= 1
    for at, found in _in_turn(by_topic, [support.get(topic, 0) for topic in topics]):
        if len(items) >= number:
            break
        take(found, "uncertain", topics[at])
    left_out: Counter[LeftOut] = Counter()
    if len(items) < number:
        candidates = [*sample[:drawn], *candidates[len(sample) :]]
        of_items = {id(item.found) for item in items}
        for found in {id(found): found for found in candidates if id(found) not in of_items}.values():
            if group[found.paragraph_id] in taken:
                left_out["labelled" if group[found.paragraph_id] in known else "alike"] += 1
            elif full(found):
                left_out["article"] += 1
    return Chosen(items, left_out, drawn, drawn - len(fresh))


def _in_turn(by_topic: Sequence[Sequence[tuple[float, Found]]], support: Sequence[int]) -> list[tuple[int, Found]]:
    """Candidates of all topics in one order: rare topics come up more often, certain ones after all others."""
    weight = 1 / np.sqrt(np.asarray(support, dtype=float) + 1)
    weight /= weight.sum() or 1.0
    ordered: list[tuple[bool, float, float, int, Found]] = []
    for at, part in enumerate(by_topic):
        for rank, (distance, found) in enumerate(part):
            ordered.append((distance > UNCERTAIN, (rank + 0.5) / weight[at], distance, at, found))
    ordered.sort(key=lambda entry: entry[:4])
    return [(at, found) for *_, at, found in ordered]


def _groups(candidates: Sequence[Found], labelled: Sequence[str]) -> dict[str, int]:
    """The group of near-duplicates of each paragraph id; all labelled texts share the group of ``""``."""
    unique = {found.paragraph_id: found.text for found in candidates}
    texts = [*labelled, *unique.values()]
    pairs = near_duplicate_pairs(texts, NEAR_DUPLICATE)
    names = [*("labelled" for _ in labelled), *(f"candidate {row}" for row in range(len(unique)))]
    group = tied_groups(names, pairs)
    named = {name: int(number) for name, number in zip(unique, group[len(labelled) :], strict=True)}
    return {**named, "": int(group[0])} if labelled else named
