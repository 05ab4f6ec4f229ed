"""Tags of any size under DuckDB: Parquet where it lies, JSONL and CSV read once into a table on the disk."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import duckdb

from training.errors import UserError
from training.view.columns import Found, columns_of, source_sql
from training.view.filters import IS_DATE, PAGE, Filter, query
from training.view.newest import Asked, Newest, given_up

log = logging.getLogger(__name__)

_MEMORY = "1GB"
# With two digits for months and days that have one.
_DAY = r"""CASE WHEN regexp_matches(date, '^[0-9]{8}') THEN date[:4] || '-' || date[5:6] || '-' || date[7:8]
 ELSE regexp_replace(regexp_replace(replace(replace(date, '/', '-'), '.', '-'),
  '^([0-9]{4}-)([0-9])(-|$)', '\10\2\3'), '^([0-9]{4}-[0-9]{2}-)([0-9])([^0-9]|$)', '\10\2\3') END"""


class Tags:
    """Tagged paragraphs. ``topics`` and ``months`` come with their counts; rows are numbered as they stand in the file.

    ``every`` are the topics whose probability is told for each paragraph (``tag --all-probabilities``).
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, found: Found) -> None:
        self.name = path.name
        self.every = found.every
        self.dated = found.date is not None
        self._path = path
        self._signature = _signature(path)
        self._connection = connection
        self._newest = Newest()
        self.rows = int(self._all("SELECT count(*) FROM tags")[0][0])
        self.topics: list[tuple[str, int]] = self._all(
            "SELECT topic, count(*) AS n FROM (SELECT unnest(topics) AS topic FROM tags) GROUP BY topic "
            "ORDER BY n DESC, topic"
        )
        self.untagged = int(self._all("SELECT count(*) FROM tags WHERE len(coalesce(topics, [])) = 0")[0][0])
        self.months: list[tuple[str, int]] = self._all(
            f"SELECT day[:7] AS month, count(*) FROM tags WHERE {IS_DATE} GROUP BY month ORDER BY month"
        )
        self.models: list[str] = [
            model for (model,) in self._all("SELECT DISTINCT model FROM tags WHERE model IS NOT NULL LIMIT 5")
        ]

    def page(self, wanted: Filter, after: Sequence[Any] | None, asked: Asked) -> list[dict[str, Any]]:
        """The next rows after the ``place`` of the last one shown: found by their key, not by counting from the top."""
        made = query(wanted, self.every, self.dated)
        if wanted.order == "file":
            place, order = "[row]", "row"
            if after is not None:
                made.add("row > $row", row=int(after[-1]))
        else:
            sign, direction = ("<", "DESC") if wanted.order == "surest" else (">", "ASC")
            place, order = f"[{made.probability}, row]", f"{made.probability} {direction}, row"
            made.add(f"{made.probability} IS NOT NULL")
            if after is not None:
                made.add(
                    f"({made.probability} {sign} $at OR ({made.probability} = $at AND row > $row))",
                    at=float(after[0]),
                    row=int(after[-1]),
                )
        rows = self._all(
            f"SELECT row, paragraph_id, article_id, topics, probabilities, date, text, {place}, {made.probability} "
            f"FROM tags WHERE {made.where()} ORDER BY {order} LIMIT {PAGE}",
            made.named,
            asked.of("page"),
        )
        return [_row(*row[:7]) | {"place": list(row[7]), "probability": row[8]} for row in rows]

    def count(self, wanted: Filter, asked: Asked) -> int:
        """How many paragraphs a filter leaves."""
        made = query(wanted, self.every, self.dated)
        return int(self._all(f"SELECT count(*) FROM tags WHERE {made.where()}", made.named, asked.of("count"))[0][0])

    def row(self, number: int) -> dict[str, Any]:
        """One paragraph. Raises :class:`UserError`."""
        found = self._all(
            "SELECT row, paragraph_id, article_id, topics, probabilities, date, text FROM tags WHERE row = $row",
            {"row": number},
        )
        if not found:
            raise UserError(f"{self.name}: has no row {number}.")
        return _row(*found[0])

    def corrected(self, ids: Sequence[str], removed: Sequence[str] = ()) -> None:
        """Take note of what was corrected, for filters."""
        cursor = self._connection.cursor()
        for identity in ids:
            cursor.execute("INSERT OR IGNORE INTO corrected VALUES ($id)", {"id": identity})
        for identity in removed:
            cursor.execute("DELETE FROM corrected WHERE id = $id", {"id": identity})

    def _all(self, sql: str, values: dict[str, Any] | None = None, asked: Asked | None = None) -> list[Any]:
        """Run a query. One that the same page does not wait for any more, because it asks anew, is given up."""
        if _signature(self._path) != self._signature:
            raise UserError(f"{self.name} was changed or moved since it was opened. Stop this view and start it again.")
        cursor = self._connection.cursor()
        used = {name: value for name, value in (values or {}).items() if f"${name}" in sql}
        try:
            with self._newest.of(asked, cursor) if asked is not None else nullcontext():
                return list(cursor.execute(sql, used).fetchall())
        except duckdb.InterruptException:
            raise given_up() from None
        except duckdb.Error as problem:
            raise UserError(f"{self.name}: cannot be read: {_first_line(problem)}") from None


@contextmanager
def open_tags(path: Path, text_column: str = "text", date_column: str = "date") -> Iterator[Tags]:
    """Open the output of ``tag``. Raises :class:`UserError` for a file that is not that, or holds no text."""
    found = columns_of(path, text_column, date_column)
    with tempfile.TemporaryDirectory(prefix="conflict-topics-view-") as folder:
        link = Path(folder) / f"tags{found.suffix}"  # so that no character of the path means anything in a glob
        link.symlink_to(path.resolve())
        connection = duckdb.connect(
            config={
                "memory_limit": _MEMORY,
                "temp_directory": folder,
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        try:
            _prepare(connection, Path(folder), link, found)
            tags = Tags(connection, path, found)
        except duckdb.Error as problem:
            connection.close()
            raise UserError(
                f"{path}: cannot be read as {found.suffix.lstrip('.')}: "
                f"{_first_line(problem).replace(str(link), path.name)} Expected the output of conflict-topics tag."
            ) from None
        except RuntimeError as problem:
            if str(problem) == "Query interrupted":  # what DuckDB makes of Ctrl-C
                raise KeyboardInterrupt from None
            raise
        if not tags.rows:
            connection.close()
            raise UserError(f"{path}: holds no rows. Expected the output of conflict-topics tag.")
        try:
            yield tags
        finally:
            connection.close()


def _prepare(connection: duckdb.DuckDBPyConnection, folder: Path, link: Path, found: Found) -> None:
    rows, number = source_sql(link, found), "file_row_number"
    if found.format != "parquet":
        log.info("reading %s once (Parquet is opened without that) …", link.resolve().name)
        connection.execute(f"ATTACH '{_escaped(folder / 'tags.duckdb')}' AS store")
        connection.execute(f"CREATE TABLE store.read AS {rows}")
        rows, number = "SELECT *, rowid FROM store.read", "rowid"
    connection.execute(f"CREATE VIEW tags AS SELECT {number} AS row, * EXCLUDE ({number}), {_DAY} AS day FROM ({rows})")
    connection.execute("CREATE TABLE corrected (id VARCHAR PRIMARY KEY)")


def _signature(path: Path) -> tuple[int, int, int] | None:
    """What tells one content of a file from another; rows are known by their number, which a change would shift."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")


def _row(
    row: int, paragraph: str, article: str | None, topics: Any, probabilities: Any, date: str | None, text: str | None
) -> dict[str, Any]:
    told = list(probabilities or [])
    named = list(topics or [])
    return {
        "row": row,
        "paragraph_id": paragraph,
        "article_id": article,
        "topics": [[topic, told[at] if at < len(told) else None] for at, topic in enumerate(named)],
        "date": date,
        "text": text or "",
    }


def _first_line(problem: Exception) -> str:
    return str(problem).splitlines()[0][:300]
