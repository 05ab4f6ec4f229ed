"""Label Studio's own formats on the way out: tasks with predictions, and the labelling interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from training.codebook import Codebook, Topic
from training.model.model import Exclusive

# Names of the interface's tags, which come back as from_name and to_name. A task's data must have no key of the name
# CONTROL: the flat exports (JSON-MIN, CSV) write the choices under it, over whatever stands there.
CONTROL, OBJECT = "topics", "text"
LONGEST_HINT = 600


def interface(topics: Sequence[str], codebook: Codebook | None, exclusive: Exclusive = "no") -> str:
    """The labelling interface as XML: one choice a topic, its hint what the codebook says of it."""
    described = {topic.id: topic for topic in codebook.topics} if codebook else {}
    single = exclusive != "no"
    required = exclusive == "exactly_one"
    title = codebook.name if codebook and codebook.name else "Topics"
    ask = "Choose the topic of the paragraph." if single else "Choose every topic of the paragraph, or none."
    lines = [
        "<View>",
        f"  <Header value={quoteattr(title)}/>",
        f'  <Text name="{OBJECT}" value="${OBJECT}"/>',
        f"  <Header size={quoteattr('6')} value={quoteattr(ask)}/>",
        f'  <Choices name="{CONTROL}" toName="{OBJECT}" choice="{"single" if single else "multiple"}"'
        f' required="{"true" if required else "false"}" showInline="true">',
    ]
    for topic in topics:
        hint = _hint(described[topic]) if topic in described else ""
        lines.append(f"    <Choice value={quoteattr(topic)}{f' hint={quoteattr(hint)}' if hint else ''}/>")
    return "\n".join([*lines, "  </Choices>", "</View>", ""])


def _hint(topic: Topic) -> str:
    parts = [part for part in (topic.name, topic.definition) if part]
    if topic.include:
        parts.append("Include: " + "; ".join(topic.include))
    if topic.exclude:
        parts.append("Exclude: " + "; ".join(rule.text for rule in topic.exclude))
    text = " ".join(". ".join(part.rstrip(".") for part in parts).split())
    return text if len(text) <= LONGEST_HINT else text[: LONGEST_HINT - 1].rsplit(" ", 1)[0] + "…"


def task(
    data: Mapping[str, Any], suggested: Sequence[str] | None = None, score: float = 0.0, model: str = ""
) -> dict[str, Any]:
    """One task. ``suggested`` topics become a prediction of ``model``, which annotators see; None: no prediction.

    ``score`` is the probability that the whole prediction is right, by which the data manager can sort.
    """
    if CONTROL in data:
        raise ValueError(f'a key "{CONTROL}" in the data would be lost in the flat exports')
    made: dict[str, Any] = {"data": dict(data)}
    if suggested is not None:
        result = {"from_name": CONTROL, "to_name": OBJECT, "type": "choices", "value": {"choices": list(suggested)}}
        made["predictions"] = [
            {"model_version": model, "score": round(score, 4), "result": [result] if suggested else []}
        ]
    return made
