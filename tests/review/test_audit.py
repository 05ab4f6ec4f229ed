from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import TOPIC_WORDS, config_for, synthetic_records, write_jsonl
from training.errors import UserError
from training.review.audit import HeldOut, audit, labelled_corpus
from training.review.confident import ranked, suspects
from training.review.known import audited_config
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
        assert len(suspicion.terms) == len(dict(suspicion.terms)) == 6  # of however many blocks, a term stands once
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


def test_terms_of_several_blocks_add_up_to_the_score(wrong_file: Path) -> None:
    config = config_for(wrong_file, "features.char=null")
    corpus = labelled_corpus(config)
    held = HeldOut(corpus, config)
    learned, classifier = held._models[int(held._folds[0])]
    features = held._counted.matrix(learned, np.array([0]))
    score = float(classifier.coef_[1] @ features.toarray()[0])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("training.review.audit.TERMS_SHOWN", 10_000)
        terms = held.terms([(0, 1)])[0, 1]
    assert len(terms) < features.nnz  # the words of the text and those of its beginning are terms in common
    assert sum(dict(terms).values()) == pytest.approx(score, rel=1e-4)


def test_blank_paragraphs_are_not_listed_and_rare_topics_are_not_lost(tmp_path: Path) -> None:
    """What is listed is labelled again from what is shown: nobody labels a blank, and a hidden label would be dropped."""
    records = synthetic_records(60)
    blank = {"text": " ", "topics": ["shelling", "detention", "displacement"], "article_id": "blank"}
    records += [blank | {"paragraph_id": f"blank {at}"} for at in range(5)]
    records[0]["topics"] = [*records[0]["topics"], "meteor"]
    found = audit(config_for(write_jsonl(tmp_path / "x.jsonl", records)), 1000)
    assert len(found.suspicions) == len(records) - 5
    assert all(one.text.strip() for one in found.suspicions)
    labels = {one.paragraph_id: one.labels for one in found.suspicions}
    assert "meteor" not in found.errors  # one positive is too few to learn
    assert set(labels["a0:0"]) == set(records[0]["topics"])
    assert 'value="meteor"' in found.interface()


def test_suggestions_follow_the_rule_of_training(wrong_file: Path, tmp_path: Path) -> None:
    """A codebook that says how rare a topic is where it is sought makes its tags rarer, here as in training."""
    tags = []
    for prevalence in ("", ", prevalence: 0.001"):
        book = tmp_path / "book.yaml"
        book.write_text(f"topics: [{{id: shelling{prevalence}}}, {{id: detention}}, {{id: displacement}}]")
        options = (f"data.codebook={book}", "classifier.strength=0.01", "features.char=null", "features.lead=null")
        found = audit(config_for(wrong_file, *options), 1000)
        tags.append(sum("shelling" in one.suggested for one in found.suspicions))
    assert tags[1] < tags[0]


def test_nobody_is_scored_by_a_model_that_saw_its_article(wrong_file: Path) -> None:
    config = config_for(wrong_file)
    corpus = labelled_corpus(config)
    held = HeldOut(corpus, config)
    fold_of = dict(zip(corpus.article_ids, held._folds.tolist(), strict=True))
    assert all(fold_of[article] == fold for article, fold in zip(corpus.article_ids, held._folds, strict=True))


def test_an_example_of_the_codebook_does_not_vouch_for_its_own_label(wrong_file: Path, tmp_path: Path) -> None:
    """Every fold would learn it, so that a label that is wrong in both places would look right."""
    first = json.loads(wrong_file.read_text().splitlines()[0])
    topic = next(topic for topic in TOPIC_WORDS if topic not in first["topics"])
    book = tmp_path / "book.yaml"
    found = []
    for examples in ([], [first["text"]]):
        topics = [{"id": name, "examples": examples if name == topic else []} for name in TOPIC_WORDS]
        book.write_text(json.dumps({"topics": topics}))
        config = config_for(wrong_file, f"data.codebook={book}")
        found.append({one.paragraph_id: one.terms for one in audit(config, 1000).suspicions})
    assert found[0] == found[1]


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
