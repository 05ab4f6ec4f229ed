"""The formats of input files, as their names or the user say."""

from __future__ import annotations

from pathlib import PurePath

from training.errors import UserError, did_you_mean

FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".txt": "txt",
    ".html": "html",
    ".htm": "html",
}
COMPRESSIONS = {".gz": "gz", ".zst": "zst"}
ARTICLE_FORMATS = ("txt", "html")


def parse_format(name: str, where: str) -> tuple[str, str | None]:
    """``("jsonl", "gz")`` for ``jsonl.gz``."""
    base, _, compression = name.lower().lstrip(".").partition(".")
    known = FORMATS.get(f".{base}")
    if known is None or (compression and f".{compression}" not in COMPRESSIONS):
        choices = [suffix[1:] for suffix in FORMATS]
        raise UserError(
            f'{where}: unknown format "{name}".{did_you_mean(base, choices)} '
            f"Expected one of {', '.join(choices)}, each also with .gz or .zst."
        )
    return known, compression or None


def format_of(name: str) -> tuple[str, str | None] | None:
    """Format and compression by suffix, or None if the suffix is not one of data."""
    path = PurePath(name)
    compression = COMPRESSIONS.get(path.suffix.lower())
    if compression:
        path = path.with_suffix("")
    known = FORMATS.get(path.suffix.lower())
    return (known, compression) if known else None
