"""Articles: no word is lost or made up, and paragraphs are those of the source."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.corpus.articles import html_paragraphs, split_text
from training.errors import UserError

BLANKS = ("\n\n", "\r\n\r\n", "\r\r", "\n \n", "\n\u00a0\n", "\n\t\u3000\n", "\n\u200b\n", "\u2029", "\x0c")


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_every_kind_of_blank_line_parts_paragraphs(blank):
    text = f"  First line.{blank}Second, first line\nand another.{blank}Third\u00a0one. \n"
    assert split_text(text) == ["First line.", "Second, first line\nand another.", "Third\u00a0one."]


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", "\u00a0\n\u200b\n", "\x0c"])
def test_a_text_without_a_word_has_no_paragraph(text):
    assert split_text(text) == []


def test_one_line_is_one_paragraph():
    assert split_text("A convoy was hit.") == ["A convoy was hit."]


def test_lines_that_are_whole_sentences_are_paragraphs_where_no_line_is_blank():
    lines = ["Two men were killed.", "“We saw it,” he said.", "Police fired tear gas!", "обстрел начался…", "The end"]
    assert split_text("\n".join(lines)) == lines


def test_lines_too_long_to_be_wrapped_are_paragraphs():
    lines = ["word " * 30 + "and on", "word " * 40 + "and off"]
    assert split_text("\n".join(lines)) == lines


def test_a_text_wrapped_by_hand_is_one_paragraph():
    text = "A convoy of three trucks was hit\nby a roadside bomb near the town\nof X on Monday. Two died\nand two fled."
    assert split_text(text) == [text]


def test_blank_lines_decide_where_there_are_any():
    text = "One.\nTwo.\n\nThree.\nFour."
    assert split_text(text) == ["One.\nTwo.", "Three.\nFour."]


texts = st.text(st.sampled_from("ab .!\n\r\t\u00a0\u200b\u2028\u2029\x0c\x85é—\ufeff\x00"), max_size=60) | st.text()


@given(texts)
def test_no_word_is_lost_or_made_up(text):
    paragraphs = split_text(text)
    words = [word.strip("\u200b\u200c\u200d\u2060\ufeff") for word in text.split()]
    found = [word.strip("\u200b\u200c\u200d\u2060\ufeff") for part in paragraphs for word in part.split()]
    assert "".join(found) == "".join(words)
    for part in paragraphs:
        assert part == part.strip() != ""


@given(texts)
def test_a_paragraph_is_not_split_again_where_blank_lines_were(text):
    paragraphs = split_text(text)
    assert split_text("\n\n".join(paragraphs) + "\n\n") == paragraphs or len(paragraphs) <= 1


PAGE = """<!DOCTYPE html><html><head><title>T</title><meta charset="{charset}"></head><body>
<nav><a href="/">Home</a><a href="/news">News</a></nav>
<article><h1>Fighting in the north</h1>
<p>Two soldiers were killed on Monday when
a convoy was <b>ambushed</b> near the <a href="x">town</a>, officials said.</p>
<p>The rebels claimed the attack in a statement — обстрел — and said<br>that it would go on.</p>
<blockquote><p>We will respond to this, a spokesman said on the radio late on Monday.</p></blockquote>
<ul><li>Three trucks were burnt in the attack.</li></ul></article>
<footer>Copyright 2020. Cookies. Privacy policy.</footer><script>var x = "<p>no</p>";</script></body></html>"""
PARAGRAPHS = [
    "Fighting in the north",
    "Two soldiers were killed on Monday when a convoy was ambushed near the town, officials said.",
    "The rebels claimed the attack in a statement — обстрел — and said that it would go on.",
    "We will respond to this, a spokesman said on the radio late on Monday.",
    "Three trucks were burnt in the attack.",
]


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "koi8-r"])
def test_pages_in_any_character_set_keep_their_paragraphs_without_the_boilerplate(charset):
    page = PAGE.format(charset=charset).replace("—", "—" if charset != "koi8-r" else "-")
    wanted = [part.replace("—", "—" if charset != "koi8-r" else "-") for part in PARAGRAPHS]
    assert html_paragraphs(page.encode(charset)) == wanted


def test_a_page_as_text_is_the_same():
    assert html_paragraphs(PAGE) == PARAGRAPHS


def test_a_fragment_and_a_short_page_are_taken():
    assert html_paragraphs("<p>An airstrike.</p><p>It hit.</p>") == ["An airstrike.", "It hit."]


@pytest.mark.parametrize("page", ["", " ", b"", "<html></html>", "<div>" * 30_000])
def test_a_page_without_text_has_no_paragraphs(page):
    assert html_paragraphs(page) == []


@given(st.binary(max_size=200) | st.text("<>p/divhtmlbody &;\"'a \n", max_size=80))
def test_no_page_breaks_the_extraction(page):
    for paragraph in html_paragraphs(page):
        assert paragraph == " ".join(paragraph.split()) != ""


def test_a_page_of_more_tags_than_an_article_has_is_refused() -> None:
    with pytest.raises(UserError, match="the page has 200,001 tags, more than the 100,000"):
        html_paragraphs(b"<p>" + b"<b>x</b>" * 100_000)
