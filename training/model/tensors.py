"""Arrays out of the bytes of a safetensors file, where they are: safetensors itself would copy them.

The format: eight bytes that say how long the header is; the header, a JSON object with type, shape and place of each
array; the arrays, one after the other without gaps (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt

_TYPES = {"U8": np.uint8, "U16": np.uint16, "I32": np.int32, "I64": np.int64, "F32": np.float32}
_COUNT = 8  # bytes that hold the size of the header
_METADATA = "__metadata__"


def arrays_in(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays by name, which cannot be written to.

    Raises:
        ValueError: not a safetensors file, or one with other types of numbers than a model has.
        TypeError: the same.
        KeyError: the same.
    """
    begin = _COUNT + int.from_bytes(content[:_COUNT], "little")
    if not _COUNT < begin <= len(content):
        raise ValueError("the header of the arrays is longer than the file")
    header = json.loads(content[_COUNT:begin].decode("utf-8"))
    if not isinstance(header, dict):
        raise ValueError("the header of the arrays is not a JSON object")
    header.pop(_METADATA, None)
    places = sorted((tuple(entry["data_offsets"]), name) for name, entry in header.items())
    arrays, at = {}, 0
    for (start, end), name in places:
        kind, shape = np.dtype(_TYPES[header[name]["dtype"]]), header[name]["shape"]
        if not all(type(size) is int and size >= 0 for size in [start, end, *shape]):
            raise ValueError(f"the place or the shape of {name} is not of whole numbers")
        if start != at or end - start != math.prod(shape) * kind.itemsize or begin + end > len(content):
            raise ValueError(f"{name} does not have the place that an array of its shape needs")
        arrays[name] = np.frombuffer(content, kind, math.prod(shape), begin + start).reshape(shape)
        at = end
    if begin + at != len(content):
        raise ValueError("there are bytes behind the last array")
    return arrays
