from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.conftest import TOPIC_WORDS, config_for, synthetic_records, write_jsonl
from training.checks import check_data
from training.cli import conflict_topics
from training.config import Config
from training.corpus.rarity import rarity_of
from training.corpus.records import Corpus
from training.corpus.splits import grouped_folds
from training.errors import UserError
from training.learning_curve import curve_lines, learning_curve, tags_from
from training.model.task import CountedFeatures, Task, TooFewWordsError
from training.prepare import prepare
from training.train import train

FAST = ("features.char=null", "features.lead=null", "split.folds=3")


@pytest.fixture(scope="module")
def prepared(corpus_file: Path) -> Any:
    """The synthetic paragraphs, split, with the folds of the training part."""
    return parts_of(config_for(corpus_file, *FAST))


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A config whose codebook says that a topic is far rarer in archives, with labels noisy enough for that to count."""
    folder = tmp_path_factory.mktemp("rare")
    records = synthetic_records(60)
    for record in records[::4]:
        record["topics"] = [] if "shelling" in record["topics"] else [*record["topics"], "shelling"]
    topics = [{"id": topic} | ({"prevalence": 0.01} if topic == "shelling" else {}) for topic in TOPIC_WORDS]
    book = folder / "book.yaml"
    book.write_text(json.dumps({"topics": topics}))
    source = write_jsonl(folder / "x.jsonl", records)
    return config_for(source, *FAST, f"data.codebook={book}", "evaluation.learning_curve=true")


def parts_of(config: Config) -> Any:
    parts = prepare(config)
    return config, parts, grouped_folds(parts.train.labels, parts.train_groups, config.split.folds, config.seed)


def nothing_of(corpus: Corpus) -> Any:
    return np.zeros(corpus.labels.shape, dtype=bool)


def test_with_all_labels_the_curve_is_the_out_of_fold_estimate(prepared: Any, tmp_path: Path) -> None:
    config, parts, _ = prepared
    curve = check_data(config, with_learning_curve=True).learning_curve
    estimate = train(config, tmp_path / "model").metrics["out_of_fold"]
    assert curve is not None
    assert [point["share"] for point in curve["points"]] == [0.25, 0.5, 0.75, 1.0]
    assert curve["points"][-1]["paragraphs"] == len(parts.train)
    for name in ("micro_f1", "macro_f1"):
        assert curve["points"][-1][name] == pytest.approx(estimate[name])
    for topic, entry in curve["topics"].items():
        assert entry["f1"][-1] == pytest.approx(estimate["topics"][topic]["f1"])
        assert entry["positives"] == sorted(entry["positives"])
        assert entry["positives"][-1] == parts.train.support[topic]
        low, high = entry["gain"]["interval"]
        assert low <= entry["gain"]["by"] <= high
    assert curve["points"][0]["micro_f1"] < curve["points"][-1]["micro_f1"]


def test_train_and_check_draw_one_curve(rare: Config, tmp_path: Path) -> None:
    """Also where the codebook says how rare topics are, which moves the thresholds."""
    drawn = train(rare, tmp_path / "model").metrics["learning_curve"]
    assert drawn == check_data(rare, with_learning_curve=True).learning_curve


def test_every_part_is_tagged_by_the_rule_of_the_whole(
    rare: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, parts, _ = parts_of(rare)
    expected = rarity_of(parts.codebook, parts.train)
    assert expected.max() > 10
    given = []

    def remembered(task: Task, counted: CountedFeatures, known: Any, config: Config, rarity: Any) -> Any:
        given.append(rarity)
        return tags_from(task, counted, known, config, rarity)

    monkeypatch.setattr("training.learning_curve.tags_from", remembered)
    train(rare, tmp_path / "model")
    check_data(rare, with_learning_curve=True)
    assert len(given) == 6
    assert all((rarity == expected).all() for rarity in given)


def test_rarity_reaches_the_tags_of_a_part(rare: Config) -> None:
    config, parts, folds = parts_of(rare)
    task = Task(parts.train.texts, parts.train.labels, folds)
    counted = CountedFeatures(task, config.features)
    every = np.ones(len(parts.train), dtype=bool)
    plain, wary = (
        tags_from(task, counted, every, config, rarity) for rarity in (None, rarity_of(parts.codebook, parts.train))
    )
    at = parts.train.topics.index("shelling")
    assert wary[:, at].sum() < plain[:, at].sum()


def test_tags_that_are_known_are_not_made_again(prepared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config, parts, folds = prepared
    shares = []

    def remembered(task: Task, counted: CountedFeatures, known: Any, config: Any, rarity: Any) -> Any:
        shares.append(known.mean())
        return np.zeros(task.labels.shape, dtype=bool)

    monkeypatch.setattr("training.learning_curve.tags_from", remembered)
    curve = learning_curve(parts.train, parts.train_groups, folds, config, parts.train.labels)
    assert len(shares) == 3
    assert max(shares) < 1
    assert curve["points"][-1]["micro_f1"] == 1


def curve_through(prepared: Any, shares_right: list[float], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The curve where with each part that share of the articles is tagged right, and the rest not at all."""
    config, parts, folds = prepared
    labels, article = parts.train.labels, np.unique(parts.train.article_ids, return_inverse=True)[1]

    def tagged(share: float) -> Any:
        return labels & (article < share * (article.max() + 1))[:, None]

    found = iter(map(tagged, shares_right[:-1]))
    monkeypatch.setattr("training.learning_curve.tags_from", lambda *_: next(found))
    return learning_curve(parts.train, parts.train_groups, folds, config, tagged(shares_right[-1]))


@pytest.mark.parametrize(
    ("shares_right", "verdict"),
    [
        ([0.2, 0.4, 0.6, 0.8], "still rising"),
        ([0.2, 0.4, 0.8, 0.8], "rose"),  # the last quarter brought nothing
        ([0.2, 0.4, 0.9, 0.8], "rose"),
        ([0.2, 0.4, 0.6, 1.0], "rose"),  # there is nothing above 1
        ([0.2, 0.9, 0.7, 0.5], "falling"),
        ([0.2, 0.9, 0.4, 0.5], "fell"),
        ([0.2, 0.8, 0.8, 0.8], "flat"),
    ],
)
def test_the_verdict_says_no_more_than_the_last_step_bears(
    prepared: Any, shares_right: list[float], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    curve = curve_through(prepared, shares_right, monkeypatch)
    assert {gain["verdict"] for gain in curve["gain"].values()} == {verdict}
    assert {entry["gain"]["verdict"] for entry in curve["topics"].values()} == {verdict}
    helped = 3 if verdict in ("still rising", "rose") else 0
    assert f"helped {helped} of 3 topics" in list(curve_lines(curve))[-1]


@pytest.mark.parametrize("number", [2, 4, 5])
def test_every_fold_learns_from_about_as_much_of_a_part(
    corpus_file: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, parts, folds = parts_of(config_for(corpus_file, *FAST, f"split.folds={number}"))
    shares = []

    def remembered(task: Task, counted: CountedFeatures, known: Any, *_: Any) -> Any:
        learned = np.array([(known & (folds != fold)).sum() for fold in np.unique(folds)])
        shares.append(learned / (known.sum() * (number - 1) / number))
        return np.zeros(task.labels.shape, dtype=bool)

    monkeypatch.setattr("training.learning_curve.tags_from", remembered)
    learning_curve(parts.train, parts.train_groups, folds, config, parts.train.labels)
    assert len(shares) == 3
    assert all(abs(share - 1).max() < 0.4 for share in shares)


def test_what_is_outside_the_part_never_reaches_it(prepared: Any) -> None:
    """Labels of paragraphs outside the part may be anything: the tags stay the same."""
    config, parts, folds = prepared
    known = np.arange(len(parts.train)) % 2 == 0
    task = Task(parts.train.texts, parts.train.labels, folds)
    counted = CountedFeatures(task, config.features)
    other = parts.train.labels.copy()
    other[~known] = ~other[~known]
    first = tags_from(task, counted, known, config)
    assert (first == tags_from(Task(parts.train.texts, other, folds), counted, known, config)).all()


def test_a_topic_that_a_part_hardly_holds_has_no_tags_there(prepared: Any) -> None:
    config, parts, folds = prepared
    labels = parts.train.labels.copy()
    labels[1:, 0] = False
    labels[0, 0] = True
    rare = replace(parts.train, labels=labels)
    curve = learning_curve(rare, parts.train_groups, folds, config, nothing_of(rare))
    assert curve["topics"][rare.topics[0]]["f1"] == [0, 0, 0, 0]


def test_train_puts_the_curve_into_metrics_and_report(corpus_file: Path, tmp_path: Path) -> None:
    outcome = train(config_for(corpus_file, *FAST, "evaluation.learning_curve=true"), tmp_path / "model")
    points = outcome.metrics["learning_curve"]["points"]
    assert points[-1]["micro_f1"] == pytest.approx(outcome.metrics["out_of_fold"]["micro_f1"])
    report = (tmp_path / "model/report.html").read_text()
    assert "How much would more labels help?" in report
    assert f"{points[0]['paragraphs']} paragraphs: micro-F1 {points[0]['micro_f1']:.3f}" in report
    assert report.count("<polyline") == len(outcome.model.topics)


def test_without_being_asked_for_there_is_no_curve(trained: Any) -> None:
    assert "learning_curve" not in trained.metrics
    report = (trained.folder / "report.html").read_text()
    assert "more labels" not in report
    assert "<polyline" not in report


def test_the_key_takes_true_or_false() -> None:
    with pytest.raises(UserError, match=r"evaluation\.learning_curve: found 'often', expected: .*boolean"):
        config_for("x.jsonl", "evaluation.learning_curve=often")


def test_check_prints_the_curve_as_text_and_as_json(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "x.jsonl", synthetic_records(30))
    config = tmp_path / "x.yaml"
    config.write_text(f"name: x\ndata: {{train: {json.dumps(str(source))}, codebook: null}}\n")
    command = ["check", str(config), "--learning-curve", "--set", "evaluation.resamples=100"]
    for override in FAST:
        command += ["--set", override]
    text = CliRunner().invoke(conflict_topics, command)
    assert text.exit_code == 0, text.output
    assert "F1 with so much of the labels" in text.stdout
    told = CliRunner().invoke(conflict_topics, [*command, "--json"])
    curve = json.loads(told.stdout)["learning_curve"]
    assert list(curve_lines(curve)) == text.stdout.rstrip("\n").splitlines()[-len(list(curve_lines(curve))) :]


def test_no_curve_where_training_would_fail(tmp_path: Path) -> None:
    records = [record | {"topics": []} for record in synthetic_records(10)]
    records[0]["topics"] = ["meteor"]
    findings = check_data(config_for(write_jsonl(tmp_path / "x.jsonl", records)), with_learning_curve=True)
    assert findings.fatal
    assert findings.learning_curve is None


@pytest.mark.parametrize("codebook", [False, True])
def test_parts_too_small_to_learn_from_are_left_out(tmp_path: Path, codebook: bool) -> None:
    """Three articles: a quarter of them is nothing, or nothing outside one of the folds."""
    book = tmp_path / "book.yaml"
    book.write_text("".join(["topics:\n", *(f"- {{id: {topic}, examples: [{topic}]}}\n" for topic in TOPIC_WORDS)]))
    records = synthetic_records(4)
    source = write_jsonl(tmp_path / "x.jsonl", records)
    more = ("classifier.min_positives=1", *([f"data.codebook={book}"] if codebook else []))
    findings = check_data(config_for(source, *FAST, *more), with_learning_curve=True)
    curve = findings.learning_curve
    assert curve is not None
    shares = [point["share"] for point in curve["points"]]
    assert 1 < len(shares) < 4 and shares[-1] == 1.0
    assert curve["gain_from"] == max(0.5, shares[0])
    for entry in curve["topics"].values():
        assert len(entry["f1"]) == len(entry["positives"]) == len(shares)
        assert entry["gain"]["verdict"] == "can't tell" and entry["gain"]["interval"] is None
    report = train(config_for(source, *FAST, *more, "evaluation.learning_curve=true"), tmp_path / "model").folder
    assert "No intervals: the articles are too few to tell" in (report / "report.html").read_text()


def test_a_set_too_small_for_a_curve_is_told_and_the_rest_is_checked(
    corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(task: Task, counted: CountedFeatures, known: Any, config: Any, rarity: Any) -> Any:
        raise TooFewWordsError("too few")

    monkeypatch.setattr("training.learning_curve.tags_from", nothing)
    findings = check_data(config_for(corpus_file, *FAST), with_learning_curve=True)
    assert not findings.fatal and findings.learning_curve is None
    assert "learning curve: the 144 training paragraphs are too few for one" in findings.text()
    outcome = train(config_for(corpus_file, *FAST, "evaluation.learning_curve=true"), tmp_path / "model")
    assert "learning_curve" not in outcome.metrics


def test_where_half_is_too_little_gains_are_measured_from_the_smallest_part_left(
    corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def most(task: Task, counted: CountedFeatures, known: Any, config: Any, rarity: Any) -> Any:
        if known.mean() < 0.7:
            raise TooFewWordsError("too few")
        return np.zeros(task.labels.shape, dtype=bool)

    monkeypatch.setattr("training.learning_curve.tags_from", most)
    outcome = train(config_for(corpus_file, *FAST, "evaluation.learning_curve=true"), tmp_path / "model")
    curve = outcome.metrics["learning_curve"]
    assert [point["share"] for point in curve["points"]] == [0.75, 1.0]
    assert curve["gain"]["micro_f1"]["by"] == pytest.approx(curve["points"][-1]["micro_f1"])
    assert next(curve_lines(curve)).endswith("75%    100%   step from 75% to all")
    report = (tmp_path / "model/report.html").read_text()
    assert "learned from 75% and 100% of the articles" in report and "From 75% of the labels to all of them" in report
