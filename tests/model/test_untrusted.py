"""Models from strangers: whatever is in the folder, it is refused with a message or does what a model does.

Each attack signs its folder, so that the sums of the manifest are right.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.model.attacks import (
    TENSORS,
    Attack,
    arrays_of,
    bytes_of,
    colliding,
    header_of,
    json_of,
    put,
    sign,
    terms_of,
    text_of,
    write_tensors,
)
from training import load
from training.errors import UserError

REFUSED = r"do not fit together|golden predictions|not a JSON object"
DEEP = b"[" * 200_000
PICKLE = b"\x80\x04cos\nsystem\n(S'false'\ntR."
HUGE = "1" + "0" * 400


@pytest.fixture
def folder(trained: Any, tmp_path: Path) -> Path:
    """A copy of a model folder that a test may spoil."""
    return Path(shutil.copytree(trained.folder, tmp_path / "model"))


def block(**fields: Any) -> Attack:
    return json_of("model.json", lambda tree: tree["blocks"][0].update(fields))


def model(**fields: Any) -> Attack:
    return json_of("model.json", lambda tree: tree.update(fields))


def golden(**fields: Any) -> Attack:
    return json_of("golden.json", lambda tree: tree.update(fields))


def threshold(literal: str) -> Attack:
    """Another first threshold, written as it stands."""

    def spoil(folder: Path) -> None:
        model(thresholds=["HERE", 0.5, 0.5])(folder)
        text_of("model.json", '"HERE"', literal)(folder)

    return spoil


def prediction(literal: str) -> Attack:
    """Another first golden prediction, written as it stands."""

    def spoil(folder: Path) -> None:
        json_of("golden.json", lambda tree: put(tree["probabilities"][0], 0, "HERE"))(folder)
        text_of("golden.json", '"HERE"', literal)(folder)

    return spoil


def retyped(name: str, kind: Any) -> Attack:
    return arrays_of(lambda a: a.update({name: a[name].astype(kind)}))


def two_dimensional(name: str) -> Attack:
    return arrays_of(lambda a: a.update({name: a[name].reshape(1, -1)}))


def one(name: str, at: Any, value: Any) -> Attack:
    return arrays_of(lambda a: put(a[name], at, value))


def field(name: str, key: str, value: Any) -> Attack:
    return header_of(lambda header: header[name].update({key: value}))


def long_expansion(folder: Path) -> None:
    """One character that becomes a million when it is lower-cased."""

    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays["characters.expansions"] = np.full(1_000_000, 97, np.int32)
        arrays["characters.expansion_offsets"] = np.array([0, 1_000_000], np.int32)

    arrays_of(change)(folder)


def twice_in_the_header(folder: Path) -> None:
    raw = (folder / TENSORS).read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = raw[8 : 8 + size].strip()
    again = json.dumps(json.loads(header)["weights"]).encode()
    write_tensors(folder, header[:-1] + b',"weights":' + again.replace(b"F32", b"I32") + b"}", raw[8 + size :])


def overlapping(header: dict[str, Any]) -> None:
    header["block1.idf"]["data_offsets"] = header["block0.idf"]["data_offsets"]


NUMBERS: dict[str, Attack] = {
    "a weight that is not a number": one("weights", (0, 0), np.nan),
    "an infinite idf": one("block0.idf", 0, np.inf),
    "a negative idf": one("block0.idf", 0, -1.0),
    "an idf that makes products infinite": one("block0.idf", 0, 1e30),
    "a weight that makes sums infinite": one("weights", (0, 0), 3e38),
    "an intercept that is not a number": one("intercepts", 0, np.nan),
    "a threshold that is not a number": threshold("NaN"),
    "an infinite threshold": threshold("1e999"),
    "a huge threshold": threshold("1e30"),
    "a threshold of 400 digits": threshold(HUGE),
    "a threshold that is text": threshold('"0.5"'),
    "a threshold that is true": threshold("true"),
    "a threshold that is a list": threshold("[0.5]"),
    "too few fallbacks": json_of("model.json", lambda tree: tree.update(fallback=[0.1])),
    "a fallback above its threshold": json_of(
        "model.json", lambda tree: tree.update(fallback=[1.0] * len(tree["thresholds"]))
    ),
    "passages of no tokens": model(passages={"tokens": 0, "share": 0.5}),
    "passages of a token each": model(passages={"tokens": 1, "share": 0.5}),
    "passages of half a token": model(passages={"tokens": 80.5, "share": 0.5}),
    "passages longer than any text": model(passages={"tokens": 2**31, "share": 0.5}),
    "passages with no share": model(passages={"tokens": 80, "share": 0}),
    "passages that count more than all": model(passages={"tokens": 80, "share": 1.5}),
    "passages with a share that is text": model(passages={"tokens": 80, "share": "0.5"}),
    "passages without a share": model(passages={"tokens": 80}),
    "passages that are a list": model(passages=[80, 0.5]),
    "too few thresholds": json_of("model.json", lambda tree: tree["thresholds"].pop()),
    "golden predictions that are not numbers": prediction("NaN"),
    "golden predictions of 400 digits": prediction(HUGE),
}
SHAPES: dict[str, Attack] = {
    "weights of another shape": arrays_of(lambda a: a.update(weights=a["weights"][:, :-1].copy())),
    "weights of another type": retyped("weights", np.float64),
    "an unknown array": arrays_of(lambda a: a.update(more=np.zeros(2))),
    "a missing array": arrays_of(lambda a: a.pop("intercepts")),
    "offsets of floats": retyped("block0.offsets", np.float64),
    "offsets without a sign": retyped("block0.offsets", np.uint64),
    "terms with a sign": retyped("block0.terms", np.int8),
    "terms in two dimensions": two_dimensional("block0.terms"),
    "idf in two dimensions": two_dimensional("block0.idf"),
    "expansions in two dimensions": two_dimensional("characters.expansions"),
    "a character table of wide numbers": retyped("characters.stage1", np.int64),
    "a character table that points outside": one("characters.stage1", 0, 60000),
    "a character that becomes none": one("characters.records", slice(None), -(2**31)),
    "a character that becomes a million": long_expansion,
    "a character that becomes a surrogate": one("characters.expansions", 0, 0xD800),
    "a wrong number of terms": block(terms=3),
    "a number of terms that is true": block(terms=True),
}
HEADERS: dict[str, Attack] = {
    "a huge header": lambda folder: (folder / TENSORS).write_bytes(
        struct.pack("<Q", 2**62) + (folder / TENSORS).read_bytes()[8:]
    ),
    "a header longer than the file": bytes_of(TENSORS, struct.pack("<Q", 99) + b"{}"),
    "a header that is too deep": bytes_of(TENSORS, struct.pack("<Q", len(DEEP)) + DEEP),
    "a header that is no JSON": bytes_of(TENSORS, struct.pack("<Q", 4) + b"weig"),
    "an array twice in the header": twice_in_the_header,
    "arrays that overlap": header_of(overlapping),
    "an array that begins below zero": field("weights", "data_offsets", [-8, 8]),
    "an array that ends before it begins": field("weights", "data_offsets", [80, 8]),
    "an array behind the end": field("weights", "data_offsets", [2**40, 2**40 + 8]),
    "an array of endless shape": field("weights", "shape", [2**62, 2**62]),
    "an array of a negative shape": field("weights", "shape", [-1, 3]),
    "an array of no shape": field("intercepts", "shape", []),
    "an unknown type of number": field("weights", "dtype", "PICKLE"),
    "numbers of eight bits": field("block0.terms", "dtype", "F8_E4M3"),
    "numbers of half the width": field("weights", "dtype", "BF16"),
    "no tensors": bytes_of(TENSORS, b""),
    "a pickle": bytes_of(TENSORS, PICKLE),
}
TERMS: dict[str, Attack] = {
    "offsets past the end": one("block0.offsets", -1, 10**12),
    "offsets that descend": one("block0.offsets", 2, 0),
    "negative offsets": one("block1.offsets", 1, -5),
    "terms that are not sorted": terms_of(1, [b"b", b"a"]),
    "a term twice": terms_of(1, [b"a", b"a"]),
    "an empty term": terms_of(1, [b"", b"a"]),
    "terms that are not UTF-8": terms_of(1, [b"\xff\xfe"]),
    "a surrogate as a term": terms_of(1, [b"\xed\xa0\x80"]),
    "a term cut within a character": terms_of(1, ["é".encode()[:1], "é".encode()[1:]]),
    "a term of a million words": terms_of(0, [b"a" + b" b" * 1_000_000]),
    "characters that collide": terms_of(1, colliding(1200)),
    "words that collide": terms_of(0, colliding(1200)),
}
DESCRIPTIONS: dict[str, Attack] = {
    "a topic twice": json_of("model.json", lambda tree: put(tree["topics"], 0, tree["topics"][1])),
    "topics that are no list": model(topics="shelling"),
    "no topics": model(topics=[]),
    "a topic with an escape sequence": json_of("model.json", lambda t: put(t["topics"], 0, "\x1b]0;owned\x07")),
    "a topic of two lines": json_of("model.json", lambda t: put(t["topics"], 0, "a\nb")),
    "a topic that is half a surrogate pair": json_of("model.json", lambda t: put(t["topics"], 0, "\ud800")),
    "an unknown decision": model(exclusive="maybe"),
    "a decision that is a list": model(exclusive=["no"]),
    "a name that is a path": model(name="../../etc/passwd"),
    "a name of two lines": model(name="a\nb"),
    "no name": json_of("model.json", lambda tree: tree.pop("name")),
    "n-grams of endless length": block(ngram_range=[1, 10**9]),
    "n-grams of half a word": block(ngram_range=[1.0, 1.5]),
    "n-grams of three numbers": block(ngram_range=[1, 2, 3]),
    "an unknown analyzer": block(analyzer="os.system"),
    "an analyzer that is a list": block(analyzer=["word"]),
    "lower case by a text": block(lowercase="no"),
    "first tokens beyond counting": block(first_tokens=10**30),
    "first tokens below zero": block(first_tokens=-1),
    "an unknown norm": block(norm="l3"),
    "an unknown setting": block(tokenizer="os.system"),
    "a block that is a number": model(blocks=[7]),
    "no blocks": model(blocks=[]),
    "a thousand blocks": json_of("model.json", lambda tree: tree.update(blocks=tree["blocks"] * 500)),
    "JSON that is too deep": bytes_of("model.json", DEEP),
    "JSON in another encoding": lambda folder: (folder / "model.json").write_text(
        (folder / "model.json").read_text(), encoding="utf-16"
    ),
    "a key twice": text_of("model.json", '"name"', '"name": "x", "name"'),
}
GOLDENS: dict[str, Attack] = {
    "lying weights": arrays_of(lambda a: a.update(weights=-a["weights"], intercepts=a["intercepts"] + 1)),
    "lying predictions": json_of("golden.json", lambda t: put(t["probabilities"][1], 0, 0.123)),
    "no predictions": golden(texts=[], probabilities=[]),
    "predictions of another shape": json_of("golden.json", lambda tree: tree["probabilities"].pop()),
    "ragged predictions": json_of("golden.json", lambda tree: tree["probabilities"][0].pop()),
    "texts that are numbers": json_of("golden.json", lambda tree: put(tree["texts"], 0, 7)),
    "texts that are null": json_of("golden.json", lambda tree: put(tree["texts"], 0, None)),
    "a text that is half a surrogate pair": json_of("golden.json", lambda tree: put(tree["texts"], 0, "\ud800")),
    "endless texts": json_of("golden.json", lambda tree: put(tree["texts"], 0, "x" * 2_000_000)),
    "predictions too deep": bytes_of("golden.json", b'{"texts":[""],"probabilities":' + b"[" * 900 + b"]" * 900 + b"}"),
}
ATTACKS = NUMBERS | SHAPES | HEADERS | TERMS | DESCRIPTIONS | GOLDENS


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_manifest_signed_around_nonsense_does_not_help(folder: Path, attack: str) -> None:
    ATTACKS[attack](folder)
    sign(folder)
    with pytest.raises(UserError, match=REFUSED) as refused:
        load(folder)
    assert len(str(refused.value)) < 800
    assert str(refused.value).isprintable()


def test_a_signed_folder_as_such_is_accepted(folder: Path) -> None:
    sign(folder)
    load(folder)


def test_arrays_may_begin_at_any_byte(trained: Any, folder: Path) -> None:
    """A header of odd length is no fault, and must not reach kernels that are compiled for aligned arrays."""
    header_of(lambda header: header.update(__metadata__={"odd": ""}), pad=1)(folder)
    raw = (folder / TENSORS).read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    write_tensors(folder, raw[8 : 8 + size] + b" " * (1 - size % 2), raw[8 + size :], pad=1)
    sign(folder)
    texts = ["Families fled the camp.", "Nothing."]
    assert (load(folder).predict_proba(texts) == trained.model.predict_proba(texts)).all()


ENTRIES: dict[str, Any] = {
    "null": None,
    "a list": [],
    "a number": 5,
    "text": "sha256",
    "empty": {},
    "a size that is text": {"bytes": "5", "sha256": ""},
    "a size below zero": {"bytes": -1, "sha256": ""},
    "a sum that is a number": {"bytes": 1, "sha256": 0},
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_entries_of_the_manifest_that_are_none(folder: Path, entry: str) -> None:
    json_of("manifest.json", lambda tree: put(tree["files"], "golden.json", ENTRIES[entry]))(folder)
    with pytest.raises(UserError, match=r"golden\.json: altered since it was saved"):
        load(folder)


@pytest.mark.parametrize("name", ["../outside.json", "/etc/passwd", "a\0b", "model.json/../golden.json", "", "."])
def test_paths_in_the_manifest_are_refused(folder: Path, name: str) -> None:
    (folder.parent / "outside.json").write_text("{}")
    json_of("manifest.json", lambda tree: put(tree["files"], name, tree["files"]["golden.json"]))(folder)
    with pytest.raises(UserError, match="does not list the files of a model"):
        load(folder)


def test_a_manifest_with_a_file_twice_is_refused(folder: Path) -> None:
    text_of("manifest.json", '"golden.json"', '"golden.json": {}, "golden.json"')(folder)
    with pytest.raises(UserError, match="not a JSON object"):
        load(folder)


@pytest.mark.parametrize("name", ["golden.json", "manifest.json", TENSORS, "report.html"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(folder: Path, name: str, kind: str) -> None:
    outside = folder.parent / "outside"
    (folder / name).rename(outside)
    if kind == "link":
        (folder / name).symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).mkdir()
    with pytest.raises(UserError, match="not a regular file|has no manifest"):
        load(folder)


def test_extra_files_are_refused(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text("print('run')")
    with pytest.raises(UserError, match="holds 'sitecustomize.py', which is not part of the model"):
        load(folder)
    sign(folder)
    with pytest.raises(UserError, match="does not list the files of a model"):
        load(folder)


def test_a_file_of_terabytes_is_not_read(folder: Path) -> None:
    with (folder / TENSORS).open("r+b") as stream:
        stream.truncate(2**42)
    json_of("manifest.json", lambda tree: tree["files"][TENSORS].update(bytes=2**42))(folder)
    with pytest.raises(UserError, match="more than the .* that a model may have there"):
        load(folder)
    with (folder / "manifest.json").open("r+b") as stream:
        stream.truncate(2**42)
    with pytest.raises(UserError, match=r"manifest\.json: .* more than"):
        load(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "golden.json").unlink()
    with pytest.raises(UserError, match=r"golden\.json: missing"):
        load(folder)
