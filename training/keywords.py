"""Boolean keyword queries: what an analyst would type today, and the baseline that a model must beat.

Words, ``"phrases"``, ``*`` for any run of word characters, ``AND``, ``OR``, ``NOT`` and parentheses; case is ignored
and hyphens count as spaces.
Two terms side by side are joined by OR, as in most search boxes that analysts paste term lists into.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_TOKEN = re.compile(r'\s*(?:(?P<open>\()|(?P<close>\))|"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+))')
_HYPHEN = re.compile("[-\u2010-\u2014]")
_WORD = re.compile(r"\w+")
AT_ONCE = 10_000  # texts whose words are held in memory
LAST = chr(0x10FFFF)  # behind every beginning, all that begins so comes before it
_OPERATORS = ("AND", "OR", "NOT")
Matcher = Callable[[str], bool]


class QueryError(ValueError):
    """The query cannot be understood; the message says where."""


@dataclass
class _Tokens:
    query: str
    at: int = 0

    def peek(self) -> tuple[str, str] | None:
        if not self.query[self.at :].strip():
            return None
        match = _TOKEN.match(self.query, self.at)
        if match is None or match.lastgroup is None:
            raise QueryError(f"character {self.at + 1}: a quotation mark is not closed")
        self._end = match.end()
        kind, text = match.lastgroup, match[match.lastgroup]
        return (text, text) if kind == "word" and text in _OPERATORS else (kind, text)

    def take(self) -> None:
        self.at = self._end


@dataclass(frozen=True)
class _Node:
    """A part of a query: a term, or "AND", "OR" or "NOT" of further parts."""

    kind: str
    text: str = ""
    parts: tuple[_Node, ...] = ()


def compile_query(query: str) -> Matcher:
    """A function that tells whether a text matches ``query``. Raises :class:`QueryError`."""
    matcher = _matcher(_parsed(query))
    return lambda text: matcher(folded(text))


def search(queries: Sequence[str], texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether each text matches each query, bool [texts, queries]. Raises :class:`QueryError`.

    A text with none of the words by which the terms of a query are known is to that query as good as empty.
    """
    parsed = [_parsed(query) for query in queries]
    known_by = [{_clue(term) for term in _terms(node, alone=False, excluded=True)} for node in parsed]
    matchers = [_matcher(node) for node in parsed]
    found = np.zeros((len(texts), len(queries)), dtype=np.bool_)
    for first in range(0, len(texts), AT_ONCE):
        _search_some(matchers, known_by, texts[first : first + AT_ONCE], found[first : first + AT_ONCE])
    return found


def _search_some(
    matchers: Sequence[Matcher], known_by: Sequence[set[str]], texts: Sequence[str], found: npt.NDArray[np.bool_]
) -> None:
    lowered = [folded(text) for text in texts]
    words_of = [set(_WORD.findall(text)) for text in lowered]
    vocabulary = sorted(set().union(*words_of))
    for at, (matcher, clues) in enumerate(zip(matchers, known_by, strict=True)):
        alike: set[str] = set()
        for clue in clues:
            beginning = clue.removesuffix("*")
            first = bisect_left(vocabulary, beginning)
            last = bisect_left(vocabulary, beginning + LAST, first) if clue.endswith("*") else first + 1
            alike.update(word for word in vocabulary[first:last] if word.startswith(beginning))
        otherwise = matcher("")
        found[:, at] = [
            otherwise if alike.isdisjoint(words) else matcher(text)
            for words, text in zip(words_of, lowered, strict=True)
        ]


def wanted_terms(query: str) -> list[str]:
    """The words and phrases that a query looks for, without ``*`` and without those it excludes."""
    return [term.replace("*", "") for term in _terms(_parsed(query), alone=False)] if query else []


def sufficient_terms(query: str) -> list[str]:
    """The words and phrases of which one alone is enough, but for what the query excludes; with their ``*``."""
    return _terms(_parsed(query), alone=True) if query else []


def words_of_term(term: str) -> list[str]:
    """The words of a term as patterns of one word each; the term matches where they follow one another."""
    return [r"\w*".join(re.escape(part) for part in word.split("*")) for word in folded(term).split()]


def _terms(node: _Node, *, alone: bool, excluded: bool = False) -> list[str]:
    if node.kind == "term":
        return [node.text]
    parts = [part for part in node.parts if excluded or part.kind != "NOT"]
    if (node.kind == "NOT" and not excluded) or (alone and node.kind == "AND" and len(parts) > 1):
        return []
    return [term for part in parts for term in _terms(part, alone=alone, excluded=excluded)]


def _clue(term: str) -> str:
    """A word that every match holds, or with ``*`` the beginning of one: the longest of the term's."""
    words = [re.match(r"(\w*)(.*)", word) for word in folded(term).split()]
    return max((word[1] + ("*" if word[2] else "") for word in words if word), key=len)


def _parsed(query: str) -> _Node:
    tokens = _Tokens(query)
    node = _any_of(tokens)
    if tokens.peek():
        raise QueryError(f"character {tokens.at + 1}: a closing parenthesis without an opening one")
    return node


def _any_of(tokens: _Tokens) -> _Node:
    parts = []
    while True:
        parts.append(_all_of(tokens))
        following = tokens.peek()
        if following and following[0] == "OR":
            tokens.take()
        elif not following or following[0] == "close":
            return parts[0] if len(parts) == 1 else _Node("OR", parts=tuple(parts))


def _all_of(tokens: _Tokens) -> _Node:
    parts = [_term(tokens)]
    while (following := tokens.peek()) and following[0] in ("AND", "NOT"):
        if following[0] == "AND":
            tokens.take()
        parts.append(_term(tokens))
    return parts[0] if len(parts) == 1 else _Node("AND", parts=tuple(parts))


def _term(tokens: _Tokens) -> _Node:
    token = tokens.peek()
    if token is None:
        raise QueryError("the query ends where a term is expected")
    kind, text = token
    place = tokens.at + 1
    tokens.take()
    if kind == "NOT":
        return _Node("NOT", parts=(_term(tokens),))
    if kind == "open":
        node = _any_of(tokens)
        closing = tokens.peek()
        if not closing or closing[0] != "close":
            raise QueryError(f"character {place}: the parenthesis is not closed")
        tokens.take()
        return node
    if kind in ("word", "phrase") and re.search(r"\w", text):
        return _Node("term", text)
    raise QueryError(f"character {place}: found {text or 'an empty phrase'!r} where a term is expected")


def _matcher(node: _Node) -> Matcher:
    if node.kind == "term":
        return _search([node.text])
    if node.kind == "NOT":
        inner = _matcher(node.parts[0])
        return lambda text: not inner(text)
    if node.kind == "AND":
        every = [_matcher(part) for part in node.parts]
        return lambda text: all(matcher(text) for matcher in every)
    # Many ORed terms become one expression.
    terms = [part.text for part in node.parts if part.kind == "term"]
    some = [_search(terms)] if terms else []
    some += [_matcher(part) for part in node.parts if part.kind != "term"]
    return lambda text: any(matcher(text) for matcher in some)


def _search(terms: list[str]) -> Matcher:
    """Not inside of words. Looked at once for all alternatives, whose first letters then rule out nearly all."""
    pattern = "|".join(r"\s+".join(words_of_term(term)) for term in terms)
    found = re.compile(rf"(?<!\w)(?:{pattern})(?!\w)").search
    return lambda text: found(text) is not None


def folded(text: str) -> str:
    """As queries and texts are compared: in lower case, hyphens as blanks."""
    return _HYPHEN.sub(" ", text.lower())
