"""``conflict-topics explain``"""

from __future__ import annotations

import sys

import click

from training.commands.options import model_argument
from training.errors import UserError


@click.command(short_help="The terms that carried each topic, with their places in the text.")
@model_argument
@click.argument("text", metavar="[TEXT]", required=False)
@click.option("--topic", "topics", multiple=True, help="Explain this topic, tagged or not. May be repeated.")
@click.option(
    "--most", type=click.IntRange(min=0), default=8, show_default=True, help="Terms for and against each topic."
)
@click.option("--json", "as_json", is_flag=True, help="Print every contribution as JSON.")
def explain(model: str, text: str | None, topics: tuple[str, ...], most: int, as_json: bool) -> None:
    """Show why MODEL gives a paragraph its topics. TEXT is read from stdin when it is not given.

    \b
    Example:
      conflict-topics explain experiments/models/default "Two officers crossed the lines with their men."
    """
    import json

    from training import load
    from training.errors import did_you_mean
    from training.evaluation.highlight import explanation

    loaded = load(model)
    for topic in topics:
        if topic not in loaded.topics:
            raise UserError(f'--topic: {model} has no topic "{topic}".{did_you_mean(topic, loaded.topics)}')
    paragraph = _read() if text is None else text
    try:
        paragraph.encode("utf-8")
    except UnicodeEncodeError:
        raise UserError("TEXT is not UTF-8. Give it as UTF-8.") from None
    evidence = loaded.explain(paragraph)
    chosen = [entry for entry in evidence if entry.topic in topics] if topics else evidence
    if as_json:
        click.echo(json.dumps([entry.to_json() for entry in chosen], ensure_ascii=False, indent=1))
    else:
        shown = chosen if topics else [entry for entry in chosen if entry.tagged]
        told = shown or chosen[:1]
        coloured, exclusive = sys.stdout is not None and sys.stdout.isatty(), loaded.decision.exclusive
        click.echo(explanation(paragraph, told, most, colour=coloured, exclusive=exclusive))


def _read() -> str:
    if sys.stdin is None:
        raise UserError("standard input is closed. Give TEXT, or pipe it in.")
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as problem:
        raise UserError(f"standard input: byte {problem.start + 1} is not UTF-8. Save the text as UTF-8.") from None
