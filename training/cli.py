"""The command line: ``conflict-topics``. Each command lives in its own file of :mod:`training.commands`."""

from __future__ import annotations

import logging
import os
import select
import sys
import time

import click

from training.commands import COMMANDS
from training.errors import UserError
from training.model.light import OwnProcess


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        """End well where whoever read standard output had enough, as ``head`` has: click would say 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            poll = select.poll()
            poll.register(1, 0)
            if not poll.poll(0):  # another pipe than standard output
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what is still held back
            ctx.exit(0)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="conflict-topics")
@click.option("--log-json", is_flag=True, help="Write the log to stderr as JSON lines.")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and errors on stderr.")
def conflict_topics(log_json: bool, quiet: bool) -> None:
    """Train and run fast, explainable topic taggers for paragraphs of conflict news.

    \b
    Examples:
      conflict-topics train configs/default.yaml
      conflict-topics tag experiments/models/default articles/ --output tags.parquet
      conflict-topics explain experiments/models/default "Units were moved into the orchards."
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if log_json else logging.Formatter("%(message)s"))
    package = logging.getLogger("training")
    package.handlers = [handler]
    package.propagate = False
    package.setLevel(logging.WARNING if quiet else logging.INFO)


for _command in COMMANDS:
    conflict_topics.add_command(_command)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        import json

        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(entry | getattr(record, "fields", {}), ensure_ascii=False)


def _tell(message: str) -> None:
    """The last word, as a JSON line where the log is one."""
    handlers = logging.getLogger("training").handlers
    if any(isinstance(handler.formatter, _JsonLines) for handler in handlers):
        logging.getLogger("training.cli").error(message)
    else:
        click.echo(message, err=True)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 a problem with data, config or model, 2 wrong usage."""
    if sys.stderr is None:  # closed: what is said is lost, and no file is opened in its place
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
    process = OwnProcess()
    try:
        conflict_topics(standalone_mode=False, obj=process)
        process.end()
    except UserError as problem:
        _tell(f"Error: {problem}")
        sys.exit(getattr(problem, "exit_code", 1))  # a job that a signal stopped: 128 and its number
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _tell("Interrupted.")
        sys.exit(130)
    except OSError as problem:  # a full disk behind standard output, a disk that went away
        _tell(f"Error: {problem.filename or 'standard output'}: {problem.strerror or problem}.")
        sys.exit(1)
