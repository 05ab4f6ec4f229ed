"""Train and run fast, explainable topic taggers for paragraphs of conflict news."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.model.model import Model

__all__ = ["load"]
__version__ = "0.1.0"


def load(model: str | Path) -> Model:
    """Load a saved model from its folder, or from an MLflow URI such as ``models:/conflict-topics@champion``."""
    from training.model import saved

    if isinstance(model, str) and ":/" in model:
        from training.tracking.registry import fetch_model

        return fetch_model(model)
    return saved.load(model)
