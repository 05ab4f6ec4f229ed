"""From what the audit lists to data that can be trained on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import config_for, synthetic_records, write_jsonl
from tests.review.test_commands import run
from training.config import Columns
from training.corpus.records import read_corpus
from training.errors import UserError
from training.prepare import prepare
from training.review.corrected import corrected


def fill_in(sheet: Path, topics: str, *, rows: int) -> list[dict[str, str]]:
    """Write ``topics`` into the first rows of a queue.csv, which are given."""
    with sheet.open(encoding="utf-8-sig", newline="") as stream:
        entries = list(csv.DictReader(stream))
    for entry in entries[:rows]:
        entry["topics"] = topics
    with sheet.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, entries[0])
        writer.writeheader()
        writer.writerows(entries)
    return entries[:rows]


def said(identity: str, text: str, *topics: str) -> dict[str, Any]:
    return {"paragraph_id": identity, "text": text, "topics": list(topics), "annotator": "ada", "annotated_at": None}


def test_what_the_audit_lists_is_labelled_again_and_trained_on(tmp_path: Path) -> None:
    """The whole way of a user, with a fixed test set; all other records stay as they were, byte for byte."""
    train = write_jsonl(tmp_path / "a.jsonl", [one | {"source": "wire"} for one in synthetic_records(60)])
    others = [
        one | {"paragraph_id": f"t{at}", "article_id": f"t{at}"} for at, one in enumerate(synthetic_records(8, 9))
    ]
    test = write_jsonl(tmp_path / "b.jsonl", others)
    config = tmp_path / "x.yaml"
    config.write_text(
        f"name: x\ndata: {{train: {train}, test: {test}, codebook: null}}\ntracking: {{enabled: false}}\n"
    )
    run("review", "audit", config, "-n", 204, "--output", tmp_path / "audit")
    again = {entry["paragraph_id"] for entry in fill_in(tmp_path / "audit/queue.csv", "detention;shelling", rows=190)}
    fixed = tmp_path / "new/fixed.jsonl"
    told = run("review", "import", tmp_path / "audit/queue.csv", "--into", config, "--output", fixed)
    assert f"--set data.train={fixed} --set data.test={fixed.with_name('fixed.test.jsonl')}\n" in told
    for old, new in ((train, fixed), (test, fixed.with_name("fixed.test.jsonl"))):
        before, after = old.read_text().splitlines(), new.read_text().splitlines()
        assert len(before) == len(after)
        for line, other in zip(before, after, strict=True):
            record, now = json.loads(line), json.loads(other)
            if record["paragraph_id"] in again:
                changed = {"topics": ["detention", "shelling"], "annotator": "queue"}
                assert now == record | changed
            else:
                assert line == other
    prepared = prepare(config_for(fixed, f"data.test={fixed.with_name('fixed.test.jsonl')}"))
    assert len(prepared.train) == 180 and len(prepared.test) == 24
    with pytest.raises(UserError, match="a.jsonl: is among the data that are corrected.*Choose another --output"):
        run("review", "import", tmp_path / "audit/queue.csv", "--into", config, "--output", train, "--force")


def test_import_without_into_says_what_to_do(tmp_path: Path) -> None:
    record = {"paragraph_id": "p", "text": "T", "topics": ["a"], "labels_now": "b"}
    told = run("review", "import", write_jsonl(tmp_path / "x.jsonl", [record]), "--output", tmp_path / "y.jsonl")
    assert "1 of them were listed by review audit" in told and "--into CONFIG" in told
    with pytest.raises(UserError, match="--set: changes keys of the config of --into, which is not given"):
        run("review", "import", tmp_path / "x.jsonl", "--output", tmp_path / "z.jsonl", "--set", "seed=1")


def test_data_with_other_columns_come_out_by_the_standard_names(tmp_path: Path) -> None:
    """Without ids in the data, the audit calls a paragraph by its line."""
    table = tmp_path / "mine.csv"
    table.write_text("body,tags,url,desk\nOne,a;b,u1,north\nTwo,,u1,south\nThree,b,u2,north\n")
    columns = "data.columns={text: body, topics: {column: tags, separator: ';'}, article_id: url}"
    config = config_for(table, columns)
    found = corrected([said(f"{table}:3", "Two ", "a")], config)
    new = write_jsonl(tmp_path / "new.jsonl", found.parts["data.train"])
    corpus = read_corpus(str(new), Columns(), None, where="data.train")
    assert corpus.paragraph_ids == tuple(f"{table}:{line}" for line in (2, 3, 4))
    assert corpus.article_ids == ("u1", "u1", "u2")
    assert corpus.labels.tolist() == [[True, True], [True, False], [False, True]]
    assert [record["desk"] for record in found.parts["data.train"]] == ["north", "south", "north"]
    assert not {"body", "tags", "url"} & set(found.parts["data.train"][0])
    step = found.next_step("x.yaml", [columns], {"data.train": new})
    assert step.startswith("Train on them: conflict-topics train x.yaml --set 'data.columns={text: body,")
    assert step.endswith(f"--set data.train={new} --set 'data.columns={{}}'")


def test_labels_that_do_not_fit_the_data_are_told(tmp_path: Path) -> None:
    data = write_jsonl(tmp_path / "x.jsonl", [{"paragraph_id": "p", "text": "One", "topics": ["a"]}])
    found = corrected([said("p", "One", "a")], config_for(data))
    assert (found.changed, found.confirmed) == ({"data.train": 0}, 1)
    with pytest.raises(UserError, match=r'x.jsonl:1: paragraph "p" has another text than the one labelled again'):
        corrected([said("p", "Other", "a")], config_for(data))
    with pytest.raises(UserError, match=r'paragraph "q" is not in data.train.\n.*Import other paragraphs without'):
        corrected([said("q", "One", "a")], config_for(data))
