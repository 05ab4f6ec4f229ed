"""The n-grams of a model that a keyword query looks for, and what comes of looking for them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import Config
from training.keywords import search
from training.model.fitting import trained
from training.model.queried import ngrams_of_terms
from training.model.task import CountedFeatures, Lessons, Task
from training.model.terms import Terms

WORDS = ["air", "airstrike", "airstrikes", "strike", "raid", "striker"]
NGRAMS = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join), min_size=1, unique=True)


@given(NGRAMS, st.lists(st.sampled_from(["air*", "*strike*", "air raid", "a*e", "strike", "Air-Raid", "s*r raid"])))
def test_found_are_the_ngrams_of_its_size_that_a_term_matches_as_a_whole(ngrams: list[str], queried: list[str]) -> None:
    terms = Terms.from_strings(ngrams)
    found = {terms[at] for at in ngrams_of_terms(terms, queried, (1, 2))}

    def alike(ngram: str, term: str) -> bool:
        same_size = len(ngram.split()) == len(term.replace("-", " ").split())
        return same_size and search([f'"{term}"'], [ngram]).all()

    sized = {ngram for ngram in ngrams if len(ngram.split()) <= 2}
    assert found == {ngram for ngram in sized if any(alike(ngram, term) for term in queried)}


@pytest.mark.parametrize(("emphasis", "more"), [(1.0, False), (3.0, True)])
def test_terms_of_a_query_carry_more_of_the_score(emphasis: float, more: bool) -> None:
    texts = ["shells hit the port", "shells fell at noon", "the port was calm", "bread at noon", "calm bread"] * 3
    labels = np.array([["shells" in text, "calm" in text] for text in texts])
    rows = np.arange(len(texts))

    def share(queried: list[list[str]]) -> float:
        task = Task(pa.array(texts, pa.large_string()), labels, rows % 2, Lessons((), queried))
        config = Config.model_validate(
            {"name": "x", "features": {"char": None, "lead": None}, "classifier": {"query_emphasis": emphasis}}
        )
        counted = CountedFeatures(task, config.features)
        [learned], classifier = trained(task, counted, config, rows, 1)
        weights = np.abs(classifier.coef_[0])
        return float(weights[learned.terms.strings.index("shells")] / weights.sum())

    assert (share([["shells"], []]) > share([])) == more
