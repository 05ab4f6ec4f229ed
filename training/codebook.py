"""The codebook: what each topic means, and the keyword query that stands for it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from training.errors import UserError, did_you_mean
from training.keywords import QueryError, compile_query, wanted_terms
from training.topic_names import fault_of
from training.yaml_text import parse_yaml


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Exclusion(Entry):
    text: str
    topic: str | None = None


class Crosswalk(Entry):
    acled: tuple[str, ...] = ()
    plover: tuple[str, ...] = ()
    cameo: tuple[str, ...] = ()


class Topic(Entry):
    """``prevalence``: the share of the texts to be tagged that carry the topic, where that is known."""

    id: Annotated[str, Field(min_length=1, max_length=100)]
    name: str = ""
    definition: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    examples: tuple[str, ...] = ()
    keywords: str | None = None
    prevalence: Annotated[float, Field(gt=0, lt=1)] | None = None
    crosswalk: Crosswalk = Crosswalk()

    @field_validator("id")
    @classmethod
    def _a_name(cls, name: str) -> str:
        fault = fault_of(name)
        if fault:
            raise ValueError(f"the id of a topic; {name[:40]!r} {fault}")
        return name

    @field_validator("keywords")
    @classmethod
    def _understood(cls, query: str | None) -> str | None:
        if query is not None:
            try:
                compile_query(query)
            except QueryError as problem:
                raise ValueError(f"a query that can be understood; {problem}") from None
            except RecursionError:
                raise ValueError("a query that can be understood; its brackets are nested too deep") from None
        return query


class Rule(Entry):
    id: str
    title: str = ""
    text: str


class Codebook(Entry):
    """Topics in the order that tables and models keep."""

    version: int = 1
    name: str = ""
    description: str = ""
    rules: tuple[Rule, ...] = ()
    topics: Annotated[tuple[Topic, ...], Field(min_length=1)]

    @property
    def topic_ids(self) -> tuple[str, ...]:
        return tuple(topic.id for topic in self.topics)

    def texts(self) -> list[tuple[str, str]]:
        """(text, topic id) for all that the codebook itself says of a topic: what it is, examples, keywords."""
        return [
            (text, topic.id)
            for topic in self.topics
            for text in (topic.definition, *topic.include, *topic.examples, *wanted_terms(topic.keywords or ""))
            if text
        ]

    def without_examples(self, left_out: Collection[str]) -> Codebook:
        """The same without some of its examples."""
        topics = [
            topic.model_copy(update={"examples": tuple(text for text in topic.examples if text not in left_out)})
            for topic in self.topics
        ]
        return self.model_copy(update={"topics": tuple(topics)})

    @model_validator(mode="after")
    def _consistent(self) -> Codebook:
        ids = self.topic_ids
        repeated = sorted({name for name in ids if ids.count(name) > 1})
        if repeated:
            raise ValueError(f'each topic once; "{repeated[0]}" stands twice')
        for topic in self.topics:
            for exclusion in topic.exclude:
                if exclusion.topic is not None and exclusion.topic not in ids:
                    nearest = did_you_mean(exclusion.topic, ids)
                    raise ValueError(f'known topics; {topic.id}.exclude names "{exclusion.topic}".{nearest}')
        return self


def load_codebook(path: str | Path) -> Codebook:
    """Read and check a codebook. Raises :class:`UserError`."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such codebook. Set data.codebook to its path, or to null for the topics found in the data."
        ) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"{path}: cannot be read as YAML: {' '.join(str(problem).split())}.") from None
    tree = parse_yaml(text, str(path))
    try:
        return Codebook.model_validate(tree)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        nearest = did_you_mean(first["loc"][-1], Topic.model_fields) if first["type"] == "extra_forbidden" else ""
        raise UserError(f"{path}: {key or 'codebook'}: expected: {message}.{nearest}") from None
