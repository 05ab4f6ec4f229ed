"""Which dates a queue takes, and why it has fewer paragraphs than were asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.conftest import FILLER, synthetic_records
from training.review.archive import Paragraphs
from training.review.choose import _in_turn, choose
from training.review.pool import Found
from training.review.queue import Asked, make_queue, within


def paragraphs(texts: list[str], articles: list[str | None], dates: list[str | None] | None = None) -> Paragraphs:
    ids = pa.array([str(at) for at in range(len(texts))])
    dated = pa.array(dates or [None] * len(texts), type=pa.string())
    return Paragraphs(ids, pa.array(articles, type=pa.string()), pa.array(texts), dated, {})


DATES = ["2023-12-31", "2024-05-01", "2024-05-31T23:00", "20240531", "2024-06-01", "31.05.2024", "2024-05", None]


@pytest.mark.parametrize(
    ("since", "until", "rows"),
    [
        ("2024-05", "2024-05", [1, 2, 3, 6]),
        ("2024-05-31", "2024-05-31", [2, 3, 6]),
        (None, "2024-05", [0, 1, 2, 3, 6]),
        ("2024", "2024", [1, 2, 3, 4, 6]),
        ("2024-06", None, [4]),
        (None, None, list(range(8))),
    ],
)
def test_months_and_years_are_whole_dated_months_lie_where_they_overlap_and_other_dates_nowhere(
    since: str | None, until: str | None, rows: list[int]
) -> None:
    archive = paragraphs(["x"] * len(DATES), [None] * len(DATES), DATES)
    assert within(archive, Asked(since=since, until=until)).ids.to_pylist() == [str(row) for row in rows]


def told(trained: Any, archive: Paragraphs, labelled: list[str]) -> str:
    asked = Asked(10, 0.0)
    return str(make_queue(trained.model, [archive], asked, support={}, labelled=labelled).text())


def test_why_fewer_were_chosen_is_told(trained: Any) -> None:
    texts = [record["text"] for record in synthetic_records(3, seed=5)]
    alone: list[str | None] = [f"a{at}" for at in range(len(texts))]
    assert "9 of 9 paragraphs chosen: 9 by uncertainty.\nFewer than the 10 asked for: there are no more." in told(
        trained, paragraphs(texts, alone), []
    )
    assert (
        "2 of 9 paragraphs chosen: 2 by uncertainty.\nFewer than the 10 asked for: left out are 7 of articles that"
        in told(trained, paragraphs(texts, ["a"] * len(texts)), [])
    )
    assert "left out are 9 near-duplicates of chosen ones." in told(trained, paragraphs(texts * 2, alone * 2), [])
    assert "left out are 4 labelled already, or near-duplicates of what is." in told(
        trained, paragraphs(texts, alone), texts[:4]
    )


def test_a_queue_of_nothing_says_so(trained: Any) -> None:
    text = " ".join(FILLER)
    assert told(trained, paragraphs([text] * 3, ["a", "b", "c"]), [text]).startswith(
        "0 of 3 paragraphs chosen.\nFewer than the 10 asked for: left out are 3 labelled already"
    )


def test_enough_needs_no_reason(trained: Any) -> None:
    texts = [record["text"] for record in synthetic_records(10, seed=5)]
    assert "Fewer" not in told(trained, paragraphs(texts, [f"a{at}" for at in range(len(texts))]), [])


def test_others_are_drawn_in_the_place_of_what_is_labelled_already(trained: Any) -> None:
    """Two of three paragraphs are labelled: the random share is as large as asked for all the same."""
    texts = [record["text"] for record in synthetic_records(30, seed=5)]
    archive = paragraphs(texts, [f"a{at}" for at in range(len(texts))])
    labelled = [text for at, text in enumerate(texts) if at % 3]
    drawn = np.zeros(len(texts))
    for seed in range(60):
        queue = make_queue(trained.model, [archive], Asked(10, 0.8, seed=seed), support={}, labelled=labelled)
        random = [item for item in queue.items if item.reason == "random"]
        assert len(random) == 8
        assert {item.inclusion_probability for item in random} == {(8 + queue.known) / len(texts)}
        if queue.known:
            assert f"{queue.known} more were drawn that are labelled already, or near" in queue.text()
            assert "others were drawn in their place." in queue.text()
        drawn[[int(item.found.paragraph_id) for item in random]] += 1
    expected, spread = 60 * 8 / 30, np.sqrt(60 * 8 / 30 * 22 / 30)
    assert not drawn[np.arange(len(texts)) % 3 > 0].any()
    assert (np.abs(drawn[::3] - expected) < 4.5 * spread).all()  # whatever its place, each that is not is as likely


def test_random_paragraphs_that_cannot_be_replaced_are_told(trained: Any) -> None:
    texts = [record["text"] for record in synthetic_records(4, seed=5)]
    archive = paragraphs(texts, [f"a{at}" for at in range(len(texts))])
    for seed in range(5):
        queue = make_queue(trained.model, [archive], Asked(10, 0.5, seed=seed), support={}, labelled=texts[:9])
        assert [item.reason for item in queue.items] == ["random"] * 3
        assert {item.inclusion_probability for item in queue.items} == {1.0}
    assert "9 more were drawn that are labelled already, or near-duplicates of what is; 2 could not be" in queue.text()


def test_where_nothing_is_labelled_the_random_share_is_what_was_asked_for(trained: Any) -> None:
    texts = [record["text"] for record in synthetic_records(10, seed=5)]
    archive = paragraphs(texts, [f"a{at}" for at in range(len(texts))])
    queue = make_queue(trained.model, [archive], Asked(10, 0.6), support={}, labelled=[])
    assert {item.inclusion_probability for item in queue.items} == {6 / len(texts), None}
    assert (queue.known, queue.missing) == (0, 0)


def test_an_edited_copy_is_not_labelled_twice_unless_both_were_drawn(trained: Any) -> None:
    texts = [record["text"] for record in synthetic_records(10, seed=5)]
    archive = paragraphs([*texts, *(f"{text} again" for text in texts)], [f"a{at}" for at in range(2 * len(texts))])
    queue = make_queue(trained.model, [archive], Asked(40, 0.0), support={}, labelled=texts[:3])
    chosen = [item.found.text.removesuffix(" again") for item in queue.items]
    assert sorted(chosen) == sorted(texts[3:])


def found(name: str, article: str | None = None) -> Found:
    return Found(name, article, f"What {name} says stands in {name} alone.", None, np.zeros(2))


class Held:
    """A pool as an archive of other paragraphs left it."""

    def __init__(self, sample: list[Found], queried: dict[str, list[Found]], nearest: list[list[Found]]) -> None:
        self.seen = 1000
        self.random_sample, self.queried = lambda: sample, lambda: queried
        self.nearest = lambda at: [(0.1, found) for found in nearest[at]]


def reasons(pool: Held, number: int, at_random: int) -> list[tuple[str, str]]:
    chosen = choose(pool, ["x", "y"], {}, [], number=number, at_random=at_random)  # type: ignore[arg-type]
    return [(item.reason, item.found.paragraph_id) for item in chosen.items]


def test_of_one_article_two_are_chosen_those_drawn_at_random_among_them() -> None:
    same = [found(f"p{at}", "a") for at in range(6)]
    free = [found(f"q{at}") for at in range(6)]
    assert reasons(Held(same[:1], {}, [same[1:], []]), 9, 1) == [("random", "p0"), ("uncertain", "p1")]
    assert reasons(Held(same[:3], {}, [same[3:], []]), 9, 3) == [("random", f"p{at}") for at in range(3)]
    assert len(reasons(Held([], {}, [free, []]), 9, 0)) == 6  # of no article that is known


def test_topics_that_are_not_learned_share_with_those_that_are() -> None:
    queried = {"new": [found(f"k{at}") for at in range(9)]}
    nearest = [[found(f"{name}{at}") for at in range(9)] for name in "xy"]

    def counted(number: int, at_random: int) -> list[int]:
        told = [
            reason
            for reason, _ in reasons(Held([found(f"r{at}") for at in range(9)], queried, nearest), number, at_random)
        ]
        return [told.count(reason) for reason in ("random", "keywords", "uncertain")]

    assert counted(9, 0) == [0, 3, 6]
    assert counted(9, 3) == [3, 2, 4]
    assert counted(2, 0) == [0, 1, 1]
    assert counted(5, 5) == [5, 0, 0]


def test_what_is_left_out_is_told_of_those_that_were_looked_at() -> None:
    """Of the random paragraphs that are held for the place of others, none was needed."""
    texts = [found(f"p{at}") for at in range(8)]
    pool = Held(texts, {}, [[texts[0]], []])
    chosen = choose(pool, ["x", "y"], {}, [texts[0].text], number=4, at_random=2)  # type: ignore[arg-type]
    assert [item.found.paragraph_id for item in chosen.items] == ["p1", "p2"]
    assert (chosen.drawn, chosen.known, dict(chosen.left_out)) == (3, 1, {"labelled": 1})


def test_topics_that_are_sure_yield_their_places() -> None:
    sure, unsure = [(4.0, found("sure"))], [(0.1, found("near")), (2.9, found("far"))]
    assert [one.paragraph_id for _, one in _in_turn([sure, unsure], [0, 99])] == ["near", "far", "sure"]
    assert [at for at, _ in _in_turn([unsure, unsure], [0, 99])] == [0, 0, 1, 1]
    assert [at for at, _ in _in_turn([unsure, unsure], [5, 5])] == [0, 1, 0, 1]
