"""Answers in ordered categories: which category, and where the normal variable behind them is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

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


def category_probabilities(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of the categories between ascending thresholds: (m, a) to (m, a + 1)."""
    return np.diff(ndtr(thresholds), axis=1, prepend=0.0, append=1.0)


def category_means(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of a standard normal variable within the categories: (m, a) to (m, a + 1)."""
    return -np.diff(normal_density(thresholds), axis=1, prepend=0.0, append=0.0) / category_probabilities(thresholds)


def influence_by_thresholds(
    thresholds: NDArray[np.float64], weighted_slopes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give what an answer in each category adds to a statistic through the estimated thresholds.

    Parameters
    ----------
    thresholds
        Shape (m, a).
    weighted_slopes
        Shape (m, a): derivatives of the statistic with respect to each threshold, divided by the normal density there.

    Returns
    -------
    Shape (m, a + 1), mean 0 over answers: the influence of an answer on a threshold is (1 if the answer lies below,
    else 0, minus the probability of lying below) / density.
    """
    above = np.cumsum(weighted_slopes[:, ::-1], axis=1)[:, ::-1]
    added = np.concatenate([above, np.zeros((len(above), 1))], axis=1)
    centred: NDArray[np.float64] = added - (category_probabilities(thresholds) * added).sum(axis=1, keepdims=True)
    return centred


def normal_density(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Density of the standard normal distribution."""
    density: NDArray[np.float64] = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
    return density


def listed(items: NDArray[np.int64]) -> str:
    """Name positions, counted from 1, the first few of them."""
    return _first_few([str(item + 1) for item in items[: _NAMED + 1]])


def listed_pairs(chosen: NDArray[np.bool_]) -> str:
    """Name pairs of positions, counted from 1, the first few of those that are chosen in a square array."""
    return _first_few([f"{i + 1} and {j + 1}" for i, j in np.argwhere(chosen)[: _NAMED + 1]])


def _first_few(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
