"""Texts, hashes and random draws that depend on named things and nothing else, the same in every process."""

from __future__ import annotations

import json
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Thing = TypeVar("Thing")


def canonical(data: object) -> str:
    """Return the one JSON text of some data: keys sorted, no blanks."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_of(text: str) -> str:
    """Return 128 bits as 32 hexadecimal digits."""
    return blake2b(text.encode(), digest_size=16).hexdigest()


def number(*names: object) -> int:
    """Return a number of 63 bits."""
    return int(hash_of(canonical(names))[:16], 16) >> 1


def generator(*names: object) -> Random:
    """Return a generator of random numbers."""
    return Random(number(*names))  # noqa: S311  (no secret depends on it)


def shuffled(things: Sequence[Thing], order: Random) -> list[Thing]:
    """Return the things in random order; only ``random()`` is promised to stay the same in later Pythons."""
    return sorted(things, key=lambda _: order.random())
