"""`NgramVectorizer`: the matrix of scikit-learn's `TfidfVectorizer`, made by compiled kernels."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from training.model.characters import CharacterTable
from training.model.counts import Counts, Rows, count, recipe_of
from training.model.texts import as_string_array, beginnings, text_buffer
from training.model.tfidf import NORMS, FoldFeatures, Weighing, weighed


class NgramVectorizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Texts to tf-idf rows over word or character n-grams, as scikit-learn's `TfidfVectorizer` gives them.

    The vocabulary, idf and columns are the same, and so is each row of `transform`, bit by bit;
    `TfidfVectorizer.fit_transform` adds up a row's norm in another order, which may move the last bit.
    Words are what the default ``token_pattern`` finds: runs of two or more ``\w``.

    A text that is missing (None, an Arrow null) counts as empty.

    Args:
        analyzer: "word", or "char_wb" for characters within tokens padded by a blank on both sides.
        ngram_range: the least and the greatest n.
        lowercase: as `str.lower` does.
        min_df: leave out terms in fewer texts, an int, or a share of the texts, a float.
        max_df: leave out terms in more texts, the same.
        max_features: keep only the terms that occur most often.
        norm: "l2", "l1" or None.
        use_idf: weigh by the inverse document frequency.
        smooth_idf: count one more document, which holds every term.
        sublinear_tf: 1 + ln(count) in place of the count.
        first_tokens: read only so many tokens between white space from the beginning of each text; None reads all.
        dtype: `numpy.float64` or `numpy.float32`.

    Attributes:
        terms_: the features, sorted.
        vocabulary_: the column of each term.
        idf_: float [features], if `use_idf`.
    """

    def __init__(
        self,
        *,
        analyzer: str = "word",
        ngram_range: tuple[int, int] = (1, 1),
        lowercase: bool = True,
        min_df: float = 1,
        max_df: float = 1.0,
        max_features: int | None = None,
        norm: str | None = "l2",
        use_idf: bool = True,
        smooth_idf: bool = True,
        sublinear_tf: bool = False,
        first_tokens: int | None = None,
        dtype: Any = np.float64,
    ) -> None:
        self.analyzer = analyzer
        self.ngram_range = ngram_range
        self.lowercase = lowercase
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.norm = norm
        self.use_idf = use_idf
        self.smooth_idf = smooth_idf
        self.sublinear_tf = sublinear_tf
        self.first_tokens = first_tokens
        self.dtype = dtype

    def fit(self, X: Iterable[str], y: Any = None) -> Self:
        """Learn the vocabulary and idf.

        Args:
            X: texts: any iterable of str, a Series, or an Arrow string array.
            y: not used.

        Raises:
            TypeError: an item is not a text.
            ValueError: an option is out of range, or no term is left.
        """
        return self.fit_counts(self._count_to_fit(X))

    def fit_transform(self, X: Iterable[str], y: Any = None, **fit_params: Any) -> Any:
        """Learn the vocabulary and idf; CSR [texts, features] of the same texts."""
        counts = self._count_to_fit(X)
        features = self.fold(counts, counts.all_rows)
        self._keep(features)
        return features.matrix(counts.all_rows)

    def transform(self, X: Iterable[str]) -> Any:
        """CSR [texts, features] of texts, with what was learned."""
        check_is_fitted(self, msg="The TF-IDF vectorizer is not fitted")
        counts = self.count(X)
        idf = self.idf_ if self.use_idf else None
        return weighed(counts, counts.all_rows, counts.places(self.terms_), len(self.terms_), idf, self._weighing())

    def count(self, texts: Iterable[str]) -> Counts:
        """Count every n-gram of texts, once, for `fold` to weigh as often as needed."""
        self._check_options()
        return self._count(texts, 1)

    def fold(self, counts: Counts, rows: Rows) -> FoldFeatures:
        """The features that fitting on the texts of `rows` alone would give.

        Args:
            counts: from `count` of a vectorizer with the same analyzer, ngram_range and lowercase.
            rows: int [n], the training rows.
        """
        self._check_options()
        rows = np.asarray(rows, np.int64)
        kept = counts.select(rows, self.min_df, self.max_df, self.max_features)
        if not self.use_idf:
            return FoldFeatures(counts, kept, None, self._weighing())
        dtype = np.dtype(self.dtype)
        frequency = counts.document_frequency(rows)[kept].astype(dtype)
        frequency += float(self.smooth_idf)
        idf = np.full_like(frequency, rows.size + int(self.smooth_idf))
        idf /= frequency
        np.log(idf, out=idf)
        idf += 1.0
        return FoldFeatures(counts, kept, idf, self._weighing())

    def fit_counts(self, counts: Counts, rows: Rows | None = None) -> Self:
        """Learn from counts what `fit` learns from their texts, or from those of `rows`."""
        self._keep(self.fold(counts, counts.all_rows if rows is None else rows))
        return self

    @property
    def vocabulary_(self) -> dict[str, int]:
        """The column of each term."""
        check_is_fitted(self, "terms_")
        return {term: column for column, term in enumerate(self.terms_.strings)}

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """The terms, in the order of the columns."""
        check_is_fitted(self, "terms_")
        return np.asarray(self.terms_.strings, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "terms_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def _keep(self, features: FoldFeatures) -> None:
        self.terms_ = features.terms
        if features.idf is not None:
            self.idf_ = features.idf
        elif hasattr(self, "idf_"):
            del self.idf_

    def _count_to_fit(self, texts: Iterable[str]) -> Counts:
        self._check_options()
        array = as_string_array(texts)
        least = self.min_df if isinstance(self.min_df, Integral) else self.min_df * len(array)
        # A rare term can't be kept, but must be counted where the message depends on whether there is any.
        counts = self._count(array, int(np.ceil(least)))
        return counts if len(counts.terms) else self._count(array, 1)

    def _count(self, texts: Any, least: int) -> Counts:
        characters = CharacterTable.current()
        recipe = recipe_of(self.analyzer, self.lowercase, self.ngram_range, characters.growth)
        buffer = beginnings(text_buffer(as_string_array(texts)), self.first_tokens, characters)
        return count(buffer, recipe, characters, least)

    def _weighing(self) -> Weighing:
        return Weighing(self.norm, self.sublinear_tf, np.dtype(self.dtype))

    def _check_options(self) -> None:
        """Refuse options out of range, by name."""
        if self.analyzer not in ("word", "char_wb"):
            raise ValueError(f'analyzer is {self.analyzer!r}, but must be "word" or "char_wb".')
        smallest, largest = self.ngram_range
        if not 1 <= smallest <= largest:
            raise ValueError(f"ngram_range is {self.ngram_range}, but must be 1 <= least <= greatest.")
        if self.norm not in NORMS:
            raise ValueError(f'norm is {self.norm!r}, but must be "l2", "l1" or None.')
        if np.dtype(self.dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype is {self.dtype!r}, but must be numpy.float64 or numpy.float32.")
        for name, value in (("min_df", self.min_df), ("max_df", self.max_df)):
            whole = isinstance(value, Integral) and value >= 1
            share = isinstance(value, Real) and not isinstance(value, Integral) and 0 <= value <= 1
            if not (whole or share):
                raise ValueError(f"{name} is {value!r}, but must be an int from 1 or a float from 0.0 to 1.0.")
        if self.max_features is not None and self.max_features < 1:
            raise ValueError(f"max_features is {self.max_features!r}, but must be at least 1.")
