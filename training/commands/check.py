"""``conflict-topics check``"""

from __future__ import annotations

import sys

import click

from training.commands.options import config_argument, set_option


@click.command(short_help="What is wrong with the data, before training.")
@config_argument
@set_option
@click.option("--learning-curve", is_flag=True, help="Also how much more labels would help, by topic; trains 20 times.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(config: str, overrides: tuple[str, ...], learning_curve: bool, as_json: bool) -> None:
    """Look for leaks, near-duplicates, contradicting labels, rare or odd topics and a small test part in CONFIG's data.

    Exit code 1 if training would fail; findings that only deserve a look leave it 0.

    \b
    Examples:
      conflict-topics check configs/default.yaml --set data.train=mine.jsonl
      conflict-topics check configs/default.yaml --learning-curve
    """
    import json

    from training.checks import check_data
    from training.config_file import load_config

    findings = check_data(load_config(config, overrides), learning_curve)
    if as_json:
        click.echo(json.dumps(findings.to_json(), indent=1, ensure_ascii=False))
    else:
        click.echo(findings.text())
    sys.exit(1 if findings.fatal else 0)
