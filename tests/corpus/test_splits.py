from __future__ import annotations

import tracemalloc
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.corpus.duplicates import jaccard, near_duplicate_pairs, shingles, tied_groups
from training.corpus.splits import grouped_folds, grouped_split, stratified_folds, time_split
from training.errors import UserError

WORDS = [
    "red",
    "blue",
    "green",
    "stone",
    "river",
    "market",
    "road",
    "bridge",
    "tower",
    "valley",
    "north",
    "south",
    "east",
    "west",
    "early",
    "late",
]


@st.composite
def grouped_labels(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(4, 60))
    groups = np.array(draw(st.lists(st.integers(0, 12), min_size=n, max_size=n)))
    _, groups = np.unique(groups, return_inverse=True)
    labels = np.array(draw(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=n, max_size=n)))
    return labels, groups.astype(np.intp)


@given(grouped_labels(), st.integers(2, 5), st.integers(0, 99))
def test_no_group_is_divided_and_every_row_has_one_fold(data: tuple, folds: int, seed: int) -> None:
    labels, groups = data
    if len(np.unique(groups)) < 2:
        return
    fold = grouped_folds(labels, groups, folds, seed)
    assert fold.min() >= 0
    for group in np.unique(groups):
        assert len(set(fold[groups == group])) == 1
    assert (fold == grouped_folds(labels, groups, folds, seed)).all()


def test_folds_share_out_every_topic() -> None:
    rng = np.random.default_rng(1)
    labels = rng.random((1000, 4)) < [0.5, 0.1, 0.03, 0.01]
    fold = stratified_folds(labels, np.arange(1000), [1.0] * 5, seed=0)
    for topic in range(4):
        held = np.bincount(fold, weights=labels[:, topic], minlength=5)
        assert held.max() - held.min() <= 2
    assert np.ptp(np.bincount(fold)) <= 5


def test_rare_topics_are_dealt_before_frequent_ones() -> None:
    labels = np.zeros((1000, 2), dtype=bool)
    labels[:500, 0] = labels[:500:50, 1] = True
    for seed in range(10):
        fold = stratified_folds(labels, np.arange(1000), [1.0] * 5, seed)
        assert np.bincount(fold[labels[:, 1]], minlength=5).tolist() == [2] * 5


def test_shares_are_met_by_groups_of_unequal_size() -> None:
    rng = np.random.default_rng(2)
    groups = np.sort(rng.integers(0, 80, 600)).astype(np.intp)
    _, groups = np.unique(groups, return_inverse=True)
    labels = rng.random((600, 3)) < 0.2
    train, test = grouped_split(labels, groups, 0.25, seed=5)
    assert not set(groups[train]) & set(groups[test])
    assert 0.2 < len(test) / 600 < 0.3


def test_the_test_set_has_articles_of_the_same_kind() -> None:
    """Some articles are full of topics and others have none: neither kind is drawn to one side."""
    rng = np.random.default_rng(4)
    sizes = rng.integers(3, 12, 400)
    groups = np.repeat(np.arange(400), sizes)
    density = np.repeat(rng.beta(0.6, 3.0, 400), sizes)
    labels = rng.random((len(groups), 12)) < density[:, None]
    none = ~labels.any(axis=1)
    ratios = []
    for seed in range(8):
        train, test = grouped_split(labels, groups, 0.2, seed)
        assert len(test) == pytest.approx(0.2 * len(groups), rel=0.1)
        ratios.append([labels[test].mean() / labels[train].mean(), none[test].mean() / none[train].mean()])
    assert np.mean(ratios, axis=0) == pytest.approx([1, 1], abs=0.05)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 1 / 3, 0.5, 0.7, 0.9, 0.97])
def test_the_wanted_share_is_tested_on(share: float) -> None:
    labels = np.random.default_rng(6).random((1000, 2)) < 0.3
    train, test = grouped_split(labels, np.arange(1000), share, seed=1)
    assert len(test) == pytest.approx(1000 * share, rel=0.04, abs=4)
    assert len(train) + len(test) == 1000


def test_two_articles_are_enough_for_a_split() -> None:
    train, test = grouped_split(np.ones((5, 1), dtype=bool), np.array([0, 0, 0, 1, 1]), 0.2, 1)
    assert sorted([*train, *test]) == list(range(5))
    assert len(train) in (2, 3)


def test_one_article_cannot_be_split() -> None:
    groups = np.zeros(9, dtype=np.intp)
    with pytest.raises(UserError, match="all belong to one article"):
        grouped_split(np.ones((9, 1), dtype=bool), groups, 0.2, 1)


@given(st.integers(5, 40), st.floats(0.1, 0.6), st.integers(0, 50))
def test_time_split_tests_on_what_began_later(n: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    dates = [f"2020-01-{day:02d}" for day in rng.integers(1, 28, n)]
    groups = np.unique(rng.integers(0, n, n), return_inverse=True)[1]
    begins = np.array([min(dates[row] for row in np.flatnonzero(groups == group)) for group in groups])
    if len(set(begins)) < 2:
        return
    try:
        train, test = time_split(dates, groups, share)
    except UserError:
        return
    assert sorted([*train, *test]) == list(range(n))
    assert not set(groups[train]) & set(groups[test])
    assert max(begins[train].tolist()) < min(begins[test].tolist())


@given(st.integers(2, 40), st.floats(0.02, 0.98))
def test_a_later_part_of_distinct_days_has_the_wanted_share(n: int, share: float) -> None:
    days = [f"2020-{1 + day // 28:02d}-{1 + day % 28:02d}" for day in range(n)]
    _, test = time_split(days, np.arange(n), share)
    assert len(test) == max(1, min(n - 1, np.floor(n * share + 1e-9)))


def test_a_first_day_of_most_paragraphs_leaves_the_later_ones_to_test_on() -> None:
    train, test = time_split(["2024-05-01"] * 9 + ["2024-05-02"], np.arange(10), 0.5)
    assert (len(train), test.tolist()) == (9, [9])
    with pytest.raises(UserError, match="all paragraphs begin on one date"):
        time_split(["2024-05-01"] * 9 + ["2024-05-02"], np.array([*range(9), 0]), 0.5)


def test_a_year_counts_from_its_first_day() -> None:
    train, test = time_split(["2024-02-01", "2024", "2024-03", "2024-03-02"], np.arange(4), 0.5)
    assert (train.tolist(), test.tolist()) == ([0, 1], [2, 3])


def test_time_split_goes_by_days_however_they_are_written() -> None:
    dates = ["2024-12-31", "20240102", "2024/3/1", "2024-06", "2024-5-31T10:00", "2023"]
    train, test = time_split(dates, np.arange(6), 1 / 3)
    assert train.tolist() == [1, 2, 4, 5]
    assert test.tolist() == [0, 3]


def test_time_split_needs_dates() -> None:
    with pytest.raises(UserError, match="1 of 2 paragraphs have no date"):
        time_split(["2020-01-01", None], np.arange(2), 0.5)


sentences = st.lists(st.sampled_from(WORDS), min_size=0, max_size=14).map(" ".join)


@settings(deadline=None)
@given(st.lists(sentences, max_size=25))
def test_pairs_are_exactly_the_near_duplicates_tied_by_first_copies(texts: list[str]) -> None:
    pairs = near_duplicate_pairs(texts, 0.5)
    sets = [shingles(text) for text in texts]
    for first, second in pairs:
        assert first < second
        assert jaccard(sets[first], sets[second]) >= 0.5
    groups = tied_groups([str(row) for row in range(len(texts))], pairs)
    for row, found in enumerate(sets):
        for other in range(row):
            if found and sets[other] == found:
                assert groups[row] == groups[other]


def test_shingles_are_runs_of_five_words_in_lower_case() -> None:
    assert shingles("The column left, the DEPOT before dawn") == {
        "the column left the depot",
        "column left the depot before",
        "left the depot before dawn",
    }
    assert shingles("Only four words here!") == {"only four words here"}
    assert shingles(" … ") == frozenset()


def test_copies_are_tied_through_the_first_alone() -> None:
    text = "The column left the depot before dawn and took the valley road."
    assert near_duplicate_pairs([text] * 500, 0.5).tolist() == [[0, at] for at in range(1, 500)]


def test_a_copy_in_another_form_of_unicode_is_a_near_duplicate() -> None:
    text = "Le général a été arrêté à la frontière après une opération menée près du désert"
    assert near_duplicate_pairs([text, unicodedata.normalize("NFD", text)], 0.5).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("text", "edited", "other"),
    [
        (
            "军队周二对河边小镇发动空袭,造成三名平民死亡,数十人受伤",
            "军队周二对河边小镇发动空袭,造成四名平民死亡,数十人受伤",
            "军队周二说粮食价格没有变化,造成空袭的原因不明,三名",
        ),
        (
            "軍は火曜日に川沿いの町を空爆し住民三人が死亡した",
            "軍は火曜日に川沿いの町を空爆し住民四人が死亡した",
            "町は火曜日にパンの価格を変えなかったと軍が述べた",
        ),
    ],
)
def test_text_without_blanks_has_near_duplicates_too(text: str, edited: str, other: str) -> None:
    assert near_duplicate_pairs([text, other, edited], 0.5).tolist() == [[0, 2]]


def test_an_edited_paragraph_is_a_near_duplicate() -> None:
    text = "The column left the depot before dawn and took the valley road towards the old cement works, drivers said."
    edited = text.replace("drivers said", "two drivers told us")
    other = "Rain kept the ferry in port for the third day, and the mayor asked visitors to be patient until Friday."
    assert near_duplicate_pairs([text, other, edited], 0.5).tolist() == [[0, 2]]
    assert tied_groups(["a", "b", "c"], near_duplicate_pairs([text, other, edited], 0.5)).tolist() == [0, 1, 0]


@pytest.mark.parametrize("threshold", [0.1, 0.2, 0.3, 0.4, 0.5, 0.8])
def test_pairs_just_above_any_threshold_are_found(threshold: float) -> None:
    size = 60
    shared = int(np.ceil(2 * size * threshold / (1 + threshold)))
    assert shared / (2 * size - shared) == pytest.approx(threshold, abs=0.02)
    texts = []
    for pair in range(100):  # so many shingles of a text of words that stand in it alone
        same, one, other = ([f"{name}{pair}x{at}" for at in range(size + 4)] for name in "abc")
        texts += [" ".join(same[: shared + 4] + rest[: size - shared]) for rest in (one, other)]
    found = {tuple(pair) for pair in near_duplicate_pairs(texts, threshold).tolist()}
    assert found <= {(at, at + 1) for at in range(0, 200, 2)}
    assert len(found) >= 97


def test_rows_of_one_article_are_tied() -> None:
    assert tied_groups(["x", "y", "x"], np.zeros((0, 2), dtype=np.intp)).tolist() == [0, 1, 0]


def test_articles_are_told_apart_by_all_of_their_ids_however_long() -> None:
    ids = ["x", "x\0", "y" * 200_000, "x", *(str(at) for at in range(50_000))]
    tracemalloc.start()
    try:
        groups = tied_groups(ids, np.zeros((0, 2), dtype=np.intp))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert groups[:4].tolist() == [0, 1, 2, 0]
    assert most < 64 << 20
