"""An experiment's file: YAML, overrides and variables in, the schema or an error that names the key out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from training.config import Columns, Config
from training.errors import UserError, did_you_mean, listed
from training.yaml_text import parse_yaml

T = TypeVar("T", bound=BaseModel)


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML experiment, apply ``KEY=VALUE`` overrides, expand ``${VARIABLES}`` and validate it."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such config file. The default one is configs/default.yaml.") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"{path}: cannot be read as UTF-8 text ({problem}).") from None
    return parse_config(text, where=str(path), overrides=overrides)


def parse_config(text: str, *, where: str, overrides: Sequence[str] = ()) -> Config:
    """As :func:`load_config`, from the text of a config."""
    tree = _mapping(text, where)
    for override in overrides:
        _override(tree, override)
    return _validated(Config, _expand(tree, where), where)


def parse_columns(text: str, *, where: str) -> Columns:
    """``data.columns`` alone, given ``where``."""
    return _validated(Columns, _mapping(text, where), where)


def _mapping(text: str, where: str) -> dict[str, Any]:
    tree = parse_yaml(text, where)
    if not isinstance(tree, dict):
        raise UserError(f"{where}: expected a mapping of keys, found {type(tree).__name__}.")
    return tree


def _validated(schema: type[T], tree: Any, where: str) -> T:
    try:
        return schema.model_validate(tree)
    except ValidationError as problem:
        raise UserError("\n".join(_explain(error, where, schema) for error in _culprits(problem))) from None


def _override(tree: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise UserError(f"--set {override}: expected KEY=VALUE, e.g. --set data.test=test.jsonl.")
    *parents, last = key.strip().split(".")
    node = tree
    for parent in parents:
        below = node.get(parent)
        if below is None:
            below = node[parent] = {}
        if not isinstance(below, dict):
            raise UserError(f'--set {key}: "{parent}" holds a value, not further keys.')
        node = below
    try:
        node[last] = parse_yaml(value, f"--set {key}")
    except UserError as problem:
        raise UserError(f"{problem} Quote it if it is text.") from None


_TYPES = ("str", "int", "float", "list", "dict")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def _expand(node: Any, where: str) -> Any:
    if isinstance(node, dict):
        return {key: _expand(value, where) for key, value in node.items()}
    if isinstance(node, list):
        return [_expand(value, where) for value in node]
    if not isinstance(node, str):
        return node

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise UserError(
                f"{where}: {node}: the environment variable {match[1]} is not set. Set it, or give the path with --set."
            )
        return os.environ[match[1]]

    return _VARIABLE.sub(value_of, node)


def _culprits(problem: ValidationError) -> list[Any]:
    """One error a key. A union reports those of each member: the deepest, of the member that fits best, was meant."""
    errors = problem.errors(include_url=False)
    members = Counter(_member(error["loc"]) for error in errors)

    def misfit(error: Any) -> tuple[int, int, bool]:
        return -len(_path(error["loc"])), members[_member(error["loc"])], error["type"] != "extra_forbidden"

    best: dict[tuple[str, ...], Any] = {}
    for error in sorted(errors, key=misfit):
        best.setdefault(tuple(_path(error["loc"])[:2]), error)
    return list(best.values())


def _member(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The part of a pydantic location up to the last name of a union member."""
    return location[: max((at for at, part in enumerate(location) if not _is_key(part)), default=-1) + 1]


def _path(location: tuple[int | str, ...]) -> list[str]:
    """A pydantic location without the names of union members and validators."""
    return [str(part) for part in location if _is_key(part)]


def _is_key(part: int | str) -> bool:
    return isinstance(part, int) or (part not in _TYPES and re.fullmatch(r"[a-z0-9_]+", part) is not None)


def _explain(error: Any, where: str, schema: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        *above, last = error["loc"]
        path = _path(tuple(above))
        known, key = _keys_at(schema, path), ".".join([*path, str(last)])
        return f"{where}: {key}: unknown key.{did_you_mean(str(last), known) or f' Known keys: {listed(known)}.'}"
    key = ".".join(_path(error["loc"]))
    if error["type"] == "missing":
        return f"{where}: {key}: required, but missing."
    message = str(error["msg"]).removeprefix("Value error, ")
    expected = message[0].lower() + message[1:] if message else "another value"
    found = error["input"]
    shown = f"found {found!r}, " if isinstance(found, (str, int, float, bool, type(None))) else ""
    nearest = ""
    if error["type"] == "literal_error":
        nearest = did_you_mean(found, re.findall(r"'([^']*)'", str(error["ctx"]["expected"])))
    return f"{where}: {key or 'config'}: {shown}expected: {expected}.{nearest}"


def _keys_at(schema: type[BaseModel], path: Sequence[str]) -> list[str]:
    """The keys that the schema knows below ``path``."""
    candidates = [schema]
    for part in path:
        below = [model.model_fields[part].annotation for model in candidates if part in model.model_fields]
        candidates = [model for annotation in below for model in _models(annotation)]
    return [field for model in candidates for field in model.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]
