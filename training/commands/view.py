"""``conflict-topics view``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from training.view.serve import Address


@click.command(short_help="Look at tags or at a model in the browser, and correct tags by keyboard.")
@click.argument("tags_or_model", metavar="TAGS|MODEL")
@click.option("--model", metavar="MODEL", help="With TAGS: show the evidence of this model.")
@click.option(
    "--corrections",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where corrections are kept, .jsonl [TAGS.corrections.jsonl].",
)
@click.option("--codebook", metavar="FILE", help="The topics that can be set [those of the model and of the tags].")
@click.option("--annotator", metavar="NAME", help="Who corrects [your user name].")
@click.option("--text-column", default="text", show_default=True)
@click.option("--date-column", default="date", show_default=True)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes any port that is free."
)
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
def view(*, tags_or_model: str, no_browser: bool, **options: object) -> None:
    """Open a page on this machine, which nobody else can reach: TAGS to browse and correct, or MODEL to try.

    With a MODEL, paste or open an article and see its paragraphs with topics and evidence. With TAGS (the output of
    tag with --keep text; .parquet .jsonl .csv) filter any number of rows by topic, date, probability and words, and
    accept, reject or add topics by keyboard. Every correction is saved at once as a labelled record for data.train.
    Ctrl-C ends it.

    \b
    Examples:
      conflict-topics view experiments/models/default
      conflict-topics view tags.parquet --model experiments/models/default
    """
    from training.view import view as run

    def opened(address: Address) -> None:
        click.echo(f"View  {address.url}\nCtrl-C ends it.")
        if not no_browser:
            _open(address.url)

    click.echo(run(tags_or_model, opened=opened, **options))  # type: ignore[arg-type]


def _open(url: str) -> None:
    """In a thread: a browser in the terminal would keep the server from answering."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
