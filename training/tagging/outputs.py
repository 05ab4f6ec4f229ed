"""Where tags go: the format of the output, and what makes its bytes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from training.errors import UserError
from training.tagging.encoders import CsvEncoder, Encoder, JsonEncoder, RecordEncoder, record_schema
from training.tagging.formats import COMPRESSIONS
from training.tagging.inputs import shown
from training.tagging.options import Options, TaggingModel, check_topics
from training.tagging.shards import ParquetShards, Shards, TextShards

LONGEST_NAME = 200  # bytes, so that .rejected.jsonl and .partial behind it still fit those of a file system
_FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}


@dataclass(frozen=True)
class Output:
    """``path`` is None for standard output."""

    path: Path | None
    format: str
    compression: str | None = None

    @property
    def kept_as_json(self) -> bool:
        """Whether kept values go out as JSON literals."""
        return self.format == "jsonl"

    def encoder(self, model: TaggingModel, options: Options, schema: pa.Schema) -> Encoder:
        if self.format == "jsonl":
            return JsonEncoder(model.id, model.topics, options)
        if self.format == "csv":
            return CsvEncoder(model.id, model.topics, options)
        return RecordEncoder(model.id, model.topics, options, schema)

    def shards(self, model: TaggingModel, options: Options, schema: pa.Schema) -> Shards:
        if self.format == "parquet":
            return ParquetShards(schema)
        header = CsvEncoder(model.id, model.topics, options).header() if self.format == "csv" else b""
        return TextShards(self.compression, header)


def parse_output(name: str, model: TaggingModel, options: Options) -> Output:
    """The output that ``--output`` names; the suffix tells the format."""
    if name == "-":
        return Output(None, "jsonl")
    path = Path(name)
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise UserError(f"--output: the name of the file has more than {LONGEST_NAME} bytes. Choose a shorter one.")
    stem, suffix = path.name, path.suffix.lower()
    compression = COMPRESSIONS.get(suffix)
    if compression:
        stem = stem[: -len(suffix)]
        suffix = Path(stem).suffix.lower()
    known = _FORMATS.get(suffix)
    if known is None or (compression and known == "parquet"):
        raise UserError(
            f"{shown(name)}: cannot tell the output format. Expected .jsonl or .csv, plain, .gz or .zst; .parquet; "
            f"or - for JSONL on standard output."
        )
    if path.is_dir():
        raise UserError(f"{shown(name)}: is a folder. Name a file, e.g. {shown(str(path / 'tags.parquet'))}.")
    check_topics(model.topics, options, known)
    return Output(path, known, compression)


def check_places(output: Path | None, rejected: Path | None) -> None:
    """Raise :class:`UserError` for places that cannot be written in the end: known before the archive is read."""
    for option, place in (("--output", output), ("--rejected", rejected)):
        if place is None:
            continue
        if not place.parent.is_dir():
            raise UserError(f"{option} {shown(str(place))}: the folder {shown(str(place.parent))} is not there.")
        if place.is_dir():
            raise UserError(f"{option} {shown(str(place))}: is a folder. Name a file.")
    if output is None or rejected is None:
        return
    made, kept = output.resolve(), rejected.resolve()
    if kept == made or kept.is_relative_to(made.with_name(made.name + ".partial")):
        raise UserError(f"--rejected {shown(str(rejected))}: is where the output is made. Name another file.")


def output_schema(model: TaggingModel, options: Options, kept_types: tuple[pa.DataType, ...]) -> pa.Schema:
    """The schema of Parquet output."""
    return record_schema(model.topics, options, kept_types)
