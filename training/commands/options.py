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


def a_period(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    """The callback of an option that takes a year, month or day."""
    from training.dates import period

    if given is not None:
        try:
            period(given)
        except ValueError as problem:
            raise click.BadParameter(str(problem)) from None
    return given
