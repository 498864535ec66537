"""Split-half reliability over all splits of a scale's items, not one that happens to be convenient."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import NotEstimableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SPLITS = 10_000
"""Scales with more splits than this (more than 16 items) are split this often at random."""
_AT_ONCE = 1 << 12


@dataclass(frozen=True, slots=True)
class SplitHalf:
    """Reliability of a scale by halves of its items.

    Attributes
    ----------
    mean
        Over all splits there are, visited or not.
    smallest, largest
        Over those visited. `largest` is Guttman's lambda 4 where all were, a lower bound of it else.
    n_splits
        Splits visited.
    all_splits
        Whether these are all there are.
    """

    mean: float
    smallest: float
    largest: float
    n_splits: int
    all_splits: bool

    def __str__(self) -> str:
        how = "all" if self.all_splits else "random"
        return f"split-half {self.mean:.3f} [{self.smallest:.3f} to {self.largest:.3f}] ({self.n_splits} {how} splits)"


def split_half(R: NDArray[np.float64], *, seed: int = 0) -> SplitHalf:
    """Split-half reliability, 4 cov(a, b) / var(a + b) for halves a and b (Guttman, 1945), over the splits.

    Parameters
    ----------
    R
        Correlation or covariance matrix of keyed items (p, p), p >= 2, without NaN. Halves differ by one item where p
        is odd.
    seed
        Of the random splits of scales with more than 16 items.

    Raises
    ------
    NotEstimableError
        With fewer than two items, undefined entries, or a sum that does not vary.

    Notes
    -----
    With s = +1 in one half and -1 in the other the coefficient is 1 - s'Rs / 1'R1. For even p the mean over all splits
    is alpha. Agrees with an enumeration of all splits of ``psych`` data sets to 1e-8, and with ``psych::splitHalf``
    itself for even p (for odd p it visits half of them).
    """
    R = np.asarray(R, dtype=np.float64)
    p, total = len(R), _variance_of_sum(R)
    signs = splits(p, seed=seed)
    values = np.concatenate(
        [1 - _quadratic(signs[i : i + _AT_ONCE], R) / total for i in range(0, len(signs), _AT_ONCE)]
    )
    return SplitHalf(
        mean=mean_split_half(R),
        smallest=float(values.min()),
        largest=float(values.max()),
        n_splits=len(values),
        all_splits=number_of_splits(p) == len(values),
    )


def mean_split_half(R: NDArray[np.float64]) -> float:
    """Mean of `split_half` over all splits without visiting any, for resampling; the same matrices and errors.

    Two items are in one half less often than apart: s_i s_j is -1/(p - 1) on average, -1/p where p is odd.
    """
    R = np.asarray(R, dtype=np.float64)
    p, total = len(R), _variance_of_sum(R)
    diagonal = float(np.trace(R))
    return 1 - (diagonal - (total - diagonal) / (p if p % 2 else p - 1)) / total


def _variance_of_sum(R: NDArray[np.float64]) -> float:
    if len(R) < 2:
        raise NotEstimableError(f"split halves need at least two items; there is {len(R)}")
    total = float(R.sum())
    if not np.isfinite(total):
        raise NotEstimableError("split halves need a correlation for every pair of items")
    if total <= 0:
        raise NotEstimableError(f"split halves need a scale whose sum varies; its variance is {total:.3g}")
    return total


def _quadratic(signs: NDArray[np.int8], R: NDArray[np.float64]) -> NDArray[np.float64]:
    s = signs.astype(np.float64)
    return np.asarray(((s @ R) * s).sum(axis=1))


def number_of_splits(n_items: int) -> int:
    """How many ways there are to split items into halves, which differ by one item where their number is odd.

    >>> number_of_splits(4), number_of_splits(5)
    (3, 10)
    """
    ways = comb(n_items, n_items // 2)
    return ways if n_items % 2 else ways // 2


def splits(n_items: int, *, seed: int = 0) -> NDArray[np.int8]:
    """All splits, or `MOST_SPLITS` random ones where there are more: +1 and -1 by item, (n_splits, n_items)."""
    half = n_items // 2
    if number_of_splits(n_items) <= MOST_SPLITS:
        if n_items % 2:
            chosen = np.array(list(combinations(range(n_items), half)))
        else:  # the first item is always in the first half, or each split would come twice
            rest = np.array(list(combinations(range(1, n_items), half - 1)), dtype=np.int64)
            chosen = np.column_stack([np.zeros(len(rest), dtype=np.int64), rest.reshape(len(rest), half - 1)])
    else:
        chosen = np.random.default_rng(seed).random((MOST_SPLITS, n_items)).argsort(axis=1)[:, :half]
    signs = np.full((len(chosen), n_items), -1, dtype=np.int8)
    np.put_along_axis(signs, chosen, 1, axis=1)
    return signs
