from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import TOPIC_WORDS, config_for, synthetic_records, write_jsonl
from training import load
from training.config import Config, Thresholds
from training.corpus.records import Corpus
from training.evaluation.metrics import evaluate
from training.evaluation.promise import add_promises, bounds, promise_summary
from training.evaluation.table import results_table
from training.measure import evaluate_model, labelled_data
from training.train import train

PRECISION = Thresholds(method="per_topic", objective="precision", target=0.9)


def promised(
    right: int, wrong: int, articles: Any = None, rule: Thresholds = PRECISION, missed: int = 0, rarity: Any = None
) -> Any:
    """The figures of one topic with so many right and wrong tags, and so many missed."""
    n = right + wrong + missed
    truth = np.array([True] * right + [False] * wrong + [True] * missed)[:, None]
    tags = np.array([True] * (right + wrong) + [False] * missed)[:, None]
    metrics = evaluate(truth, tags, tags.astype(float), ["raid"])
    rows = tuple(str(row) for row in range(n))
    named = rows if articles is None else tuple(articles)
    corpus = Corpus(rows, named, pa.array(rows, type=pa.large_string()), (None,) * n, truth, ("raid",))
    return add_promises(metrics, Config(name="x", thresholds=rule), corpus, tags, ["raid"], rarity)


@pytest.mark.parametrize(
    ("right", "wrong", "verdict", "kept"),
    [
        (900, 100, "borne out", "kept"),
        (9, 1, "not enough data", "kept"),
        (3, 0, "not enough data", "kept"),
        (8, 2, "not enough data", "missed within chance"),
        (700, 300, "missed", "missed"),
        (0, 0, "not enough data", "nothing to judge by"),
    ],
)
def test_a_promise_is_judged_by_what_the_data_can_bear(right: int, wrong: int, verdict: str, kept: str) -> None:
    entry = promised(right, wrong, missed=5)["topics"]["raid"]["promise"]
    assert (entry["verdict"], entry["kept"]) == (verdict, kept)
    assert entry["decisions"] == right + wrong


@pytest.mark.parametrize(
    ("right", "wrong", "rarity", "verdict", "kept"),
    [
        (900, 100, 1.0, "borne out", "kept"),
        (900, 100, 40.0, "missed", "missed"),  # among 40 times as many others, 4000 would be wrong
        (9990, 10, 40.0, "borne out", "kept"),
        (99, 1, 40.0, "not enough data", "missed within chance"),
        (99, 0, 40.0, "not enough data", "kept"),
    ],
)
def test_a_precision_is_judged_for_texts_where_the_topic_is_as_rare_as_told(
    right: int, wrong: int, rarity: float, verdict: str, kept: str
) -> None:
    metrics = promised(right, wrong, rarity=np.array([rarity]))
    for entry in (metrics["promise"], metrics["topics"]["raid"]["promise"]):
        assert (entry["verdict"], entry["kept"], entry["rarity"]) == (verdict, kept, rarity)
        assert entry["observed"] == pytest.approx(right / (right + rarity * wrong))
        assert entry["bounds"][0] <= entry["observed"] <= entry["bounds"][1]
    recall = Thresholds(method="per_topic", objective="recall", target=0.8)
    assert promised(90, 400, missed=10, rule=recall, rarity=np.array([rarity]))["promise"]["observed"] == 0.9


def test_a_wanted_recall_is_judged_by_the_positives() -> None:
    rule = Thresholds(method="per_topic", objective="recall", target=0.8)
    entry = promised(90, 400, missed=10, rule=rule)["topics"]["raid"]["promise"]
    assert entry["observed"] == pytest.approx(0.9)
    assert entry["decisions"] == 100
    assert entry["verdict"] == "borne out"


def test_hits_of_one_article_count_as_one() -> None:
    spread = promised(200, 0)["topics"]["raid"]["promise"]
    alone = promised(200, 0, articles=["same"] * 200)["topics"]["raid"]["promise"]
    assert spread["verdict"] == "borne out"
    assert alone["verdict"] == "not enough data"
    assert alone["bounds"][0] == pytest.approx(0.05)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.5, 0.99))
def test_bounds_hold_the_observed_share_and_more_data_narrows_them(right: int, wrong: int, target: float) -> None:
    hits = np.array([True] * right + [False] * wrong)
    low, high = bounds(hits, np.arange(len(hits)), target, 0.95)
    assert 0 <= low <= high <= 1
    if len(hits):
        assert low <= hits.mean() <= high
        twice = bounds(np.tile(hits, 2), np.arange(2 * len(hits)), target, 0.95)
        assert low - 1e-9 <= twice[0] and twice[1] <= high + 1e-9


@pytest.mark.parametrize(
    "rule",
    [Thresholds(), Thresholds(method="fixed", target=0.9), Thresholds(method="fixed", objective="recall", target=1)],
)
def test_thresholds_without_a_target_promise_nothing(rule: Thresholds) -> None:
    assert "promise" not in promised(9, 1, rule=rule)
    assert "promise" not in promised(9, 1, rule=rule)["topics"]["raid"]


def test_a_pooled_threshold_promises_for_all_topics_together() -> None:
    metrics = promised(900, 100, rule=Thresholds(method="pooled", objective="precision", target=0.9))
    assert "promise" not in metrics["topics"]["raid"]
    assert promise_summary(metrics, "verdict") == "all topics together 0.900 (borne out)"


def test_train_tells_what_became_of_the_promise(tmp_path: Path, corpus_file: Path) -> None:
    config = config_for(
        corpus_file, "thresholds.objective=precision", "thresholds.target=0.95", "thresholds.method=per_topic"
    )
    outcome = train(config, tmp_path / "model")
    for part in ("out_of_fold", "test"):
        for entry in outcome.metrics[part]["topics"].values():
            assert entry["promise"]["observed"] == pytest.approx(entry["precision"])
            assert entry["promise"]["decisions"] == entry["tagged"]
    table = results_table(outcome.metrics)
    report = (tmp_path / "model/report.html").read_text()
    verdict = outcome.metrics["out_of_fold"]["topics"]["shelling"]["promise"]["verdict"]
    kept = outcome.metrics["test"]["topics"]["shelling"]["promise"]["kept"]
    for told in (table, report):
        assert "precision of 0.950 (thresholds.target)" in told
        assert f"{verdict}; test: {kept}" in told
    test = outcome.metrics["test"]
    right = sum(entry["recall"] * entry["support"] for entry in test["topics"].values())
    assert (
        f"at the price of        recall {right / sum(entry['support'] for entry in test['topics'].values()):.3f}"
        in table
    )
    given_up = copy.deepcopy(test)
    given_up["topics"]["shelling"]["tagged"] = 0
    assert "; 1 topics that stand here are never tagged" in results_table({"test": given_up})
    unlearned = copy.deepcopy(test)  # with a topic that nobody gave up for the promise
    unlearned["topics"]["truce"] = unlearned["topics"]["shelling"] | {"tagged": 0, "recall": 0.0, "threshold": None}
    del unlearned["topics"]["truce"]["promise"]
    price = [line for line in table.splitlines() if "at the price of" in line]
    assert price == [line for line in results_table({"test": unlearned}).splitlines() if "at the price of" in line]
    alone = results_table({"test": test})
    assert "on these paragraphs" in alone
    assert "by training data" not in alone


def test_train_and_evaluate_judge_a_precision_by_how_rare_the_codebook_says_topics_are(tmp_path: Path) -> None:
    book = tmp_path / "book.yaml"
    book.write_text(json.dumps({"topics": [{"id": topic, "prevalence": 0.01} for topic in TOPIC_WORDS]}))
    train_file = write_jsonl(tmp_path / "train.jsonl", synthetic_records(60))
    test_file = write_jsonl(tmp_path / "test.jsonl", synthetic_records(30, seed=8))
    rules = ("thresholds.objective=precision", "thresholds.target=0.9", "thresholds.method=per_topic")
    config = config_for(train_file, *rules, f"data.codebook={book}", f"data.test={test_file}")
    metrics = train(config, tmp_path / "model").metrics
    for part in ("out_of_fold", "test"):
        for entry in metrics[part]["topics"].values():
            share = entry["support"] / metrics[part]["paragraphs"]
            assert entry["promise"]["rarity"] == pytest.approx(99 * share / (1 - share))
    assert "where topics are as rare as the codebook says" in results_table(metrics)
    model = load(tmp_path / "model")
    again = evaluate_model(model, labelled_data(model, str(test_file)))
    assert again["promise"] == metrics["test"]["promise"]
