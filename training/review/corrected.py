"""Labels given again in the place of the old ones: from what ``review audit`` listed to data to train on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.codebook import load_codebook
from training.config import Columns, Config
from training.corpus.columns import located
from training.corpus.records import Corpus, read_corpus
from training.corpus.sources import Row, read_rows
from training.errors import UserError

MOST_PROBLEMS = 10
_BY_WHOM = ("annotator", "annotated_at")


@dataclass(frozen=True)
class Corrected:
    """All records of ``data.train`` and, where it is given, of ``data.test``, each under its key.

    ``changed`` counts by the same key those that have other topics now; ``confirmed`` were labelled as before.
    ``sources`` are the files that were read. ``mapped``: whether they need ``data.columns``, as what is written does
    not.
    """

    parts: dict[str, list[dict[str, Any]]]
    changed: dict[str, int]
    confirmed: int
    sources: frozenset[Path]
    mapped: bool

    def text(self) -> str:
        """What an analyst should know."""
        told = ", ".join(f"{self.changed[where]} of {len(part)} in {where}" for where, part in self.parts.items())
        return f"Paragraphs with other topics now: {told}. Labelled as before: {self.confirmed}."

    def next_step(self, config: str, overrides: Sequence[str], paths: Mapping[str, Path]) -> str:
        """How to train on the parts at ``paths``, with the config that they were read by and its ``overrides``."""
        settings = [*overrides, *(f"{where}={paths[where]}" for where in self.parts)]
        settings += ["data.columns={}"] if self.mapped else []
        options = [part for setting in settings for part in ("--set", setting)]
        return "Train on them: " + shlex.join(["conflict-topics", "train", config, *options])


def of_an_audit(labelled: Sequence[Mapping[str, Any]]) -> list[str]:
    """What to know of labels that were given again, and have not been put in the place of the old ones."""
    again = sum("labels_now" in record for record in labelled)
    if not again:
        return []
    return [
        f"{again} of them were listed by review audit, so they stand in the training data already, and cannot stand "
        f"there twice: import them with --into CONFIG, which writes those data with the new labels."
    ]


def corrected(labelled: Sequence[Mapping[str, Any]], config: Config) -> Corrected:
    """The labelled data of ``config`` with the topics of ``labelled`` in the place of the old ones, all else as it was.

    Raises :class:`UserError` for a paragraph that is not in these data, or has another text there: an id made of a
    line number means another paragraph once lines were added.
    """
    data = config.data
    specs = {"data.train": data.train} | ({} if data.test is None else {"data.test": data.test})
    anew = {str(record["paragraph_id"]): record for record in labelled}
    parts: dict[str, list[dict[str, Any]]] = {where: [] for where in specs}
    changed = dict.fromkeys(specs, 0)
    met, sources, problems = set(), set(), []
    for where, spec in specs.items():
        for row, identity, record in _records(spec, where, config):
            sources.add(Path(row.source).resolve())
            said = anew.get(identity)
            parts[where].append(record if said is None else _replaced(record, said))
            if said is not None:
                met.add(identity)
                changed[where] += set(said["topics"]) != set(record["topics"])
                if said["text"].split() != record["text"].split():
                    problems.append(
                        f'{row.place}: paragraph "{identity}" has another text than the one labelled again.'
                    )
    problems += [f'paragraph "{identity}" is not in {" or ".join(specs)}.' for identity in anew if identity not in met]
    if problems:
        more = [f"… and {len(problems) - MOST_PROBLEMS} more problems."] if len(problems) > MOST_PROBLEMS else []
        advice = (
            "--into replaces labels of paragraphs that the data of its config have, by the ids that review audit gave. "
            "Import other paragraphs without --into, and audit again if the data have changed since."
        )
        raise UserError("\n".join([*problems[:MOST_PROBLEMS], *more, advice]))
    return Corrected(
        parts, changed, len(labelled) - sum(changed.values()), frozenset(sources), data.columns != Columns()
    )


def _records(spec: str | list[str], where: str, config: Config) -> list[tuple[Row, str, dict[str, Any]]]:
    """Every row of one part with its paragraph id and its whole record, by the standard names."""
    data, proven = config.data, where == "data.test"
    topics = load_codebook(data.codebook).topic_ids if data.codebook else None
    corpus = read_corpus(spec, data.columns, topics, where=where, codebook=data.codebook, proven=proven)
    read = read_rows(spec, where=where, by_position=data.columns.by_position)
    rows = located(read, data.columns, "data.columns", proven)
    return [
        (row, corpus.paragraph_ids[at], _record(corpus, at, row, columns)) for at, (row, columns) in enumerate(rows)
    ]


def _record(corpus: Corpus, at: int, row: Row, columns: Columns) -> dict[str, Any]:
    """A row as it stands, apart from what has another name there than the standard one, or no value."""
    identity, article = corpus.paragraph_ids[at], corpus.article_ids[at]
    told = {
        "paragraph_id": identity,
        "article_id": article if article != identity else None,
        "text": corpus.texts[at].as_py(),
        "topics": [corpus.topics[column] for column in np.flatnonzero(corpus.labels[at])],
        "date": corpus.dates[at],
    }
    mapped = {key for key in columns.named() if key not in told}
    record = {key: value for key, value in row.values.items() if isinstance(key, str) and key not in mapped}
    for field, value in told.items():
        if value is not None and (getattr(columns, field) != field or record.get(field) is None):
            record[field] = value
    return record


def _replaced(record: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the topics that were ``said`` of it, by whom and when."""
    kept = {name: value for name, value in record.items() if name not in _BY_WHOM}
    return {**kept, "topics": said["topics"]} | {name: said[name] for name in _BY_WHOM if said.get(name) is not None}
