from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest

from tests.conftest import FILLER, synthetic_records, write_jsonl
from training.codebook import Codebook, Topic
from training.corpus.duplicates import near_duplicate_pairs
from training.errors import UserError
from training.model.model import Decision, Model
from training.model.scorer import Scorer
from training.review.archive import Paragraphs, month_of, read_archive
from training.review.benefit import cohen_kappa, probability_right, stability
from training.review.known import labelled_texts, support_of
from training.review.label_studio import interface, task
from training.review.pool import Pool, distance_to_decision
from training.review.queue import Asked, make_queue, to_label
from training.review.records import read_all
from training.review.settle import settle
from training.review.write import ToLabel, write_to_label


def queue_of(trained: Any, archive: list[str], asked: Asked, **more: Any) -> Any:
    labelled = labelled_texts(trained.model, [])
    return make_queue(
        trained.model, read_archive(archive), asked, support=support_of(trained.model), labelled=labelled, **more
    )


def test_what_is_chosen_is_unlabelled_uncertain_and_no_duplicate(
    trained: Any, archive_file: Path, tmp_path: Path
) -> None:
    records = [json.loads(line) for line in archive_file.read_text().splitlines()]
    copies = [record | {"paragraph_id": f"copy {at}"} for at, record in enumerate(records)]
    seen = synthetic_records()[:50]
    known = [{"paragraph_id": f"known {at}", "text": record["text"]} for at, record in enumerate(seen)]
    archive = write_jsonl(tmp_path / "archive.jsonl", records + copies + known)
    queue = queue_of(trained, [str(archive)], Asked(40, 0.25))
    assert queue.seen == len(records) * 2 + 50
    assert len(queue.items) == 40
    chosen = [item.found for item in queue.items if item.reason == "uncertain"]
    assert not {found.paragraph_id for found in chosen} & {record["paragraph_id"] for record in known}
    texts = [found.text for found in chosen]
    assert not len(near_duplicate_pairs(texts, 0.5))
    probabilities = trained.model.predict_proba([record["text"] for record in records])
    distance = distance_to_decision(probabilities, trained.model.decision).min(axis=1)
    own = distance_to_decision(np.stack([found.probabilities for found in chosen]), trained.model.decision).min(axis=1)
    assert np.median(own) < np.quantile(distance, 0.25)


def test_the_choice_does_not_depend_on_how_the_archive_is_cut(
    trained: Any, archive_records: list[dict[str, Any]]
) -> None:
    def paragraphs(records: list[dict[str, Any]]) -> Paragraphs:
        columns = [
            pa.array([record[name] for record in records]) for name in ("paragraph_id", "article_id", "text", "date")
        ]
        return Paragraphs(*columns, {})

    chosen = []
    for size in (7, 1000):
        batches = [paragraphs(archive_records[at : at + size]) for at in range(0, len(archive_records), size)]
        queue = make_queue(trained.model, batches, Asked(30), support={}, labelled=[])
        chosen.append([(item.found.paragraph_id, item.reason, item.topic) for item in queue.items])
    assert chosen[0] == chosen[1]


def test_memory_is_bounded_by_what_is_asked_for() -> None:
    pool = Pool(Decision(np.array([0.5], dtype=np.float32)), per_topic=5, at_random=5, seed=0)
    rng = np.random.default_rng(0)
    for batch in range(300):
        names = pa.array([f"{batch}:{at}" for at in range(50)])
        pool.add(Paragraphs(names, names, names, pa.nulls(50, pa.string()), {}), rng.random((50, 1)))
    assert pool.seen == 15_000
    assert len(pool._held) <= 2 * 10 + 1000
    nearest = pool.nearest(0)
    assert len(nearest) == 5
    assert [distance for distance, _ in nearest] == sorted(distance for distance, _ in nearest)
    assert nearest[-1][0] < 0.01


def test_the_random_part_is_drawn_with_the_stated_probability() -> None:
    times = np.zeros(40)
    for seed in range(600):
        pool = Pool(Decision(np.array([0.5], dtype=np.float32)), per_topic=1, at_random=10, seed=seed)
        for begin in (0, 15):
            rows = range(begin, 15 if begin == 0 else 40)
            names = pa.array([str(row) for row in rows])
            pool.add(Paragraphs(names, names, names, names, {}), np.full((len(rows), 1), 0.5))
        for found in pool.random_sample():
            times[int(found.paragraph_id)] += 1
    expected, spread = 600 * 10 / 40, np.sqrt(600 * 0.25 * 0.75)
    assert (np.abs(times - expected) < 4.5 * spread).all()


def test_rare_topics_come_first(trained: Any, archive_file: Path) -> None:
    labelled: list[str] = []
    support = {"shelling": 2, "detention": 2000, "displacement": 2000}
    queue = make_queue(
        trained.model, read_archive([str(archive_file)]), Asked(40, 0.0), support=support, labelled=labelled
    )
    topics = [item.topic for item in queue.items]
    assert topics.count("shelling") > 2 * max(topics.count("detention"), topics.count("displacement"))


def test_topics_that_are_not_learned_are_found_by_their_query(
    trained: Any, tmp_path: Path, archive_records: Any
) -> None:
    records = [*archive_records, {"paragraph_id": "new", "text": "A meteor struck the old market at noon, they said."}]
    archive = write_jsonl(tmp_path / "archive.jsonl", records)
    book = Codebook(topics=(Topic(id="meteor", keywords="meteor*"), Topic(id="shelling", keywords="mortar")))
    queue = queue_of(trained, [str(archive)], Asked(20), codebook=book)
    (item,) = [item for item in queue.items if item.reason == "keywords"]
    assert (item.found.paragraph_id, item.topic) == ("new", "meteor")


def test_dates_narrow_the_archive(trained: Any, archive_file: Path) -> None:
    queue = queue_of(trained, [str(archive_file)], Asked(10, since="2012", until="2013-02"))
    assert {item.found.date[:4] for item in queue.items} <= {"2012", "2013"}
    assert all(item.found.date < "2013-03" for item in queue.items)
    with pytest.raises(UserError, match="found no paragraph with text dated 2050 to"):
        queue_of(trained, [str(archive_file)], Asked(10, since="2050"))
    with pytest.raises(UserError, match="--from and --to: found from 2013 to 2012, expected an end"):
        Asked(10, since="2013", until="2012")


def test_columns_are_kept_but_none_that_a_queue_fills_in(trained: Any, tmp_path: Path) -> None:
    record = {
        "paragraph_id": "p",
        "text": "Shells fell.",
        "date": "2024-05-01",
        "source": "wire",
        "annotator": "Reporter",
    }
    archive = str(write_jsonl(tmp_path / "archive.jsonl", [record]))
    queue = make_queue(
        trained.model, read_archive([archive], keep=("date", "source")), Asked(1), support={}, labelled=[]
    )
    assert {"date": "2024-05-01", "source": "wire"}.items() <= to_label(trained.model, queue.items)[0].data.items()
    with pytest.raises(UserError, match="--keep annotator: a queue has its own column of this name"):
        make_queue(trained.model, read_archive([archive], keep=("annotator",)), Asked(1), support={}, labelled=[])


def test_exclusive_topics_are_uncertain_where_two_are_close() -> None:
    probabilities = np.array([[0.48, 0.47, 0.05], [0.9, 0.05, 0.05]], dtype=np.float32)
    thresholds = np.full(3, 0.2, dtype=np.float32)
    distance = distance_to_decision(probabilities, Decision(thresholds, "exactly_one"))
    assert distance[0, 0] == pytest.approx(np.log(0.48 / 0.47), abs=1e-5)
    assert distance[1].min() > 2
    bar = distance_to_decision(np.array([[0.3, 0.05, 0.05]]), Decision(thresholds, "at_most_one"))
    assert bar[0, 0] == pytest.approx(np.log(0.3 / 0.2), abs=1e-5)


def test_round_trip_through_label_studio(trained: Any, archive_file: Path, tmp_path: Path) -> None:
    """Tasks out, annotated as Label Studio does, in again: the same paragraphs with the topics of the annotator."""
    queue = queue_of(trained, [str(archive_file)], Asked(12))
    write_to_label(tmp_path / "q", to_label(trained.model, queue.items), interface(trained.model.topics, None))
    tasks = json.loads((tmp_path / "q/tasks.json").read_text())
    choices = ElementTree.parse(tmp_path / "q/labelling.xml").getroot().find("Choices")
    assert choices is not None and choices.get("choice") == "multiple"
    assert [choice.get("value") for choice in choices] == list(trained.model.topics)
    exported = []
    for number, one in enumerate(tasks):
        prediction = one["predictions"][0]
        assert prediction["model_version"] == trained.model.id
        assert 0 <= prediction["score"] <= 1
        results = [
            {
                **part,
                "from_name": choices.get("name"),
                "to_name": choices.get("toName"),
                "id": "x",
                "origin": "prediction",
            }
            for part in prediction["result"]
        ]
        done = {"id": number, "completed_by": 1, "result": results, "was_cancelled": False, "created_at": "2024-06-01"}
        exported.append({"id": number, "data": one["data"], "annotations": [done], "predictions": one["predictions"]})
    (tmp_path / "export.json").write_text(json.dumps(exported))
    settled = settle(read_all([str(tmp_path / "export.json")]), trained.model.topics)
    by_id = {item.found.paragraph_id: item for item in queue.items}
    assert {record["paragraph_id"] for record in settled.labelled} == set(by_id)
    for record in settled.labelled:
        found = by_id[record["paragraph_id"]].found
        assert (record["text"], record["article_id"], record["date"]) == (found.text, found.article_id, found.date)
        assert set(record["topics"]) == set(trained.model.tag([found.text])[0])
        assert record["reason"] == by_id[record["paragraph_id"]].reason
    assert "without any error" in settled.text() and "100%" in settled.text()


@pytest.mark.parametrize("name", ["queue.csv", "queue.jsonl"])
def test_round_trip_through_own_formats(trained: Any, archive_file: Path, tmp_path: Path, name: str) -> None:
    queue = queue_of(trained, [str(archive_file)], Asked(12))
    write_to_label(tmp_path, to_label(trained.model, queue.items), "<View/>")
    path = tmp_path / name
    with pytest.raises(UserError, match=r"holds no labels \(12 unlabelled\)"):
        read_all([str(path)])
    if name.endswith(".csv"):
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
        for row in rows:
            row["topics"] = row["suggested"]
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        records = [json.loads(line) for line in path.read_text().splitlines()]
        write_jsonl(path, [record | {"topics": record["suggested"]} for record in records])
    settled = settle(read_all([str(path)]), trained.model.topics)
    assert len(settled.labelled) == 12
    for record in settled.labelled:
        assert set(record["topics"]) == set(trained.model.tag([record["text"]])[0])
        assert record["annotator"] == "queue"
        assert "suggested" not in record


def test_no_text_is_a_formula_in_a_spreadsheet_and_each_comes_back_as_it_was(tmp_path: Path) -> None:
    texts = ['=HYPERLINK("http://example.org")', "- Shells fell.", "+1", "@all", "'-quoted", "''", "'plain'", "a=b"]
    entries = [ToLabel({"text": text, "paragraph_id": f"-{at}"}) for at, text in enumerate(texts)]
    write_to_label(tmp_path / "queue.csv", entries, "")
    cells = list(csv.reader(io.StringIO((tmp_path / "queue.csv").read_text(encoding="utf-8-sig"))))
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in cells for cell in row)
    with (tmp_path / "queue.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([cells[0], *(["none", *row[1:]] for row in cells[1:])])
    labelled = settle(read_all([str(tmp_path / "queue.csv")]), None).labelled
    assert [(record["paragraph_id"], record["text"]) for record in labelled] == [
        (f"-{at}", text) for at, text in enumerate(texts)
    ]


def test_labels_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "queue.csv").write_text("labels of a week")
    with pytest.raises(UserError, match=r"queue.csv: exists already and may hold labels.*--force"):
        write_to_label(tmp_path, [], "")
    assert (tmp_path / "queue.csv").read_text() == "labels of a week"
    with pytest.raises(UserError, match=r"expected a folder, or a file ending in \.json"):
        write_to_label(tmp_path / "x.txt", [], "")


def test_blind_labelling_shows_no_suggestion(trained: Any, archive_file: Path, tmp_path: Path) -> None:
    queue = queue_of(trained, [str(archive_file)], Asked(5))
    write_to_label(tmp_path, to_label(trained.model, queue.items, blind=True), "")
    assert "predictions" not in json.loads((tmp_path / "tasks.json").read_text())[0]
    assert "model_tags" not in (tmp_path / "queue.csv").read_text()
    with pytest.raises(ValueError, match="would be lost"):
        task({"topics": "x"})


def test_hints_come_from_the_codebook() -> None:
    book = Codebook(name='"A" & B', topics=(Topic(id="raid", name="Raid", definition='Says "go" <now>.'),))
    choice = ElementTree.fromstring(interface(["raid", "other"], book)).find("Choices/Choice")
    assert choice is not None and choice.get("hint") == 'Raid. Says "go" <now>'


def test_kappa_and_what_is_stable(trained: Any) -> None:
    assert cohen_kappa(np.array([20.0, 5.0, 10.0, 15.0])) == pytest.approx(0.4)  # Cohen's arithmetic: (.7 - .5) / .5
    same = stability(trained.model, trained.model, [" ".join(FILLER)] * 10 + ["Mortar shells fell."] * 5)
    assert same.stop and same.changed == 0


@pytest.mark.parametrize(
    ("exclusive", "expected"),
    [("no", [0.7 * 0.9, 0.8 * 0.7, 0.6 * 0.4]), ("competing", [0.7, 0.5, 0.0]), ("at_most_one", [0.7, 0.5, 0.6])],
)
def test_the_probability_that_every_tag_is_right(trained: Any, exclusive: Any, expected: list[float]) -> None:
    """One tag; none; and two above the threshold, of which one must be wrong where topics exclude one another."""
    decision = Decision(np.full(2, 0.35, dtype=np.float32), exclusive)
    known = trained.model.scorer
    scorer = Scorer(known.blocks, known.weights[:, :2], np.full(2, -9.0, dtype=np.float32), known.characters)
    model = Model("m", ["a", "b"], scorer, decision, {})
    probabilities = np.array([[0.7, 0.1], [0.2, 0.3], [0.6, 0.4]], dtype=np.float32)
    assert probability_right(model, probabilities).tolist() == pytest.approx(expected)


def test_stability_tells_what_still_moves(
    trained: Any, archive_file: Path, tmp_path_factory: Any, corpus_file: Path
) -> None:
    from tests.conftest import config_for
    from training.train import train

    lines = corpus_file.read_text().splitlines()[:45]
    few = tmp_path_factory.mktemp("few") / "few.jsonl"
    few.write_text("\n".join(lines) + "\n")
    before = train(config_for(few), tmp_path_factory.mktemp("models") / "before").model
    queue = queue_of(trained, [str(archive_file)], Asked(10), before=before)
    found = queue.benefit.stability
    assert found is not None and not found.stop
    assert 0 < found.changed < 1
    assert found.interval[0] <= found.kappa <= found.interval[1]
    assert "go on" in queue.text()


@pytest.mark.parametrize(
    ("date", "month"),
    [
        ("2024-05-31", "2024-05"),
        ("20240531", "2024-05"),
        ("2024", "2024"),
        ("2024/5/1", "2024-05"),
        ("2024-05", "2024-05"),
        ("2024-5-31T10:00", "2024-05"),
        ("2024-13-01", None),
        ("2024-02-30", None),
        ("May", None),
        (None, None),
    ],
)
def test_months_of_dates(date: str | None, month: str | None) -> None:
    assert month_of(date) == month


def test_archives_with_and_without_dates_and_ids(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One paragraph here.\n\nAnother one.\n")
    write_jsonl(
        tmp_path / "b.jsonl",
        [{"text": "T.", "paragraph_id": "p", "date": "2024-05-01"}, {"text": " ", "paragraph_id": "q"}],
    )
    (tmp_path / "c.csv").write_text("text,paragraph_id\nhello,x\n")
    batches = list(read_archive([str(tmp_path)]))
    dates = [date for batch in batches for date in batch.dates.to_pylist()]
    texts = [text for batch in batches for text in batch.texts.to_pylist()]
    assert texts == ["One paragraph here.", "Another one.", "T.", "hello"]
    assert dates == [None, None, "2024-05-01", None]
    with pytest.raises(UserError, match='no column "body"'):
        list(read_archive([str(tmp_path / "c.csv")], text_column="body"))
