"""``conflict-topics explain``"""

from __future__ import annotations

import click

from training.commands.options import model_argument


@click.command(short_help="The terms that carried each topic, with their places in the text.")
@model_argument
@click.argument("text", metavar="[TEXT]", required=False)
@click.option("--topic", "topics", multiple=True, help="Explain this topic, tagged or not. May be repeated.")
@click.option("--most", default=8, show_default=True, help="Terms for and against each topic.")
@click.option("--json", "as_json", is_flag=True, help="Print every contribution as JSON.")
def explain(model: str, text: str | None, topics: tuple[str, ...], most: int, as_json: bool) -> None:
    """Show why MODEL gives a paragraph its topics. TEXT is read from stdin when it is not given.

    \b
    Example:
      conflict-topics explain experiments/models/default "Two officers crossed the lines with their men."
    """
    import json
    import sys

    from training import load
    from training.errors import UserError, did_you_mean
    from training.evaluation.highlight import explanation

    loaded = load(model)
    for topic in topics:
        if topic not in loaded.topics:
            raise UserError(f'--topic: {model} has no topic "{topic}".{did_you_mean(topic, loaded.topics)}')
    paragraph = sys.stdin.read() if text is None else text
    evidence = loaded.explain(paragraph)
    chosen = [entry for entry in evidence if entry.topic in topics] if topics else evidence
    if as_json:
        click.echo(json.dumps([entry.to_json() for entry in chosen], ensure_ascii=False, indent=1))
    else:
        shown = chosen if topics else [entry for entry in chosen if entry.tagged]
        told = shown or chosen[:1]
        coloured, exclusive = sys.stdout.isatty(), loaded.decision.exclusive
        click.echo(explanation(paragraph, told, most, colour=coloured, exclusive=exclusive))
