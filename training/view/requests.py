"""What a request holds, checked, as anyone may have made it: a :class:`UserError` for what cannot be."""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from training.errors import UserError
from training.view.newest import Asked

_LARGEST = 16 << 20


async def body_of(request: Request) -> bytes:
    """All that was sent, if it is not too large."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > _LARGEST:
            raise HTTPException(413, f"This is larger than {_LARGEST >> 20} MB. Use conflict-topics tag.")
    return bytes(received)


def asked_by(request: Request) -> Asked:
    """The page that asks, and which of its questions this is."""
    told = request.query_params
    return Asked(told.get("asker", ""), number_of(told.get("question", "0"), "question"))


async def object_of(request: Request) -> dict[str, Any]:
    """The JSON object that was sent."""
    try:
        asked = json.loads(await body_of(request))
    except (ValueError, RecursionError):
        raise UserError("Expected JSON.") from None
    if not isinstance(asked, dict):
        raise UserError("Expected a JSON object.")
    return asked


def number_of(value: object, name: str = "row") -> int:
    """A whole number that may have come as text."""
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > 15:
        raise UserError(f'{name}: found "{text:.40}", expected a whole number.')
    return int(text)


def place_of(given: str) -> list[float] | None:
    """The place of the last row shown, as :meth:`Tags.page` told it; None for the first page."""
    if not given:
        return None
    try:
        place = [float(part) for part in json.loads(given)]
    except (ValueError, TypeError, OverflowError, RecursionError):
        place = []
    if len(place) not in (1, 2) or not all(map(math.isfinite, place)):
        raise UserError(f'after: found "{given:.40}", expected the place of a row.')
    return place
