from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from training import keywords
from training.codebook import Topic
from training.keywords import QueryError, compile_query, search, sufficient_terms


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("airstrike*", "Airstrikes hit the port.", True),
        ("strike", "Airstrikes hit the port.", False),
        ('"air strike*"', "an air-strike, then another", True),
        ('"air strike*"', "air\nstrikes", True),
        ("jet* AND bomb*", "jets flew over", False),
        ("(jet* AND bomb*) OR raid", "a raid", True),
        ('(strike* OR raid*) AND NOT ("hunger strike*" OR tax)', "a hunger strike and a raid", False),
        ("strike NOT labour", "a labour strike", False),
        ("w*d", "word", True),
        ("a b", "only b", True),
        ("état", "coup d'État", True),
    ],
)
def test_queries(query: str, text: str, expected: bool) -> None:
    assert search([query], [text]).tolist() == [[expected]]


TERMS = st.sampled_from(["air*", "*strike", "a*r", '"air raid*"', "air-raid", "état", "#raid", "İ*", "ß", "'s"])
QUERIES = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds("NOT ({})".format, inner),
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["AND", "OR", "NOT", "AND NOT"]), inner),
    ),
    max_leaves=5,
)
PIECES = ["air", "raid", "Raids", "strike", "airstrike", "État", "#", "-", "\u2011", " ", "\n", "İ", "ß", "'", "x", "_"]


@given(st.lists(QUERIES, max_size=3), st.lists(st.lists(st.sampled_from(PIECES)).map("".join), max_size=6))
def test_many_queries_find_what_each_finds_alone(queries: list[str], texts: list[str]) -> None:
    alone = [[compile_query(query)(text) for query in queries] for text in texts]
    found = search(queries, texts)
    assert found.shape == (len(texts), len(queries))
    assert found.tolist() == alone


def test_a_search_goes_by_the_words_that_terms_begin_with() -> None:
    assert search(["air*"], ["air", "airstrike", "airétat", "air\U0010fffd", "#", "", "hair"])[:, 0].tolist() == [
        True, True, True, True, False, False, False,
    ]  # fmt: skip
    assert search(["#raid", "*strike"], ["a", "#raid", "airstrike"]).tolist() == [
        [False, False],
        [True, False],
        [False, True],
    ]


def test_many_texts_are_searched_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keywords, "AT_ONCE", 2)
    assert search(["air"], ["air", "sea", "sea", "air", "air"])[:, 0].tolist() == [True, False, False, True, True]


@pytest.mark.parametrize("query", ["", "a OR", "(a", "a)", '"a', "()", "AND a", "NOT", '""', "*"])
def test_broken_queries_say_so(query: str) -> None:
    with pytest.raises(QueryError, match=r"character \d+|the query ends"):
        compile_query(query)


@given(st.text(max_size=40))
def test_any_query_compiles_or_is_refused(query: str) -> None:
    try:
        matcher = compile_query(query)
    except QueryError:
        return
    assert matcher("some text") in (True, False)


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), min_size=1), st.sampled_from(["alpha", "beta"]))
def test_not_is_the_complement(words: list[str], term: str) -> None:
    text = " ".join(words)
    assert compile_query(term)(text) != compile_query(f"NOT {term}")(text)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('(strike* OR "air raid") AND NOT (labour OR hunger)', ["strike*", "air raid"]),
        ("(jets AND bombed) OR warplane", ["warplane"]),
        ("a NOT b", ["a"]),
        ("NOT a", []),
        ("", []),
    ],
)
def test_sufficient_terms(query: str, expected: list[str]) -> None:
    assert sufficient_terms(query) == expected


@given(st.sampled_from(['(x* OR "y z") AND NOT w', "x OR (y AND z)", "x (y NOT z)"]), st.data())
def test_a_sufficient_term_is_enough_where_nothing_excludes_it(query: str, data: st.DataObject) -> None:
    term = data.draw(st.sampled_from(sufficient_terms(query)))
    assert search([query], [term.replace("*", "abc")]).all()


def test_a_query_in_too_many_brackets_is_refused() -> None:
    with pytest.raises(ValidationError, match="nested too deep"):
        Topic(id="arson", keywords="(" * 5000 + "fire" + ")" * 5000)
