"""Articles into paragraphs: plain text by its blank lines, HTML by its own paragraphs without the boilerplate."""

from __future__ import annotations

import codecs
import logging
import re
from copy import deepcopy
from functools import cache
from typing import Any

from training.corpus.page_data import article_bodies
from training.corpus.page_trees import SENTENCE_END, frame_posts, wrap_loose_text
from training.errors import UserError

# What ends a line in text from anywhere: CRLF, a lone CR, vertical tab, form feed, NEL and the Unicode separators.
_LINE_END = re.compile("\r\n|[\n\r\x0b\x85\u2028]")
# A page break or a Unicode paragraph separator parts paragraphs as a blank line does.
_BREAK = re.compile("[\x0c\u2029]")
# Zero-width characters and byte-order marks that make a blank line look full.
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
# Soft hyphens tell where a word may be broken. What is declared as ISO-8859-1 is Windows-1252, as browsers have it.
_MEANT = {0xAD: None} | {code: bytes([code]).decode("cp1252", "ignore") or None for code in range(0x80, 0xA0)}
_LONGEST_WRAPPED_LINE = 120
MOST_TAGS = 40_000
_INLINE = (
    "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd",
    "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
)  # fmt: skip
_WITHIN = (
    "p",
    "div",
    "ul",
    "ol",
    "dl",
    "table",
    "pre",
    "blockquote",
    "article",
    "section",
    "h1",
    "h2",
    "h3",
    "h4",
    "br",
)
_PRE = re.compile(r"(</?pre(?=[\s/>]))", re.IGNORECASE)
_MARKED_UP = re.compile(r"</?(?:p|br|div)\b", re.IGNORECASE)
_BLANK_LINE = re.compile("\n[ \t]*\n[ \t\n]*")
_DROPPED = "dropped"
_NAMES = frozenset({"class", "id", "style", "role", "aria-hidden"})
_CONTROLS = ("button", "datalist", "option", "select", "textarea")
_BLOCKS = frozenset({"p", "head", "quote", "item", "cell", "code", "ab"})


def split_text(text: str) -> list[str]:
    """Split an article into its paragraphs, each stripped and not empty, in order.

    Blank lines part paragraphs; a line of spaces, no-break spaces or zero-width characters is blank, and a form feed
    or U+2029 counts as one. Line breaks inside a paragraph stay, as ``\\n``. Lines that no blank line parts are
    either one paragraph wrapped by hand, or written one paragraph a line. They are split if three in four of
    them (the last one aside) end as sentences do or are longer than 120 characters, which no wrapped line is, and if
    they are all of the text, or most of it: three lines or more below a headline, say, with no other such lines.
    """
    blocks: list[list[str]] = [[]]
    for line in map(_stripped, _LINE_END.split(_BREAK.sub("\n\n", text))):
        if line:
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    blocks = [block for block in blocks if block]
    several = [block for block in blocks if len(block) > 1]
    if len(several) == 1 and _is_most(several[0], blocks) and _one_paragraph_a_line(several[0]):
        return [line for block in blocks for line in block]
    return ["\n".join(block) for block in blocks]


def _is_most(block: list[str], blocks: list[list[str]]) -> bool:
    length = sum(map(len, block))
    return len(blocks) == 1 or (len(block) > 2 and 2 * length > sum(len(line) for other in blocks for line in other))


def _stripped(line: str) -> str:
    return line.strip().strip(_INVISIBLE).strip()


def _one_paragraph_a_line(lines: list[str]) -> bool:
    inner = lines[:-1]
    whole = sum(len(line) > _LONGEST_WRAPPED_LINE or SENTENCE_END.search(line) is not None for line in inner)
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
        tree = _libraries()[0].load_html(_whole(page))
        bodies = article_bodies(tree) if tree is not None else []
        document = _extracted(tree) if tree is not None else None
    except (ValueError, RecursionError, AssertionError, LookupError, AttributeError, TypeError) as problem:
        raise UserError(f"the page cannot be parsed as HTML ({type(problem).__name__}: {problem})") from None
    found: list[str] = []
    if document is not None and document.body is not None:
        _collect(document.body, found)
    if not bodies or len(found) > len(bodies):
        return found
    parts = [part for body in bodies for part in _laid_out(body)]
    same = "".join("".join(parts).split()) == "".join("".join(found).split())
    return parts if same or not found else found


def _laid_out(body: str) -> list[str]:
    """The paragraphs of a text that a page holds as data, whose line breaks trafilatura takes for spaces."""
    if _MARKED_UP.search(body):
        return html_paragraphs(body)
    return [" ".join(part.split()) for part in split_text(body)]


def _extracted(tree: Any) -> Any:
    """What trafilatura makes of a page.

    It drops what some tags within sentences hold, so those without a name go first. Where it falls back to its
    baseline, as on short pages, it gives each text node a line of its own, so that any tag within a sentence tears it:
    then it is asked again, without any such tag.
    """
    trafilatura, etree, names = _libraries()
    etree.strip_tags(tree, etree.Comment)
    for inline in list(tree.iter(*_INLINE)):
        if inline.tag == "time" or _NAMES.isdisjoint(inline.keys()):  # by names trafilatura knows what is no article's
            inline.tag = _DROPPED
    etree.strip_tags(tree, _DROPPED)  # all at once: one by one, their texts would be joined again and again
    for menu in list(tree.iter("nav")):
        if next(menu.iter("p", "article", "main", "h1"), None) is None:  # else one that its page forgot to close
            menu.tag = _DROPPED
    etree.strip_elements(tree, _DROPPED, *_CONTROLS, with_tail=False)
    for line_break in list(tree.iter("br")):
        _soften(line_break)
    etree.strip_tags(tree, _DROPPED)
    first = next((found for path in names for found in path(tree)[:1]), None)
    if first is not None:
        frame_posts(tree, first)
    wrap_loose_text(tree, named=first is not None)
    for block in tree.iter("article", "section", "li"):  # trafilatura runs the texts of some blocks together
        listed = block.tag == "li" and block.getparent() is not None and block.getparent().tag in ("ul", "ol", "menu")
        if not listed and next(block.iterdescendants(*_WITHIN), None) is None:
            block.tag = "p"
    document = trafilatura.bare_extraction(deepcopy(tree), include_comments=False, with_metadata=False)
    if document is None or document.body is None or "\n" not in "".join(document.body.itertext()):
        return document
    etree.strip_tags(tree, "a", *_INLINE)
    return trafilatura.bare_extraction(tree, include_comments=False, with_metadata=False)


def _soften(line_break: Any) -> None:
    """A line break alone is a space; two, with nothing between, end a paragraph and stay as they are."""
    before, behind = line_break.getprevious(), line_break.getnext()
    follows = before is not None and before.tag == "br" and not _stripped(before.tail or "")
    precedes = behind is not None and behind.tag == "br" and not _stripped(line_break.tail or "")
    if not follows and not precedes:
        line_break.tail = " " + (line_break.tail or "")
        line_break.tag = _DROPPED


@cache
def _libraries() -> tuple[Any, Any, Any]:
    """trafilatura, without its log: what it has to say about a page is said by the result; lxml's trees; and the paths
    by which trafilatura knows the article by its name."""
    import trafilatura
    from lxml import etree  # type: ignore[import-untyped]
    from trafilatura.xpaths import BODY_XPATH

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL + 1)
    return trafilatura, etree, BODY_XPATH


def _whole(page: bytes | str) -> bytes | str:
    """Trafilatura takes no fragments: one gets the frame of a page.

    Line breaks of the source mean a space in HTML; without them, those that trafilatura gives part paragraphs. In text
    that is laid out already, as in ``<pre>``, blank lines part paragraphs.
    """
    if isinstance(page, bytes):
        character_set = _evident_character_set(page)
        if character_set:
            return _whole(page.decode(character_set, "replace"))
        return str(_whole(page.decode("latin-1"))).encode("latin-1")  # byte by byte, whatever the character set
    parts = _PRE.split(page.replace("\r\n", "\n").replace("\r", "\n"))
    for at in range(2, len(parts), 2):
        if not parts[at - 1].startswith("</"):
            parts[at] = _BLANK_LINE.sub("<br><br>", parts[at])
    page = "".join(parts).replace("\n", " ")
    return page if "<html" in page[:4096].lower() else f"<html><body>{page}</body></html>"


def _evident_character_set(page: bytes) -> str | None:
    """The character sets that trafilatura takes for ASCII or UTF-8, where the bytes leave no doubt."""
    if page.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if page.startswith((b"<\0", b"\0<")):
        return "utf-16-le" if page[0] else "utf-16-be"
    return "iso2022_jp_2" if page.isascii() and (b"\x1b$B" in page or b"\x1b$@" in page) else None


def _collect(element: Any, found: list[str]) -> None:
    """Walk down to the innermost block elements; loose text between blocks is a paragraph of its own."""
    inline: list[str] = [element.text or ""]
    for child in element:
        if child.tag in _BLOCKS or any(inner.tag in _BLOCKS for inner in child.iter()):
            _keep(inline, found)
            _collect(child, found)
            inline = [child.tail or ""]
        elif child.tag == "lb":
            inline += ["\n", child.tail or ""]
        else:
            inline += ["".join(child.itertext()), child.tail or ""]
    _keep(inline, found)


def _keep(inline: list[str], found: list[str]) -> None:
    """Where trafilatura falls back to its baseline it gives one block with a line for each paragraph."""
    for line in "".join(inline).translate(_MEANT).splitlines():
        text = " ".join(line.split())
        if _stripped(text):
            found.append(text)
