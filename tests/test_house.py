"""The rules of the house: imports point one way, and each outside library has one door."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "training"
# A room may import from rooms on its own floor's list only.
MAY_IMPORT = {
    "errors": set(),
    "topic_names": set(),
    "dates": set(),
    "atomic": {"errors"},
    "keywords": {"errors"},
    "config": {"errors"},
    "yaml_text": {"errors"},
    "config_file": {"errors", "config", "yaml_text"},
    "codebook": {"errors", "keywords", "topic_names", "yaml_text"},
    "corpus": {"errors", "config", "codebook", "topic_names", "dates"},
    "model": {"errors", "config", "codebook", "keywords", "atomic", "topic_names"},
    "evaluation": {"errors", "config", "codebook", "keywords", "model", "corpus"},
    "tracking": {"errors", "config", "codebook", "atomic", "model", "corpus", "evaluation"},
}
MAY_IMPORT["measure"] = {*MAY_IMPORT["tracking"], "config_file"}
MAY_IMPORT["learning_curve"] = MAY_IMPORT["measure"]
MAY_IMPORT["prepare"] = {"errors", "config", "codebook", "keywords", "corpus", "model"}
STEPS = set(MAY_IMPORT)
MAY_IMPORT["promote"] = STEPS
MAY_IMPORT["track"] = {*STEPS, "promote"}
MAY_IMPORT["sync"] = {*STEPS, "track"}
MAY_IMPORT["train"] = {*STEPS, "track"}
MAY_IMPORT["checks"] = {*STEPS, "train"}
MAY_IMPORT["search"] = {*STEPS, "train"}
MAY_IMPORT["review"] = {*STEPS, "train", "tagging"}
MAY_IMPORT["tagging"] = {"errors", "atomic", "corpus", "model"}
MAY_IMPORT["view"] = {"errors", "topic_names", "dates", "atomic", "codebook", "corpus", "model", "evaluation"}
DOORS = {
    "click": {"training/cli.py", "training/commands"},
    "mlflow": {"training/tracking"},
    "datasets": {"training/corpus/sources.py"},
    "pyspark": {"training/tagging/spark"},
    "trafilatura": {"training/corpus/articles.py"},
    "rensa": {"training/corpus/duplicates.py"},
    "numba": {"training/model"},
    "optuna": {"training/search.py"},
    "safetensors": {"training/model/saved.py"},
    "py4j": {"training/tagging/spark_session.py"},
    "krippendorff": {"training/review/agreement.py"},
    "duckdb": {"training/view/tags.py"},
    "starlette": {"training/view"},
    "uvicorn": {"training/view/serve.py"},
}


def imports(path: Path) -> set[str]:
    """Dotted names of every module imported anywhere in a file, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room not in MAY_IMPORT:
        return
    rooms = {name.split(".")[1] for name in imports(path) if name.startswith("training.")}
    known = {item.name.removesuffix(".py") for item in PACKAGE.iterdir()}
    assert rooms & known <= MAY_IMPORT[room] | {room}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_library_has_one_door(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    for library in {module.split(".")[0] for module in imports(path)} & set(DOORS):
        assert any(name.startswith(door) for door in DOORS[library]), f"{name} imports {library}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_can_open_a_pickle(path: Path) -> None:
    assert not imports(path) & {"pickle", "cloudpickle", "joblib", "dill", "marshal", "shelve"}
