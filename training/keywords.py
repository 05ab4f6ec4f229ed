"""Boolean keyword queries: what an analyst would type today, and the baseline that a model must beat.

Words, ``"phrases"``, ``*`` for any run of word characters, ``AND``, ``OR``, ``NOT`` and parentheses; case is ignored
and hyphens count as spaces.
Two terms side by side are joined by OR, as in most search boxes that analysts paste term lists into.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_TOKEN = re.compile(r'\s*(?:(?P<open>\()|(?P<close>\))|"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+))')
_HYPHEN = re.compile("[-\u2010-\u2014]")
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


def compile_query(query: str) -> Matcher:
    """A function that tells whether a text matches ``query``. Raises :class:`QueryError`."""
    tokens = _Tokens(query)
    matcher = _any_of(tokens)
    if tokens.peek():
        raise QueryError(f"character {tokens.at + 1}: a closing parenthesis without an opening one")
    return lambda text: matcher(_folded(text))


def matches(query: str, texts: Iterable[str]) -> list[bool]:
    """Whether each text matches."""
    matcher = compile_query(query)
    return [matcher(text) for text in texts]


def wanted_terms(query: str) -> list[str]:
    """The words and phrases that a query looks for, without ``*`` and without those it excludes."""
    terms: list[str] = []
    depth, excluded_at, negated = 0, None, False
    for match in _TOKEN.finditer(query):
        kind, text = match.lastgroup, match[match.lastgroup or 0]
        if kind == "open":
            depth += 1
            if negated and excluded_at is None:
                excluded_at = depth
        elif kind == "close":
            if excluded_at == depth:
                excluded_at = None
            depth -= 1
        elif kind == "word" and text in _OPERATORS:
            negated = text == "NOT"
            continue
        elif not negated and excluded_at is None:
            terms.append(text.replace("*", ""))
        negated = False
    return terms


def _any_of(tokens: _Tokens) -> Matcher:
    terms: list[str] = []
    others: list[Matcher] = []
    while True:
        part = _all_of(tokens)
        if isinstance(part, str):
            terms.append(part)
        else:
            others.append(part)
        following = tokens.peek()
        if following and following[0] == "OR":
            tokens.take()
        elif not following or following[0] == "close":
            break
    if terms:
        found = _whole_words("|".join(terms)).search
        others.insert(0, lambda text: found(text) is not None)
    return others[0] if len(others) == 1 else lambda text: any(other(text) for other in others)


def _all_of(tokens: _Tokens) -> Matcher | str:
    """The terms joined by AND; a lone term stays a pattern, so that many ORed terms become one expression."""
    parts = [_term(tokens)]
    while (following := tokens.peek()) and following[0] in ("AND", "NOT"):
        if following[0] == "AND":
            tokens.take()
        parts.append(_term(tokens))
    if len(parts) == 1:
        return parts[0]
    matchers = [_as_matcher(part) for part in parts]
    return lambda text: all(matcher(text) for matcher in matchers)


def _term(tokens: _Tokens) -> Matcher | str:
    token = tokens.peek()
    if token is None:
        raise QueryError("the query ends where a term is expected")
    kind, text = token
    place = tokens.at + 1
    tokens.take()
    if kind == "NOT":
        inner = _as_matcher(_term(tokens))
        return lambda candidate: not inner(candidate)
    if kind == "open":
        matcher = _any_of(tokens)
        closing = tokens.peek()
        if not closing or closing[0] != "close":
            raise QueryError(f"character {place}: the parenthesis is not closed")
        tokens.take()
        return matcher
    if kind in ("word", "phrase") and re.search(r"\w", text):
        return _pattern(text)
    raise QueryError(f"character {place}: found {text or 'an empty phrase'!r} where a term is expected")


def _pattern(term: str) -> str:
    words = [r"\w*".join(re.escape(part) for part in word.split("*")) for word in _folded(term).split()]
    return r"\s+".join(words)


def _whole_words(pattern: str) -> re.Pattern[str]:
    """Not inside of words. Looked at once for all alternatives, whose first letters then rule out nearly all."""
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)")


def _folded(text: str) -> str:
    return _HYPHEN.sub(" ", text.lower())


def _as_matcher(part: Matcher | str) -> Matcher:
    if not isinstance(part, str):
        return part
    found = _whole_words(part).search
    return lambda text: found(text) is not None
