from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import config_for, synthetic_records, write_jsonl
from tests.tracking.conftest import Look
from tests.tracking.helpers import synced, tracked
from training import promote as promoting
from training.errors import UserError
from training.sync import sync
from training.track import Destination
from training.tracking.registry import Registered, champion
from training.tracking.store import opened


@pytest.fixture(scope="session")
def poor(tmp_path_factory: pytest.TempPathFactory, trained: Any) -> Any:
    """A model trained on shuffled labels, measured on the same test data as the good one."""
    from training.train import train

    place = tmp_path_factory.mktemp("poor")
    test = trained.prepared.test
    records = [
        {
            "paragraph_id": identity,
            "article_id": article,
            "text": text,
            "topics": [test.topics[at] for at in np.flatnonzero(row)],
        }
        for identity, article, text, row in zip(
            test.paragraph_ids, test.article_ids, test.texts.to_pylist(), test.labels, strict=True
        )
    ]
    write_jsonl(place / "test.jsonl", records)
    confused = synthetic_records(40, seed=5)
    labels = [record["topics"] for record in confused]
    np.random.default_rng(1).shuffle(labels)
    for record, topics in zip(confused, labels, strict=True):
        record["topics"] = topics
    source = write_jsonl(place / "train.jsonl", confused)
    return train(config_for(source, f"data.test={place / 'test.jsonl'}", name="poor"), place / "poor")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model with topics of its own."""
    from training.train import train

    place = tmp_path_factory.mktemp("stranger")
    records = [record | {"topics": [f"{topic}_2" for topic in record["topics"]]} for record in synthetic_records(30)]
    return train(config_for(write_jsonl(place / "train.jsonl", records), name="stranger"), place / "stranger")


def alias_and_reason(outcome: Any) -> tuple[str, str]:
    sent = tracked(outcome)
    assert sent.registered is not None, sent.problem
    return sent.registered.alias, sent.registered.reason


def test_the_first_is_champion_and_one_no_worse_takes_its_place(trained: Any, local_store: str, content: Look) -> None:
    assert alias_and_reason(trained) == ("champion", "there was no champion")
    alias, why = alias_and_reason(trained)
    assert alias == "champion"
    assert "not worse than the champion small-" in why
    found = content(local_store)
    assert found.aliases == {"champion": "2"}
    assert found.versions[1].tags["conflict-topics.verdict"] == "champion"
    assert found.versions[1].tags["conflict-topics.reason"] == why


def test_a_worse_model_is_challenger(trained: Any, poor: Any, local_store: str, content: Look) -> None:
    tracked(trained)
    alias, why = alias_and_reason(poor)
    assert alias == "challenger"
    assert "worse than the champion" in why
    assert "micro-f1 -" in why
    assert content(local_store).aliases == {"champion": "1", "challenger": "2"}


def test_a_better_model_becomes_champion(trained: Any, poor: Any, local_store: str) -> None:
    tracked(poor)
    assert alias_and_reason(trained)[0] == "champion"


def test_a_model_of_other_topics_cannot_be_compared(trained: Any, stranger: Any, local_store: str) -> None:
    tracked(trained)
    alias, why = alias_and_reason(stranger)
    assert alias == "challenger"
    assert "knows none of its topics" in why


def test_topics_that_only_the_champion_knows_are_told(
    trained: Any, local_store: str, tmp_path: Path, content: Look
) -> None:
    from training.train import train

    records = synthetic_records(40)
    for record in records:
        record["topics"] = [topic for topic in record["topics"] if topic != "shelling"]
    fewer = train(config_for(write_jsonl(tmp_path / "train.jsonl", records), name="fewer"), tmp_path / "fewer")
    tracked(trained)
    alias, why = alias_and_reason(fewer)
    assert alias == "champion"
    assert why.endswith("; it does not know shelling")


def test_a_champion_that_cannot_be_loaded(trained: Any, local_store: str, content: Look) -> None:
    tracked(trained)
    [model] = content(local_store).models
    weights = next(Path(model.artifact_location.removeprefix("file://")).rglob("model.safetensors"))
    weights.write_bytes(weights.read_bytes()[::-1])
    alias, why = alias_and_reason(trained)
    assert alias == "challenger"
    assert "cannot be loaded" in why
    assert "altered since it was saved" in why


def without_network(monkeypatch: pytest.MonkeyPatch, outcome: Any) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
        assert tracked(outcome).problem is not None


def test_a_record_sent_late_does_not_displace_a_newer_champion_that_is_as_good(
    trained: Any, local_store: str, monkeypatch: pytest.MonkeyPatch, content: Look
) -> None:
    without_network(monkeypatch, trained)
    tracked(trained)
    [late] = synced(trained, uri=local_store)
    assert late.registered is not None
    assert late.registered.alias == "challenger"
    assert "trained before the champion" in late.registered.reason
    assert content(local_store).aliases == {"champion": "1", "challenger": "2"}


def test_a_record_sent_late_that_is_better_becomes_champion(
    trained: Any, poor: Any, local_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_network(monkeypatch, trained)
    tracked(poor)
    [late] = synced(trained, uri=local_store)
    assert late.registered is not None
    assert late.registered.alias == "champion"


def missing(_: Any) -> Any:
    raise UserError("data.test: no file matches gone.jsonl")


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (lambda trained: missing, "cannot be read again: data.test: no file matches gone.jsonl"),
        (lambda trained: lambda _: trained.prepared.train, "have changed since it was trained"),
    ],
)
def test_without_its_test_data_a_late_record_is_challenger(
    trained: Any,
    local_store: str,
    monkeypatch: pytest.MonkeyPatch,
    test: Callable[[Any], Callable[[Any], Any]],
    said: str,
) -> None:
    without_network(monkeypatch, trained)
    tracked(trained)
    [late] = sync([], Destination(local_store), test(trained))
    assert late.registered is not None
    assert late.registered.alias == "challenger"
    assert said in late.registered.reason


def test_without_a_champion_no_test_data_are_needed(
    trained: Any, local_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_network(monkeypatch, trained)
    [late] = sync([], Destination(local_store), missing)
    assert late.registered is not None
    assert late.registered.alias == "champion"


def test_a_promotion_meanwhile_is_noticed(
    trained: Any, poor: Any, local_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another training becomes champion between our comparison and our alias: we compare again."""
    tracked(poor)
    looks: list[Any] = []

    def look(store: Any, name: str) -> Any:
        looks.append(champion(store, name))
        if len(looks) == 2:
            fresh = store.client.create_model_version(name, looks[0].source, looks[0].run_id)
            store.client.set_registered_model_alias(name, "champion", fresh.version)
            return champion(store, name)
        return looks[-1]

    monkeypatch.setattr(promoting, "champion", look)
    assert alias_and_reason(trained)[0] == "champion"
    assert [str(version.version) for version in looks] == ["1", "1", "3", "3"]


def test_a_registered_model_can_be_switched_off(trained: Any, workplace: Path, local_store: str, content: Look) -> None:
    from tests.tracking.helpers import configured

    sent = tracked(trained, configured(trained.folder, workplace / "model", registered_model=None))
    assert sent.run is not None
    assert sent.registered is None
    assert not content(local_store).versions


def test_what_was_decided_is_kept_when_a_version_is_looked_at_again(trained: Any, local_store: str) -> None:
    tracked(trained)
    with opened(local_store) as store:
        store.client.set_registered_model_alias("conflict-topics", "champion", "1")
        store.client.delete_registered_model_alias("conflict-topics", "champion")
    [again] = synced(trained, trained.folder)
    assert again.registered == Registered("conflict-topics", "1", "champion", "there was no champion")
    with opened(local_store) as store:
        assert champion(store, "conflict-topics") is None, "an alias that a person took away stays away"
