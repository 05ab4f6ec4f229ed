"""An experiment's file: YAML, overrides and variables in, the schema or an error that names the key out."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from training.config import Config
from training.errors import UserError, did_you_mean, listed


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
    tree = parse_yaml(text, where=where)
    if not isinstance(tree, dict):
        raise UserError(f"{where}: expected a mapping of keys, found {type(tree).__name__}.")
    for override in overrides:
        _override(tree, override)
    tree = _expand(tree, where)
    try:
        return Config.model_validate(tree)
    except ValidationError as problem:
        raise UserError("\n".join(_explain(error, where) for error in _culprits(problem))) from None


def parse_yaml(text: str, *, where: str) -> Any:
    """What ``text`` holds; text that is not YAML is an error that names ``where`` it stands."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as problem:  # a ValueError: a date or number that there is not
        raise UserError(f"{where}: not valid YAML: {' '.join(str(problem).split())}.") from None


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
        node[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise UserError(f"--set {key}: {value!r} is not a YAML value. Quote it if it is text.") from None


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
    """One error a key: a union reports one for each member, of which the deepest is the one that was meant."""
    best: dict[tuple[str, ...], Any] = {}
    for error in problem.errors(include_url=False):
        path = tuple(_path(error["loc"]))
        kept = best.get(path[:2])
        if kept is None or len(_path(kept["loc"])) < len(path):
            best[path[:2]] = error
    return list(best.values())


def _path(location: tuple[int | str, ...]) -> list[str]:
    """A pydantic location without the names of union members and validators."""
    return [str(part) for part in location if isinstance(part, int) or re.fullmatch(r"[a-z0-9_]+", part)]


def _explain(error: Any, where: str) -> str:
    path = [part for part in _path(error["loc"]) if part not in ("str", "int", "float", "list", "dict")]
    key = ".".join(path)
    if error["type"] == "extra_forbidden":
        nearest = did_you_mean(path[-1], _keys_at(path[:-1]))
        return f"{where}: {key}: unknown key.{nearest or f' Known keys: {listed(_keys_at(path[:-1]))}.'}"
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


def _keys_at(path: Sequence[str]) -> list[str]:
    """The keys that the schema knows below ``path``."""
    candidates: list[type[BaseModel]] = [Config]
    for part in path:
        below = [model.model_fields[part].annotation for model in candidates if part in model.model_fields]
        candidates = [model for annotation in below for model in _models(annotation)]
    return [field for model in candidates for field in model.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]
