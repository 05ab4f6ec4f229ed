"""``conflict-topics evaluate``"""

from __future__ import annotations

import click

from training.commands.options import model_argument


@click.command(short_help="The metrics of a saved model on labelled data.")
@model_argument
@click.argument("data", metavar="DATA")
@click.option("--columns", default=None, metavar="YAML", help="As data.columns [those the model was trained with].")
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON.")
def evaluate(model: str, data: str, columns: str | None, as_json: bool) -> None:
    """Measure MODEL on the labelled paragraphs of DATA (a path, a glob or a Hub data set).

    \b
    Example:
      conflict-topics evaluate experiments/models/default labelled.jsonl
    """
    import json

    from training import load
    from training.evaluation.table import results_table
    from training.measure import evaluate_model, labelled_data, warn_of_training_data

    loaded = load(model)
    corpus = labelled_data(loaded, data, columns)
    warn_of_training_data([loaded], corpus, data)
    metrics = {"test": evaluate_model(loaded, corpus)}
    click.echo(json.dumps(metrics, indent=1, ensure_ascii=False) if as_json else results_table(metrics))
