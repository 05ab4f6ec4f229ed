from __future__ import annotations

from training.topic_names import joined_topics, no_topics, variants


def test_topics_that_differ_in_case_or_blanks_are_found_together() -> None:
    assert variants(["arson", "theft", "Arson", " arson", "arsons"]) == [["arson", "Arson", " arson"]]


def test_topics_that_look_alike_are_found_together() -> None:
    alike = ["armed_clash", "armed-clash", "armed  clash", "armed\xa0clash", "armed clash\u200b"]
    assert variants([*alike, "caf\xe9", "cafe\u0301", "armedclash"]) == [alike, ["caf\xe9", "cafe\u0301"]]


def test_a_separator_between_topics_is_told_from_a_name_that_holds_one() -> None:
    topics = ["arrest", "arrest,arson", "theft; Arrest", "arrest|flight", "floods, fires"]
    assert list(joined_topics(topics)) == [("arrest,arson", ","), ("theft; Arrest", ";"), ("arrest|flight", "|")]


def test_words_for_no_topic_are_found_in_any_case() -> None:
    assert no_topics(["None", "NULL", "n/a", "-", "nonesuch", "theft"]) == ["None", "NULL", "n/a", "-"]
