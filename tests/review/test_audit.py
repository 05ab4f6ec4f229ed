from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import config_for, synthetic_records, write_jsonl
from training.errors import UserError
from training.review.audit import HeldOut, audit, audited_config, labelled_corpus
from training.review.confident import ranked, suspects
from training.review.write import write_to_label


@pytest.fixture(scope="module")
def wrong_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic paragraphs, of which every fifteenth has a label too few or too many."""
    records = synthetic_records(80)
    for at in range(0, len(records), 15):
        given = records[at]["topics"]
        records[at]["topics"] = given[1:] if given else ["shelling"]
        records[at]["planted"] = True
    return write_jsonl(tmp_path_factory.mktemp("wrong") / "wrong.jsonl", records)


def test_wrong_labels_come_first_with_their_evidence(wrong_file: Path) -> None:
    records = [json.loads(line) for line in wrong_file.read_text().splitlines()]
    planted = {record["paragraph_id"] for record in records if record.get("planted")}
    found = audit(config_for(wrong_file), len(planted))
    listed = [suspicion.paragraph_id for suspicion in found.suspicions]
    assert len(planted & set(listed)) >= 0.7 * len(planted)
    for suspicion in found.suspicions:
        assert suspicion.given == (suspicion.topic in suspicion.labels)
        assert len(suspicion.terms) == 6
    lacking = next(one for one in found.suspicions if not one.given and one.paragraph_id in planted)
    assert lacking.terms[0][1] > 0  # what speaks for a missing label comes first
    assert lacking.line() in found.text(len(listed))
    assert found.paragraphs == len(records)


def test_the_second_look_is_ready_for_labelling(wrong_file: Path, tmp_path: Path) -> None:
    found = audit(config_for(wrong_file), 8)
    write_to_label(tmp_path, found.to_label(), found.interface())
    task = json.loads((tmp_path / "tasks.json").read_text())[0]
    first = found.suspicions[0]
    assert task["data"]["doubt"].split() == ["has" if first.given else "lacks", first.topic]
    ticked = task["predictions"][0]["result"]
    assert (ticked[0]["value"]["choices"] if ticked else []) == list(first.labels)


def test_nobody_is_scored_by_a_model_that_saw_its_article(wrong_file: Path) -> None:
    config = config_for(wrong_file)
    corpus = labelled_corpus(config)
    held = HeldOut(corpus, config)
    fold_of = dict(zip(corpus.article_ids, held._folds.tolist(), strict=True))
    assert all(fold_of[article] == fold for article, fold in zip(corpus.article_ids, held._folds, strict=True))


def test_confident_learning_by_hand() -> None:
    """Means of those labelled: positives 0.6, negatives 1 - 0.275; so 0.9 without and 0.1 with the label stand out."""
    labels = np.array([[True], [True], [True], [False], [False], [False], [False]])
    probabilities = np.array([[0.9], [0.8], [0.1], [0.9], [0.1], [0.05], [0.05]])
    found = suspects(labels, probabilities)
    assert found.confident[:, 0].tolist() == [False, False, True, True, False, False, False]
    assert found.errors[0].tolist() == pytest.approx([3 * 1 / 3, 4 * 1 / 4])
    assert [row for row, _ in ranked(found)][:2] == [2, 3]
    assert found.doubt[2, 0] == pytest.approx(0.9)


def test_a_model_stands_for_its_config(trained: Any, wrong_file: Path) -> None:
    config = audited_config(str(trained.folder))
    assert config.data.train == str(trained.prepared and config.data.train)
    with pytest.raises(UserError, match="is a model, whose config is settled"):
        audited_config(str(trained.folder), ["seed=3"])
    with pytest.raises(UserError, match="no such config file"):
        audited_config("nowhere.yaml")
    nothing = config_for(wrong_file, "classifier.min_positives=10000")
    with pytest.raises(UserError, match="no topic has the 10000 positive paragraphs"):
        audit(nothing, 5)
