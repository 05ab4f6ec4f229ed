"""Where the fits of folds begin: at the end of the fit to all rows, and no worse for it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import synthetic_records
from training.config import Classifier, Config
from training.model.fitting import out_of_fold_scores, trained
from training.model.task import CountedFeatures, Task
from training.model.texts import as_string_array


@pytest.mark.parametrize("strength", [0.3, 1.0, 30.0])
def test_scores_are_those_of_fits_from_zeros(strength: float) -> None:
    records = synthetic_records(60)
    names = sorted({topic for record in records for topic in record["topics"]})
    labels = np.array([[name in record["topics"] for name in names] for record in records])
    folds = np.arange(len(records)) // 6 % 5
    config = Config(name="starts", classifier=Classifier(strength=strength))
    task = Task(as_string_array([record["text"] for record in records]).cast("large_string"), labels, folds)
    counted = CountedFeatures(task, config.features)
    _, whole = trained(task, counted, config, np.arange(len(labels)), 1)
    from_zeros, from_whole = (out_of_fold_scores(task, counted, config, 1, start) for start in (None, whole))
    assert np.sqrt(np.mean((from_whole - from_zeros) ** 2)) < 0.01
    assert np.abs(from_whole - from_zeros).max() < 0.1
    assert (from_whole == from_zeros).all() == (strength > 1)
    for threads in (2, 3, 8):  # five folds in rounds of so many, those left over with more threads each
        assert (out_of_fold_scores(task, counted, config, threads, whole) == from_whole).all()
