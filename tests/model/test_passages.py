"""Long texts scored by parts: how they are cut, what the scores are, and when training decides for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import Classifier, Config, Features, WordNgrams
from training.model import deciding
from training.model import scorer as scorer_module
from training.model.characters import CharacterTable
from training.model.deciding import decide, passage_tokens
from training.model.explaining import MOST_WORDS, explain
from training.model.fitting import Fit, fit, out_of_fold_scores
from training.model.model import Model
from training.model.passages import Passages, passages_of, split
from training.model.saved import load, save
from training.model.scorer import Scorer
from training.model.task import CountedFeatures, Task
from training.model.texts import as_string_array, text_buffer

TOKENS = 10
SINGLE_WORDS = Features(word=WordNgrams(ngram_range=(1, 1)), char=None, lead=None)
CONFIG = Config(name="passages", features=SINGLE_WORDS, classifier=Classifier(passages=TOKENS))
WORDS = ("convoy", "shells")
FILLER = np.array(["market", "river", "council", "road", "school", "harvest", "rain", "stone", "garden", "train"])


def texts_of(rows: int = 240, *, everywhere: bool = False):
    """Texts of 60 words, whether each speaks of each topic, and folds.

    A topic's word three times in a row tells of it, while up to three here and there tell nothing; or, with
    ``everywhere``, how often it stands in the whole text does.
    """
    rng = np.random.default_rng(5)
    labels = rng.random((rows, 2)) < 0.4
    texts = []
    for has in labels:
        words = rng.choice(FILLER, 60)
        for at, word in enumerate(WORDS):
            if everywhere:
                words[rng.choice(60, 12 if has[at] else 4, replace=False)] = word
            elif has[at]:
                start = rng.integers(0, 6) * 10 + 5 * at
                words[start : start + 3] = word
            else:
                words[rng.choice(6, rng.integers(0, 4), replace=False) * 10 + 5 * at] = word
        texts.append(" ".join(words))
    return as_string_array(texts).cast("large_string"), labels, np.arange(rows) % 4


@pytest.fixture(scope="module")
def fitted() -> Fit:
    """A model of texts in which a passage tells what the whole does not."""
    return fit(*texts_of(), CONFIG, 1)


def with_passages(scorer: Scorer, passages: Passages | None) -> Scorer:
    return Scorer(scorer.blocks, scorer.weights, scorer.intercepts, scorer.characters, passages)


@given(st.lists(st.text("ab é\u00a0\u2003\u200b\n停", max_size=80), max_size=6), st.integers(1, 7))
def test_passages_are_the_tokens_of_the_text_in_equal_parts(texts, tokens):
    parts, of = passages_of(as_string_array(texts), tokens)
    assert (np.diff(of) >= 0).all()
    cut = parts.to_pylist()
    for row, text in enumerate(texts):
        own = [part for part, at in zip(cut, of.tolist(), strict=True) if at == row]
        sizes = [len(part.split()) for part in own]
        wanted = (2 * len(text.split()) + tokens) // (2 * tokens)
        assert len(own) == (wanted if wanted > 1 else 0)
        if own:
            assert " ".join(own).split() == text.split()
            assert max(sizes) - min(sizes) <= 1
            assert all(part == part.strip() and part in text for part in own)


@given(st.lists(st.sampled_from([*WORDS, *FILLER[:4], "停火", "é"]), max_size=60), st.sampled_from([0.25, 1.0]))
def test_the_score_is_a_mix_of_the_whole_and_its_best_passage(fitted, words, share):
    text = "  ".join(words)
    plain, mixed = with_passages(fitted.scorer, None), with_passages(fitted.scorer, Passages(TOKENS, share))
    [whole] = plain.scores([text])
    parts, _ = passages_of(as_string_array([text]), TOKENS)
    expected = (1 - share) * whole + share * plain.scores(parts).max(axis=0) if len(parts) else whole
    np.testing.assert_allclose(mixed.scores([text])[0], expected, atol=1e-5)


def test_scores_do_not_depend_on_batches_or_threads(fitted, monkeypatch):
    long = " ".join(np.tile(FILLER, 20)) + " convoy convoy convoy"
    texts = [long, "", "convoy", *texts_of(20)[0].to_pylist(), long, None]
    expected = fitted.scorer.scores(texts)
    assert (expected[0] == expected[-2]).all()
    for batch in (1, 2, 7):
        monkeypatch.setattr(scorer_module, "BATCH", batch)
        for threads in (1, 3):
            assert (fitted.scorer.scores(texts, threads=threads) == expected).all()


def test_training_decides_for_passages_where_they_tell_more(fitted):
    texts, labels, folds = texts_of()
    assert fitted.scorer.passages is not None
    assert fitted.scorer.passages.tokens == TOKENS
    whole = fit(texts, labels, folds, CONFIG.model_copy(update={"classifier": Classifier(passages=None)}), 1)
    assert whole.scorer.passages is None
    wrong, without = (found.out_of_fold.tags != labels for found in (fitted, whole))
    assert wrong.sum() < without.sum()


def test_training_decides_against_passages_where_the_whole_tells_more():
    assert fit(*texts_of(everywhere=True), CONFIG, 1).scorer.passages is None


def test_few_long_texts_do_not_decide(monkeypatch):
    texts, labels, folds = texts_of(deciding.LEAST_LONG - 1)
    assert fit(texts, labels, folds, CONFIG, 1).scorer.passages is None
    monkeypatch.setattr(deciding, "LEAST_LONG", 2)
    assert fit(texts, labels, folds, CONFIG, 1).scorer.passages is not None


def test_short_texts_and_exclusive_topics_have_no_passages():
    texts, labels, folds = texts_of(40)
    assert len(Task(texts, labels, folds, passage_tokens=41).passage_rows) == 0
    assert len(Task(texts, labels, folds, passage_tokens=40).passage_rows) == 80
    assert passage_tokens(labels, Classifier(passages=TOKENS)) == TOKENS
    assert passage_tokens(labels, Classifier(passages=None)) is None
    assert passage_tokens(np.eye(3, dtype=bool), Classifier()) is None


def test_one_long_text_among_short_ones():
    """Most folds then have no passages at all."""
    texts, labels, folds = texts_of(40)
    short = [text[:60] for text in texts.to_pylist()]
    found = fit(as_string_array([texts[0].as_py(), *short[1:]]).cast("large_string"), labels, folds, CONFIG, 1)
    assert found.scorer.passages is None


def test_one_scoring_path(fitted):
    """The columns that the rule was chosen on, made from the model's own weights, are what the scorer gives."""
    texts, labels, _ = texts_of()
    task = Task(texts, labels, np.arange(len(labels)) % 4, passage_tokens=TOKENS)
    counted = CountedFeatures(task, CONFIG.features)
    columns = out_of_fold_scores(task, counted, CONFIG, 2)
    assert columns.shape == (len(labels), 4)
    rule = decide(columns, labels, "no", CONFIG.thresholds)
    share = rule.passage_share
    assert fitted.scorer.passages == (TOKENS, share)
    slopes, of_best = np.diag(rule.matrix[:2]), np.diag(rule.matrix[2:])
    np.testing.assert_allclose(of_best * (1 - share), slopes * share)
    plain, part = with_passages(fitted.scorer, None), split(text_buffer(texts), TOKENS, CharacterTable.current())
    best = np.maximum.reduceat(
        plain.scores(passages_of(texts, TOKENS)[0]), np.flatnonzero(np.diff(part[1], prepend=-1))
    )
    expected = (1 - share) * plain.scores(texts) + share * best
    np.testing.assert_allclose(fitted.scorer.scores(texts), expected, atol=1e-5)


def test_evidence_adds_up_and_shows_the_passage(fitted):
    model = Model("passages", list(WORDS), fitted.scorer, fitted.decision, {})
    text = "é " + texts_of(1)[0][0].as_py() + "  convoy convoy convoy"
    for entry in explain(model, text):
        np.testing.assert_allclose(
            entry.intercept + sum(span.contribution for span in entry.spans), entry.score, atol=1e-4
        )
        assert len({(span.start, span.end, span.term) for span in entry.spans}) == len(entry.spans)
        for span in entry.spans:
            if not span.term.startswith(" ") and not span.term.endswith(" "):
                assert span.term == text[span.start : span.end].lower().replace("  ", " ")
    [convoy] = explain(model, text, "convoy")
    start, end = convoy.passage
    assert text[start:end].endswith("convoy convoy convoy")
    assert [entry.passage for entry in explain(model, "convoy")] == [None, None]


def test_what_archives_keep_of_the_evidence_are_the_strongest_words_of_each_tag(fitted):
    model = Model("passages", list(WORDS), fitted.scorer, fitted.decision, {})
    text = "é " + texts_of(1)[0][0].as_py() + "  Convoy, convoy convoy"
    kept = model.evidence(text)
    assert [entry["topic"] for entry in kept] == model.tag([text])[0] == ["convoy"]
    assert kept[0]["passage"] == model.explain(text, "convoy")[0].passage
    for entry in kept:
        values = [span["contribution"] for span in entry["spans"]]
        assert [span["term"] for span in entry["spans"]] == [
            text[span["start"] : span["end"]] for span in entry["spans"]
        ]
        assert values == sorted(values, key=abs, reverse=True)
        assert len(values) == MOST_WORDS
        assert entry["intercept"] + sum(values) + entry["rest"] == pytest.approx(entry["score"], abs=1e-3)
    assert "Convoy" in {span["term"] for span in kept[0]["spans"]}
    assert model.evidence("") == []
    with pytest.raises(ValueError, match="no topic 'convoi'. Did you mean \"convoy\""):
        model.explain(text, "convoi")


def test_saved_and_loaded(fitted, tmp_path):
    settings = {"name": "passages", "topics": list(WORDS), "left_out": {}, "trained_on": {}}
    model = save(tmp_path / "model", settings, fitted.scorer, fitted.decision, {})
    texts = texts_of(20)[0]
    assert model.scorer.passages == fitted.scorer.passages
    assert (load(tmp_path / "model").predict_proba(texts) == model.predict_proba(texts)).all()


@pytest.mark.parametrize(("words", "parts"), [(119, 0), (120, 2), (199, 2), (200, 3)])
def test_how_long_a_text_must_be_for_so_many_passages(words, parts):
    """Of words of one letter, too, for which it is told by the bytes which texts are too short."""
    assert len(passages_of(as_string_array([" ".join("a" * words)]), 80)[1]) == parts
