"""Answers in ordered categories: which category, and where the normal variable behind them is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from persona_big5.errors import DataError
from persona_big5.factors.matrices import checked_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_CATEGORIES = 20
_NAMED = 10  # items or pairs named in a message


@dataclass(frozen=True, slots=True)
class OrderedItems:
    """Answers by category number, with each item's categories and thresholds.

    Attributes
    ----------
    codes
        Shape (n respondents, p items): the category, counted from 0; -1 for a missing answer.
    categories
        Shape (p,): distinct values of each item.
    thresholds
        By item ascending normal quantiles of the cumulative proportions of its categories, one fewer than categories.
    """

    codes: NDArray[np.int8]
    categories: NDArray[np.int64]
    thresholds: tuple[NDArray[np.float64], ...]

    @classmethod
    def of(cls, scores: NDArray[np.float64]) -> OrderedItems:
        """Code the ascending distinct values of each item of `scores` (n, p), NaN missing, from 0.

        Raises
        ------
        DataError
            When `scores` is no two-dimensional table, holds infinite values, or an item has more than 20 distinct
            values.
        """
        scores = checked_scores(scores)
        if len(infinite := np.flatnonzero(np.isinf(scores).any(axis=0))):
            raise DataError(
                f"infinite values in items {listed(infinite)} (positions, counted from 1); mark missing answers as NaN"
            )
        values = [np.unique(column[~np.isnan(column)]) for column in scores.T]
        categories = np.array([len(distinct) for distinct in values], dtype=np.int64)
        if len(continuous := np.flatnonzero(categories > MAX_CATEGORIES)):
            raise DataError(
                f"items {listed(continuous)} (counted from 1) have up to {categories.max()} distinct values, "
                f"more than {MAX_CATEGORIES} ordered categories: take Pearson or Spearman correlations"
            )
        codes = np.full(scores.shape, -1, dtype=np.int8)
        thresholds = []
        for item, distinct in enumerate(values):
            answered = ~np.isnan(scores[:, item])
            found = np.searchsorted(distinct, scores[answered, item])
            codes[answered, item] = found
            counts = np.bincount(found, minlength=len(distinct))
            thresholds.append(ndtri(np.cumsum(counts)[:-1] / max(len(found), 1)))
        return cls(codes, categories, tuple(thresholds))

    @property
    def constant(self) -> NDArray[np.int64]:
        """Positions of items with fewer than two categories."""
        return np.flatnonzero(self.categories < 2)

    def thresholds_of(self, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Thresholds (m, a) of `items` (m,), at least one, which have the same number of them."""
        distinct, place = np.unique(items, return_inverse=True)
        return np.stack([self.thresholds[item] for item in distinct])[place]


def listed(items: NDArray[np.int64]) -> str:
    """Name positions, counted from 1, the first few of them."""
    return _first_few([str(item + 1) for item in items[: _NAMED + 1]])


def listed_pairs(chosen: NDArray[np.bool_]) -> str:
    """Name pairs of positions, counted from 1, the first few of those that are chosen in a square array."""
    return _first_few([f"{i + 1} and {j + 1}" for i, j in np.argwhere(chosen)[: _NAMED + 1]])


def _first_few(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
