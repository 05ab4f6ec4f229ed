"""``conflict-topics drift``"""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.options import model_argument


@click.command(short_help="How far an archive is from what the model was trained on.")
@model_argument
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write drift.html and drift.json to this folder.",
)
@click.option("--by", type=click.Choice(["month", "year", "all"]), default="month", show_default=True)
@click.option("--format", "input_format", metavar="SUFFIX", help="Read every input as this, e.g. jsonl or csv.gz.")
@click.option("--text-column", default="text", show_default=True)
@click.option("--date-column", default="date", show_default=True, help="Dates such as 2024-05-31; may be missing.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def drift(
    *,
    model: str,
    inputs: tuple[str, ...],
    output: Path | None,
    by: str,
    input_format: str | None,
    text_column: str,
    date_column: str,
    as_json: bool,
) -> None:
    """Compare an archive, INPUT, with what MODEL was trained on: unknown words, scores, and how often topics occur.

    Counts of topics are corrected for the errors that the model makes, because counts of its tags are biased. Says
    which months to sample for labels. INPUT is what tag takes: files, folders, globs or - for stdin.

    \b
    Example:
      conflict-topics drift experiments/models/default archive/ --output drift/
    """
    import json

    from training import load
    from training.atomic import check_writable, write_output
    from training.review.archive import read_archive
    from training.review.drift import measure_drift
    from training.review.known import metrics_of
    from training.review.months import months_of
    from training.review.tables import drift_table

    if output is not None:
        check_writable(output)
    loaded = load(model)
    paragraphs = read_archive(inputs, input_format=input_format, text_column=text_column, date_column=date_column)
    months, rejected = months_of(loaded, paragraphs, by)
    found = measure_drift(loaded, metrics_of(loaded), months, rejected)
    if output is not None:
        from training.review.figures import render_drift

        total = sum(period.paragraphs for period in found.periods)
        told = f"{total:,} paragraphs of {', '.join(inputs)} against the training data of {found.model}."
        figures = json.dumps(found.to_json(), ensure_ascii=False, indent=1) + "\n"
        write_output(output / "drift.html", render_drift(found, told).encode())
        write_output(output / "drift.json", figures.encode())
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=1))
    else:
        click.echo(drift_table(found))
        if output is not None:
            click.echo(f"\nFigures  {output / 'drift.html'}")
