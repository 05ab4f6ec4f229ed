"""The schema of an experiment: every key typed, ranged and refused when unknown."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

ColumnKey = str | int
_LEAST, _MOST = 1e-6, 1_000_000  # what single precision bears in products


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Python takes ``true`` for 1; who writes it for a number does not mean that."""
        if cls.model_fields[str(info.field_name)].annotation is bool:
            return value
        if any(isinstance(each, bool) for each in (value if isinstance(value, list) else [value])):
            raise ValueError("a value that is not true or false, as YAML reads yes, no, on and off; quote it as text")
        return value


class SeparatedTopics(Section):
    """Topics joined in one column, e.g. ``airstrike;displacement``."""

    column: ColumnKey
    separator: Annotated[str, Field(min_length=1)]


class IndicatorTopics(Section):
    """One 0/1 column a topic: a list of columns, or a mapping from column to topic id."""

    indicators: Annotated[list[ColumnKey] | dict[ColumnKey, str], Field(min_length=1)]


class Columns(Section):
    """Where a source keeps each field. Names, or positions from 0 for a file with no header.

    ``null`` for an optional field means: the column of the standard name, in the rows that have it. Beside sources
    with the columns that are named here, one that has ``text`` and a list ``topics`` is read by the standard names.
    """

    text: ColumnKey = "text"
    topics: ColumnKey | SeparatedTopics | IndicatorTopics = "topics"
    paragraph_id: ColumnKey | None = None
    article_id: ColumnKey | None = None
    date: ColumnKey | None = None

    def named(self) -> list[ColumnKey]:
        """Every column that is named here."""
        topics = self.topics
        if isinstance(topics, SeparatedTopics):
            named: list[ColumnKey] = [topics.column]
        elif isinstance(topics, IndicatorTopics):
            named = list(topics.indicators)
        else:
            named = [topics]
        optional = (self.paragraph_id, self.article_id, self.date)
        return [self.text, *named, *(key for key in optional if key is not None)]

    @property
    def by_position(self) -> bool:
        return all(isinstance(key, int) for key in self.named())

    @model_validator(mode="after")
    def _names_or_positions(self) -> Columns:
        positions = [isinstance(key, int) for key in self.named()]
        if any(positions) and not all(positions):
            raise ValueError("give either the name of every column or the position of every column")
        if any(isinstance(key, int) and key < 0 for key in self.named()):
            raise ValueError("positions count from 0")
        return self


class Data(Section):
    train: str | list[str] = "data/paragraphs/*.jsonl"
    test: str | list[str] | None = None
    codebook: Annotated[str, Field(min_length=1)] | None = "data/codebook.yaml"
    learn_from_codebook: bool = True
    columns: Columns = Columns()


class Split(Section):
    """How a test set is made when ``data.test`` is null, and how folds are grouped."""

    method: Literal["grouped", "time"] = "grouped"
    test_size: Annotated[float, Field(ge=_LEAST, lt=1)] = 0.2
    near_duplicates: Annotated[float, Field(gt=0, le=1)] | None = 0.5
    folds: Annotated[int, Field(ge=2, le=50)] = 5


class Ngrams(Section):
    """One block of n-gram TF-IDF features."""

    ngram_range: tuple[int, int]
    min_df: Annotated[int, Field(ge=1)] = 1
    max_features: Annotated[int, Field(ge=1)] | None = None
    sublinear_tf: bool = True
    first_tokens: Annotated[int, Field(ge=1, le=_MOST)] | None = None
    weight: Annotated[float, Field(ge=_LEAST, le=_MOST)] = 1.0

    @model_validator(mode="after")
    def _ascending(self) -> Ngrams:
        shortest, longest = self.ngram_range
        if not 1 <= shortest <= longest <= 8:
            raise ValueError("ngram_range is [shortest, longest] with 1 <= shortest <= longest <= 8")
        return self


class WordNgrams(Ngrams):
    ngram_range: tuple[int, int] = (1, 2)


class CharNgrams(Ngrams):
    """Runs of characters within words, a space standing for either end (``char_wb``)."""

    ngram_range: tuple[int, int] = (3, 5)
    min_df: Annotated[int, Field(ge=1)] = 2
    weight: Annotated[float, Field(ge=_LEAST, le=_MOST)] = 0.7


class LeadNgrams(WordNgrams):
    """Words once more from the beginning of the text alone, where reports put what matters."""

    first_tokens: Annotated[int, Field(ge=1, le=_MOST)] | None = 30
    weight: Annotated[float, Field(ge=_LEAST, le=_MOST)] = 0.5


class Features(Section):
    word: WordNgrams | None = WordNgrams()
    char: CharNgrams | None = CharNgrams()
    lead: LeadNgrams | None = LeadNgrams()

    @model_validator(mode="after")
    def _some_block(self) -> Features:
        if self.word is None and self.char is None and self.lead is None:
            raise ValueError("at least one of word, char and lead must not be null")
        return self


class Classifier(Section):
    """``query_emphasis`` is for SVMs and for topics whose codebook is learned from."""

    kind: Literal["nbsvm", "linear_svm", "logistic_regression", "complement_nb"] = "nbsvm"
    strength: Annotated[float, Field(ge=_LEAST, le=_MOST)] = 0.3
    exclusive: Literal["auto", "no", "competing", "at_most_one", "exactly_one"] = "auto"
    pairwise: bool = True
    passages: Annotated[int, Field(ge=10, le=100_000)] | None = 80
    min_positives: Annotated[int, Field(ge=1)] = 2
    query_emphasis: Annotated[float, Field(ge=1, le=_MOST)] = 3.0


class Thresholds(Section):
    """``target`` is the wanted precision or recall of these objectives, and the probability of method ``fixed``.

    With ``fallback`` a paragraph in which no topic reaches its threshold gets the one that comes nearest, if
    out-of-fold scores show how near is near enough for that to pay.
    """

    method: Literal["shrunk", "pooled", "per_topic", "smoothed", "micro_macro", "fixed"] = "shrunk"
    objective: Literal["micro_f1", "macro_f1", "example_f1", "precision", "recall"] = "micro_f1"
    target: Annotated[float, Field(gt=0, le=1)] | None = None
    shrinkage: Annotated[float, Field(ge=0)] = 20.0
    fallback: bool = True

    @model_validator(mode="after")
    def _target_in_its_place(self) -> Thresholds:
        if self.target is None and self.objective in ("precision", "recall"):
            raise ValueError(f"a target, the wanted {self.objective}, e.g. thresholds.target=0.9")
        if self.target is not None and self.objective not in ("precision", "recall") and self.method != "fixed":
            raise ValueError("no target, unless the objective is precision or recall, or the method is fixed")
        return self


class Evaluation(Section):
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 1000
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    learning_curve: bool = False


class Tracking(Section):
    enabled: bool = True
    uri: str | None = None
    experiment: Annotated[str, Field(min_length=1)] = "conflict-topics"
    registered_model: Annotated[str, Field(pattern=r"^[^/:]+$")] | None = "conflict-topics"  # as MLflow wants it


class Range(Section):
    """Numbers from ``low`` to ``high``; ``log`` where the scale is multiplicative; whole numbers where both are."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _rising(self) -> Range:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("low < high, and above 0 where log is true")
        return self


class Search(Section):
    """What ``conflict-topics search`` may change, by dotted key: a range, or a list of choices."""

    objective: Literal["micro_f1", "macro_f1", "example_f1", "mean_average_precision"] = "micro_f1"
    space: Annotated[dict[str, Range | Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)] = {
        "classifier.strength": Range(low=0.03, high=3.0, log=True),
        "features.char.weight": Range(low=0.3, high=1.5),
        "features.word.min_df": [1, 2],
        "thresholds.shrinkage": Range(low=2.0, high=50.0, log=True),
    }


class Config(Section):
    """One experiment, as written in a YAML file; ``configs/default.yaml`` spells out every default."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 13
    data: Data = Data()
    split: Split = Split()
    features: Features = Features()
    classifier: Classifier = Classifier()
    thresholds: Thresholds = Thresholds()
    evaluation: Evaluation = Evaluation()
    tracking: Tracking = Tracking()
    search: Search = Search()

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)
