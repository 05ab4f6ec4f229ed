from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_jsonl
from training.config import Columns, SeparatedTopics
from training.errors import UserError
from training.measure import model_config
from training.review.known import metrics_of, texts_of


def test_texts_with_labels_are_found_in_files_of_mapped_and_of_standard_columns(tmp_path: Path) -> None:
    mine = write_jsonl(tmp_path / "a.jsonl", [{"body": "Calm.", "tags": "truce"}])
    imported = write_jsonl(tmp_path / "b.jsonl", [{"text": "Shells.", "topics": ["shelling"]}])
    columns = Columns(text="body", topics=SeparatedTopics(column="tags", separator=";"))
    assert texts_of([str(mine), str(imported)], columns, "data.train") == ["Calm.", "Shells."]
    bare = write_jsonl(tmp_path / "c.jsonl", [{"words": "Calm."}])
    with pytest.raises(UserError, match=r"c\.jsonl:1: data\.train: no column 'body'"):
        texts_of([str(mine), str(bare)], columns, "data.train")


def test_metrics_and_config_that_are_none_are_told(trained: Any, tmp_path: Path) -> None:
    model = replace(trained.model, folder=tmp_path)
    for content in (b"[]", b"\xff{", b"{"):
        (tmp_path / "metrics.json").write_bytes(content)
        with pytest.raises(UserError, match=r"metrics\.json: not a JSON object as it was saved"):
            metrics_of(model)
    (tmp_path / "config.yaml").write_bytes(b"name: \xe9")
    with pytest.raises(UserError, match=r"config\.yaml: cannot be read as UTF-8 text"):
        model_config(model)
