"""What a model folder says about its training, in the terms of a tracked run. Nothing here needs mlflow."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from training.evaluation.charts import precision_recall_chart, reliability_chart

LONGEST_NAME, LONGEST_VALUE = 250, 6000
NO_FIGURES = ("curves", "reference")
COPIED = ("config.yaml", "codebook.yaml", "metrics.json", "report.html")
TABLE = "topics.json"
TABLE_COLUMNS = ("support", "train_support", "tagged", "precision", "recall", "f1", "average_precision", "threshold")


@dataclass(frozen=True)
class Record:
    """The complete local record of one training, read from its model folder."""

    folder: Path
    manifest: str
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    trained_on: Mapping[str, Any]

    @staticmethod
    def read(folder: Path) -> Record:
        return Record(
            folder,
            manifest_digest(folder),
            yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")),
            json.loads((folder / "metrics.json").read_bytes()),
            json.loads((folder / "model.json").read_bytes())["trained_on"],
        )

    def parameters(self) -> dict[str, str]:
        """The resolved config, one dotted key a value."""
        return named({key: str(value)[:LONGEST_VALUE] for key, value in flattened(self.config)})

    def figures(self) -> dict[str, float]:
        """Every measured number of ``metrics.json``; intervals as ``….low`` and ``….high``."""
        return named(dict(numbers({key: value for key, value in self.metrics.items() if key not in NO_FIGURES})))

    def write_artifacts(self, place: Path) -> None:
        """The files for people: those of the folder, a table of topics, and the curves as figures."""
        for name in COPIED:
            if (self.folder / name).exists():
                (place / name).write_bytes((self.folder / name).read_bytes())
        (place / TABLE).write_text(json.dumps(self.topic_table(), ensure_ascii=False), encoding="utf-8")
        curves = self.metrics.get("curves")
        if curves:
            drawn = precision_recall_chart(curves["precision_recall"])
            (place / "precision_recall.svg").write_text(drawn, encoding="utf-8")
            (place / "calibration.svg").write_text(reliability_chart(curves["reliability"]), encoding="utf-8")

    def topic_table(self) -> dict[str, list[Any]]:
        """Columns and rows, one row a topic, in the form in which MLflow shows a table."""
        topics = self.metrics["test"]["topics"].items()
        rows = [[topic, *(entry.get(column) for column in TABLE_COLUMNS)] for topic, entry in topics]
        return {"columns": ["topic", *TABLE_COLUMNS], "data": rows}

    def source(self, context: str) -> str:
        """Where the paragraphs of ``train`` or ``test`` came from."""
        data = self.config["data"]
        return str(data.get(context) or data["train"])


def manifest_digest(folder: Path) -> str:
    """SHA-256 of a model's manifest, which holds those of all its files: it says which model this is."""
    return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()


def flattened(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys with the leaves of a nested mapping."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def numbers(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers among the leaves of ``metrics``."""
    for key, value in flattened(metrics):
        if isinstance(value, list) and len(value) == 2 and all(isinstance(part, int | float) for part in value):
            yield from zip((f"{key}.low", f"{key}.high"), map(float, value), strict=True)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield key, float(value)


def named(values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` under names that every MLflow store takes. Names that would become the same stay apart."""
    taken: dict[str, Any] = {}
    for key, value in values.items():
        name = re.sub(r"[^\w\-. :]", "_", key)
        if len(name) > LONGEST_NAME or name in taken:
            name = f"{name[: LONGEST_NAME - 9]}_{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        taken[name] = value
    return taken
