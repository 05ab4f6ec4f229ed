"""A second small archive, and exports in the formats of Label Studio with its real field names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import synthetic_records, write_jsonl


@pytest.fixture(scope="session")
def archive_records() -> list[dict[str, Any]]:
    """Unlabelled paragraphs of other articles than those of training, dated over several months."""
    records = synthetic_records(120, seed=11)
    for record in records:
        record.pop("topics")
        record["paragraph_id"] = "z" + record["paragraph_id"]
        record["article_id"] = "z" + record["article_id"]
    return records


@pytest.fixture(scope="session")
def archive_file(tmp_path_factory: pytest.TempPathFactory, archive_records: list[dict[str, Any]]) -> Path:
    """The unlabelled paragraphs as JSONL."""
    return write_jsonl(tmp_path_factory.mktemp("archive") / "archive.jsonl", archive_records)


def annotation(number: int, topics: list[str] | None, person: Any, **more: Any) -> dict[str, Any]:
    """One annotation as Label Studio exports it; ``topics`` None for one in which nothing was ticked."""
    result = [
        {
            "value": {"choices": topics},
            "id": f"r{number}",
            "from_name": "topics",
            "to_name": "text",
            "type": "choices",
            "origin": "manual",
        }
    ]
    return {
        "id": number,
        "completed_by": person,
        "result": result if topics else [],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": f"2024-05-31T10:{number % 60:02}:00.000000Z",
        "updated_at": f"2024-05-31T10:{number % 60:02}:30.000000Z",
        "draft_created_at": None,
        "lead_time": 12.5,
        "prediction": {},
        "result_count": 1 if topics else 0,
        "unique_id": f"0f8f-{number}",
        "task": 1,
        "parent_prediction": None,
        **more,
    }


def studio_task(number: int, annotations: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """One task of the full JSON export."""
    return {
        "id": number,
        "annotations": annotations,
        "file_upload": "5a3c-tasks.json",
        "drafts": [],
        "predictions": [1],
        "data": {
            "text": f"Paragraph number {number}.",
            "paragraph_id": f"p{number}",
            "article_id": "a1",
            "date": "2024-05-01",
            "source": "wire",
            **more.pop("data", {}),
        },
        "meta": {},
        "created_at": "2024-05-30T08:00:00.000000Z",
        "updated_at": "2024-05-31T10:00:00.000000Z",
        "inner_id": number,
        "total_annotations": len(annotations),
        "cancelled_annotations": 0,
        "total_predictions": 1,
        "project": 7,
        "updated_by": 1,
        **more,
    }


@pytest.fixture
def write_json(tmp_path: Path):
    """Write a JSON file into tmp_path."""

    def write(name: str, tree: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(tree), encoding="utf-8")
        return path

    return write
