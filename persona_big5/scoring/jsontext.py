"""JSON inside a reply: whatever stands around it, however broken the rest is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_KEYS = ("answer", "score", "rating", "value", "choice", "option", "number", "selection", "response")
"""Keys under which llms put an answer, the surest first."""

_START = re.compile(r"[{\[]")
_MOST_TRIES = 100  # in one reply
_DECODER = json.JSONDecoder(parse_int=float, parse_constant=lambda _name: None)


def json_values(text: str) -> Iterator[Any]:
    """Yield the outermost objects and arrays of JSON in a text, from left to right; every number is a float."""
    at = 0
    for _ in range(_MOST_TRIES):
        start = _START.search(text, at)
        if start is None:
            return
        try:
            value, at = _DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            at = start.end()
        else:
            yield value


def as_text(value: object) -> str:
    """Return the text of a JSON string or number; objects, arrays, booleans and null have none."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return value if isinstance(value, str) else ""
