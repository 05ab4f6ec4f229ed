from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.view.conftest import records_of
from training.config import Columns
from training.corpus.records import read_corpus
from training.errors import UserError
from training.review.records import read_all
from training.review.settle import settle
from training.view.corrections import Corrections


def paragraph(number: int, text: str = "Shells fell.") -> dict[str, Any]:
    return {"paragraph_id": f"p{number}", "article_id": "a", "text": text, "topics": [], "date": "2024-05-31"}


def test_corrections_are_labelled_records_that_training_and_import_read(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with Corrections.open(path, "Ada") as kept:
        kept.save(paragraph(1), ["shelling"])
        assert [record["topics"] for record in records_of(path)] == [["shelling"]]
        kept.save(paragraph(2, 'RTL \u202eقصف\u202c "quoted"\n\u2028'), [])
        kept.save(paragraph(1), ["shelling", "detention"])
    corpus = read_corpus(str(path), Columns(), None, where="data.train")
    assert corpus.paragraph_ids == ("p1", "p2")
    assert corpus.labels.tolist() == [[True, True], [False, False]]
    assert corpus.dates == ("2024-05-31", "2024-05-31")
    imported = settle(read_all([str(path)]), None).labelled
    assert [record["annotator"] for record in imported] == ["Ada", "Ada"]
    assert [set(record["topics"]) for record in imported] == [{"shelling", "detention"}, set()]
    assert all(record["annotated_at"] for record in imported)


def test_what_was_corrected_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with Corrections.open(path, "Ada") as kept:
        kept.save(paragraph(1), ["shelling"])
        kept.save(paragraph(2), [])
        kept.remove("p1")
    with Corrections.open(path, "Bo") as kept:
        assert kept.ids() == ["p2"]
        record = kept.of("p2", "Shells fell.")
        assert record is not None and record["topics"] == []
        assert kept.of("p2", "Another text.") is None
    assert [file.name for file in tmp_path.iterdir()] == ["c.jsonl"]


def test_two_views_of_one_file_are_refused(tmp_path: Path) -> None:
    with (
        Corrections.open(tmp_path / "c.jsonl"),
        pytest.raises(UserError, match="another view writes to it"),
        Corrections.open(tmp_path / "c.jsonl"),
    ):
        pass
    with Corrections.open(tmp_path / "c.jsonl") as kept:
        assert len(kept) == 0


def test_a_change_by_another_program_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with Corrections.open(path, "Ada") as kept:
        kept.save(paragraph(1), ["shelling"])
        path.write_text(path.read_text() + json.dumps(paragraph(9)) + "\n")
        for _ in range(2):
            with pytest.raises(UserError, match="was changed by another program"):
                kept.save(paragraph(2), [])
    assert [record["paragraph_id"] for record in records_of(path)] == ["p1", "p9"]


def test_a_full_disk_leaves_whole_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.jsonl"
    with Corrections.open(path, "Ada") as kept:
        kept.save(paragraph(1), ["shelling"])
        real = os.write
        left = [10]

        def write(handle: int, data: bytes) -> int:
            if not left[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            part, left[0] = data[: left[0]], 0
            return real(handle, part)

        with monkeypatch.context() as full:
            full.setattr(os, "write", write)
            with pytest.raises(UserError, match="Not saved: .* No space left"):
                kept.save(paragraph(2), [])
        assert len(records_of(path)) == 1
        kept.save(paragraph(3), [])
    assert [record["paragraph_id"] for record in records_of(path)] == ["p1", "p3"]


def test_a_line_cut_off_by_a_crash_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps(paragraph(1)) + "\n" + json.dumps(paragraph(2))[:30])
    with Corrections.open(path, "Ada") as kept:
        assert kept.ids() == ["p1"]
        kept.save(paragraph(3), [])
    assert [record["paragraph_id"] for record in records_of(path)] == ["p1", "p3"]
    assert "was cut off" in caplog.text


def test_one_id_for_two_texts_is_refused(tmp_path: Path) -> None:
    with Corrections.open(tmp_path / "c.jsonl") as kept:
        kept.save(paragraph(1), [])
        with pytest.raises(UserError, match='another paragraph with the id "p1"'):
            kept.save(paragraph(1, "Another."), [])


def test_a_user_without_a_name_is_asked_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: {}["getpwuid(): uid not found: 12345"])
    with pytest.raises(UserError, match="--annotator NAME"), Corrections.open(tmp_path / "c.jsonl"):
        pass
    with Corrections.open(tmp_path / "c.jsonl", "Ada") as kept:
        assert kept.annotator == "Ada"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.csv", "", "expected a file ending in .jsonl"),
        ("c.jsonl", "nonsense\n", "c.jsonl:1: not a JSON record"),
        ("c.jsonl", '{"a": 1}\n', "c.jsonl:1: expected a labelled record"),
        ("c.jsonl", '{"paragraph_id": "1", "text": "x", "topics": "a"}\n', "c.jsonl:1: topics: found 'a'"),
    ],
)
def test_another_file_is_never_taken_for_corrections(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message), Corrections.open(tmp_path / name):
        pass
    assert (tmp_path / name).read_text() == content
