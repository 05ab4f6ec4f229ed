from __future__ import annotations

import http.client
import shutil
import signal
import socket
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.test_cli import run
from tests.view.conftest import records_of
from tests.view.started import started
from training.errors import UserError
from training.model.model import Model
from training.view import view as view_of


def get(url: str, path: str, cookie: str = "") -> tuple[int, str]:
    """Status and the cookie that is set."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(str(place.hostname), int(place.port or 0), timeout=60)
    with closing(connection):
        connection.request("GET", path, headers={"cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        return answer.status, str(answer.getheader("set-cookie")).split(";")[0]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_answers_until_it_is_ended_and_leaves_nothing_behind(
    tags_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: signal.Signals
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("TMPDIR", str(own))
    with started(tags_file, cwd=tmp_path) as view:
        status, cookie = get(view.url, f"/?{urlsplit(view.url).query}")
        assert status == 200
        assert get(view.url, "/api/about", cookie)[0] == 200
        assert get(view.url, "/api/about")[0] == 403
        assert list(own.iterdir())
        code, told = view.stop(ending)
    assert (code, told) == (0, "Ctrl-C ends it.\nNothing was corrected.\n")
    assert list(own.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "tags.parquet"]


def test_what_was_saved_outlives_a_crash(tags_file: Path, tmp_path: Path) -> None:
    path = tags_file.with_name("tags.corrections.jsonl")
    for row, topics in enumerate((["shelling"], [])):
        with started(tags_file, cwd=tmp_path) as view:
            view.correct(row, topics)
            view.process.kill()
    assert [(record["paragraph_id"], record["topics"]) for record in records_of(path)] == [
        ("p0", ["shelling"]),
        ("p1", []),
    ]


def test_a_second_view_of_the_same_tags_is_refused(tags_file: Path, tmp_path: Path) -> None:
    with started(tags_file, cwd=tmp_path):
        second = run("view", tags_file, "--no-browser", cwd=tmp_path)
        assert second.returncode == 1
        assert "another view writes to it" in second.stderr


def test_what_cannot_be_shown_is_one_message(
    tags_file: Path, tag_files: dict[str, Path], model: Model, tmp_path: Path
) -> None:
    assert model.folder is not None
    broken = tmp_path / "broken"
    shutil.copytree(model.folder, broken)
    (broken / "model.json").write_text("{}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cases = {
            ("nothing.parquet",): "nothing.parquet: no such file or folder",
            (tags_file, "--text-column", "body"): "these tags are without their text",
            (tags_file, "--model", tmp_path / "none"): "no such model folder",
            (tags_file, "--corrections", "c.csv"): "expected a file ending in .jsonl",
            (tags_file, "--port", port): f"--port {port}: cannot be used",
            (broken,): "broken",
            (model.folder, "--annotator", "Ada"): "is a model, and --model, --corrections",
        }
        for arguments, message in cases.items():
            ended = run("view", *arguments, "--no-browser", cwd=tmp_path)
            assert ended.returncode == 1, ended.stderr
            assert message in ended.stderr
            assert ended.stderr.splitlines()[-1].startswith("Error: ")
            assert "Traceback" not in ended.stderr


def test_a_folder_of_parts_is_no_model(tags_file: Path) -> None:
    with pytest.raises(UserError, match="is a folder of Parquet parts"):
        view_of(str(tags_file.parent))
