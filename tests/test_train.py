from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import TOPIC_WORDS, config_for, synthetic_records, write_jsonl
from training.codebook import Codebook, Topic
from training.corpus.rarity import rarity_of
from training.errors import UserError
from training.evaluation.table import results_table
from training.measure import evaluate_model, labelled_data
from training.model.deciding import exclusivity
from training.prepare import learnable_topics, prepare
from training.train import train


def test_no_article_and_no_near_duplicate_stands_on_both_sides(tmp_path: Path) -> None:
    records = synthetic_records(30)
    records.append(records[0] | {"paragraph_id": "copy", "article_id": "elsewhere"})
    prepared = prepare(config_for(write_jsonl(tmp_path / "x.jsonl", records)))
    train_articles, test_articles = set(prepared.train.article_ids), set(prepared.test.article_ids)
    assert not train_articles & test_articles
    assert len(prepared.train) + len(prepared.test) == len(records)
    assert ("elsewhere" in train_articles) == ("a0" in train_articles)


def test_the_model_learns_what_there_is_to_learn(trained: Any) -> None:
    assert trained.metrics["test"]["micro_f1"] > 0.9
    assert abs(trained.metrics["test"]["micro_f1"] - trained.metrics["out_of_fold"]["micro_f1"]) < 0.1
    written = json.loads((trained.folder / "metrics.json").read_text())
    assert written["test"]["topics"].keys() == {"shelling", "detention", "displacement"}
    for entry in written["test"]["topics"].values():
        assert entry["intervals"]["f1"][0] <= entry["f1"] <= entry["intervals"]["f1"][1]


def test_a_single_topic_may_stand_in_one_article_alone(tmp_path: Path) -> None:
    """Then no other fold has it."""
    records = [record | {"topics": ["truce"] * (record["article_id"] == "a7")} for record in synthetic_records(30)]
    config = config_for(write_jsonl(tmp_path / "x.jsonl", records), "split.test_size=0.05")
    assert train(config, tmp_path / "m").model.topics == ["truce"]


def test_topics_rarer_in_archives_than_in_training_count_their_negatives_more(tmp_path: Path) -> None:
    corpus = prepare(config_for(write_jsonl(tmp_path / "x.jsonl", synthetic_records(30)))).train
    share = corpus.labels.mean(axis=0)
    known = {"detention": float(share[corpus.topics.index("detention")]), "shelling": 0.01}
    book = Codebook(topics=tuple(Topic(id=topic, prevalence=known.get(topic)) for topic in corpus.topics))
    rarity = dict(zip(corpus.topics, rarity_of(book, corpus), strict=True))
    assert rarity["detention"] == pytest.approx(1.0)
    assert rarity["displacement"] == 1.0
    at = corpus.topics.index("shelling")
    negatives = (1 - share[at]) * rarity["shelling"]
    assert share[at] / (share[at] + negatives) == pytest.approx(0.01)
    assert (rarity_of(None, corpus) == 1).all()


def test_the_test_split_never_reaches_training_or_thresholds(tmp_path: Path) -> None:
    """Labels and texts of the test set may be anything: the model stays the same, byte for byte."""
    records = synthetic_records(30)
    source = write_jsonl(tmp_path / "train.jsonl", records)
    rng = np.random.default_rng(1)
    models = []
    for number in range(2):
        test = [
            {
                "text": " ".join(rng.choice(["fled", "arrested", "river", "new"], 9)),
                "topics": [["shelling"], []][number],
            }
            for _ in range(12)
        ]
        path = write_jsonl(tmp_path / f"test{number}.jsonl", test)
        outcome = train(config_for(source, f"data.test={path}"), tmp_path / f"model{number}")
        models.append((outcome.folder / "model.safetensors").read_bytes())
        description = json.loads((outcome.folder / "model.json").read_text())
        models.append({key: description[key] for key in ("thresholds", "exclusive")})
    assert models[:2] == models[2:]


def test_saved_metrics_are_those_of_the_saved_model(trained: Any, tmp_path: Path) -> None:
    test = trained.prepared.test
    path = write_jsonl(
        tmp_path / "test.jsonl",
        [
            {
                "text": text,
                "article_id": article,
                "topics": [test.topics[at] for at in np.flatnonzero(row)],
            }
            for text, article, row in zip(test.texts.to_pylist(), test.article_ids, test.labels, strict=True)
        ],
    )
    metrics = evaluate_model(trained.model, labelled_data(trained.model, str(path)))
    for name in ("micro_f1", "macro_f1", "example_f1", "mean_average_precision"):
        assert metrics[name] == pytest.approx(trained.metrics["test"][name])


def test_a_topic_with_too_few_positives_is_reported_and_kept_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = synthetic_records(30)
    records[4]["topics"] = ["meteor"]
    outcome = train(config_for(write_jsonl(tmp_path / "x.jsonl", records)), tmp_path / "model")
    assert "meteor" not in outcome.model.topics
    assert "positive paragraphs for training, fewer than" in outcome.metrics["left_out"]["meteor"]
    assert outcome.metrics["test"]["topics"]["meteor"]["threshold"] is None


def test_a_topic_that_every_paragraph_has_is_not_learned(tmp_path: Path) -> None:
    records = [record | {"topics": [*record["topics"], "news"]} for record in synthetic_records(30)]
    prepared = prepare(config_for(write_jsonl(tmp_path / "x.jsonl", records)))
    learnable, left_out = learnable_topics(prepared, config_for("x"))
    assert "news" not in learnable
    assert "all " in left_out["news"] and "nothing tells what is without it" in left_out["news"]
    records = [record | {"topics": ["news"]} for record in records]
    with pytest.raises(UserError, match="one paragraph without it. Found: news"):
        train(config_for(write_jsonl(tmp_path / "x.jsonl", records)), tmp_path / "model")


@pytest.mark.parametrize("objective", ["micro_f1", "precision"])
def test_topics_that_are_left_out_count_against_the_estimate_as_against_the_test(
    tmp_path: Path, objective: str
) -> None:
    records = synthetic_records(40)
    learned = {"meteor", "quake"}
    for number, topic in enumerate(sorted(learned)):
        for record in records[number::2]:
            record["topics"].append(topic)
            record["text"] += f" {topic}"
    source = write_jsonl(tmp_path / "x.jsonl", records)
    rules = (f"thresholds.objective={objective}", *(["thresholds.target=0.9"] if objective == "precision" else []))
    config = config_for(source, *rules, "features.char=null", "classifier.min_positives=44")
    outcome = train(config, tmp_path / "model")
    assert set(outcome.model.topics) == learned
    metrics = outcome.metrics
    assert list(metrics["out_of_fold"]["topics"]) == list(metrics["test"]["topics"])
    for topic, entry in metrics["out_of_fold"]["topics"].items():
        assert entry["support"] == outcome.prepared.train.support[topic]
        assert ("promise" in entry) == (objective == "precision" and topic in learned)
    for figures in (metrics["out_of_fold"], metrics["test"]):
        found = {topic: entry["f1"] for topic, entry in figures["topics"].items()}
        assert all((found[topic] > 0) == (topic in learned) for topic in found)
        assert figures["macro_f1"] == pytest.approx(sum(found.values()) / len(found))
    assert f"out-of-fold estimate {metrics['out_of_fold']['macro_f1']:.3f}" in results_table(metrics)
    report = (outcome.folder / "report.html").read_text()
    assert f"out-of-fold estimate {metrics['out_of_fold']['macro_f1']:.3f}" in report


def test_nothing_to_learn_is_an_error(tmp_path: Path) -> None:
    records = [record | {"topics": []} for record in synthetic_records(10)]
    records[0]["topics"] = ["meteor"]
    with pytest.raises(UserError, match=r"no topic has the .* positive paragraphs"):
        train(config_for(write_jsonl(tmp_path / "x.jsonl", records)), tmp_path / "model")


def test_too_little_to_learn_from_is_an_error(tmp_path: Path) -> None:
    texts = ("Shells fell.", "Families fled.", "Nothing else.")
    records = [{"text": text, "topics": topics} for text, topics in zip(texts, (["a"], ["b"], []), strict=True)]
    config = config_for(write_jsonl(tmp_path / "x.jsonl", records), "classifier.min_positives=1")
    with pytest.raises(UserError, match=r"data.train: .* too few words in common"):
        train(config, tmp_path / "model")


def test_one_article_only_is_an_error(tmp_path: Path) -> None:
    records = [record | {"article_id": "same"} for record in synthetic_records(10)]
    with pytest.raises(UserError, match="all belong to one article"):
        train(config_for(write_jsonl(tmp_path / "x.jsonl", records)), tmp_path / "model")


def test_leaked_test_paragraphs_are_counted_and_measured_without(tmp_path: Path) -> None:
    records = synthetic_records(40)
    source = write_jsonl(tmp_path / "train.jsonl", records[:90])
    test = write_jsonl(tmp_path / "test.jsonl", [r | {"article_id": "t" + r["article_id"]} for r in records[84:]])
    outcome = train(config_for(source, f"data.test={test}"), tmp_path / "model")
    assert outcome.prepared.leaked.sum() == 6
    assert outcome.metrics["test_without_duplicates"]["paragraphs"] == outcome.metrics["test"]["paragraphs"] - 6


def test_examples_of_the_codebook_that_are_labelled_paragraphs_are_not_learned_from(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = synthetic_records(30)
    near, own = records[4]["text"] + " again", "The guns on the ridge fired on the quarter by the mill until dusk."
    book = tmp_path / "book.yaml"
    topics = [{"id": topic} for topic in TOPIC_WORDS]
    copies = [near, near + "!", near.upper()]
    book.write_text(json.dumps({"topics": [topics[0] | {"examples": [*copies, own]}, *topics[1:]]}))
    labelled = write_jsonl(tmp_path / "x.jsonl", records)
    for test in (None, str(labelled)):
        config = config_for(labelled, f"data.codebook={book}", f"data.test={json.dumps(test)}")
        with caplog.at_level(logging.WARNING, "training"):
            prepared = prepare(config)
        assert prepared.codebook is not None
        assert prepared.codebook.texts() == [(own, topics[0]["id"])]
        assert any("3 examples are near-duplicates of labelled paragraphs" in told for told in caplog.messages)
        caplog.clear()
    unchecked = prepare(config_for(labelled, f"data.codebook={book}", "split.near_duplicates=null")).codebook
    assert unchecked is not None
    assert len(unchecked.texts()) == 4


@pytest.mark.parametrize("in_one", [30, 90])
def test_a_test_set_of_another_size_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, in_one: int) -> None:
    records = synthetic_records(40)
    for record in records[: in_one * len(records) // 100]:
        record["article_id"] = "serial"
    with caplog.at_level(logging.WARNING, "training"):
        prepared = prepare(config_for(write_jsonl(tmp_path / "x.jsonl", records), "split.test_size=0.5"))
    share = len(prepared.test) / len(records)
    told = [message for message in caplog.messages if message.startswith("split: the test set has")]
    assert (len(told), share < 0.25) == ((1, True) if in_one == 90 else (0, False))


def test_articles_on_both_sides_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    records = synthetic_records(30)
    first = write_jsonl(tmp_path / "x.jsonl", records[:40])
    second = write_jsonl(tmp_path / "y.jsonl", records[40:])
    with caplog.at_level(logging.WARNING, "training"):
        prepare(config_for(first, f"data.test={second}"))
    assert "1 articles have paragraphs in both data.train and data.test" in caplog.text
    assert "a13" in caplog.text


def test_mapped_columns_and_standard_ones_may_be_train_and_test(tmp_path: Path) -> None:
    records = synthetic_records(30)
    mapped = [{"body": record["text"], "tags": record["topics"], "page": record["article_id"]} for record in records]
    first = write_jsonl(tmp_path / "x.jsonl", mapped[:45])
    columns = "data.columns={text: body, topics: tags, article_id: page}"
    second = write_jsonl(tmp_path / "y.jsonl", records[45:])
    test = prepare(config_for(first, columns, f"data.test={second}")).test
    assert test.texts.to_pylist() == [record["text"] for record in records[45:]]
    assert test.article_ids == tuple(record["article_id"] for record in records[45:])
    with pytest.raises(UserError, match="no column 'body'"):
        prepare(config_for(second, columns))


def test_where_all_test_paragraphs_leaked_there_is_nothing_to_measure_without(tmp_path: Path) -> None:
    records = synthetic_records(40)
    source = write_jsonl(tmp_path / "train.jsonl", records)
    test = write_jsonl(tmp_path / "test.jsonl", [r | {"article_id": "t" + r["article_id"]} for r in records[:30]])
    outcome = train(config_for(source, f"data.test={test}"), tmp_path / "model")
    assert outcome.prepared.leaked.all()
    assert "test_without_duplicates" not in outcome.metrics


@pytest.mark.parametrize("kind", ["linear_svm", "logistic_regression", "complement_nb"])
@pytest.mark.parametrize("method", ["pooled", "per_topic", "fixed"])
def test_every_classifier_works_with_every_threshold(tmp_path: Path, corpus_file: Path, kind: str, method: str) -> None:
    config = config_for(corpus_file, f"classifier.kind={kind}", f"thresholds.method={method}", "features.char=null")
    assert train(config, tmp_path / "model").metrics["test"]["micro_f1"] > 0.7


def test_exclusive_topics_are_seen_in_the_labels(tmp_path: Path) -> None:
    eye = np.eye(3, dtype=bool)
    assert exclusivity(eye, "auto") == "exactly_one"
    assert exclusivity(np.vstack([eye, np.zeros((1, 3), dtype=bool)]), "auto") == "competing"
    assert exclusivity(np.vstack([eye, np.ones((1, 3), dtype=bool)]), "auto") == "no"
    records = [record | {"topics": record["topics"][:1] or ["other"]} for record in synthetic_records(40)]
    outcome = train(config_for(write_jsonl(tmp_path / "x.jsonl", records)), tmp_path / "model")
    assert outcome.model.decision.exclusive == "exactly_one"
    assert (outcome.model.predict(["river market", "families fled", "mortar fled arrested"]).sum(axis=1) == 1).all()
    assert not outcome.model.predict(["", "  "]).any()


def test_labels_that_contradict_exclusive_topics_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    records = synthetic_records(40)
    source = write_jsonl(tmp_path / "x.jsonl", records)
    train(config_for(source, "classifier.exclusive=exactly_one"), tmp_path / "model")
    (told,) = (record.getMessage() for record in caplog.records if "classifier.exclusive" in record.getMessage())
    assert re.search(r"of \d+ training paragraphs [1-9]\d* have several topics and [1-9]\d* none", told)
    caplog.clear()
    train(config_for(source), tmp_path / "model")
    assert "classifier.exclusive" not in caplog.text


def test_order_of_files_and_formats_do_not_matter_to_the_model(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    records = synthetic_records(20)
    jsonl = write_jsonl(tmp_path / "x.jsonl", records)
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "x.parquet")
    first = train(config_for(jsonl), tmp_path / "one").model
    second = train(config_for(tmp_path / "x.parquet"), tmp_path / "two").model
    texts = [record["text"] for record in records]
    assert (first.predict_proba(texts) == second.predict_proba(texts)).all()
