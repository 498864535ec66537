"""Situational judgement: scores from keys of chosen actions, and whether choices follow the action or its place."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.study.messages import ROTATED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    IntArray = NDArray[np.int64]

N_PERMUTATIONS = 2000


@dataclass(frozen=True, slots=True)
class SituationScore:
    """Mean key of one scale over its vignettes, with the standard error over vignettes (None for one)."""

    scale: str
    mean: float
    se: float | None
    n_vignettes: int
    n_answers: int


@dataclass(frozen=True, slots=True)
class PlaceBias:
    """How often each place was chosen, beside how often if actions alone were chosen.

    Attributes
    ----------
    n_answers, n_items
        Answers to items that were asked in two orders or more; others tell nothing about places.
    observed, expected
        Choices of each place from the top, and their number if what is chosen did not depend on the order.
    excess_of_first
        Share of answers that took the first place, less the share expected.
    p
        Probability of an excess of any places as large as this, if orders did not matter (permutations).
    """

    n_answers: int
    n_items: int
    observed: tuple[int, ...]
    expected: tuple[float, ...]
    excess_of_first: float
    p: float


def situation_scores(scales: Sequence[str], items: Sequence[str], keys: ArrayLike) -> list[SituationScore]:
    """Average the keys of the actions that one respondent chose.

    Parameters
    ----------
    scales, items
        Scale and vignette of each answer.
    keys
        Key of the action chosen, from -1 to 1; NaN is missing and left out.

    Returns
    -------
    list of SituationScore
        By scale, sorted. Answers to one vignette (runs, orders) are averaged first, so that vignettes weigh alike.

    Raises
    ------
    DataError
        For unequal lengths and keys beyond -1 to 1.
    """
    given = np.asarray(keys, dtype=np.float64)
    if not len(scales) == len(items) == len(given):
        raise DataError(f"{len(scales)} scales, {len(items)} items and {len(given)} keys do not match")
    if np.any(np.abs(given) > 1):
        raise DataError(f"a key is from -1 to 1, but one is {given[np.abs(given) > 1][0]:g}")
    chosen: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for scale, item, key in zip(scales, items, given.tolist(), strict=True):
        if key == key:
            chosen[scale][item].append(key)
    scores = []
    for scale, vignettes in sorted(chosen.items()):
        means = np.array([np.mean(found) for found in vignettes.values()])
        se = float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else None
        scores.append(SituationScore(scale, float(means.mean()), se, len(means), sum(map(len, vignettes.values()))))
    return scores


def place_bias(
    items: Sequence[str], chosen: Sequence[int], option_orders: Sequence[str], n_options: Sequence[int], *, seed: int
) -> PlaceBias:
    """Test whether choices follow the place at which an action stands.

    Parameters
    ----------
    items
        Item of each answer.
    chosen
        Number of the option chosen, from 0, in the file's order.
    option_orders
        Order in which it was asked: ``forward``, ``reversed`` or ``rotated-K``.
    n_options
        Number of the item's options.
    seed
        Of 2000 permutations.

    Raises
    ------
    DataError
        For unequal lengths, an option or an order that the item does not have.
    NotEstimableError
        If no item was answered in two orders: then place and action cannot be told apart.

    Notes
    -----
    If choices do not depend on the order, orders are exchangeable among the answers to an item. So the expected number
    of an item's choices of a place is the sum over options of how often it was chosen times the share of answers in
    whose order it stands there, and the statistic, the sum of (observed - expected)² / expected over places, is held
    against permutations of orders within items.
    """
    sizes = {len(items), len(chosen), len(option_orders), len(n_options)}
    if len(sizes) > 1:
        raise DataError(f"items, choices, orders and numbers of options do not match: {sorted(sizes)} entries")
    asked: defaultdict[str, list[int]] = defaultdict(list)
    for row, item in enumerate(items):
        asked[item].append(row)
    groups = [np.array(rows) for rows in asked.values() if len({option_orders[row] for row in rows}) > 1]
    if not groups:
        raise NotEstimableError(
            "no item was answered in two orders, so that place and action cannot be told apart: ask with "
            "option_order: [forward, rotated] and several runs"
        )
    rng = np.random.default_rng(seed)
    most = max(n_options)
    observed, expected, permuted = np.zeros(most, np.int64), np.zeros(most), np.zeros((N_PERMUTATIONS, most))
    for rows in groups:
        places = _places([chosen[row] for row in rows], [option_orders[row] for row in rows], n_options[rows[0]])
        observed += np.bincount(np.diagonal(places), minlength=most)
        expected += np.bincount(places.ravel(), minlength=most) / len(rows)
        shuffled = rng.permuted(np.tile(np.arange(len(rows)), (N_PERMUTATIONS, 1)), axis=1)
        found = places[np.arange(len(rows)), shuffled]
        permuted += (found[:, :, None] == np.arange(most)).sum(axis=1)
    stood = expected > 0
    statistic, by_chance = (
        ((counts[..., stood] - expected[stood]) ** 2 / expected[stood]).sum(axis=-1) for counts in (observed, permuted)
    )
    return PlaceBias(
        n_answers=int(observed.sum()),
        n_items=len(groups),
        observed=tuple(observed.tolist()),
        expected=tuple(expected.tolist()),
        excess_of_first=float((observed[0] - expected[0]) / observed.sum()),
        p=float((1 + np.sum(by_chance >= statistic - 1e-9)) / (1 + N_PERMUTATIONS)),
    )


def _places(chosen: list[int], option_orders: list[str], n: int) -> IntArray:
    """Return at which place the option of each answer (row) stands in the order of each answer (column)."""
    standing = np.array([[_place(option, order, n) for option in range(n)] for order in option_orders])
    if min(chosen) < 0 or max(chosen) >= n:
        raise DataError(f"an option of number {min(chosen) if min(chosen) < 0 else max(chosen)} was chosen out of {n}")
    return standing[:, chosen].T


def _place(option: int, order: str, n: int) -> int:
    if order == "forward":
        return option
    if order == "reversed":
        return n - 1 - option
    if order.startswith(ROTATED) and order.removeprefix(ROTATED).isdecimal():
        return (option - int(order.removeprefix(ROTATED))) % n
    raise DataError(f"'{order}' is no order of options; they are forward, reversed and {ROTATED}K")
