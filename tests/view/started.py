"""The command as a user starts it, with the address that it prints."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]


class Started:
    """A running ``conflict-topics view``."""

    def __init__(self, *arguments: object, cwd: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "training", "view", *map(str, arguments), "--no-browser"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None and self.process.stderr is not None
        line = self.process.stdout.readline()
        if not line.startswith("View  http://127.0.0.1:"):
            raise AssertionError(line + self.process.stderr.read())
        self.url = line.split()[1]

    def correct(self, row: int, topics: list[str]) -> None:
        """What a person does in the page: open it, and set the topics of a paragraph."""
        place = urlsplit(self.url)
        with closing(http.client.HTTPConnection(place.netloc, timeout=60)) as connection:
            connection.request("GET", f"/?{place.query}")
            answer = connection.getresponse()
            answer.read()
            headers = {"cookie": str(answer.getheader("set-cookie")).split(";")[0], "origin": f"http://{place.netloc}"}
            connection.request("PUT", "/api/corrections", json.dumps({"row": row, "topics": topics}), headers)
            answer = connection.getresponse()
            told = answer.read()
            assert answer.status == 200, told

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Exit code and the rest of stdout."""
        self.process.send_signal(number)
        assert self.process.stdout is not None
        rest = self.process.stdout.read()
        return self.process.wait(timeout=60), rest


@contextmanager
def started(*arguments: object, cwd: Path) -> Iterator[Started]:
    """Run ``view`` while something is looked at."""
    view = Started(*arguments, cwd=cwd)
    with view.process:
        try:
            yield view
        finally:
            view.process.kill()
