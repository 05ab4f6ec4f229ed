"""A model as JSON and arrays, and back. What comes back may be anyone's, so all that a kernel relies on is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.model.characters import CharacterTable
from training.model.model import Decision, Exclusive
from training.model.passages import Passages
from training.model.scorer import Block, BlockSettings, Scorer
from training.model.terms import Terms
from training.topic_names import fault_of

Arrays = dict[str, npt.NDArray[Any]]

MOST_BLOCKS = 8
MOST_FIRST_TOKENS = 2**31 - 1
LEAST_PASSAGE = 10  # tokens: what is cut finer costs more than the text itself
# Far above what training can give, and far below where products in float32 stop being numbers.
MOST_WEIGHT, MOST_IDF = 1e9, 1e6
# A threshold that everything or nothing reaches lies a little outside of the probabilities.
LEAST_THRESHOLD, MOST_THRESHOLD = -1.0, 2.0
_BLOCK_TYPES: dict[str, tuple[type, ...]] = {
    "analyzer": (str,),
    "ngram_range": (list,),
    "lowercase": (bool,),
    "sublinear_tf": (bool,),
    "norm": (str, type(None)),
    "first_tokens": (int, type(None)),
    "terms": (int,),
}
_BLANK = 32


def description_of(scorer: Scorer, decision: Decision) -> dict[str, Any]:
    """What is not an array, as JSON."""
    return {
        "blocks": [asdict(block.settings) | {"terms": len(block.terms)} for block in scorer.blocks],
        "passages": None if scorer.passages is None else scorer.passages._asdict(),
        "exclusive": decision.exclusive,
        "thresholds": decision.thresholds.tolist(),
        "fallback": None if decision.fallback is None else decision.fallback.tolist(),
    }


def arrays_of(scorer: Scorer) -> Arrays:
    """The arrays by name."""
    arrays: Arrays = {"weights": scorer.weights, "intercepts": scorer.intercepts}
    for at, block in enumerate(scorer.blocks):
        arrays |= {
            f"block{at}.terms": block.terms.data,
            f"block{at}.offsets": block.terms.offsets,
            f"block{at}.idf": block.idf,
        }
    arrays |= {f"characters.{name}": array for name, array in scorer.characters.arrays().items()}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def scorer_of(description: Mapping[str, Any], arrays: Arrays) -> Scorer:
    """The scorer. Raises ``ValueError``, ``KeyError`` or ``TypeError`` if the parts cannot be one."""
    entries = description["blocks"]
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_BLOCKS:
        raise ValueError(f"blocks is not a list of one to {MOST_BLOCKS}")
    left = dict(arrays)
    blocks = []
    for at, entry in enumerate(entries):
        settings, count = _settings(entry)
        terms = _terms(left, f"block{at}", count, settings)
        idf = _numbers(left, f"block{at}.idf", (count,), 0.0, MOST_IDF)
        blocks.append(Block(settings, terms, idf))
    n_topics = len(topics_of(description))
    shape = (sum(len(block.terms) for block in blocks), n_topics)
    weights = _numbers(left, "weights", shape, -MOST_WEIGHT, MOST_WEIGHT)
    intercepts = _numbers(left, "intercepts", (n_topics,), -MOST_WEIGHT, MOST_WEIGHT)
    table = {name: left.pop(name) for name in list(left) if name.startswith("characters.")}
    if left:
        raise ValueError(f"unknown arrays: {', '.join(sorted(left))}")
    characters = CharacterTable.from_arrays({name.partition(".")[2]: array for name, array in table.items()})
    return Scorer(blocks, weights, intercepts, characters, _passages(description.get("passages")))


def decision_of(description: Mapping[str, Any]) -> Decision:
    """The thresholds and how topics exclude one another. Raises like :func:`scorer_of`."""
    thresholds, fallback = _cuts(description, "thresholds"), None
    if description.get("fallback") is not None:
        fallback = _cuts(description, "fallback")
        if (fallback > thresholds).any():
            raise ValueError("a fallback is above its threshold")
    if description["exclusive"] not in get_args(Exclusive):
        raise ValueError(f"exclusive is none of {', '.join(get_args(Exclusive))}")
    return Decision(thresholds, description["exclusive"], fallback)


def _cuts(description: Mapping[str, Any], name: str) -> npt.NDArray[np.float32]:
    values = description[name]
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise ValueError(f"{name} is not a list of numbers")
    if not all(LEAST_THRESHOLD <= value <= MOST_THRESHOLD for value in values):
        raise ValueError(f"{name} holds what is not a probability")
    if len(values) != len(topics_of(description)):
        raise ValueError(f"{len(values)} {name}, expected one for each topic")
    return np.asarray(values, dtype=np.float32)


def topics_of(description: Mapping[str, Any]) -> list[str]:
    """The topics. Raises ``ValueError`` if they are no names: they go into files and onto terminals as they are."""
    topics = description["topics"]
    if not isinstance(topics, list) or not topics or not all(isinstance(topic, str) and topic for topic in topics):
        raise ValueError("topics is not a list of names")
    if len(set(topics)) != len(topics):
        raise ValueError("a topic stands twice")
    for topic in topics:
        fault = fault_of(topic)
        if fault:
            raise ValueError(f"the topic {topic[:40]!r} {fault}")
    return topics


def _passages(entry: Any) -> Passages | None:
    """How long texts are scored by parts; models of before there were any say nothing about it."""
    if entry is None:
        return None
    if not isinstance(entry, dict) or entry.keys() != set(Passages._fields):
        raise ValueError("passages does not have a number of tokens and a share")
    found = Passages(**entry)
    if type(found.tokens) is not int or not LEAST_PASSAGE <= found.tokens <= MOST_FIRST_TOKENS:
        raise ValueError(f"passages are not of {LEAST_PASSAGE} tokens or more")
    if type(found.share) not in (int, float) or not 0 < found.share <= 1:
        raise ValueError("the share of passages is not above 0 and at most 1")
    return found


def _settings(entry: Any) -> tuple[BlockSettings, int]:
    """The settings of a block and the number of its terms: the types are those that the kernels were compiled for."""
    if not isinstance(entry, dict) or entry.keys() != _BLOCK_TYPES.keys():
        raise ValueError("a block does not have the settings of a block")
    wrong = [name for name, kinds in _BLOCK_TYPES.items() if type(entry[name]) not in kinds]
    if wrong or [type(size) for size in entry["ngram_range"]] != [int, int]:
        raise ValueError(f"{(wrong or ['ngram_range'])[0]} of a block is of the wrong type")
    fields = dict(entry)
    count = fields.pop("terms")
    if (fields["first_tokens"] or 1) > MOST_FIRST_TOKENS:
        raise ValueError("first_tokens of a block is too large")
    return BlockSettings(**fields | {"ngram_range": tuple(fields["ngram_range"])}), count


def _terms(arrays: Arrays, block: str, count: int, settings: BlockSettings) -> Terms:
    """The terms of a block: sorted UTF-8, none empty, none of more words than an n-gram may have."""
    data = arrays.pop(f"{block}.terms")
    offsets = _typed(arrays, f"{block}.offsets", np.int64, (count + 1,))
    if data.dtype != np.uint8 or data.ndim != 1:
        raise ValueError(f"{block}.terms is {data.dtype}{list(data.shape)}, expected bytes")
    terms = Terms(_aligned(data), offsets)
    sizes = np.diff(offsets)
    if (sizes == 0).any() or (data[offsets[:-1]] & 0xC0 == 0x80).any():
        raise ValueError(f"{block}.terms holds an empty term, or one that begins within a character")
    ends = pa.py_buffer(np.array([0, data.size], np.int64))
    pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(terms.data)).validate(full=True)
    if settings.analyzer == "word":
        blanks = np.add.reduceat((data == _BLANK).view(np.uint8), offsets[:-1], dtype=np.int32)
        if blanks.max(initial=0) >= settings.ngram_range[1]:
            raise ValueError(f"{block}.terms holds a term of more than {settings.ngram_range[1]} words")
    return terms


def _numbers(arrays: Arrays, name: str, shape: tuple[int, ...], least: float, most: float) -> npt.NDArray[np.float32]:
    array = _typed(arrays, name, np.float32, shape)
    if array.size and not (float(array.min()) >= least and float(array.max()) <= most):  # false for what is no number
        raise ValueError(f"{name} holds a value that is not finite, or not between {least:g} and {most:g}")
    return array


def _typed(arrays: Arrays, name: str, dtype: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    array = arrays.pop(name)
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{name} is {array.dtype}{list(array.shape)}, expected {np.dtype(dtype)}{list(shape)}")
    return _aligned(array)


def _aligned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A file may begin its arrays at any byte; the kernels are compiled for arrays that begin at a whole item."""
    return np.require(array, requirements=["C_CONTIGUOUS", "ALIGNED"])
