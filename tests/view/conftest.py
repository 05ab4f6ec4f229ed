"""A small file of tags in every format, with texts that mean harm, and a page that serves it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import write_jsonl
from training.model.model import Model
from training.tagging import tag
from training.view.app import Shown, make_app
from training.view.corrections import Corrections
from training.view.serve import Address
from training.view.tags import open_tags

HOSTILE = (
    '<script>document.title = "taken"</script><img src=x onerror="document.title=1"> & "quotes" \\ \' ; DROP TABLE tags',
    "\u202eقصف\u202c مدفعي على الميناء",
    "shells " * 4000,
)


def archive() -> list[dict[str, Any]]:
    """60 paragraphs that tell their place, every third of them about shelling, dated month by month; and hostile ones."""
    records = []
    for at in range(60):
        subject = ("Mortar shells and howitzers hit", "Reporters visited", "Families fled to a camp near")[at % 3]
        records.append(
            {
                "paragraph_id": f"p{at}",
                "article_id": f"a{at // 3}",
                "text": f"{subject} the village number {at}.",
                "date": f"2024-{1 + at // 10:02}-15",
            }
        )
    for at, text in enumerate(HOSTILE):
        records.append({"paragraph_id": f"h{at}", "article_id": "h", "text": text, "date": None})
    return records


@pytest.fixture(scope="session")
def model(trained: Any) -> Model:
    """A model that knows shelling, detention and displacement."""
    return trained.model


@pytest.fixture(scope="session")
def tag_files(tmp_path_factory: pytest.TempPathFactory, model: Model) -> dict[str, Path]:
    """The archive as ``tag`` writes it, by the name of the format; ``every`` ones with all probabilities."""
    folder = tmp_path_factory.mktemp("tags")
    source = write_jsonl(folder / "archive.jsonl", archive())
    made = {}
    for name in ("jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz", "parquet"):
        for more in (False, True):
            path = folder / f"{'every' if more else 'tags'}.{name}"
            tag(model, [str(source)], str(path), keep=("text", "date"), all_probabilities=more, quiet=True)
            made[f"{'every ' if more else ''}{name}"] = path
    return made


@pytest.fixture
def tags_file(tmp_path: Path, tag_files: dict[str, Path]) -> Path:
    """Tags as Parquet in a folder of their own."""
    path = tmp_path / "tags.parquet"
    path.write_bytes(tag_files["parquet"].read_bytes())
    return path


@contextmanager
def page(tags: Path, model: Model | None, *, text_column: str = "text") -> Iterator[TestClient]:
    """A client of the page, as the browser that opened the printed address."""
    with ExitStack() as stack:
        address = stack.enter_context(Address.at(0))
        opened = stack.enter_context(open_tags(tags, text_column))
        kept = stack.enter_context(Corrections.open(tags.with_name("corrections.jsonl"), "Ada"))
        opened.corrected(kept.ids())
        app = make_app(Shown(model, opened, kept, None), address)
        client = stack.enter_context(TestClient(app, base_url=f"http://{address.hosts[0]}"))
        client.headers["origin"] = f"http://{address.hosts[0]}"
        assert client.get("/", params={"token": address.token}).status_code == 200
        yield client


def records_of(path: Path) -> list[dict[str, Any]]:
    """The records of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
