"""Grouped, stratified splits: no article and no near-duplicate stands on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from training.dates import days_of
from training.errors import UserError

Rows = npt.NDArray[np.intp]
Labels = npt.NDArray[np.bool_]
MOST_FOLDS = 20
FINEST = 1000  # folds: the pairs that are looked through grow with their square


def stratified_folds(labels: Labels, groups: Rows, shares: Sequence[float], seed: int) -> Rows:
    """The fold of each row, folds having the wanted ``shares`` of the rows and of each topic's positives.

    Iterative stratification (Sechidis, Tsoumakas & Vlahavas, ECML PKDD 2011, algorithm 1) with whole groups in place
    of examples: the topic with the fewest positives left is dealt first, its largest groups first, each to the fold
    that lacks most of it. Rows without any topic are dealt like a topic of their own.
    """
    labels = np.hstack([labels, ~labels.any(axis=1, keepdims=True)])
    wanted = np.asarray(shares, dtype=float) / np.sum(shares)
    n_groups = int(groups.max(initial=-1)) + 1
    member = csr_array((np.ones(len(groups)), (groups, np.arange(len(groups)))), shape=(n_groups, len(groups)))
    positives = np.asarray(member @ labels.astype(float))
    sizes = np.bincount(groups, minlength=n_groups).astype(float)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(n_groups)
    lacking = wanted[:, None] * positives.sum(axis=0)
    room = wanted * sizes.sum()
    fold_of = np.full(n_groups, -1, dtype=np.intp)

    def deal(group: int, fold: int) -> None:
        fold_of[group] = fold
        lacking[fold] -= positives[group]
        room[fold] -= sizes[group]

    left = positives.sum(axis=0)
    while (left > 0).any():
        topic = int(np.argmin(np.where(left > 0, left, np.inf)))
        open_groups = shuffled[(fold_of[shuffled] < 0) & (positives[shuffled, topic] > 0)]
        for group in open_groups[np.argsort(-positives[open_groups, topic], kind="stable")]:
            short = lacking[:, topic]
            best = np.flatnonzero(short >= short.max() - 1e-9)
            deal(int(group), int(best[np.argmax(room[best])]))
            left -= positives[group]
    return fold_of[groups]


def grouped_split(labels: Labels, groups: Rows, test_size: float, seed: int) -> tuple[Rows, Rows]:
    """Rows of train and test: some of many folds of one size.

    Dealt into two parts of unequal size, the test set would get articles of another kind: the greedy rule fills the
    larger part first with the articles of most positives (on the shipped corpus the test set became easier by .03 F1).
    """
    _need_groups(groups, 2, "a training and a test set")
    n_groups = int(groups.max()) + 1
    folds, of_test = min(_parts(test_size), key=lambda parts: (abs(parts[1] / parts[0] - test_size), parts))
    if folds > n_groups:
        folds, of_test = n_groups, min(n_groups - 1, max(1, round(n_groups * test_size)))
    in_test = stratified_folds(labels, groups, [1.0] * folds, seed) >= folds - of_test
    train, test = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    if not len(train) or not len(test):
        raise UserError(
            f"split: with so few groups of articles no test set of {test_size:.0%} can be made. "
            f"Give more articles, another split.test_size, or data.test."
        )
    return train, test


def _parts(test_size: float) -> list[tuple[int, int]]:
    """Numbers of folds, each with how many of them the test set may have."""
    finest = min(max(MOST_FOLDS, round(1 / min(test_size, 1 - test_size))), FINEST)
    return [(folds, of_test) for folds in range(2, finest + 1) for of_test in range(1, folds)]


def time_split(dates: Sequence[str | None], groups: Rows, test_size: float) -> tuple[Rows, Rows]:
    """Rows of train and test, the test set being the latest groups; a group counts from its earliest paragraph.

    A paragraph of a month or a year counts from its first day.
    """
    days = [days_of(date) for date in dates]
    undated = days.count(None)
    if undated:
        raise UserError(
            f"split.method is time, but {undated} of {len(dates)} paragraphs have no date that can be read. "
            f"Add dates, map the column under data.columns.date, or set split.method to grouped."
        )
    _need_groups(groups, 2, "an earlier and a later part")
    rank = np.array([first.toordinal() for first, _ in filter(None, days)])
    began = np.full(int(groups.max()) + 1, rank.max())
    np.minimum.at(began, groups, rank)
    started = began[groups]
    later = started[started > started.min()]
    if not len(later):
        raise UserError("split.method is time, but all paragraphs begin on one date. Set split.method to grouped.")
    cut = np.sort(started)[min(len(started) - 1, int(np.ceil(len(started) * (1 - test_size) - 1e-9)))]
    cut = max(cut, later.min())  # where most of them begin on the first date
    return np.flatnonzero(started < cut), np.flatnonzero(started >= cut)


def grouped_folds(labels: Labels, groups: Rows, folds: int, seed: int) -> Rows:
    """The fold of each row; fewer folds than asked where there are fewer groups."""
    _need_groups(groups, 2, "out-of-fold scores")
    return stratified_folds(labels, groups, [1.0] * min(folds, int(groups.max()) + 1), seed)


def _need_groups(groups: Rows, least: int, purpose: str) -> None:
    if len(np.unique(groups)) < least:
        raise UserError(
            f"The {len(groups)} paragraphs all belong to one article or are near-duplicates of one another, so they "
            f"cannot be divided into {purpose}. Give paragraphs of more articles, each with its own article_id."
        )
