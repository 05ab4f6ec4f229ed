"""``conflict-topics tag``"""

from __future__ import annotations

import click

from training.commands.options import model_argument
from training.model.light import OwnProcess, skip_unused_imports


@click.command(short_help="Tag paragraphs or articles with a saved model.")
@model_argument
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o", "--output", required=True, help="Output file: .jsonl .csv .parquet, plain, .gz or .zst; - for stdout."
)
@click.option("--format", "input_format", metavar="SUFFIX", help="Read every input as this, e.g. jsonl or csv.gz.")
@click.option("--text-column", default="text", show_default=True)
@click.option("--paragraph-column", default="paragraph_id", show_default=True)
@click.option("--article-column", default="article_id", show_default=True)
@click.option("--keep", multiple=True, metavar="COLUMN", help="Pass an input column through. May be repeated.")
@click.option("--all-probabilities", is_flag=True, help="Add the probability of every topic.")
@click.option("--explain", is_flag=True, help="Add the evidence for each tag.")
@click.option("--max-characters", default=1_000_000, show_default=True, help="Reject longer texts.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads [all cores].")
@click.option("--strict", is_flag=True, help="Stop at the first row that cannot be tagged.")
@click.option("--force", is_flag=True, help="Replace an existing output, or an interrupted run that does not fit.")
@click.option("--rejected", metavar="FILE", help="Where rows that cannot be tagged go [OUTPUT.rejected.jsonl].")
@click.pass_context
def tag(context: click.Context, /, model: str, inputs: tuple[str, ...], output: str, **options: object) -> None:
    """Tag INPUT (files, folders, globs or - for stdin) with MODEL, a folder or an MLflow URI.

    A row with a paragraph_id is one paragraph; without one its text is an article and is split into paragraphs.
    Rows that cannot be tagged are set aside in OUTPUT.rejected.jsonl. An interrupted run goes on when the same
    command is given again.

    \b
    Examples:
      conflict-topics tag experiments/models/default articles/ --output tags.parquet
      zcat news.jsonl.gz | conflict-topics tag models:/conflict-topics@champion - --output - > tags.jsonl
    """
    if context.find_object(OwnProcess):
        skip_unused_imports()
    from training import load
    from training.tagging import tag as run

    root = context.find_root().params
    run(load(model), inputs, output, quiet=root["quiet"], log_json=root["log_json"], **options)  # type: ignore[arg-type]
