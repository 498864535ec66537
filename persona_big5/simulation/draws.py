"""Random numbers named by text: the same name gives the same number in every process and in any order."""

from __future__ import annotations

from hashlib import blake2b
from statistics import NormalDist

_NORMAL = NormalDist()


def uniform(*name: str | int) -> float:
    """Return the number in the open interval (0, 1) that belongs to ``name``; over names it is uniform.

    Examples
    --------
    >>> uniform("seed", 1) == uniform("seed", 1)
    True
    >>> uniform("a", "bc") == uniform("ab", "c")
    False
    """
    digest = blake2b("\x1f".join(map(str, name)).encode(), digest_size=8).digest()
    return ((int.from_bytes(digest, "big") >> 12) + 0.5) / 2**52


def normal(*name: str | int) -> float:
    """Return the number that belongs to ``name``; over names it is standard normal.

    Examples
    --------
    >>> normal("seed", 1) == normal("seed", 1)
    True
    """
    return _NORMAL.inv_cdf(uniform(*name))
