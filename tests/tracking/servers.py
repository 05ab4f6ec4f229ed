"""Real servers for tests: ``mlflow server`` on loopback, and PostgreSQL below it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START_SECONDS = 240


@dataclass(frozen=True)
class Server:
    """An MLflow server and the folder in which it keeps artifacts."""

    uri: str
    artifacts: Path


def environment(**more: str) -> dict[str, str]:
    """That of this process without what belongs to MLflow, and able to import the package."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "_MLFLOW_", "PYTEST_"))
    }
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return kept | {"PYTHONPATH": path, "PATH": programs, "MLFLOW_DISABLE_TELEMETRY": "true"} | more


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[object], log: Path, answers: str, **more: str) -> Iterator[None]:
    """A server process, once the URL ``answers`` does; ended with its children afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(**more),
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(answers):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)
        yield
    finally:
        _end(process)


@contextmanager
def mlflow_server(folder: Path, database: str | None = None) -> Iterator[Server]:
    """``mlflow server`` over SQLite or ``database``, with its artifacts behind it."""
    port = free_port()
    artifacts = folder / "artifacts"
    uri = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", 1]
    command += ["--backend-store-uri", database or f"sqlite:///{folder / 'server.db'}"]
    command += ["--artifacts-destination", artifacts.as_uri(), "--serve-artifacts"]
    with running(command, folder / "server.log", f"{uri}/health", MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"):
        yield Server(uri, artifacts)


@contextmanager
def postgresql() -> Iterator[str]:
    """The URI of an empty database of a PostgreSQL that was made for it."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not programs:
        pytest.skip("PostgreSQL is not installed (on Debian: apt-get install postgresql)")
    driver = next((name for name in ("psycopg", "psycopg2") if importlib.util.find_spec(name)), None)
    if driver is None:
        pytest.skip("there is no driver for PostgreSQL (pip install 'psycopg[binary]')")
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="conflict-topics-postgresql-"))
    port = free_port()
    try:
        if as_user:
            shutil.chown(folder, "postgres", "postgres")
        data = folder / "data"
        make = [*as_user, programs[-1] / "initdb", "-D", data, "-U", "mlflow", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, cwd="/")
        server = [*as_user, programs[-1] / "postgres", "-D", data, "-k", folder, "-p", port, "-F"]
        server += ["-c", "listen_addresses=127.0.0.1"]
        with (folder / "log").open("wb") as output:
            process = subprocess.Popen([str(part) for part in server], stdout=output, stderr=output, cwd="/")
        try:
            deadline = time.monotonic() + START_SECONDS
            ready = [programs[-1] / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
            while subprocess.run(ready, check=False).returncode:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"PostgreSQL did not start:\n{(folder / 'log').read_text()[-2000:]}")
                time.sleep(0.1)
            yield f"postgresql+{driver}://mlflow@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)  # does not wait for clients
            process.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers, which are in a process group of their own."""
    for way in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, way)
        except ProcessLookupError:
            break
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
