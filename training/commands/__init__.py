"""One file a command. Heavy imports stay inside the functions, so that ``--help`` answers at once."""

from __future__ import annotations

import click

from training.commands.check import check
from training.commands.compare import compare
from training.commands.drift import drift
from training.commands.evaluate import evaluate
from training.commands.explain import explain
from training.commands.review import review
from training.commands.search import search
from training.commands.sync import sync
from training.commands.tag import tag
from training.commands.train import train
from training.commands.view import view

COMMANDS: tuple[click.Command, ...] = (
    train,
    tag,
    view,
    evaluate,
    explain,
    compare,
    search,
    check,
    review,
    drift,
    sync,
)
