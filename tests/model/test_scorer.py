"""The scores are those of scikit-learn's vectorizers and a linear model, whatever way the texts come."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from tests.model.test_ngrams import SCRIPTS, letters
from training.model import scoring
from training.model.characters import CharacterTable
from training.model.kernels_scoring import LAST_MARK
from training.model.ngrams import NgramVectorizer
from training.model.scorer import Block, BlockSettings, Scorer
from training.model.terms import Terms

WORD_BLOCK = {"ngram_range": (1, 2), "sublinear_tf": True}
CHAR_BLOCK = {"analyzer": "char_wb", "ngram_range": (3, 5), "sublinear_tf": True}
MODELS: list[list[dict[str, Any]]] = [
    [WORD_BLOCK, CHAR_BLOCK],
    [WORD_BLOCK],
    [CHAR_BLOCK],
    [{}],
    [{"ngram_range": (2, 3), "lowercase": False}, {"ngram_range": (1, 1), "norm": None}],
    [{"analyzer": "char_wb", "ngram_range": (1, 7)}, {"analyzer": "char_wb", "ngram_range": (2, 2), "use_idf": False}],
]
FIT = [text for text in SCRIPTS if not text.startswith("İ")] + ["the shelling of the town", "of the town of Ἀθῆναι"]


class Peer:
    """scikit-learn's way to the same scores, and the scorer made of its parts."""

    def __init__(self, options: list[dict[str, Any]], topics: int = 5) -> None:
        self.vectorizers = [TfidfVectorizer(**one).fit(FIT) for one in options]
        blocks = []
        for one, vectorizer in zip(options, self.vectorizers, strict=True):
            names = {k: v for k, v in one.items() if k != "use_idf"}
            terms = Terms.from_strings(vectorizer.vocabulary_)
            idf = vectorizer.idf_ if vectorizer.use_idf else np.ones(len(terms))
            blocks.append(Block(BlockSettings(**names), terms, idf.astype(np.float32)))
        generator = np.random.default_rng(7)
        features = sum(len(block.terms) for block in blocks)
        self.weights = generator.normal(size=(features, topics)).astype(np.float32)
        self.intercepts = generator.normal(size=topics).astype(np.float32)
        self.scorer = Scorer(blocks, self.weights, self.intercepts, CharacterTable.current())

    def scores(self, texts: list[str]) -> np.ndarray:
        matrix = sp.hstack([vectorizer.transform(texts) for vectorizer in self.vectorizers])
        return np.asarray(matrix @ self.weights.astype(np.float64) + self.intercepts)


PEERS = [Peer(options) for options in MODELS]
both = pytest.mark.parametrize("peer", PEERS, ids=[str(options) for options in MODELS])


@both
def test_scores_are_those_of_scikit_learn(peer: Peer) -> None:
    texts = SCRIPTS + FIT + [" ".join(SCRIPTS)] + ["the the the shelling " * 900]
    np.testing.assert_allclose(peer.scorer.scores(texts), peer.scores(texts), atol=1e-5, rtol=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(letters, st.lists(st.sampled_from(" ".join(SCRIPTS).split())).map(" ".join)), min_size=1))
def test_scores_of_any_text(texts: list[str]) -> None:
    for peer in PEERS:
        np.testing.assert_allclose(peer.scorer.scores(texts), peer.scores(texts), atol=1e-5, rtol=1e-6)


@both
def test_scores_do_not_depend_on_how_texts_come(peer: Peer) -> None:
    texts = (SCRIPTS * 700)[:9001]
    expected = peer.scorer.scores(pa.array(texts))
    array = pa.array([None, *texts], pa.large_string())
    chunks = pa.chunked_array([array.slice(1, 5), array.slice(6, 0), array.slice(6)])
    assert np.array_equal(peer.scorer.scores(chunks), expected)
    assert np.array_equal(peer.scorer.scores(texts, threads=3), expected)
    assert np.array_equal(peer.scorer.scores(array.slice(1)), expected)
    assert np.array_equal(peer.scorer.scores(pa.array(texts[::-1])), expected[::-1])
    alone = np.concatenate([peer.scorer.scores([text]) for text in SCRIPTS])
    assert np.array_equal(alone, expected[: len(SCRIPTS)])


def test_scores_do_not_depend_on_what_came_before() -> None:
    """More distinct tokens than any table keeps, and long texts of them, between two looks at the same texts."""
    generator = np.random.default_rng(1)
    tokens = ["".join(map(chr, generator.integers(0x61, 0x7B, 6))) for _ in range(150_000)]
    others = [" ".join(tokens[i : i + 50]) for i in range(0, 100_000, 50)] + [" ".join(tokens)]
    for options in MODELS[:3]:
        peer = Peer(options)
        first = peer.scorer.scores(SCRIPTS)
        scores = peer.scorer.scores(others)
        assert np.array_equal(peer.scorer.scores(SCRIPTS), first)
        assert np.array_equal(peer.scorer.scores(others[::-1])[::-1], scores)
        np.testing.assert_allclose(scores[-3:], peer.scores(others[-3:]), atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("options", MODELS[:3], ids=str)
def test_scores_when_a_text_overflows_the_cache(options: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for 256 tokens, long texts have tokens outside the cache, which share n-grams with those within."""
    monkeypatch.setattr(scoring, "CACHE_SLOTS", 256)
    words = sorted({word for text in FIT for word in text.split()})
    texts = [" ".join(words[i:] + words[: 2 * i] + [f"{word}{i}" for word in words * i]) for i in range(9)]
    small = Peer(options)
    scores = small.scorer.scores(texts)
    np.testing.assert_allclose(scores, small.scores(texts), atol=1e-5, rtol=1e-6)
    assert np.array_equal(small.scorer.scores(texts[::-1])[::-1], scores)
    assert np.array_equal(np.concatenate([small.scorer.scores([text]) for text in texts]), scores)


@both
def test_scores_of_long_texts_and_long_tokens(peer: Peer) -> None:
    """Texts that outgrow the arrays of a thread, in each of the ways that they can."""
    shelling = "Shelling of the town-of-the-town, "
    texts = [
        shelling * 3000,
        shelling + "shelling" * 2000 + " " + shelling,
        " ".join("shelling" * (i % 9) + str(i) for i in range(9000)) + shelling,
        "-".join(["the", "town"] * 3000) + " of the town",
        shelling + "x " * 9000 + "\u0130" * 5000 + " Shelling",
    ]
    scores = peer.scorer.scores(texts)
    np.testing.assert_allclose(scores, peer.scores(texts), atol=1e-5, rtol=1e-6)
    assert np.array_equal(np.concatenate([peer.scorer.scores([text]) for text in texts]), scores)


def test_the_longest_token_needs_arrays_that_any_machine_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million characters without white space, as many as `tag` takes: systems refuse what is far beyond their memory."""
    largest = 0

    def noted(function: Any) -> Any:
        def made(shape: Any, kind: Any) -> Any:
            nonlocal largest
            largest = max(largest, int(np.prod(shape)) * np.dtype(kind).itemsize)
            return function(shape, kind)

        return made

    for name in ("empty", "zeros"):
        monkeypatch.setattr(scoring.np, name, noted(getattr(np, name)))
    text = "\U0001f600" * 1_000_000
    assert PEERS[0].scorer.scores([text]).shape == (1, 5)
    assert largest < 4 << 30


@pytest.mark.parametrize("peer", [PEERS[1], PEERS[3], PEERS[4]], ids=str)
@pytest.mark.parametrize("before", ["", "é ", "\u3000", "shelling\u2019s ", "\x1f\x7f_", "x" * 70 + "-"])
def test_words_are_found_at_any_place(peer: Peer, before: str) -> None:
    """Texts are cut in blocks of bytes: each word once at each place of a block, the last one of all texts too."""
    texts = [before + " " * i + "the_town of the\x7ftown, the caf\u00e9 THE town of a Shelling" for i in range(70)]
    expected = peer.scores(texts)
    np.testing.assert_allclose(peer.scorer.scores(texts), expected, atol=1e-5, rtol=1e-6)
    alone = np.concatenate([peer.scorer.scores([text]) for text in texts])
    np.testing.assert_allclose(alone, expected, atol=1e-5, rtol=1e-6)


def test_words_under_rules_of_their_own() -> None:
    """A table of characters in which an ASCII letter is not what it is everywhere."""
    arrays = CharacterTable.current().arrays()
    stage2, records = arrays["stage2"].copy(), arrays["records"]
    first = int(arrays["stage1"][0]) * 128
    assert CharacterTable.current().has_plain_ascii
    stage2[first + ord("o")] = stage2[first + ord("-")]
    odd = CharacterTable.from_arrays({**arrays, "stage2": stage2, "records": records})
    assert not odd.has_plain_ascii
    peer = PEERS[1]
    scorer = Scorer(peer.scorer.blocks, peer.weights, peer.intercepts, odd)
    as_blanks = peer.scorer.scores([text.lower().replace("o", "-") for text in FIT if text.isascii()])
    assert np.array_equal(scorer.scores([text for text in FIT if text.isascii()]), as_blanks)


def test_terms_that_no_text_has_are_never_found() -> None:
    """Terms in capitals under a model that lower-cases, and what differs from a word in the bit of small letters."""
    terms = Terms.from_strings(["TOWN", "t\x7fwn", "to-wn", "{own", "town"])
    block = Block(BlockSettings(), terms, np.ones(len(terms), np.float32))
    weights = np.array([[float(term == "town")] for term in terms.strings], np.float32)
    scorer = Scorer([block], weights, np.zeros(1, np.float32), CharacterTable.current())
    scores = scorer.scores(["TOWN Town", "t_wn T_WN", "to-wn", "{own [own", "town"])
    assert scores[:, 0].tolist() == [1, 0, 0, 0, 1]


def test_scores_do_not_depend_on_how_many_texts_went_before() -> None:
    """The marks of texts begin anew before they outgrow their type."""
    peer = PEERS[0]
    expected = peer.scorer.scores(SCRIPTS)
    for _, scoring_pass in peer.scorer._passes:
        for _, work in scoring_pass._free:
            work.clock[0] = LAST_MARK - work.slots.size - 5
    assert np.array_equal(peer.scorer.scores(SCRIPTS), expected)
    assert np.array_equal(peer.scorer.scores(SCRIPTS), expected)


@both
def test_missing_and_empty_texts_score_the_intercepts(peer: Peer) -> None:
    scores = peer.scorer.scores(pa.array([None, "", " \u3000 ", "qqq"], pa.string()))
    assert np.array_equal(scores[:3], np.tile(peer.intercepts, (3, 1)))
    assert peer.scorer.scores([]).shape == (0, peer.intercepts.size)
    hidden = pa.StringArray.from_buffers(
        2, pa.py_buffer(np.array([0, 5, 9], np.int32)), pa.py_buffer(b"shelltown"), pa.py_buffer(b"\x02")
    )
    assert np.array_equal(peer.scorer.scores(hidden)[0], peer.intercepts)


@both
def test_evidence_adds_up_to_the_scores(peer: Peer) -> None:
    for text in [*SCRIPTS, " ".join(SCRIPTS)]:
        evidence = peer.scorer.evidence(text)
        total = evidence.values @ peer.weights[evidence.features] + peer.intercepts
        np.testing.assert_allclose(total, peer.scorer.scores([text])[0], atol=1e-5, rtol=1e-6)


@both
def test_evidence_points_at_the_n_grams(peer: Peer) -> None:
    names = [name for vectorizer in peer.vectorizers for name in vectorizer.get_feature_names_out()]
    lowers = [vectorizer.lowercase for vectorizer in peer.vectorizers for _ in vectorizer.vocabulary_]
    for text in FIT:
        evidence = peer.scorer.evidence(text)
        for feature, start, end in zip(evidence.features, evidence.starts, evidence.ends, strict=True):
            place = text[start:end].lower() if lowers[feature] else text[start:end]
            words = place.replace("\u03c2", "\u03c3").split()
            for part in names[feature].replace("\u03c2", "\u03c3").split():
                assert any(part in word for word in words), (names[feature], place)


def test_evidence_counts_characters_of_the_text_as_given() -> None:
    peer = Peer([{}])
    text = "İİ\u00a0Обстрел Donetsk"
    evidence = peer.scorer.evidence(text)
    assert [text[start:end] for start, end in zip(evidence.starts, evidence.ends, strict=True)] == [
        "Обстрел",
        "Donetsk",
    ]


def test_a_repeated_ngram_shares_its_value() -> None:
    peer = Peer([{"norm": None, "use_idf": False, "sublinear_tf": True}])
    evidence = peer.scorer.evidence("shelling Shelling SHELLING")
    assert evidence.features.size == 3
    np.testing.assert_allclose(evidence.values, (1 + np.log(3)) / 3)


def test_tagging_needs_no_scikit_learn() -> None:
    code = "import training.model.scorer, sys; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_weights_that_do_not_fit_are_refused() -> None:
    block = Block(BlockSettings(), Terms.from_strings(["one", "two"]), np.ones(2, np.float32))
    with pytest.raises(ValueError, match="2 terms"):
        Scorer([block], np.zeros((3, 4), np.float32), np.zeros(4, np.float32), CharacterTable.current())
    short = Block(BlockSettings(), block.terms, np.ones(1, np.float32))
    with pytest.raises(ValueError, match="idf has shape"):
        Scorer([short], np.zeros((2, 4), np.float32), np.zeros(4, np.float32), CharacterTable.current())


@pytest.mark.parametrize(
    ("options", "message"),
    [({"analyzer": "char"}, "analyzer is"), ({"ngram_range": (0, 1)}, "ngram_range is"), ({"norm": "l1"}, "norm is")],
)
def test_settings_out_of_range_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BlockSettings(**options)


@pytest.mark.parametrize(
    ("data", "offsets", "message"),
    [
        (b"ba", [0, 1, 2], "not in the order"),
        (b"aa", [0, 1, 2], "not in the order"),
        (b"ab", [0, 2, 1, 2], "descend"),
        (b"ab", [0, 3], "do not fit"),
    ],
)
def test_damaged_terms_are_refused(data: bytes, offsets: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Terms(np.frombuffer(data, np.uint8), np.array(offsets))


@given(st.lists(st.text(max_size=40), max_size=6), st.integers(1, 5))
def test_first_tokens_score_as_the_cut_text_does(texts: list[str], tokens: int) -> None:
    """A block that reads only the beginning, alone and beside one that reads everything."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    learned = ["alpha beta gamma delta", "beta Gamma epsilon zeta eta", "alpha zeta zeta theta iota kappa"]

    def beginning(text: str) -> str:
        return " ".join(text.split()[:tokens]).lower()

    rng = np.random.default_rng(0)
    blocks, weights, expected = [], [], np.zeros((len(texts), 2))
    for first_tokens in (None, tokens):
        vectorizer = NgramVectorizer(ngram_range=(1, 2), first_tokens=first_tokens).fit(learned)
        theirs = TfidfVectorizer(ngram_range=(1, 2), preprocessor=beginning if first_tokens else None).fit(learned)
        assert vectorizer.vocabulary_ == theirs.vocabulary_
        own = rng.normal(size=(len(theirs.vocabulary_), 2)).astype(np.float32)
        settings = BlockSettings(ngram_range=(1, 2), first_tokens=first_tokens)
        blocks.append(Block(settings, vectorizer.terms_, vectorizer.idf_.astype(np.float32)))
        weights.append(own)
        if texts:
            expected += theirs.transform(texts) @ own
    scorer = Scorer(blocks, np.vstack(weights), np.zeros(2, np.float32), CharacterTable.current())
    encodable = pa.array(texts, pa.large_string())
    assert scorer.scores(encodable) == pytest.approx(expected, abs=1e-5)
    for text, row in zip(texts, scorer.scores(encodable), strict=True):
        found = scorer.evidence(text)
        assert found.values @ scorer.weights[found.features] == pytest.approx(row, abs=1e-5)
