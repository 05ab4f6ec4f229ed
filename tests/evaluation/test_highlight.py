from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.highlight import explanation, segments
from training.model.explaining import Evidence, Span, word_contributions


@given(st.text(max_size=80), st.data())
def test_pieces_are_the_text_and_marks_are_whole_words(text: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.floats(-1, 1), min_size=len(text), max_size=len(text)))
    pieces = segments(text, values)
    assert "".join(piece for piece, _ in pieces) == text
    words = [(start, end) for start, end, _ in word_contributions(text, values)]
    begin = 0
    for piece, level in pieces:
        inside = [(start, end) for start, end in words if start < begin + len(piece) and end > begin]
        if level and inside[0][1] - inside[0][0] > 1:
            assert begin <= inside[0][0] and inside[-1][1] <= begin + len(piece)
        begin += len(piece)


def test_the_words_that_matter_are_marked() -> None:
    text = "Shells hit the well-known port."
    values = [0.0] * len(text)
    values[0:3] = [1.0, 1.0, 1.0]  # a part of a word speaks for the word
    values[15:17] = [-1.0, -1.0]
    assert segments(text, values) == [("Shells", 1), (" hit the ", 0), ("well-known", -1), (" port.", 0)]
    assert segments(text, [0.0] * len(text)) == [(text, 0)]
    assert segments("", []) == []


def test_scripts_without_spaces_are_marked_by_character() -> None:
    text = "\u70ae\u51fb" * 20
    values = [1.0 if at == 4 else 0.0 for at in range(len(text))]
    assert [piece for piece, level in segments(text, values) if level] == [text[4]]


def test_the_best_passage_of_a_long_text_is_shown() -> None:
    text = "rain " * 60 + "shells hit the port\n" * 20
    evidence = Evidence("shelling", True, 0.9, 0.5, 2.0, -1.0, (Span(300, 306, "shells", 3.0),), (300, 699))
    lines = explanation(text, [evidence], 3, colour=False).splitlines()
    assert lines[-1].startswith("  best passage, characters 300 to 699: shells hit the port shells")
    assert " … " in lines[-1]
    assert len(lines[-1]) < 160


def head(*, tagged: bool, probability: float, threshold: float, exclusive: Any = "no", known: bool = True) -> str:
    spans = (Span(0, 6, "shells", 3.0),) if known else ()
    entry = Evidence("shelling", tagged, probability, threshold, 2.0, -1.0, spans)
    return explanation("shells", [entry], 3, colour=False, exclusive=exclusive).splitlines()[0]


@given(st.booleans(), st.floats(0, 1), st.floats(0, 1), st.sampled_from(["no", "competing", "exactly_one"]))
def test_the_inequality_that_is_told_is_true(
    tagged: bool, probability: float, threshold: float, exclusive: Any
) -> None:
    told = head(tagged=tagged, probability=probability, threshold=threshold, exclusive=exclusive)
    assert (" >= threshold " in told) == (probability >= threshold)
    assert (" < threshold " in told) == (probability < threshold)
    assert ("(" in told) == (tagged != (probability >= threshold))


@pytest.mark.parametrize(
    ("tagged", "exclusive", "known", "told"),
    [
        (True, "no", True, "0.300 < threshold 0.400 (the nearest topic; none reaches its threshold)"),
        (True, "exactly_one", True, "0.300 < threshold 0.400 (the most probable topic; one is always set)"),
        (False, "at_most_one", True, "0.300 >= threshold 0.200 (another topic is more probable)"),
        (False, "no", False, "0.300 >= threshold 0.200 (not tagged: nothing in the text is known)"),
    ],
)
def test_what_decided_against_the_threshold_is_told(tagged: bool, exclusive: Any, known: bool, told: str) -> None:
    threshold = 0.4 if tagged else 0.2
    assert head(tagged=tagged, probability=0.3, threshold=threshold, exclusive=exclusive, known=known).endswith(told)
