"""``conflict-topics tag``"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import click

from training.commands.options import model_argument
from training.errors import UserError
from training.model.light import OwnProcess


@click.command(short_help="Tag paragraphs or articles with a saved model.")
@model_argument
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    help="Output file: .jsonl .csv .parquet, plain, .gz or .zst; - for stdout. With Spark a folder of Parquet parts.",
)
@click.option("--format", "input_format", metavar="SUFFIX", help="Read every input as this, e.g. jsonl or csv.gz.")
@click.option("--text-column", default="text", show_default=True)
@click.option("--paragraph-column", default="paragraph_id", show_default=True)
@click.option("--article-column", default="article_id", show_default=True)
@click.option("--keep", multiple=True, metavar="COLUMN", help="Pass an input column through. May be repeated.")
@click.option("--all-probabilities", is_flag=True, help="Add the probability of every topic.")
@click.option("--explain", is_flag=True, help="Add the evidence for each tag: its strongest words.")
@click.option("--max-characters", default=1_000_000, show_default=True, help="Reject longer texts.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads [all cores].")
@click.option("--strict", is_flag=True, help="Stop at the first row that cannot be tagged.")
@click.option("--force", is_flag=True, help="Replace an existing output, or an interrupted run that does not fit.")
@click.option("--rejected", metavar="FILE", help="Where rows that cannot be tagged go [OUTPUT.rejected.jsonl].")
@click.option("--engine", type=click.Choice(["local", "spark"]), default="local", show_default=True)
@click.option("--spark-master", metavar="URL", help="E.g. spark://host:7077 [what Spark is configured for, or local].")
@click.pass_context
def tag(
    context: click.Context,
    /,
    model: str,
    inputs: tuple[str, ...],
    output: str,
    engine: str,
    spark_master: str | None,
    **options: Any,
) -> None:
    """Tag INPUT (files, folders, globs or - for stdin) with MODEL, a folder or an MLflow URI.

    A row with a paragraph_id is one paragraph; without one its text is an article and is split into paragraphs.
    Rows of one article_id and no paragraph_id are told as repeated: their paragraphs are ARTICLE:1, … each time.
    With --keep text each paragraph has its text in the output, which is what view needs.
    Rows that cannot be tagged are set aside in OUTPUT.rejected.jsonl. An interrupted run goes on when the same
    command is given again.

    \b
    Examples:
      conflict-topics tag experiments/models/default articles/ --output tags.parquet
      zcat news.jsonl.gz | conflict-topics tag models:/conflict-topics@champion - --output - > tags.jsonl
      conflict-topics tag MODEL /shared/archive --engine spark --spark-master spark://host:7077 --output /shared/tags
    """
    root = context.find_root().params
    options |= {"quiet": root["quiet"], "log_json": root["log_json"]}
    if engine == "spark":
        _on_spark(spark_master, model, inputs, output, options)
        return
    if spark_master is not None:
        raise click.UsageError("--spark-master is for --engine spark.")
    process = context.find_object(OwnProcess)
    with process.starting() if process else nullcontext():
        from training import load
        from training.tagging import tag as run

        loaded = load(model)
    run(loaded, inputs, output, **options)


def _on_spark(master: str | None, model: str, inputs: tuple[str, ...], output: str, options: dict[str, Any]) -> None:
    if options.pop("threads") is not None:
        raise click.UsageError(
            "--threads is for --engine local; Spark's executors have the cores that Spark gives them."
        )
    try:
        from training.tagging.spark_files import tag_files
        from training.tagging.spark_session import spark_session
    except ModuleNotFoundError as problem:
        if str(problem.name).partition(".")[0] not in ("pyspark", "py4j"):
            raise
        raise UserError(
            "--engine spark: pyspark is not installed. Install it with: pip install 'conflict-topics[spark]' (from a "
            "clone: pip install --require-hashes -r requirements-spark.lock); or tag here with --engine local."
        ) from None
    with spark_session(master, quiet=options["quiet"]) as session:
        tag_files(session, model, inputs, output, **options)
