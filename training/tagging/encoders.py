"""Tagged batches as bytes of JSONL or CSV, or as Arrow records for Parquet; no Python object a row."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from training.tagging.options import LIST_SEPARATOR, PROBABILITY_PREFIX, Options
from training.tagging.records import Batch
from training.tagging.scoring import Tagged
from training.tagging.strings import json_quoted

Encoder = Callable[[Tagged], "bytes | pa.RecordBatch"]


def record_schema(model_topics: Sequence[str], options: Options, kept_types: tuple[pa.DataType, ...] = ()) -> pa.Schema:
    """The Arrow schema of tagged records, as Parquet and Spark have them."""
    fields = [
        pa.field("paragraph_id", pa.string()),
        pa.field("article_id", pa.string()),
        pa.field("topics", pa.list_(pa.string())),
        pa.field("probabilities", pa.list_(pa.float32())),
        pa.field("model", pa.string()),
    ]
    if options.all_probabilities:
        each = pa.struct([pa.field(topic, pa.float32()) for topic in model_topics])
        fields.append(pa.field("all_probabilities", each))
    if options.explain:
        fields.append(pa.field("evidence", pa.string()))
    types = kept_types or (pa.string(),) * len(options.keep)
    fields += [pa.field(name, kind) for name, kind in zip(options.keep, types, strict=True)]
    return pa.schema(fields)


class RecordEncoder:
    """Arrow records; lists of topics and probabilities are built from whole arrays."""

    def __init__(self, model_id: str, topics: Sequence[str], options: Options, schema: pa.Schema) -> None:
        self._model_id = model_id
        self._topics = pa.array(topics, pa.string())
        self._options = options
        self._schema = schema

    def __call__(self, tagged: Tagged) -> pa.RecordBatch:
        batch = tagged.batch
        count = len(batch.texts)
        offsets = pa.array(tagged.offsets)
        columns = [
            batch.paragraph_ids,
            batch.article_ids,
            pa.ListArray.from_arrays(offsets, self._topics.take(pa.array(tagged.topics))),
            pa.ListArray.from_arrays(offsets, pa.array(tagged.probabilities)),
            pa.repeat(pa.scalar(self._model_id), count),
        ]
        if self._options.all_probabilities:
            each = [pa.array(np.ascontiguousarray(column)) for column in tagged.all_probabilities.T]
            kind = self._schema.field("all_probabilities").type
            columns.append(pa.StructArray.from_arrays(each, fields=list(kind)))
        if tagged.evidence is not None:
            columns.append(pa.array(tagged.evidence, pa.string()))
        return pa.RecordBatch.from_arrays([*columns, *self._kept(batch)], schema=self._schema)

    def _kept(self, batch: Batch) -> tuple[pa.Array, ...]:
        place = _text_place(batch, self._options)
        if place is None:
            return batch.kept
        kind = self._schema.field(self._options.text_column).type
        return _replaced(batch.kept, place, batch.texts.cast(kind))


class JsonEncoder:
    """One JSON object a line. Kept columns arrive as JSON literals."""

    def __init__(self, model_id: str, topics: Sequence[str], options: Options) -> None:
        self._options = options
        self._topics = pa.array([_literal(topic) for topic in topics], pa.string())
        self._keys = [_literal(topic) + ":" for topic in topics]
        self._model = f'],"model":{_literal(model_id)}'

    def __call__(self, tagged: Tagged) -> bytes:
        batch = tagged.batch
        if not len(batch.texts):
            return b""
        offsets = pa.array(tagged.offsets)
        parts = [
            _text('{"paragraph_id":'),
            _or_null(json_quoted(batch.paragraph_ids)),
            _text(',"article_id":'),
            _or_null(json_quoted(batch.article_ids)),
            _text(',"topics":['),
            _joined(offsets, self._topics.take(pa.array(tagged.topics)), ","),
            _text('],"probabilities":['),
            _joined(offsets, _numbers(tagged.probabilities), ","),
            _text(self._model),
        ]
        if self._options.all_probabilities:
            for at, (key, column) in enumerate(zip(self._keys, tagged.all_probabilities.T, strict=True)):
                parts += [_text(("," if at else ',"all_probabilities":{') + key), _numbers(column)]
            parts.append(_text("}"))
        if tagged.evidence is not None:
            parts += [_text(',"evidence":'), pa.array(tagged.evidence, pa.string())]
        place = _text_place(batch, self._options)
        kept = batch.kept if place is None else _replaced(batch.kept, place, json_quoted(batch.texts.cast(pa.string())))
        for name, column in zip(self._options.keep, kept, strict=True):
            parts += [_text(f",{_literal(name)}:"), _or_null(column)]
        return _bytes_of(pc.binary_join_element_wise(*parts, _text("}\n"), _text("")))


class CsvEncoder:
    """CSV with strings quoted; lists are joined by ``;``, an empty list is an empty field."""

    def __init__(self, model_id: str, topics: Sequence[str], options: Options) -> None:
        self._options = options
        self._model_id = model_id
        self._topics = pa.array(topics, pa.string())
        self._names = ["paragraph_id", "article_id", "topics", "probabilities", "model"]
        if options.all_probabilities:
            self._names += [PROBABILITY_PREFIX + topic for topic in topics]
        self._names += ["evidence"] if options.explain else []
        self._names += options.keep

    def header(self) -> bytes:
        """The first line."""
        return self._written(pa.table([pa.array([], pa.string()) for _ in self._names], self._names), header=True)

    def __call__(self, tagged: Tagged) -> bytes:
        batch = tagged.batch
        offsets = pa.array(tagged.offsets)
        columns = [
            batch.paragraph_ids,
            batch.article_ids,
            _joined(offsets, self._topics.take(pa.array(tagged.topics)), LIST_SEPARATOR),
            _joined(offsets, _numbers(tagged.probabilities), LIST_SEPARATOR),
            pa.repeat(pa.scalar(self._model_id), len(batch.texts)),
        ]
        if self._options.all_probabilities:
            columns += [pa.array(np.ascontiguousarray(column)) for column in tagged.all_probabilities.T]
        if tagged.evidence is not None:
            columns.append(pa.array(tagged.evidence, pa.string()))
        place = _text_place(batch, self._options)
        kept = batch.kept if place is None else _replaced(batch.kept, place, batch.texts.cast(pa.string()))
        return self._written(pa.table([*columns, *kept], self._names), header=False)

    @staticmethod
    def _written(table: pa.Table, header: bool) -> bytes:
        sink = pa.BufferOutputStream()
        arrow_csv.write_csv(table, sink, arrow_csv.WriteOptions(include_header=header))
        return bytes(sink.getvalue().to_pybytes())


def _text_place(batch: Batch, options: Options) -> int | None:
    """Where the text stands among the kept columns if articles were split: each paragraph then keeps its own."""
    if not batch.articles or options.text_column not in options.keep:
        return None
    return options.keep.index(options.text_column)


def _replaced(columns: tuple[pa.Array, ...], place: int, column: pa.Array) -> tuple[pa.Array, ...]:
    return (*columns[:place], column, *columns[place + 1 :])


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _text(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.string())


def _or_null(array: pa.Array) -> pa.Array:
    return pc.fill_null(array, "null") if array.null_count else array


def _numbers(values: np.ndarray) -> pa.Array:
    """Each float32 by the shortest digits that give it back."""
    return pa.array(np.ascontiguousarray(values)).cast(pa.string())


def _joined(offsets: pa.Array, values: pa.Array, separator: str) -> pa.Array:
    return pc.binary_join(pa.ListArray.from_arrays(offsets, values), separator)


def _bytes_of(lines: pa.Array) -> bytes:
    """The strings of an array one after another: its buffer as it is."""
    lines = lines.cast(pa.large_string()) if not pa.types.is_string(lines.type) else lines
    kind = np.int64 if pa.types.is_large_string(lines.type) else np.int32
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, kind)
    return bytes(data.slice(int(ends[lines.offset]), int(ends[lines.offset + len(lines)] - ends[lines.offset])))
