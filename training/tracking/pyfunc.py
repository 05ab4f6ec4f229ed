"""What ``mlflow.pyfunc`` calls to load a logged model: the folder is its data, this module its loader. No pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.model.saved import load

if TYPE_CHECKING:
    import pandas as pd

    from training.model.model import Model

TEXT_COLUMN = "text"


class TaggingModel:
    """The face that MLflow expects of a model."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, model_input: Any) -> pd.DataFrame:
        """A row for each text of the column ``text`` (or the only column): topics, probabilities, model.

        The rows have the index of a DataFrame that is given, so that the two can be joined.
        """
        import pandas as pd

        texts = _texts(model_input)
        probabilities = self.model.predict_proba(texts)
        tags = self.model.decide(probabilities)
        ranked = (-probabilities).argsort(axis=1, kind="stable")
        chosen = [[at for at in order if row[at]] for order, row in zip(ranked, tags, strict=True)]
        return pd.DataFrame(
            {
                "topics": [[self.model.topics[at] for at in row] for row in chosen],
                "probabilities": [
                    [float(values[at]) for at in row] for row, values in zip(chosen, probabilities, strict=True)
                ],
                "model": self.model.id,
            },
            index=model_input.index if isinstance(model_input, pd.DataFrame) else None,
        )


def _texts(model_input: Any) -> Any:
    columns = getattr(model_input, "columns", None)
    if columns is None:
        return model_input
    if TEXT_COLUMN in columns:
        return model_input[TEXT_COLUMN]
    if len(columns) == 1:
        return model_input[columns[0]]
    raise ValueError(f"expected a column {TEXT_COLUMN!r}, found {', '.join(map(str, columns))}")


def _load_pyfunc(path: str) -> TaggingModel:
    return TaggingModel(load(path))
