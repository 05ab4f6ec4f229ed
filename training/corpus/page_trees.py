"""What is done to the tree of a web page before trafilatura reads it, so that no text of the article is passed over."""

from __future__ import annotations

import re
from typing import Any

SENTENCE_END = re.compile(r"""[.!?…:;。！？؟।]["'”’»)\]]*$""")
_BLOCKS = (
    "address", "article", "aside", "blockquote", "center", "dd", "details", "div", "dl", "dt", "fieldset", "figure",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
    "section", "table", "td", "ul",
)  # fmt: skip
_HOLDERS = ("article", "body", "div", "form", "main", "section", "td")
_WITHIN = ("a", "abbr", "b", "cite", "em", "font", "i", "img", "mark", "q", "span", "strong", "sub", "sup", "time", "u")
_SHORTEST = 30
_FRAMES = ("article", "div", "main", "section")


def wrap_loose_text(tree: Any, named: bool) -> None:
    """Sentences that stand in a block beside other blocks become paragraphs, as a browser shows them.

    Trafilatura drops most of them, and lists where the article is not ``named``. What ends no sentence (labels, signs
    between links) is left as it is.
    """
    for centred in list(tree.iter("center")):
        centred.tag = "div"
    for block in list(tree.iter("div")):
        if (
            not block.attrib
            and _beside_paragraphs(block)
            and not _holds_blocks(block)
            and _is_said(_text(block), _links(block))
        ):
            block.tag = "p"
    for holder in list(tree.iter(*_HOLDERS)):
        if any(child.tag in _BLOCKS and (child.tag, holder.tag) != ("div", "body") for child in holder):
            _wrap(holder)
    if not named:
        for item in list(tree.iter("li", "dd")):
            if _beside_paragraphs(item.getparent()) and not _holds_blocks(item):
                _wrap(item)


def _beside_paragraphs(block: Any) -> bool:
    return block is not None and block.getparent() is not None and block.getparent().find("p") is not None


def _is_said(text: str, links: str) -> bool:
    """Whether a text ends as a sentence does and is more than its links and a label."""
    return SENTENCE_END.search(text.strip()) is not None and len(text.strip()) - len(links) >= _SHORTEST


def _links(element: Any) -> str:
    return "".join(_text(link) for link in element.iter("a"))


def _holds_blocks(element: Any) -> bool:
    return next(element.iterdescendants(*_BLOCKS), None) is not None


def _text(element: Any) -> str:
    return "".join(element.itertext()).strip()


def _wrap(holder: Any) -> None:
    run: list[Any] = []
    text, holder.text = holder.text, None
    at = 0
    for child in [*holder, None]:
        if child is not None and child.tag in _WITHIN and not _holds_blocks(child):
            run.append(child)
            continue
        at = _put(holder, at, text, run)
        if child is not None:
            text, child.tail = child.tail, None
            at += 1
            run = []


def _put(holder: Any, at: int, text: str | None, run: list[Any]) -> int:
    """Put a run of text and the tags within it back at its place, in a paragraph if it is one or more sentences."""
    said = (text or "") + "".join("".join(part.itertext()) + (part.tail or "") for part in run)
    if _is_said(said, "".join(map(_links, run))):
        paragraph = holder.makeelement("p")
        paragraph.text = text
        paragraph.extend(run)
        holder.insert(at, paragraph)
        return at + 1
    if at:
        holder[at - 1].tail = text
    else:
        holder.text = text
    return at + len(run)


def frame_posts(tree: Any, first: Any) -> None:
    """What holds all posts of a live blog is marked as the article: trafilatura would take the ``first`` post alone.

    Posts are what it takes and all that have the same names, if most of the text is not in the first, none holds
    another, and they stand under one headline at most; if not, they are teasers, or articles of their own.
    """
    posts = [post for post in tree.iter(first.tag) if _name(post) == _name(first)]
    sizes = [len(_text(post)) for post in posts]
    if len(posts) < 3 or 2 * sizes[0] > sum(sizes) or any(_within_another(post) for post in posts):
        return
    around = set(posts[-1].iterancestors())
    frame = next((above for above in first.iterancestors(*_FRAMES) if above in around), None)
    if frame is not None and sum(1 for _ in frame.iter("h1")) < 2:
        frame.set("itemprop", "articleBody")


def _name(element: Any) -> tuple[str | None, str | None]:
    return element.get("class"), element.get("itemprop")


def _within_another(post: Any) -> bool:
    return any(_name(above) == _name(post) for above in post.iterancestors(post.tag))
