"""A local page to look at tags and at a model: evidence, filters over millions of rows, corrections by keyboard."""

from training.view.open import view

__all__ = ["view"]
