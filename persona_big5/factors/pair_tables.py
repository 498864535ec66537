"""Contingency tables of all pairs of items: one product counts them, pairs of one shape are handed out together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from persona_big5.factors.ordered_items import OrderedItems

NUMBERS_HELD = 1 << 22  # counts in the tables held at a time
_ROWS_AT_ONCE = 1 << 13


@dataclass(frozen=True, slots=True)
class BlockOfPairs:
    """Pairs of items whose tables have one shape.

    Attributes
    ----------
    first, second
        Positions of the items (m,), the one with fewer categories first.
    rows, columns
        Places of their categories (m, a), (m, b) in the table of all categories by all categories.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    def gather(self, tables: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take the pairs' own tables (..., m, a, b) from those of all items (..., c, c)."""
        counts: NDArray[np.float64] = tables[..., self.rows[:, :, None], self.columns[:, None, :]]
        return counts


def pair_tables(codes: NDArray[np.int8], categories: NDArray[np.int64]) -> NDArray[np.float64]:
    """Count how often each category of each item goes with each category of each other.

    Parameters
    ----------
    codes, categories
        As in `OrderedItems`.

    Returns
    -------
    Shape (c, c) for c categories of all items together, items one after another.
    """
    item = np.repeat(np.arange(len(categories)), categories)
    category = np.concatenate([np.arange(size) for size in categories] or [np.arange(0)]).astype(np.int8)
    counts = np.zeros((len(item), len(item)))
    for start in range(0, len(codes), _ROWS_AT_ONCE):
        # A product of zeros and ones is exact in single precision, and twice as fast.
        indicators = (codes[start : start + _ROWS_AT_ONCE, item] == category).astype(np.float32)
        counts += indicators.T @ indicators
    return counts


def blocks_of_pairs(items: OrderedItems) -> Iterator[BlockOfPairs]:
    """Hand out all pairs of items that vary, a bounded number at a time."""
    by_size = {size: np.flatnonzero(items.categories == size) for size in np.unique(items.categories) if size > 1}
    offsets = np.cumsum(items.categories) - items.categories
    for size, other_size in combinations_with_replacement(by_size, 2):
        if size == other_size:
            first, second = by_size[size][np.array(np.triu_indices(len(by_size[size]), 1))]
        else:
            first, second = (grid.ravel() for grid in np.meshgrid(by_size[size], by_size[other_size], indexing="ij"))
        at_once = max(1, NUMBERS_HELD // (4 * size * other_size))
        for start in range(0, len(first), at_once):
            i, j = first[start : start + at_once], second[start : start + at_once]
            yield BlockOfPairs(i, j, offsets[i][:, None] + np.arange(size), offsets[j][:, None] + np.arange(other_size))
