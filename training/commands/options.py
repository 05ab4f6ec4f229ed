"""Arguments and options that several commands share."""

from __future__ import annotations

import click

config_argument = click.argument("config", type=click.Path(dir_okay=False))
model_argument = click.argument("model", metavar="MODEL")
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the config: a dotted key and a YAML value. May be repeated.",
)
