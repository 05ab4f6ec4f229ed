"""``conflict-topics compare``"""

from __future__ import annotations

import click


@click.command(short_help="Is one model better than another? A paired difference with an interval.")
@click.argument("model_a", metavar="MODEL_A")
@click.argument("model_b", metavar="MODEL_B")
@click.argument("data", metavar="DATA")
@click.option("--columns", default=None, metavar="YAML", help="As data.columns [those MODEL_A was trained with].")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def compare(model_a: str, model_b: str, data: str, columns: str | None, as_json: bool) -> None:
    """Say whether MODEL_B tags the labelled paragraphs of DATA better than MODEL_A, overall and by topic.

    \b
    Example:
      conflict-topics compare experiments/models/default models:/conflict-topics@champion labelled.jsonl
    """
    import json
    from dataclasses import asdict

    from training import load
    from training.evaluation.table import comparison_table
    from training.measure import compare_models, labelled_data, must_know, warn_of_training_data

    a, b = load(model_a), load(model_b)
    corpus = labelled_data(a, data, columns)
    must_know(b, corpus, data)
    warn_of_training_data([a, b], corpus, data)
    overall, by_topic = compare_models(a, b, corpus)
    if as_json:
        tree = {
            kind: [asdict(difference) | {"verdict": difference.verdict} for difference in differences]
            for kind, differences in (("overall", overall), ("topics", by_topic))
        }
        click.echo(json.dumps(tree, indent=1, ensure_ascii=False))
    else:
        click.echo(comparison_table(overall, by_topic))
