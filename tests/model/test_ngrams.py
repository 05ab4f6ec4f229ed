"""`NgramVectorizer` gives what `TfidfVectorizer` gives, and counting once gives what fitting anew gives."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils import estimator_checks, get_tags

from training.model.ngrams import NgramVectorizer

SCRIPTS = [
    "Fighters of the Azov Brigade shelled Donetsk's outskirts; 3 civilians were killed, 12 wounded.",
    "The the THE shelling, the shelling! of the-town U.S.-led co_ordination x y z 2014-05-12 3.5km",
    "Café naïve São Tomé coöperate Ñandú ŁÓDŹ ångström résumé re\u0301sume\u0301 Đặng Thị Ngọc Thịnh",
    "Обстрел Донецка: погибли трое мирных жителей. ОБСТРЕЛ продолжался до утра.",
    "ΟΔΟΣ Ὀδυσσεύς ΣΑΣ ΑΣ. ΑΣ.Α Σ ΣΣ Α\u0301Σ ΤΗΣ ΝΕΑΣ ΔΗΜΟΚΡΑΤΙΑΣ",
    "İstanbul'da DİYARBAKIR ılık IĞDIR İİİ İ iİi",
    "قُتل ثلاثة أشخاص في قصف على المدينة ٣ أشخاص",
    "警察在城市中心与示威者发生冲突。三人死亡。デモ隊と警察が衝突 시위대와 경찰",
    "दिल्ली में प्रदर्शन के दौरान पुलिस ने लाठीचार्ज किया",
    "no\u00a0break\u2003em\u3000wide\x1cfile\x85next\u2028line\u200bzero\ufeffbom \t\r\n\v\f end",
    "👩\u200d👩\u200d👧 family 🇺🇦🇸🇾 flags ①②③ ½ x² ǅungla ﬁre K Å \u1e9e STRASSE",
    "https://example.org/a/very/long/path?with=parameters&and=more_of_them#which-goes-beyond-sixty-four-bytes",
    "",
    "   ",
    "a",
    "nul\x00inside \x00 \x00\x00 tail",
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"ngram_range": (1, 2), "sublinear_tf": True, "dtype": np.float32},
    {"ngram_range": (2, 3), "lowercase": False},
    {"ngram_range": (3, 3), "norm": None, "use_idf": False},
    {"min_df": 2, "max_df": 0.5, "max_features": 9},
    {"analyzer": "char_wb", "ngram_range": (3, 5), "sublinear_tf": True},
    {"analyzer": "char_wb", "ngram_range": (1, 1), "norm": "l1", "smooth_idf": False},
    {"analyzer": "char_wb", "ngram_range": (2, 9), "lowercase": False, "dtype": np.float32},
    {"analyzer": "char_wb", "ngram_range": (4, 4), "min_df": 2, "max_features": 20},
]

letters = st.text(
    st.sampled_from("aAbB \u0130\u03a3\u03c2'\u0301\u00a0\u3000_1\u044f\u042f\u4e00\u00ad-\U0001f600"), max_size=40
)
corpora = st.lists(
    st.one_of(letters, st.text(st.characters(exclude_categories=["Cs"]), max_size=20)), min_size=1, max_size=6
)


def assert_same(texts: list[str], others: list[str], options: dict[str, Any]) -> None:
    """Both vectorizers, fitted on `texts`, agree on everything, or refuse with the same words."""
    theirs, mine = TfidfVectorizer(**options), NgramVectorizer(**options)
    try:
        expected = theirs.fit_transform(texts)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)[:20]):
            mine.fit(texts)
        return
    got = mine.fit_transform(texts)
    assert mine.vocabulary_ == theirs.vocabulary_
    assert list(mine.get_feature_names_out()) == list(theirs.get_feature_names_out())
    if mine.use_idf:
        assert mine.idf_.dtype == theirs.idf_.dtype
        assert np.array_equal(mine.idf_, theirs.idf_)
    expected.sort_indices()
    assert got.dtype == expected.dtype
    assert np.array_equal(got.indptr, expected.indptr)
    assert np.array_equal(got.indices, expected.indices)
    np.testing.assert_allclose(got.data, expected.data, rtol=1e-6 if got.dtype == np.float32 else 1e-14)
    for some in (texts, others):
        left, right = mine.transform(some), theirs.transform(some)
        assert left.shape == right.shape
        assert (left != right).nnz == 0


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_in_every_script(options: dict[str, Any]) -> None:
    assert_same(SCRIPTS * 2, SCRIPTS[::-1] + ["unseen ΣΊΣΥΦΟΣ words of the town"], options)


@settings(max_examples=150, deadline=None)
@given(corpora, corpora, st.sampled_from(OPTIONS))
def test_any_text(texts: list[str], others: list[str], options: dict[str, Any]) -> None:
    assert_same(texts, others, options)


def test_arrays_grow_as_needed() -> None:
    generator = np.random.default_rng(3)
    words = ["".join(map(chr, generator.integers(0x61, 0x3000, 12))) for _ in range(9000)]
    texts = [" ".join(words[i : i + 300]) for i in range(0, 9000, 300)] + ["x" * 5000, "y " * 5000]
    for options in OPTIONS[1], OPTIONS[5]:
        assert_same(texts, texts[:3], options)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_fold_of_counts_is_a_fit_on_its_texts(options: dict[str, Any]) -> None:
    texts = np.array(SCRIPTS * 3, dtype=object)
    order = np.random.default_rng(0).permutation(len(texts))
    train, held_out = order[:30], order[30:]
    counts = NgramVectorizer(**options).count(texts)
    fold = NgramVectorizer(**options).fold(counts, train)
    alone = NgramVectorizer(**options)
    alone_train = alone.fit_transform(texts[train])
    assert fold.terms == alone.terms_
    for rows, expected in ((train, alone_train), (held_out, alone.transform(texts[held_out]))):
        got = fold.matrix(rows)
        assert got.shape == expected.shape
        assert (got != expected).nnz == 0
    fitted = NgramVectorizer(**options).fit_counts(counts, train)
    assert (fitted.transform(texts[held_out]) != fold.matrix(held_out)).nnz == 0


def test_any_kind_of_text_array() -> None:
    expected = NgramVectorizer().fit_transform(SCRIPTS)
    large = pa.array([None, *SCRIPTS], pa.large_string())
    for texts in (
        np.array(SCRIPTS, dtype=object),
        iter(SCRIPTS),
        pa.array(SCRIPTS),
        pa.array(SCRIPTS).cast(pa.string_view()),
        pa.array(SCRIPTS).dictionary_encode(),
        large.slice(1),
        pa.chunked_array([large.slice(1, 4), large.slice(5)]),
    ):
        assert (NgramVectorizer().fit_transform(texts) != expected).nnz == 0


def test_missing_texts_count_as_empty() -> None:
    texts: list[str | None] = ["one text", None, "two texts"]
    filled = ["one text", "", "two texts"]
    expected = NgramVectorizer().fit_transform(filled)
    assert (NgramVectorizer().fit_transform(texts) != expected).nnz == 0


def test_survives_cloning_and_pickling() -> None:
    vectorizer = NgramVectorizer(analyzer="char_wb", ngram_range=(2, 3)).fit(SCRIPTS)
    again = pickle.loads(pickle.dumps(vectorizer))
    assert (again.transform(SCRIPTS) != vectorizer.transform(SCRIPTS)).nnz == 0
    assert clone(vectorizer).get_params() == vectorizer.get_params()


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_mixin_order,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_set_params,
        estimator_checks.check_valid_tag_types,
    ],
)
def test_scikit_learn_accepts_the_estimator(check: Any) -> None:
    """`parametrize_with_checks` runs nothing for estimators of texts; these are the checks that need no numbers."""
    check("NgramVectorizer", NgramVectorizer())


def test_tags_say_that_it_takes_texts() -> None:
    tags = get_tags(NgramVectorizer())
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert tags.requires_fit


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"analyzer": "char"}, 'analyzer is .*"word" or "char_wb"'),
        ({"ngram_range": (2, 1)}, "ngram_range is"),
        ({"norm": "max"}, "norm is"),
        ({"dtype": np.int32}, "dtype is"),
        ({"min_df": 0}, "min_df is 0"),
        ({"max_df": 1.5}, "max_df is 1.5"),
        ({"max_features": 0}, "max_features is 0"),
        ({"min_df": 99}, "max_df corresponds to < documents than min_df"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NgramVectorizer(**options).fit(SCRIPTS)


@pytest.mark.parametrize(
    ("texts", "message"),
    [("one text", "got one str"), (["text", 3], "item 1 is a int: '3'"), (pa.array([1, 2]), "Arrow array of int64")],
)
def test_what_is_not_texts_is_refused(texts: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        NgramVectorizer().fit(texts)


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogate pair"):
        NgramVectorizer().fit(["fine", "broken \ud800"])


def test_an_unfitted_vectorizer_says_so() -> None:
    with pytest.raises(Exception, match="not fitted"):
        NgramVectorizer().transform(SCRIPTS)
