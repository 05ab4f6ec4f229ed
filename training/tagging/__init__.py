"""Archives in, tags out: readers, writers, shards, engines."""

from training.tagging.engine import tag
from training.tagging.options import Tuning
from training.tagging.summary import Interrupted, Summary

__all__ = ["Interrupted", "Summary", "Tuning", "tag"]
