"""The Spark engine: the same model, readers and records on a cluster.

``tag`` turns a DataFrame of paragraphs or articles into tagged records through ``mapInArrow``: Arrow batches go
straight to the model's compiled path. ``tag_files`` tags an archive of files that every machine of the cluster sees,
with the readers of the local engine, so that rejected rows and counts are the same too. Nothing is written twice when
a task fails and is tried again: Spark commits what ``tag`` gives, and ``tag_files`` keeps the files of the attempts
that Spark counted as done.

The model is shipped once to every executor, as an archive of its folder, and loaded once in every Python worker. The
workers need the ``conflict-topics`` package and its dependencies.
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import SparkFiles
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from training import load
from training.errors import UserError
from training.tagging.columns import check_schema, rows_of
from training.tagging.encoders import RecordEncoder, record_schema
from training.tagging.options import Options, TaggingModel, Tuning
from training.tagging.records import Rows, batch_of
from training.tagging.rejects import Reject
from training.tagging.scoring import score
from training.tagging.work import Reading

REJECTED = pa.field("rejected", pa.struct([pa.field("reason", pa.string()), pa.field("row", pa.string())]))

Loader = Callable[[str], TaggingModel]
Session = SparkSession
BatchFunction = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def tag(
    df: DataFrame,
    model: str | Path,
    *,
    text_column: str = "text",
    paragraph_column: str = "paragraph_id",
    article_column: str = "article_id",
    keep: Sequence[str] = (),
    all_probabilities: bool = False,
    explain: bool = False,
    max_characters: int = 1_000_000,
    loader: Loader = load,
) -> DataFrame:
    """Tag the rows of ``df`` with the model in the folder (or at the MLflow URI) ``model``.

    The result has the columns of a tagged record, and ``rejected``: null in a record; in the place of a row that
    cannot be tagged, a struct of the reason and the row as JSON, all else being null. :func:`split` parts the two.
    A row without paragraph id and article id gives an article named by a hash of its text, the same however often
    Spark runs a task. Raises :class:`UserError` if columns are missing or of a wrong type.
    """
    options = Options(
        text_column=text_column,
        paragraph_column=paragraph_column,
        article_column=article_column,
        keep=tuple(keep),
        all_probabilities=all_probabilities,
        explain=explain,
        max_characters=max_characters,
    )
    shipped = ship(df.sparkSession, model, loader)
    wanted = [name for name in options.wanted if name in df.columns]
    arrow = to_arrow_schema(df.schema, timezone=df.sparkSession.conf.get("spark.sql.session.timeZone"))
    check_schema("DataFrame", arrow, options)
    if REJECTED.name in options.keep:
        raise UserError(
            f"keep {REJECTED.name}: the result has its own column of this name. Rename it in the DataFrame."
        )
    types = tuple(arrow.field(name).type for name in options.keep)
    schema = record_schema(shipped.topics, options, types).append(REJECTED)
    partition = _Partition(shipped, options)
    return map_in_arrow(df.select(*wanted), partition, schema)


def map_in_arrow(df: DataFrame, function: BatchFunction, schema: pa.Schema) -> DataFrame:
    """``df`` through a function of Arrow batches, with the result's columns given as an Arrow schema."""
    return df.mapInArrow(function, from_arrow_schema(schema))


def split(tagged: DataFrame) -> tuple[DataFrame, DataFrame]:
    """The records of what :func:`tag` gives, and its rejected rows (``reason``, ``row``).

    Both come from the same plan: ``persist()`` what is split if both are used, or write it first.
    """
    records = tagged.where("rejected is null").drop("rejected")
    return records, tagged.where("rejected is not null").select("rejected.*")


@dataclass(frozen=True)
class Shipped:
    """A model on its way: ``archive`` is known to every executor; ``load`` works there and on the driver."""

    archive: str
    id: str
    topics: tuple[str, ...]
    loader: Loader

    def load(self) -> TaggingModel:
        """The model, loaded once in this process."""
        return _loaded(SparkFiles.get(self.archive), self.loader)


@cache
def _loaded(folder: str, loader: Loader) -> TaggingModel:
    return loader(folder)


def ship(session: SparkSession, model: str | Path, loader: Loader = load) -> Shipped:
    """Give the model's folder to every executor that there is and that will be."""
    loaded = loader(str(model))
    folder = Path(getattr(loaded, "folder", None) or model)
    # Named by its content, so that a model that is used again is not sent again.
    name = f"model-{hashlib.sha256(loaded.id.encode()).hexdigest()[:16]}"
    context = session.sparkContext
    if not any(str(known).endswith(f"#{name}") for known in context.listArchives):
        packed = Path(tempfile.mkdtemp(prefix="conflict-topics-")) / f"{name}.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(folder))
        context.addArchive(f"{packed}#{name}")
    return Shipped(name, loaded.id, tuple(loaded.topics), loader)


@dataclass(frozen=True)
class _Partition:
    """What ``mapInArrow`` runs over the batches of a partition."""

    shipped: Shipped
    options: Options

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        model = self.shipped.load()
        for batch in batches:
            yield from self._tagged(model, batch)

    def _tagged(self, model: TaggingModel, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        options = self.options
        types = tuple(batch.schema.field(name).type for name in options.keep)
        reading = Reading(options, Tuning(), False, types)
        rows, rejects = rows_of("DataFrame", reading, batch, 1)
        tagged = score(model, batch_of(_named(rows), ""), options.explain)
        schema = record_schema(model.topics, options, types)
        records = RecordEncoder(model.id, model.topics, options, schema)(tagged)
        wide = schema.append(REJECTED)
        yield pa.RecordBatch.from_arrays(
            [*records.columns, pa.nulls(records.num_rows, REJECTED.type)], schema=wide
        )  # fmt: skip
        if rejects:
            nothing = [pa.nulls(len(rejects), field.type) for field in schema]
            yield pa.RecordBatch.from_arrays([*nothing, _rejected(rejects)], schema=wide)


def _named(rows: Rows) -> Rows:
    """Articles without an id get one from their text: a DataFrame has no file and no line to name them by."""
    unnamed = pc.and_(pc.is_null(rows.paragraph_ids), pc.is_null(rows.article_ids))
    if not pc.any(unnamed).as_py():
        return rows
    texts = rows.texts.to_pylist()
    names = list(rows.article_ids.to_pylist())
    for at in np.flatnonzero(unnamed.to_numpy(zero_copy_only=False)):
        names[at] = f"row-{hashlib.sha256(texts[at].encode()).hexdigest()[:16]}"
    return Rows(rows.paragraph_ids, pa.array(names, pa.string()), rows.texts, rows.kept, rows.lines)


def _rejected(rejects: Sequence[Reject]) -> pa.Array:
    records = [reject.to_json() for reject in rejects]
    rows = [{"reason": each["reason"], "row": each["row"] or each.get("row_base64")} for each in records]
    return pa.array(rows, REJECTED.type)
