"""What is fuzzed: functions of bytes that must hold for any bytes. An assertion or any exception is a finding.

``TARGETS`` is used three ways: by :mod:`tests.fuzz.run` under atheris, by :mod:`tests.torture` with random damage, and by
``test_fuzz.py`` on seeds and on everything that was ever found (``corpus/TARGET/``).
"""

from __future__ import annotations

import gzip
import io
import tempfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import zstandard

from tests.model.attacks import sign
from training.corpus.articles import html_paragraphs, split_text
from training.errors import UserError
from training.model import saved
from training.model.characters import CharacterTable
from training.model.model import Decision
from training.model.scorer import Block, BlockSettings, Scorer
from training.model.terms import Terms
from training.tagging.inputs import Source
from training.tagging.options import Options, Tuning
from training.tagging.read_csv import _Parser as CsvParser
from training.tagging.read_jsonl import _Parser as JsonParser
from training.tagging.readers import check_sources, read
from training.tagging.streams import ByteStream
from training.tagging.work import Position, Reading

Target = Callable[[bytes], None]
OPTIONS = Options(keep=("k",), max_characters=200)
MODEL_FILES = ("model.json", "model.safetensors", "golden.json", "manifest.json", "config.yaml")
TEXTS = ("", "Soldiers fled the camp.", "Übergänge ΣΑΣ İ 停火 a\u0301", "x" * 300, "fled " * 50)


def jsonl(data: bytes) -> None:
    """Every line is tagged, rejected or blank; blocks of any size and both ways of parsing give the same."""
    small, large = (rows(data, "jsonl", size) for size in (40, 1 << 20))
    assert small == large


def csv(data: bytes) -> None:
    """Every record is tagged, rejected or blank, in small blocks and in one."""
    for size in (40, 1 << 20):
        rows(data, "csv", size)


def tsv(data: bytes) -> None:
    """As CSV."""
    rows(data, "tsv", 60)


def gz(data: bytes) -> None:
    """What Python can decompress is read as it is; all else ends early with a reason. Pieces do not matter."""
    whole, problem = stream(data, "gz", 1 << 20)
    assert (whole, problem) == stream(data, "gz", 7)
    try:
        wanted = gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return
    stricter = problem is not None and "unknown header flags" in problem  # as RFC 1952, section 2.3.1.2, has it
    assert stricter or problem == "bomb" or (whole, problem) == (wanted, None)


def zst(data: bytes) -> None:
    """As gzip."""
    whole, problem = stream(data, "zst", 1 << 20)
    assert (whole, problem) == stream(data, "zst", 7)
    try:
        wanted = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read(1 << 22)
    except zstandard.ZstdError:
        return
    assert problem is not None or whole == wanted


def parquet(data: bytes) -> None:
    """A damaged file is refused, or its rows are counted."""
    with tempfile.NamedTemporaryFile(suffix=".parquet", dir=quick_place()) as file:
        file.write(data)
        file.flush()
        source = Source(file.name, "x.parquet", "x", "parquet", None, len(data), Path(file.name).stat().st_mtime_ns)
        try:
            types = check_sources([source], OPTIONS)
            for work in read([source], Position(), Reading(OPTIONS, Tuning(500), False, types)):
                counted(work)
        except UserError:
            pass


def text(data: bytes) -> None:
    """Paragraphs are stripped and not empty, and hold every visible character in order."""
    whole = data.decode("utf-8", "replace")
    paragraphs = split_text(whole)
    for paragraph in paragraphs:
        assert paragraph == paragraph.strip() != ""
    assert visible("".join(paragraphs)) == visible(whole)
    assert split_text("\n\n".join(paragraphs)) == paragraphs or "\n" not in whole or len(paragraphs) != 1


def html(data: bytes) -> None:
    """Any bytes are a page, or are refused as one."""
    try:
        paragraphs = html_paragraphs(data)
    except UserError:
        return
    for paragraph in paragraphs:
        assert paragraph.strip()
        assert "\n" not in paragraph


def kernel(data: bytes) -> None:
    """Scores are finite, depend on the text alone, and are what its evidence adds up to."""
    texts = data.decode("utf-8", "replace").split("\n")
    scorer = small_scorer()
    scores = scorer.scores(texts)
    assert np.isfinite(scores).all()
    assert (scores[::-1] == scorer.scores(texts[::-1])).all()
    first = texts[0]
    found = scorer.evidence(first)
    summed = found.values @ scorer.weights[found.features] + scorer.intercepts
    assert np.allclose(summed, scores[0], rtol=1e-4, atol=1e-4)
    assert (found.starts >= 0).all()
    assert (found.ends <= len(first)).all()
    assert (found.starts < found.ends).all()


def model(data: bytes) -> None:
    """The first byte picks a file of a model, the rest is put in its place and signed: refused, or a sound model."""
    if not data:
        return
    name = MODEL_FILES[data[0] % len(MODEL_FILES)]
    with tempfile.TemporaryDirectory(dir=quick_place()) as place:
        folder = Path(place) / "model"
        folder.mkdir()
        for other, content in small_model().items():
            (folder / other).write_bytes(content)
        (folder / name).write_bytes(data[1:])
        if name != "manifest.json":
            sign(folder)
        try:
            loaded = saved.load(folder)
        except UserError:
            return
        probabilities = loaded.predict_proba(list(TEXTS))
        assert ((probabilities >= 0) & (probabilities <= 1)).all()
        loaded.explain(TEXTS[1])
        loaded.tag(list(TEXTS))


TARGETS: dict[str, Target] = {
    each.__name__: each for each in (jsonl, csv, tsv, gz, zst, parquet, text, html, kernel, model)
}


def rows(data: bytes, kind: str, size: int) -> list[Any]:
    """What a reader makes of the data, blocks of ``size`` bytes; the fast and the slow way of each block compared."""
    source = Source(None, "-", "x", kind, None)
    reading = Reading(OPTIONS, Tuning(size), False)
    found: list[Any] = [[], [], [], [], 0, 0]
    try:
        with patch("sys.stdin", io.TextIOWrapper(io.BytesIO(data))):
            for work in read([source], Position(), reading):
                batch = counted(work)
                same_slowly(work, batch)
                found[0] += zip(batch.paragraph_ids.to_pylist(), batch.article_ids.to_pylist(), strict=True)
                found[1] += batch.texts.to_pylist()
                found[2] += batch.kept[0].to_pylist()
                found[3] += batch.rejects
                found[4] += batch.rows
                found[5] += batch.articles
    except UserError as problem:
        return [str(problem)]
    return found


def counted(work: Any) -> Any:
    """The batch of a piece of work, in which every line is accounted for."""
    batch = work.decode()
    assert work.lines - batch.blank == batch.rows + len(batch.rejects)
    assert len(batch.paragraph_ids) == len(batch.article_ids) == len(batch.texts) == len(batch.kept[0])
    assert batch.paragraph_ids.null_count == batch.texts.null_count == 0
    return batch


def same_slowly(work: Any, batch: Any) -> None:
    """The same rows by the slow way of the parser, if the piece was made by one."""
    decode = work.decode
    parser = getattr(getattr(decode, "func", None), "__self__", None)
    if isinstance(parser, JsonParser):
        slow = parser._line_by_line(decode.args[0])
    elif isinstance(parser, CsvParser) and decode.args[0].problem is None:
        slow = parser._record_by_record(decode.args[0])
    else:
        return
    for name in ("paragraph_ids", "article_ids", "texts"):
        assert getattr(slow, name).to_pylist() == getattr(batch, name).to_pylist()
    assert slow.rejects == batch.rejects
    assert slow.kept[0].to_pylist() == batch.kept[0].to_pylist()


def stream(data: bytes, compression: str, size: int) -> tuple[bytes, str | None]:
    """Everything that a compressed stream gives, read in pieces, and what ended it early."""
    source = Source(None, "-", "x", "jsonl", compression)
    with ByteStream(source, io.BytesIO(data)) as opened:
        pieces = []
        while piece := opened.read(size):
            pieces.append(piece)
            if sum(map(len, pieces)) > 1 << 22:  # a bomb: that it can be stopped is enough
                return b"", "bomb"
        return b"".join(pieces), opened.problem


def visible(whole: str) -> str:
    """The characters of a text that a splitter must keep."""
    return "".join(char for char in whole if not char.isspace() and char not in "\u200b\u200c\u200d\u2060\ufeff")


@cache
def quick_place() -> str | None:
    """Memory for files, where there is some."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@cache
def small_scorer() -> Scorer:
    """Words and characters over a few terms, some of them beyond ASCII."""
    words = Terms.from_strings(["fled", "camp", "fled the", "the", "the camp", "σας", "übergänge", "i\u0307", "停火"])
    letters = Terms.from_strings([" fl", "fle", "led", "ed ", " ca", "amp", " x", "xxx", "xxxx", " σα", "ας ", "火 "])
    rng = np.random.default_rng(7)
    blocks = [
        Block(BlockSettings("word", (1, 2), True, True), words, 1 + rng.random(len(words), np.float32)),
        Block(BlockSettings("char_wb", (3, 4), True, True), letters, 1 + rng.random(len(letters), np.float32)),
    ]
    weights = rng.normal(size=(len(words) + len(letters), 3)).astype(np.float32)
    return Scorer(blocks, weights, np.array([-1, 0, 1], np.float32), CharacterTable.current())


@cache
def small_model() -> dict[str, bytes]:
    """The files of a model around :func:`small_scorer`."""
    settings = {"name": "fuzz", "topics": ["a", "b", "c"], "left_out": {}, "trained_on": {}}
    with tempfile.TemporaryDirectory(dir=quick_place()) as place:
        folder = Path(place) / "model"
        decision = Decision(np.full(3, 0.5, np.float32))
        saved.save(folder, settings, small_scorer(), decision, {"config.yaml": b"name: fuzz\n"})
        return {path.name: path.read_bytes() for path in folder.iterdir()}


def seeds(name: str) -> Iterator[bytes]:
    """Inputs to begin with: well formed, and odd."""
    plain = (
        b'{"paragraph_id":"1","article_id":"a","text":"An airstrike","k":1}\n',
        b'{"text":"One.\\n\\nTwo \\ud83d\\ude00","k":null}\r\n\n{"paragraph_id":7,"text":""}\n{"text":1}\n{"a":[{}]}',
    )
    table = b'paragraph_id,article_id,text,k\n1,a,"An, ""air""\nstrike",x\n,,One,\n\n2,b,"open\n3,c,d,e\n'
    if name == "jsonl":
        yield from plain
    elif name == "csv":
        yield table
        yield b"text,k\r\na,b\r\n\xff,c\r\n"
    elif name == "tsv":
        yield table.replace(b",", b"\t")
    elif name == "gz":
        yield gzip.compress(plain[0], mtime=0)
        yield (
            gzip.compress(plain[0], mtime=0) + gzip.compress(b"", mtime=0) + gzip.compress(plain[1], mtime=0) + b"\0\0"
        )
    elif name == "zst":
        yield zstandard.compress(plain[0])
        yield zstandard.compress(plain[0]) + b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc" + zstandard.compress(plain[1])
    elif name == "parquet":
        yield from parquet_seeds()
    elif name == "text":
        yield "One.\n\nTwo — обстрел\r\n \r\nThree\u2029Four\u200b\n\x0cFive".encode()
    elif name == "html":
        yield b"<html><body><nav>Menu</nav><article><p>One two.</p><p>Three <b>four</b><br>five.</p></article></body></html>"
        yield b"<p>One</p><!-- --><table><tr><td>Two</table><ul><li>Three"
    elif name == "kernel":
        yield "\n".join(TEXTS).encode()
        yield "Fled the camp: ΣΑΣ ΑΣ\u0301Α İİ ß 停火\u00a0x\u3000fled\ntheth the\x1fthe".encode()
    elif name == "model":
        for at, file in enumerate(MODEL_FILES):
            yield bytes([at]) + small_model()[file]


def parquet_seeds() -> Iterator[bytes]:
    import pyarrow.parquet as pq

    texts = ["An airstrike", None, "", "ü" * 30, "shelling"] * 4
    for kind in (pa.string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())):
        column = pa.array(texts).cast(kind) if not pa.types.is_dictionary(kind) else pa.array(texts).dictionary_encode()
        table = pa.table({"text": column, "paragraph_id": [str(at) for at in range(20)], "k": [{"x": [1]}] * 20})
        for version, compression in (("1.0", "snappy"), ("2.0", "none")):
            sink = io.BytesIO()
            pq.write_table(table, sink, row_group_size=8, data_page_version=version, compression=compression)
            yield sink.getvalue()
