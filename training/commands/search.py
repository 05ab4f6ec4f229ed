"""``conflict-topics search``"""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.options import config_argument, set_option


@click.command(short_help="Search for better hyperparameters.")
@config_argument
@set_option
@click.option("--trials", type=click.IntRange(min=1), help="Stop after so many trials in all [30 without --minutes].")
@click.option("--minutes", type=click.FloatRange(min=0.01), help="Begin no trial after so many minutes.")
@click.option("--study", type=click.Path(dir_okay=False, path_type=Path), help="[experiments/search/NAME.db]")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="The winner's config [configs/NAME-best.yaml]."
)
def search(
    config: str,
    overrides: tuple[str, ...],
    trials: int | None,
    minutes: float | None,
    study: Path | None,
    output: Path | None,
) -> None:
    """Try values from search.space of CONFIG and write the winner as a config file.

    Trials are judged by grouped out-of-fold scores of the training set; the test set is not looked at. A search that
    was interrupted goes on when the same command is given again.

    \b
    Example:
      conflict-topics search configs/default.yaml --trials 30
    """
    from training.atomic import check_writable, write_output
    from training.config_file import load_config
    from training.search import search as run

    settings = load_config(config, overrides)
    budget = 30 if trials is None and minutes is None else trials
    file = study or Path("experiments/search") / f"{settings.name}.db"
    target = output or Path("configs") / f"{settings.name}-best.yaml"
    check_writable(target.parent)
    if settings.tracking.enabled:
        from training.tracking.searches import tracked_search

        with tracked_search(settings, file) as record:
            found = run(settings, file, budget, minutes, record)
    else:
        found = run(settings, file, budget, minutes)
    winner = found.config.model_copy(update={"name": f"{settings.name}-best"})
    write_output(target, winner.to_yaml().encode())
    click.echo(f"{found.trials} trials, {found.pruned} given up early")
    click.echo(f"{settings.search.objective} out of fold: {found.start:.4f} as it was, {found.best.value:.4f} at best")
    for key, value in found.best.values.items():
        click.echo(f"  {key}: {value}")
    click.echo(f"Written to {target}. The best of several looks flatters itself a little; see what a test set says:")
    click.echo(f"  conflict-topics train {target}")
