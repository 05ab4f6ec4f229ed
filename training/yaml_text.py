"""YAML that people write: a config, a codebook, a value on the command line."""

from __future__ import annotations

import re
from typing import Any

import yaml

from training.errors import UserError

_NO_TEXT = re.compile("[\0\ud800-\udfff]")  # which no path or name can hold
MOST_VALUES = 1_000_000
"""Values in a file with its aliases written out: aliases of aliases can make a kilobyte mean more than any memory."""


def parse_yaml(text: str, where: str) -> Any:
    """What ``text`` holds. Raises :class:`UserError`, which names ``where`` it stands, for what is not good YAML.

    A key that a mapping has twice is no good: YAML keeps the last and says nothing.
    """
    try:
        return yaml.load(text, _OnceLoader)
    except (yaml.YAMLError, ValueError) as problem:  # a ValueError: a date or number that there is not
        raise UserError(f"{where}: not valid YAML: {' '.join(str(problem).split())}.") from None
    except RecursionError:
        raise UserError(f"{where}: not valid YAML: nested too deep.") from None


class _OnceLoader(yaml.SafeLoader):
    def construct_document(self, node: Any) -> Any:
        if _size(node, {}) > MOST_VALUES:
            told = f"more than {MOST_VALUES:,} values when aliases are written out"
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark)
        return super().construct_document(node)

    def construct_scalar(self, node: Any) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str) and _NO_TEXT.search(value):
            raise yaml.constructor.ConstructorError(
                None, None, "half of a surrogate pair or a null character, not text", node.start_mark
            )
        return value

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if (key.tag, key.value) in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f'the key "{key.value}" stands twice', key.start_mark
                    )
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def _size(node: Any, known: dict[int, int | None]) -> int:
    """How many values a node stands for; ``known`` are those of other nodes, None while they are being counted."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = None
        inner = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_size(each, known) for each in inner)
    found = known[id(node)]
    if found is None:
        raise yaml.constructor.ConstructorError(None, None, "an alias within what it names", node.start_mark)
    return found
