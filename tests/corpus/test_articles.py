"""Articles: no word is lost or made up, and paragraphs are those of the source."""

from __future__ import annotations

import json
from itertools import chain

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


def test_one_paragraph_a_line_below_a_headline_and_a_blank_line_is_split_too():
    lines = [
        "Two men were killed at the pass.",
        "“We saw it,” said one who fled.",
        "Police came late.",
        "It rained",
        "So it was.",
    ]
    body = "\n".join(lines)
    assert split_text(f"Fighting in the vale\n\n{body}") == ["Fighting in the vale", *lines]
    assert split_text(f"Fighting\n\nBy a reporter\n\n{body}\n\nVale News") == [
        "Fighting",
        "By a reporter",
        *lines,
        "Vale News",
    ]


@pytest.mark.parametrize(
    "parts",
    [
        ["Headline", "A convoy of three trucks was hit\nby a bomb near the town\nof X on Monday. Two died\nand fled."],
        ["Headline", "He spoke of it.\nThen he left.\nThat was all.", "They went\nhome."],
        [
            "They said three things of the war, and each of them was heard in the city.",
            "One.\nTwo.\nThree.",
            "Then home.",
        ],
        ["Headline", "He spoke.\nShe left."],
    ],
)
def test_other_lines_beside_blank_lines_stay_together(parts: list[str]):
    assert split_text("\n\n".join(parts)) == parts


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


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "koi8-r", "iso-2022-jp"])
def test_pages_in_any_character_set_keep_their_paragraphs_without_the_boilerplate(charset):
    page = PAGE.format(charset=charset).replace("—", "-" if charset in ("koi8-r", "iso-2022-jp") else "—")
    wanted = [part.replace("—", "-" if charset in ("koi8-r", "iso-2022-jp") else "—") for part in PARAGRAPHS]
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
    with pytest.raises(UserError, match="the page has 80,001 tags, more than the 40,000"):
        html_paragraphs(b"<p>" + b"<b>x</b>" * 40_000)


SENTENCES = (
    "The <a href='/army'>army</a> took <em>three</em> towns on Monday, it said.",
    "It <i>was</i> the <a href='/x'>first</a>, <b>heavy</b> <span class='c'>fighting</span> since May<sup>1</sup>.",
    "<strong>Two</strong> men <q>were hurt</q> on <time>Tuesday</time>, <cite>Radio Vale</cite> <code>said</code>.",
)
PLAIN = [
    "The army took three towns on Monday, it said.",
    "It was the first, heavy fighting since May1.",
    "Two men were hurt on Tuesday, Radio Vale said.",
]
NAV = "<nav><a href='/'>Home</a> <a href='/n'>News</a></nav>"


@pytest.mark.parametrize("tag", ["p", "div", "li", "blockquote", "td", "section", "article", "dd"])
@pytest.mark.parametrize("before", ["", NAV])
@pytest.mark.parametrize("times", [1, 12], ids=["short", "long"])
def test_inline_tags_tear_no_paragraph(tag: str, before: str, times: int) -> None:
    rows = [f"<{tag}>{sentence.replace('three', str(n))}</{tag}>" for n in range(times) for sentence in SENTENCES]
    inner = "".join(rows)
    frame = {"li": "<ul>{}</ul>", "td": "<table><tr>{}</tr></table>", "dd": "<dl>{}</dl>"}.get(tag, "<div>{}</div>")
    wanted = [sentence.replace("three", str(n)) for n in range(times) for sentence in PLAIN]
    assert html_paragraphs(before + frame.format(inner)) == wanted


BREAKS = ("<br><br>", "<br/>\n<br />", "<br>&nbsp;<br>", "<b><br></b><br>", "<br><!-- x --><br>", "<br>\u200b<br><br>")


@pytest.mark.parametrize("tag", ["p", "div", "td", "blockquote", "article"])
@pytest.mark.parametrize("gap", BREAKS, ids=ascii)
@pytest.mark.parametrize("times", [2, 30], ids=["short", "long"])
def test_two_line_breaks_part_paragraphs_and_one_is_a_space(tag: str, gap: str, times: int) -> None:
    parts = [f"On day {n} the army said<br>that <b>it</b> held the town, and more." for n in range(times)]
    frame = "<table><tr>{}</tr></table>" if tag == "td" else "{}"
    page = frame.format(f"<{tag}>{gap.join(parts)}</{tag}>")
    assert html_paragraphs(page) == [f"On day {n} the army said that it held the town, and more." for n in range(times)]


LONG = """<html><head><title>T</title><style>p {{}}</style></head><body><header><a href="/">The Vale Post</a></header>{nav}
<main><article><h1>Towns fall in the <em>Vale</em></h1>{body}
<figure><img src="x"><figcaption>A photo of the town.</figcaption></figure>
<div class="related-links"><ul><li><a href="1">A first other story of the day</a></li>
<li><a href="2">A second other story of the day</a></li></ul></div></article></main>
<div class="comments" id="comments"><p>First! I was there and I do not agree with any of it, not at all.</p></div>
<aside><p>Sign up to our letter, which comes to you each day of the week.</p></aside>
<footer><p>Copyright The Vale Post. All rights are reserved by its owners.</p></footer><script>"<p>no</p>"</script></body></html>"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("as_text", [False, True])
def test_blank_lines_part_paragraphs_in_text_that_is_laid_out_already(line_end: str, as_text: bool) -> None:
    lines = [
        "<PRE class=x>A column entered <b>Sarn</b>",
        "at dawn.",
        "",
        "Åland sent aid.",
        " \t",
        "",
        "Nothing else.</PRE>",
    ]
    page = line_end.join([*lines, "<p>One", "", "paragraph.</p>", "<pre-view>Or", "", "this.</pre-view>"])
    assert html_paragraphs(page if as_text else page.encode()) == [
        "A column entered Sarn at dawn.",
        "Åland sent aid.",
        "Nothing else.",
        "One paragraph.",
        "Or this.",
    ]


def test_a_long_page_keeps_its_article_in_order_and_nothing_else() -> None:
    body = (
        "".join(f"<p>{sentence.replace('three', str(n))}</p>" for n in range(9) for sentence in SENTENCES)
        + "<h2>What <i>is</i> next</h2><ul><li>The <b>talks</b> start again.</li><li>The road &amp; the <a>pass</a> open.</li></ul>"
        + "<table><tr><th>Town</th><td>Held <b>by</b></td></tr></table>"
        + "<blockquote>We <em>hold</em> it,<br>he said.</blockquote><p>That is all that was said on the radio that day.</p>"
    )
    wanted = ["Towns fall in the Vale"]
    wanted += [sentence.replace("three", str(n)) for n in range(9) for sentence in PLAIN]
    wanted += ["What is next", "The talks start again.", "The road & the pass open.", "Town", "Held by"]
    wanted += ["We hold it, he said.", "That is all that was said on the radio that day."]
    assert html_paragraphs(LONG.format(nav=NAV, body=body)) == wanted


def test_a_menu_that_is_never_closed_does_not_take_the_article_with_it() -> None:
    page = "<body><nav><a href='/'>Home</a>" + "".join(f"<p>{sentence}</p>" for sentence in SENTENCES)
    assert html_paragraphs(page)[-3:] == PLAIN


def test_buttons_and_menus_are_not_read_into_sentences() -> None:
    assert html_paragraphs(NAV + "<p>The army <button>Share</button>left, the <i>Mail</i> said.</p>") == [
        "The army left, the Mail said."
    ]


def test_a_paragraph_twice_in_one_page_is_not_mixed_up_with_its_copy() -> None:
    teaser = "<aside><p>The <b>army</b> said on Monday that it had taken the town and its bridge.</p></aside>"
    rows = "".join(f"<p>{sentence.replace('three', str(n))}</p>" for n in range(9) for sentence in SENTENCES)
    page = f"{teaser}<article>{rows}{teaser[7:-8]}<p>It did not say more of it on that day.</p></article>"
    found = html_paragraphs(page)
    assert found[-2:] == [
        "The army said on Monday that it had taken the town and its bridge.",
        "It did not say more of it on that day.",
    ]
    assert len(found) == 29


LOOSE = (
    "{0}<p>{1}</p><p>{2}</p>",
    "<b>{0}</b><br><br>{1}<p>{2}</p>",
    "<p>{0}</p><h2>Next</h2>{1}<br><br>{2}",
    "<p>{0}</p><img src=x>{1}<br><br>{2}<p>That is all that was said.</p>",
    "<p>{0}</p><div>{1}</div><p>{2}</p>",
    "<p>{0}</p><img src=x>{1}<hr><i>At</i> <img src=y>{2}<hr>",
    "<p>{0}</p><center>{1}</center><hr>{2}<hr>",
    "<p>{0}</p><ul><li>{1}</li></ul><p>{2}</p>",
    "<p>{0}</p><dl><dt>What</dt><dd>{1}</dd></dl>{2}",
)


@pytest.mark.parametrize("tag", ["div", "div class=article", "div class=article-body", "section", "article", "main"])
@pytest.mark.parametrize("laid_out", LOOSE)
@pytest.mark.parametrize("times", [1, 6], ids=["short", "long"])
def test_text_beside_paragraphs_is_not_passed_over(tag: str, laid_out: str, times: int) -> None:
    wanted = [f"At {n} o'clock: {sentence}" for n in range(times) for sentence in PLAIN]
    marked = [f"At {n} o'clock: {sentence}" for n in range(times) for sentence in SENTENCES]
    body = "".join(laid_out.format(*marked[at : at + 3]) for at in range(0, len(marked), 3))
    page = f"{NAV}<{tag}><p>Word of it came by radio.</p>{body}</{tag.split()[0]}><footer><p>All rights reserved.</p></footer>"
    found = [text.replace("At At", "At") for text in html_paragraphs(page)]
    assert [text for text in found if text in wanted] == wanted


POSTS = (
    "<article itemprop=liveBlogUpdate><h3>{0}</h3><div itemprop=articleBody>{1}</div></article>",
    "<li><article class=stream-post><header><h3>{0}</h3></header><div class=stream-post-body>{1}</div></article></li>",
    "<div class=live-post><time>9:12</time><h2>{0}</h2><div class=post-body>{1}</div></div>",
    "<div class=post><h2>{0}</h2>{1}</div>",
    "<section><h2>{0}</h2><div class=text>{1}</div></section>",
)
PAGE_OF_MANY = "<div class=page><h1>{0}</h1><div class=article-body>{1}</div></div>"


def _posts(form: str, number: int) -> tuple[str, list[str]]:
    wanted = [[f"In hour {n}: {text} It is {at} o'clock." for at, text in enumerate(PLAIN * 3)] for n in range(number)]
    rows = ["".join(f"<p>{text}</p>" for text in texts) for texts in wanted]
    return "".join(form.format(f"Hour {n}", row) for n, row in enumerate(rows)), list(chain(*wanted))


@pytest.mark.parametrize("form", POSTS)
@pytest.mark.parametrize("frame", ["<main><h1>Live</h1><div>{}</div></main>", "<article><h1>Live</h1>{}</article>"])
def test_every_post_of_a_live_blog_is_read_in_order(form: str, frame: str) -> None:
    posts, wanted = _posts(form, 7)
    found = html_paragraphs(f"{NAV}{frame.format(posts)}<footer><p>All rights reserved.</p></footer>")
    assert [text for text in found if text not in ("Live", *(f"Hour {n}" for n in range(7)), "9:12")] == wanted


def test_teasers_and_further_articles_are_no_posts() -> None:
    (post, wanted), (others, _) = _posts(POSTS[3], 1), _posts(PAGE_OF_MANY, 4)
    teasers = "".join(f"<div class=post><h2>Other {n}</h2><p>A dam is full again.</p></div>" for n in range(5))
    assert html_paragraphs(f"<main><h1>News</h1>{post}<div>{teasers}</div></main>") == ["Hour 0", *wanted]
    assert html_paragraphs(f"<main>{others}</main>") == wanted


def test_labels_and_signs_between_links_are_made_no_paragraphs() -> None:
    rows = "".join(f"<p>{sentence.replace('three', str(n))}</p>" for n in range(9) for sentence in SENTENCES)
    page = f"<article><div>Share | Print<p></p>{rows}<div>Advertisement</div>Follow <a>us.</a><hr></div></article><div>Home.</div>Legal notice."
    assert html_paragraphs(page) == [text.replace("three", str(n)) for n in range(9) for text in PLAIN]


def test_text_that_a_page_holds_as_data_alone_is_found() -> None:
    text = "The army took the town on Monday, its speaker said on the radio. " * 4
    data = '<script type="application/ld+json">{"@type": "NewsArticle", "articleBody": "' + text + '"}</script>'
    assert html_paragraphs(f"<html><head>{data}</head><body></body></html>") == [text.strip()]


def test_windows_characters_in_a_page_that_is_declared_as_latin_1() -> None:
    texts = [*(text for n in range(9) for text in (f"It was {n} o'clock.", *PLAIN)), "“We don’t know yet” – he said."]
    rows = "".join(f"<p>{text}</p>" for text in dict.fromkeys(texts))
    page = f"<html><head><meta charset=iso-8859-1></head><body><article>{rows}</article></body></html>"
    assert html_paragraphs(page.encode("cp1252")) == list(dict.fromkeys(texts))


def test_words_are_whole_where_a_page_allows_a_hyphen() -> None:
    assert html_paragraphs("<p>The air&shy;strike hit the mar\u00adket on Mon&#173;day.</p><p>&shy;</p>") == [
        "The airstrike hit the market on Monday."
    ]


@pytest.mark.parametrize("gap", ["\n", "\n\n", "\r\n", "</p>\n<p>", "<br><br>"], ids=ascii)
def test_text_that_a_page_holds_as_data_keeps_its_paragraphs(gap: str) -> None:
    texts = [f"{sentence} It was {n} o'clock." for n, sentence in enumerate(PLAIN)]
    body = gap.join(texts) if gap != "</p>\n<p>" else f"<p>{gap.join(texts)}</p>"
    data = json.dumps({"@graph": [{"@type": "NewsArticle", "headline": "Towns fall", "articleBody": body}]})
    script = f'<script type="application/ld+json">{data}</script>'
    assert html_paragraphs(f"<html><head>{script}{script}</head><body><div></div></body></html>") == texts
    shown = "".join(f"<p>{text} So it was said.</p>" for text in texts)
    assert html_paragraphs(f"<html><head>{script}</head><body><article>{shown}</article></body></html>") == [
        f"{text} So it was said." for text in texts
    ]


def test_posts_that_a_page_holds_as_data_alone_are_read() -> None:
    posts = [{"@type": "BlogPosting", "articleBody": sentence} for sentence in PLAIN]
    data = json.dumps({"@type": "LiveBlogPosting", "liveBlogUpdate": posts})
    page = f'<html><head><script type="application/ld+json">{data}</script></head><body></body></html>'
    assert html_paragraphs(page) == PLAIN


words = st.lists(
    st.sampled_from(["army", "took", "the", "town,", "обстрел", "7", "—", "city’s"]), min_size=1, max_size=5
)
inline = st.sampled_from(["b", "em", "i", "span", "sup", "u", "font", "small", "mark", "abbr", "del", "ins", "s"])


@st.composite
def marked_up(draw: st.DrawFn) -> tuple[str, str]:
    """A sentence with inline tags at any of its words, and its plain text."""
    shown = draw(words)
    tagged = [f"<{tag}>{word}</{tag.split()[0]}>" if (tag := draw(st.none() | inline)) else word for word in shown]
    return " ".join(["Officials say", *tagged, "on Monday."]), " ".join(["Officials say", *shown, "on Monday."])


@given(
    st.lists(marked_up(), min_size=1, max_size=8, unique_by=lambda pair: pair[1]), st.sampled_from(["p", "div", "li"])
)
def test_any_inline_tags_leave_paragraphs_whole_and_once(sentences: list[tuple[str, str]], tag: str) -> None:
    page = "<div>" + "".join(f"<{tag}>{marked}</{tag}>" for marked, _ in sentences) + "</div>"
    assert html_paragraphs(page) == [plain for _, plain in sentences]
