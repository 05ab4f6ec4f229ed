"""The table of `make bench`: what it says of goals, and that it is Markdown."""

from __future__ import annotations

import pytest

from experiments.speed.clock import in_turns
from experiments.speed.table import HEADINGS, Row, comparison, figure, markdown


@pytest.mark.parametrize(
    ("ratio", "limit", "larger", "met"),
    [
        (40.0, 40.0, True, "yes"),
        (39.9, 40.0, True, "**no**"),
        (3.0, 3.0, False, "yes"),
        (3.1, 3.0, False, "**no**"),
        (None, 3.0, True, "–"),
        (3.0, None, True, "–"),
    ],
)
def test_a_goal_is_reached_or_not(ratio, limit, larger, met):
    assert Row("what", "1 s", "2 s", ratio, limit, larger).met == met


def test_every_line_has_a_cell_for_each_heading():
    rows = [Row("a | b", "1 s", "2 s", 2.0, 1.5), Row("c", "1 s", "not installed")]
    lines = comparison(rows).split("\n")
    assert len(lines) == 2 + len(rows)
    for line in lines:
        assert line.replace("\\|", "").count("|") == len(HEADINGS) + 1


def test_a_row_says_which_way_its_goal_lies():
    assert "at least 8 times" in Row("w", "o", "p", 9.0, 8.0).cells()
    assert "at most 0.2 s" in Row("w", "o", "p", 0.1, 0.2, False, "s").cells()


@pytest.mark.parametrize(("value", "shown"), [(1234.5, "1,234"), (100.0, "100"), (16.64, "16.6"), (0.0123, "0.0123")])
def test_figures_have_three_digits_that_count(value, shown):
    assert figure(value) == shown


def test_markdown_escapes_bars():
    assert markdown(("a",), [["x|y"]]) == "| a |\n| --- |\n| x\\|y |"


def test_contenders_take_turns_and_the_median_counts():
    calls = []

    def contender(name, figures):
        def one(number):
            calls.append((number, name))
            return figures[number]

        return one

    medians = in_turns({"a": contender("a", [1.0, 9.0, 2.0]), "b": contender("b", [4.0, 3.0, 5.0])}, 3)
    assert medians == {"a": 2.0, "b": 4.0}
    assert calls == [(0, "a"), (0, "b"), (1, "a"), (1, "b"), (2, "a"), (2, "b")]
