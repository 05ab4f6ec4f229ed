from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import write_jsonl
from training.config import Columns, SeparatedTopics
from training.errors import UserError
from training.review.known import texts_of


def test_texts_with_labels_are_found_in_files_of_mapped_and_of_standard_columns(tmp_path: Path) -> None:
    mine = write_jsonl(tmp_path / "a.jsonl", [{"body": "Calm.", "tags": "truce"}])
    imported = write_jsonl(tmp_path / "b.jsonl", [{"text": "Shells.", "topics": ["shelling"]}])
    columns = Columns(text="body", topics=SeparatedTopics(column="tags", separator=";"))
    assert texts_of([str(mine), str(imported)], columns, "data.train") == ["Calm.", "Shells."]
    bare = write_jsonl(tmp_path / "c.jsonl", [{"words": "Calm."}])
    with pytest.raises(UserError, match=r"c\.jsonl:1: data\.train: no column 'body'"):
        texts_of([str(mine), str(bare)], columns, "data.train")
