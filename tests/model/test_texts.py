"""Texts come as lists, and as columns of whatever library holds them; a missing one is an empty one."""

from __future__ import annotations

import pandas
import polars
import pyarrow as pa
import pytest

from training.model.texts import as_string_array

TEXTS = ["Shells fell.", None, "", "Élan 停火"]


@pytest.mark.parametrize("dtype", ["object", "str", "string", "category", pandas.ArrowDtype(pa.string())])
def test_pandas_columns_with_missing_texts(dtype) -> None:
    column = pandas.Series(TEXTS, dtype=dtype)
    assert as_string_array(column).to_pylist() == TEXTS
    assert as_string_array(column[[3, 1]]).to_pylist() == [TEXTS[3], None]


@pytest.mark.parametrize(
    "texts", [TEXTS, tuple(TEXTS), polars.Series(TEXTS), pa.array(TEXTS), pa.chunked_array([TEXTS])]
)
def test_other_columns(texts) -> None:
    assert as_string_array(texts).to_pylist() == TEXTS


@pytest.mark.parametrize("table", [pandas.DataFrame, polars.DataFrame, pa.table])
def test_a_table_is_no_column(table) -> None:
    with pytest.raises(TypeError, match=r"Expected a column of texts, got a \w+\. Give one column"):
        as_string_array(table({"text": TEXTS}))
