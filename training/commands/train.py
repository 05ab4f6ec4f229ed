"""``conflict-topics train``"""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.options import config_argument, set_option
from training.model.light import OwnProcess


@click.command(short_help="Train, evaluate, save and track a model.")
@config_argument
@set_option
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="Model folder [experiments/models/NAME]."
)
@click.pass_context
def train(context: click.Context, config: str, overrides: tuple[str, ...], output: Path | None) -> None:
    """Train the experiment CONFIG, evaluate it, save the model and track the run in MLflow.

    \b
    Examples:
      conflict-topics train configs/default.yaml
      conflict-topics train configs/default.yaml --set data.train=mine.jsonl --set data.codebook=null
    """
    process = context.find_object(OwnProcess)
    if process is not None:
        process.learning()
    from training.config_file import load_config
    from training.evaluation.table import results_table
    from training.train import train as run

    settings = load_config(config, overrides)
    folder = output or Path("experiments/models") / settings.name
    outcome = run(settings, folder)
    click.echo(results_table(outcome.metrics))
    click.echo()
    click.echo(f"Model    {outcome.folder}  ({outcome.model.id})")
    click.echo(f"Report   {outcome.folder / 'report.html'}")
    click.echo(f"Run      {outcome.run}")
    if outcome.registered is not None:
        click.echo(f"Known as {outcome.registered}")
    click.echo()
    click.echo(f"Next     conflict-topics tag {outcome.folder} YOUR_FILES --output tags.jsonl")
    if settings.tracking.enabled:
        click.echo("         make ui   (the run in MLflow)")
