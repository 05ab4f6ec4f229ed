"""A Spark session for the command line, and Spark's failures as messages."""

from __future__ import annotations

import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from training.errors import UserError

# An error of ours in a task comes back as the text of a traceback.
_OURS = re.compile(r"training\.errors\.UserError: (.*?)(?:\n|$)")


@contextmanager
def spark_session(master: str | None = None, *, quiet: bool = False) -> Iterator[SparkSession]:
    """A session on ``master``; without one, on what Spark itself is configured for, else on this machine's cores.

    One that exists already is used and left alone. Raises :class:`UserError` where Spark cannot start or fails.
    """
    existing = SparkSession.getActiveSession()
    if existing is not None:
        with failures_told():
            yield existing
        return
    java = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (java and shutil.which("java", path=f"{java}/bin")):
        raise UserError(
            "--engine spark: Java was not found, and Spark needs it. Install Java 17 or newer (on Debian: apt-get "
            "install openjdk-17-jre-headless) or set JAVA_HOME; or tag on this machine with --engine local."
        )
    builder = SparkSession.builder.appName("conflict-topics").config("spark.log.level", "ERROR")
    builder = builder.config("spark.ui.showConsoleProgress", str(sys.stderr.isatty() and not quiet).lower())
    if master is not None:
        builder = builder.master(master)
    if (master or "local").startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else whatever "python3" is on the path
    with failures_told(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # pyspark's, about versions of pandas
        session = builder.getOrCreate()
        try:
            yield session
        finally:
            session.stop()


@contextmanager
def failures_told() -> Iterator[None]:
    """What fails in Spark as one message, that of the task where it is one of ours."""
    try:
        yield
    except (PySparkException, Py4JError) as problem:
        text = str(problem)
        ours = _OURS.search(text)
        if ours is not None:
            raise UserError(ours[1]) from problem
        caused = [line for line in text.splitlines() if line.startswith("Caused by:")]
        said = (
            caused[-1].removeprefix("Caused by:") if caused else next(iter(text.splitlines()), type(problem).__name__)
        )
        raise UserError(
            f"Spark failed: {' '.join(said.split())[:400]}. Its own log says more. Nothing was put in place of the "
            f"output; when Spark works again, run the same command."
        ) from problem
