"""One-vs-rest linear classifiers of topics, as a scikit-learn estimator on sparse features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, check_non_negative, column_or_1d, validate_data

from training.model.memory import zeros
from training.model.solver import fit_logistic
from training.model.svm import SharedRows, Solved
from training.model.weighting import complement_weights, lift_of_topic

Kind = Literal["nbsvm", "linear_svm", "logistic_regression", "complement_nb"]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

SVMS = ("nbsvm", "linear_svm")


class TopicClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A linear model for each topic.

    Parameters
    ----------
    kind : {"nbsvm", "linear_svm", "logistic_regression", "complement_nb"}
        ``nbsvm`` is a squared-hinge SVM on features that are weighted for each topic by their log lift.
    strength : float
        How closely the training data are followed: ``C`` of the SVMs and of logistic regression, and the inverse
        of the smoothing of naive Bayes.
    epochs : int
        The most passes over the data for each topic.
    tolerance : float
        The stopping tolerance of dual coordinate descent, as LIBLINEAR's ``-e``.
    threads : int
        Topics trained side by side. The result does not depend on it.
    emphasis_factor : float
        How much more the features are weighed that `fit` is told to emphasise.

    Attributes
    ----------
    coef_ : float32 [topics, features]
    intercept_ : float32 [topics]
    duals_ : float32 [rows, topics], the dual variables of an SVM, with the sign of the label
    classes_ : the labels, or the numbers of the columns of a label indicator matrix
    """

    def __init__(
        self,
        kind: Kind = "nbsvm",
        strength: float = 1.0,
        epochs: int = 30,
        tolerance: float = 0.1,
        threads: int = 1,
        emphasis_factor: float = 1.0,
    ) -> None:
        self.kind = kind
        self.strength = strength
        self.epochs = epochs
        self.tolerance = tolerance
        self.threads = threads
        self.emphasis_factor = emphasis_factor

    def fit(
        self,
        X: Any,
        y: Any,
        among: Bools | None = None,
        emphasis: Sequence[npt.NDArray[np.int64]] | None = None,
        duals: Floats | None = None,
    ) -> TopicClassifier:
        """Learn from ``X`` [n, features] and ``y``: a label indicator matrix [n, topics] or one class a row.

        A column of booleans [n, 1] is the label indicator matrix of one topic, which all rows or none may have.

        ``among`` [n, topics] says which rows each topic learns from, for a label indicator matrix; None is all.
        ``emphasis`` gives for each topic the features that an SVM is to weigh more, by ``emphasis_factor``.
        ``duals`` are where an SVM begins, in the place of zeros: ``duals_`` of a fit to the same rows and labels with
        somewhat other features (alpha seeding: DeCoste & Wagstaff, KDD 2000).
        """
        rows, truth = self._validated(X, y)
        learned = self._begin(truth, among, duals)
        # Topics of one feature side by side, as products with rows want them.
        self.coef_: Floats = zeros(truth.shape[1] * rows.shape[1], np.float32).reshape(rows.shape[1], -1).T
        if self.kind in SVMS:
            shared = SharedRows(rows)

            def write(solved: Solved, group: Rows) -> None:
                shared.write(solved, group, self.coef_.T)

            self._fit_svms(shared, rows, truth, among, learned, emphasis, write)
            return self
        with ThreadPoolExecutor(max(1, self.threads)) as pool:
            fitted = pool.map(lambda at: self._fit_one(rows, truth[:, at], _rows_of(among, at)), learned)
            epochs = [1]
            for at, (weights, intercept, used) in zip(learned, fitted, strict=True):
                self.coef_[at], self.intercept_[at] = weights, intercept
                epochs.append(used)
        self.n_iter_ = max(epochs)
        return self

    def fit_scores(
        self,
        X: Any,
        y: Any,
        unseen: csr_array,
        among: Bools | None = None,
        emphasis: Sequence[npt.NDArray[np.int64]] | None = None,
        duals: Floats | None = None,
    ) -> Floats:
        """What ``fit(X, y, …).decision_function(unseen)`` gives for a label indicator matrix, float32 [n, topics].

        But for rounding, and sooner: SVMs keep no weights for it, so this is all that can be asked of them.
        """
        if self.kind not in SVMS:
            return self.fit(X, y, among, emphasis, duals).decision_function(unseen)
        rows, truth = self._validated(X, y)
        learned = self._begin(truth, among, duals)
        scores = np.tile(self.intercept_, (unseen.shape[0], 1))
        shared = SharedRows(rows)
        split = shared.split(unseen)

        def score(solved: Solved, group: Rows) -> None:
            scores[:, group] = shared.scores(solved, split)

        self._fit_svms(shared, rows, truth, among, learned, emphasis, score)
        return scores

    def decision_function(self, X: Any) -> Floats:
        """Scores: [n, topics], or [n] for two classes."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float32, reset=False)
        scores = np.asarray(X @ self.coef_.T + self.intercept_, dtype=np.float32)
        two_classes = not self._multilabel and len(self.classes_) == 2
        return scores[:, 0] if two_classes else scores

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """An indicator matrix [n, topics], or one class a row, as ``y`` was given to :meth:`fit`."""
        scores = self.decision_function(X)
        if self._multilabel:
            return (scores > 0).astype(int)
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[best])

    def _validated(self, X: Any, y: Any) -> tuple[csr_array, Bools]:
        """The rows, and which of them are positive, bool [n, topics]."""
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=np.float32, multi_output=True)
        check_classification_targets(y)
        if self.kind == "complement_nb":
            check_non_negative(X, "TopicClassifier(kind='complement_nb')")
        truth: Bools
        one_topic = y.ndim == 2 and y.dtype == np.bool_
        self._multilabel = one_topic or type_of_target(y).startswith("multilabel")
        if self._multilabel:
            truth = np.asarray(y.toarray() if hasattr(y, "toarray") else y).astype(np.bool_)
            self.classes_ = np.arange(truth.shape[1])
        else:
            from sklearn.preprocessing import LabelBinarizer  # with SciPy's splines, which topics need not

            binarizer = LabelBinarizer()
            truth = np.asarray(binarizer.fit_transform(column_or_1d(y, warn=True))).astype(np.bool_)
            self.classes_ = binarizer.classes_
            if len(self.classes_) < 2:
                raise ValueError(f"The data hold one class only, {self.classes_[0]!r}; at least 2 are needed.")
        return csr_array(X), truth

    def _begin(self, truth: Bools, among: Bools | None, duals: Floats | None) -> Rows:
        """Set what is known before learning; the topics that are not the same for all rows, which are to be learned."""
        taken = len(truth) if among is None else among.sum(axis=0)
        counts = (truth if among is None else truth & among).sum(axis=0)
        self.intercept_: Floats = np.where(counts == 0, -1.0, 1.0).astype(np.float32)
        self.n_iter_ = 1
        if self.kind in SVMS:
            self.duals_: Floats = np.zeros(truth.shape, dtype=np.float32)
            if duals is not None:
                self.duals_[:] = duals
        return np.flatnonzero((counts != 0) & (counts != taken))

    def _fit_svms(
        self,
        shared: SharedRows,
        rows: csr_array,
        truth: Bools,
        among: Bools | None,
        topics: Rows,
        emphasis: Sequence[npt.NDArray[np.int64]] | None,
        keep: Callable[[Solved, Rows], None],
    ) -> None:
        """Solve the SVMs of ``topics``, and have ``keep`` take from the solution of each group what is wanted of it."""

        def scale_of(topic: int) -> Floats:
            scale = np.ones(rows.shape[1], dtype=np.float32)
            if self.kind == "nbsvm":
                scale = lift_of_topic(rows, truth[:, topic], _rows_of(among, topic), shared.held)
            if emphasis is not None:
                scale[emphasis[topic]] *= np.float32(self.emphasis_factor)
            return scale

        def kept(solved: Solved, group: Rows) -> None:
            self.intercept_[group] = solved.intercepts
            keep(solved, group)

        self.n_iter_ = shared.fit_all(
            topics, truth, among, scale_of, float(self.strength), self.epochs, self.tolerance, self.duals_, kept,
            max(1, self.threads),
        )  # fmt: skip

    def _fit_one(self, rows: csr_array, positive: Bools, taken: Rows | None) -> tuple[Floats, float, int]:
        if taken is not None:
            rows, positive = csr_array(rows[taken]), positive[taken]
        n, features = rows.shape
        if self.kind == "complement_nb":
            return complement_weights(rows, positive, 1 / self.strength), 0.0, 1
        weights, intercept, epochs = fit_logistic(
            rows.indptr,
            rows.indices,
            rows.data,
            np.where(positive, 1.0, -1.0),
            np.full(n, float(self.strength)),
            np.ones(features, dtype=np.float32),
            self.epochs,
            self.tolerance,
        )
        return weights, float(intercept), max(1, int(epochs))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = self.kind == "complement_nb"
        tags.classifier_tags.multi_label = True
        tags.classifier_tags.poor_score = self.kind == "complement_nb"  # has no intercept: it ranks, it does not decide
        return tags


def _rows_of(among: Bools | None, topic: int) -> Rows | None:
    return None if among is None else np.flatnonzero(among[:, topic])
