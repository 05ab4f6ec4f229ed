"""Articles into paragraphs: plain text by its blank lines, HTML by its own paragraphs without the boilerplate."""

from __future__ import annotations

import codecs
import logging
import re
from functools import cache
from typing import Any

from training.errors import UserError

# What ends a line in text from anywhere: CRLF, a lone CR, vertical tab, form feed, NEL and the Unicode separators.
_LINE_END = re.compile("\r\n|[\n\r\x0b\x85\u2028]")
# A page break or a Unicode paragraph separator parts paragraphs as a blank line does.
_BREAK = re.compile("[\x0c\u2029]")
# Zero-width characters and byte-order marks that make a blank line look full.
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
_SENTENCE_END = re.compile(r"""[.!?…:;。！？؟।]["'”’»)\]]*$""")
_LONGEST_WRAPPED_LINE = 120
MOST_TAGS = 100_000
_BLOCKS = frozenset({"p", "head", "quote", "item", "cell", "code", "ab"})


def split_text(text: str) -> list[str]:
    """Split an article into its paragraphs, each stripped and not empty, in order.

    Blank lines part paragraphs; a line of spaces, no-break spaces or zero-width characters is blank, and a form feed
    or U+2029 counts as one. Line breaks inside a paragraph stay, as ``\\n``. A text without any blank line is
    either one paragraph wrapped by hand, or written one paragraph a line: it is split at its lines if three in four of
    them (the last one aside) end as sentences do or are longer than 120 characters, which no wrapped line is.
    """
    lines = [_stripped(line) for line in _LINE_END.split(_BREAK.sub("\n\n", text))]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    if "" not in lines and _one_paragraph_a_line(lines):
        return lines
    paragraphs: list[str] = []
    held: list[str] = []
    for line in [*lines, ""]:
        if line:
            held.append(line)
        elif held:
            paragraphs.append("\n".join(held))
            held = []
    return paragraphs


def _stripped(line: str) -> str:
    return line.strip().strip(_INVISIBLE).strip()


def _one_paragraph_a_line(lines: list[str]) -> bool:
    inner = lines[:-1]
    whole = sum(len(line) > _LONGEST_WRAPPED_LINE or _SENTENCE_END.search(line) is not None for line in inner)
    return bool(inner) and 4 * whole >= 3 * len(inner)


def html_paragraphs(page: bytes | str) -> list[str]:
    """The paragraphs of the main text of a web page; menus, adverts, comments and other boilerplate are left out.

    Extraction is trafilatura's (Barbaresi, ACL 2021 demos), which also finds the character set of bytes. A page in
    which no text is found gives an empty list; one that cannot be parsed at all, or has more tags than any article
    (extraction would take minutes and gigabytes), raises :class:`UserError`.
    """
    if not page.strip():
        return []
    tags = page.count(b"<") if isinstance(page, bytes) else page.count("<")
    if tags > MOST_TAGS:
        raise UserError(f"the page has {tags:,} tags, more than the {MOST_TAGS:,} that an article may have")
    try:
        document = _extraction()(_whole(page), include_comments=False, with_metadata=False)
    except (ValueError, RecursionError, AssertionError, LookupError, AttributeError, TypeError) as problem:
        raise UserError(f"the page cannot be parsed as HTML ({type(problem).__name__}: {problem})") from None
    found: list[str] = []
    if document is not None and document.body is not None:
        _collect(document.body, found)
    return found


@cache
def _extraction() -> Any:
    """trafilatura's extraction, without its log: what it has to say about a page is said by the result."""
    from trafilatura import bare_extraction

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL + 1)
    return bare_extraction


def _whole(page: bytes | str) -> bytes | str:
    """Trafilatura takes no fragments: one gets the frame of a page.

    Line breaks of the source mean a space in HTML; without them, those that trafilatura gives part paragraphs.
    """
    if isinstance(page, bytes):
        if page.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return _whole(page.decode("utf-16", "replace"))
        page = page.replace(b"\n", b" ").replace(b"\r", b" ")
        return page if b"<html" in page[:4096].lower() else b"<html><body>" + page + b"</body></html>"
    page = page.replace("\n", " ").replace("\r", " ")
    return page if "<html" in page[:4096].lower() else f"<html><body>{page}</body></html>"


def _collect(element: Any, found: list[str]) -> None:
    """Walk down to the innermost block elements; loose text between blocks is a paragraph of its own."""
    inline: list[str] = [element.text or ""]
    for child in element:
        if child.tag in _BLOCKS or any(inner.tag in _BLOCKS for inner in child.iter()):
            _keep(inline, found)
            _collect(child, found)
            inline = [child.tail or ""]
        elif child.tag == "lb":
            inline += [" ", child.tail or ""]
        else:
            inline += ["".join(child.itertext()), child.tail or ""]
    _keep(inline, found)


def _keep(inline: list[str], found: list[str]) -> None:
    """Where trafilatura falls back to its baseline it gives one block with a line for each paragraph."""
    for line in "".join(inline).splitlines():
        text = " ".join(line.split())
        if text:
            found.append(text)
