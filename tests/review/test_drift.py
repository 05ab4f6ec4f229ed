from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markupsafe import escape

from tests.conftest import config_for, synthetic_records, write_jsonl
from training.errors import UserError
from training.review.archive import read_archive
from training.review.drift import measure_drift
from training.review.figures import render_drift
from training.review.known import metrics_of
from training.review.months import SAMPLED, months_of
from training.review.tables import drift_table, remarks
from training.train import train


def drift_of(trained: Any, path: Path, by: str = "month") -> Any:
    months, rejected = months_of(trained.model, read_archive([str(path)]), by)
    return measure_drift(trained.model, metrics_of(trained.model), months, rejected)


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quiet month like training, then one full of shelling and one in words that were never seen."""
    quiet = [record | {"date": "2030-01-10"} for record in synthetic_records(80, seed=5)]
    shelled = [record for record in synthetic_records(300, seed=6) if "shelling" in record["topics"]]
    shelled = [record | {"date": "2030-02-10", "paragraph_id": "s" + record["paragraph_id"]} for record in shelled]
    strange = [
        {
            "paragraph_id": f"x{at}",
            "text": f"Zyx{at} qwv{at} blorp{at} mortar fled.",
            "date": "2030-03-10",
            "topics": [],
        }
        for at in range(200)
    ]
    return write_jsonl(tmp_path_factory.mktemp("shifted") / "archive.jsonl", [*quiet, *shelled, *strange])


def test_counts_follow_the_truth_and_months_are_told_apart(trained: Any, shifted: Path) -> None:
    drift = drift_of(trained, shifted)
    quiet, shelled, strange = drift.periods
    assert [period.month for period in drift.periods] == ["2030-01", "2030-02", "2030-03"]
    assert quiet.topic("shelling").share == pytest.approx(0.3, abs=0.08)
    assert shelled.topic("shelling").share > 0.9
    entry = shelled.topic("shelling")
    assert entry.share_interval[0] <= entry.share <= entry.share_interval[1]
    assert entry.count == pytest.approx(entry.share * shelled.paragraphs)
    assert quiet.unknown_words == pytest.approx(drift.training_unknown_words, abs=0.03)
    assert strange.unknown_words == pytest.approx(3 / 5)
    assert drift.sample[0] == "2030-03"
    assert "2030-01" not in drift.sample
    assert "60.0% of words unknown" in "; ".join(strange.reasons)


def test_no_more_is_said_of_an_archive_than_was_judged(trained: Any, shifted: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in shifted.read_text().splitlines()]
    strange = [line for line in lines if line["date"] == "2030-03-10"]
    undated = [{name: line[name] for name in ("paragraph_id", "text")} for line in strange]
    shelled = [line for line in lines if line["date"] == "2030-02-10"]

    def told(name: str, archive: list[dict[str, Any]]) -> str:
        drift = drift_of(trained, write_jsonl(tmp_path / name, archive))
        assert all(str(escape(remark)) in render_drift(drift, "") for remark in remarks(drift))
        return drift_table(drift)

    assert "Paragraphs without a date call for labels: " in told("undated.jsonl", undated)
    few = told("few.jsonl", strange[:20])
    assert "Not judged, as they have fewer than 30 paragraphs: 2030-03." in few
    assert "No month calls for labels" not in few
    assert "No month calls for labels: chance and other shares" in told("shelled.jsonl", shelled)


def test_everything_can_be_written(trained: Any, shifted: Path) -> None:
    drift = drift_of(trained, shifted)
    json.dumps(drift.to_json(), allow_nan=False)
    page = render_drift(drift, "An <archive>.")
    assert page.count("<svg ") == 3 and "An &lt;archive&gt;." in page
    assert "http:" not in page.replace("http://www.w3.org", "") and "https:" not in page
    assert "Sample these months for labels: 2030-03" in drift_table(drift)


def test_months_do_not_depend_on_batches_and_memory_is_bounded(trained: Any, shifted: Path, monkeypatch: Any) -> None:
    from training.review import archive as module
    from training.tagging.options import Tuning

    whole, _ = months_of(trained.model, read_archive([str(shifted)]))
    monkeypatch.setattr(module, "Tuning", lambda: Tuning(block_bytes=500))
    pieces, _ = months_of(trained.model, read_archive([str(shifted)]))
    assert whole.keys() == pieces.keys()
    for name, month in whole.items():
        assert (month.scores == pieces[name].scores).all() and (month.tagged == pieces[name].tagged).all()
    assert all(len(month.rows) <= SAMPLED for month in whole.values())


def test_archives_without_dates_are_one_period(trained: Any, tmp_path: Path) -> None:
    records = [{key: value for key, value in r.items() if key != "date"} for r in synthetic_records(30, seed=4)]
    path = write_jsonl(tmp_path / "x.jsonl", records)
    assert [period.month for period in drift_of(trained, path).periods] == ["undated"]
    assert [period.month for period in drift_of(trained, path, "all").periods] == ["all"]


def test_exclusive_topics_are_corrected_together(tmp_path: Path) -> None:
    def one_topic(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [record | {"topics": record["topics"][:1] or ["other"]} for record in records]

    source = write_jsonl(tmp_path / "x.jsonl", one_topic(synthetic_records(80)))
    model = train(config_for(source), tmp_path / "model").model
    archive = [r for r in one_topic(synthetic_records(200, seed=9)) if r["topics"] != ["detention"]]
    path = write_jsonl(tmp_path / "y.jsonl", [record | {"date": "2030-01"} for record in archive])
    months, _ = months_of(model, read_archive([str(path)]))
    (period,) = measure_drift(model, metrics_of(model), months).periods
    assert sum(entry.share for entry in period.topics) == pytest.approx(1)
    assert period.topic("detention").share < 0.05
    truth = np.mean([record["topics"] == ["shelling"] for record in archive])
    assert period.topic("shelling").share == pytest.approx(truth, abs=0.06)


def test_paragraphs_of_several_topics_do_not_empty_the_counts_of_topics_that_were_told_to_exclude_one_another(
    tmp_path: Path,
) -> None:
    """In an archive like training nothing is corrected away."""

    def like(articles: int, seed: int) -> list[dict[str, Any]]:
        records = synthetic_records(articles, seed=seed)
        return [record for at, record in enumerate(records) if record["topics"] or at % 3 == 0]

    source = write_jsonl(tmp_path / "train.jsonl", like(200, 3))
    outcome = train(config_for(source, "classifier.exclusive=at_most_one"), tmp_path / "model")
    archive = [record | {"date": "2030-01-10"} for record in like(80, 5)]
    [period] = drift_of(outcome, write_jsonl(tmp_path / "archive.jsonl", archive)).periods
    for entry in period.topics:
        assert entry.share == pytest.approx(entry.tagged_share, abs=0.08)


def test_a_model_without_reference_and_an_empty_archive_are_errors(trained: Any, tmp_path: Path, shifted: Path) -> None:
    months, _ = months_of(trained.model, read_archive([str(shifted)]))
    with pytest.raises(UserError, match=r"metrics.json: no reference.*Train it again"):
        measure_drift(trained.model, {}, months)
    with pytest.raises(UserError, match="INPUT: found no paragraph with text"):
        months_of(trained.model, read_archive([str(write_jsonl(tmp_path / "e.jsonl", [{"text": " "}]))]))


def test_the_reference_is_of_the_training_set(trained: Any) -> None:
    reference = metrics_of(trained.model)["reference"]
    for topic, entry in reference["topics"].items():
        assert sum(entry["positive"]) == trained.prepared.train.support[topic]
        assert sum(entry["positive"]) + sum(entry["negative"]) == reference["paragraphs"] == len(trained.prepared.train)
    assert trained.model.topics == list(reference["topics"])
