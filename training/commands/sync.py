"""``conflict-topics sync``"""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Send records of trainings that MLflow did not get.")
@click.argument("folders", metavar="[MODEL_FOLDER]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--uri", metavar="URI", help="Send to this MLflow store [that of each record].")
@click.option("--experiment", metavar="NAME", help="Send to this experiment [that of each record].")
@click.option("--list", "only_list", is_flag=True, help="Say what is to be sent, and send nothing.")
def sync(folders: tuple[Path, ...], uri: str | None, experiment: str | None, only_list: bool) -> None:
    """Send the records that are waiting in experiments/pending, or those of the MODEL_FOLDERs, to MLflow.

    A training whose record MLflow did not take leaves it there. A record that was sent in part is completed, one that
    was sent is not sent again.

    \b
    Examples:
      conflict-topics sync
      conflict-topics sync --list
      conflict-topics sync experiments/models/default --uri http://mlflow.example.org
    """
    from training.errors import UserError
    from training.prepare import prepare
    from training.sync import sync as run
    from training.track import Destination

    if only_list:
        _list()
        return
    unsent = total = 0
    for sent in run(folders, Destination(uri, experiment), lambda config: prepare(config).test):
        total += 1
        if sent.problem is not None:
            unsent += 1
            click.echo(f"{sent.name}: not sent: {sent.problem}", err=True)
            continue
        before = " (it was there already)" if sent.run is not None and sent.run.found else ""
        click.echo(f"{sent.name}: run {sent.run}{before}")
        if sent.registered is not None:
            click.echo(f"{' ' * len(sent.name)}  known as {sent.registered}")
    if unsent:
        raise UserError(
            f"{unsent} of {total} records were not sent. They are kept; try again with: conflict-topics sync"
        )
    if not total:
        click.echo("Nothing to send.")


def _list() -> None:
    from datetime import datetime

    from training.tracking.pending import pending

    entries, damaged = pending()
    for entry in entries:
        trained = datetime.fromtimestamp(entry.ended / 1000).astimezone()
        click.echo(f"{entry.name}: trained {trained:%Y-%m-%d %H:%M}, tried {entry.tries} times: {entry.problem}")
        click.echo(f"{' ' * len(entry.name)}  for {entry.uri}, from {entry.folder}")
    for problem in damaged.values():
        click.echo(problem, err=True)
    if not entries and not damaged:
        click.echo("Nothing to send.")
