"""Points divided between two aims at a time: what each aim gets, and whether the divisions fit one order of aims."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

_TIE = 1e-9
_VIOLATED_BY_CHANCE = (1 / 4, 1 / 2, 1.0, 0.0)
"""Chance that three aims violate transitivity where each comparison falls either way, by how many of them are ties."""


@dataclass(frozen=True, slots=True)
class Share:
    """Mean share of points that an aim gets, with its standard error over the aims it meets (None for one alone)."""

    aim: str
    share: float
    se: float | None
    n_comparisons: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """Shares of aims, highest first, and how far the comparisons contradict each other.

    Attributes
    ----------
    shares
        Of every aim. They sum to half the number of aims where each meets each other: one rises only as others fall.
    n_triads, n_violations, violations
        Sets of three aims that were all compared; those that fit no order, ties counting as equality (A before B, B
        before or equal to C, yet C before or equal to A); and which these are.
    expected_by_chance
        Violations among these triads if every comparison that is no tie fell either way with probability 1/2.
    consistency
        1 - violations / expected: 1 is a perfect order, 0 is chance. None where chance could violate nothing.
    """

    shares: tuple[Share, ...]
    n_triads: int
    n_violations: int
    violations: tuple[tuple[str, str, str], ...]
    expected_by_chance: float
    consistency: float | None


def allocate(first: Sequence[str], second: Sequence[str], shares: ArrayLike) -> Allocation:
    """Bring one respondent's divisions of points together.

    Parameters
    ----------
    first, second
        The two aims of each division.
    shares
        Share of the points, from 0 to 1, that the first aim got; NaN is missing and left out. Repeated divisions
        between two aims, in either order, are averaged first and count once.

    Raises
    ------
    DataError
        For unequal lengths, shares outside of 0 to 1, an aim against itself, and no division at all.

    Notes
    -----
    Without ties a triad is circular with probability 1/4 by chance (Kendall & Babington Smith 1940); with one tie of
    three it fits no weak order with probability 1/2, with two always, with three never. Kendall's coefficient of
    consistence is 0 at the most violations that are possible, ``consistency`` is 0 at their mean by chance.
    """
    aims, lead = _leads(first, second, shares)
    compared = ~np.isnan(lead)
    rows = [_share(aims, lead, compared, i) for i in range(len(aims))]
    triads = [
        three for three in combinations(range(len(aims)), 3) if all(compared[i, j] for i, j in combinations(three, 2))
    ]
    violated = [three for three in triads if _is_violated(lead, three)]
    ties = [sum(abs(lead[i, j]) < _TIE for i, j in combinations(three, 2)) for three in triads]
    expected = sum(_VIOLATED_BY_CHANCE[n] for n in ties)
    return Allocation(
        shares=tuple(sorted(rows, key=lambda row: (-row.share, row.aim))),
        n_triads=len(triads),
        n_violations=len(violated),
        violations=tuple((aims[i], aims[j], aims[k]) for i, j, k in violated),
        expected_by_chance=expected,
        consistency=1 - len(violated) / expected if expected > 0 else None,
    )


def _leads(first: Sequence[str], second: Sequence[str], shares: ArrayLike) -> tuple[list[str], NDArray[np.float64]]:
    """Return the aims, and by how much each led each other on average: half its share less half the other's."""
    given = np.asarray(shares, dtype=np.float64)
    if not len(first) == len(second) == len(given):
        raise DataError(f"{len(first)} first aims, {len(second)} second aims and {len(given)} shares do not match")
    kept = [(a, b, share) for a, b, share in zip(first, second, given.tolist(), strict=True) if share == share]
    if not kept:
        raise DataError("no points were divided between any two aims")
    for a, b, share in kept:
        if a == b:
            raise DataError(f"the aim '{a}' is set against itself")
        if not 0 <= share <= 1:
            raise DataError(f"a share is from 0 to 1, but one is {share:g}; divide points by the points given out")
    aims = sorted({aim for a, b, _ in kept for aim in (a, b)})
    place = {aim: i for i, aim in enumerate(aims)}
    total, count = np.zeros((2, len(aims), len(aims)))
    for a, b, share in kept:
        i, j = place[a], place[b]
        total[i, j] += share - 0.5
        total[j, i] -= share - 0.5
        count[[i, j], [j, i]] += 1
    return aims, np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _share(aims: list[str], lead: NDArray[np.float64], compared: NDArray[np.bool_], i: int) -> Share:
    won = 0.5 + lead[i, compared[i]]
    se = float(won.std(ddof=1) / np.sqrt(len(won))) if len(won) > 1 else None
    return Share(aims[i], float(won.mean()), se, len(won))


def _is_violated(lead: NDArray[np.float64], three: tuple[int, int, int]) -> bool:
    """Whether three comparisons fit no weak order of three aims: they go round, or ties contradict what leads."""
    i, j, k = three
    around = [0 if abs(one) < _TIE else int(np.sign(one)) for one in (lead[i, j], lead[j, k], lead[k, i])]
    # Round the triangle, an order has steps up and steps down; only ups (or only downs) and ties lead back to no start.
    return any(around) and not (1 in around and -1 in around)
