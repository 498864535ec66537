"""Group sums: all that variance components need to know of a table of any length.

:class:`GroupSums` holds, for the groups of some columns, the number of observations, their sums and their sums of
squares. Every coarser grouping is derived from it, so the observations are read once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.variance.groups import Grouping, all_distinct, blocks, distinct_rows, over, summing

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from persona_big5.variance.groups import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class GroupSums:
    """Counts and sums by group, of one or many items at once. A group may be empty (n = 0).

    Attributes
    ----------
    grouping
        The G groups.
    n
        Number of observations, (G, items).
    totals
        Their sums, (G, items).
    summed_squares
        Sums of their squares, (G, items); None where no group holds more than one observation.
    """

    grouping: Grouping
    n: FloatArray
    totals: FloatArray
    summed_squares: FloatArray | None

    @property
    def squares(self) -> FloatArray:
        """Sums of squares, (G, items)."""
        return self.totals**2 if self.summed_squares is None else self.summed_squares

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the groups are formed by."""
        return frozenset(self.grouping.columns)

    def mean_squares(self) -> FloatArray:
        """Square of the sum / n of each group, (G, items); 0 for an empty group."""
        return over(self.totals**2, self.n)

    def within(self) -> FloatArray:
        """Sum of squares about each group's own mean, (G, items)."""
        return self.squares - self.mean_squares()

    def by(self, columns: Collection[str]) -> GroupSums:
        """Add the groups up to the coarser grouping by ``columns``, a subset of this one's."""
        grouping, _, add = self.grouping.coarser(columns)
        return GroupSums(grouping, add(self.n), add(self.totals), self._squares_by(columns))

    def _squares_by(self, columns: Collection[str]) -> FloatArray:
        grouping, codes, add = self.grouping.coarser(columns)
        if self.summed_squares is not None:
            return add(self.summed_squares)
        total = np.zeros((len(grouping), self.totals.shape[1]))
        for block in blocks(len(codes)):  # millions of squares are not kept
            total += summing(codes[block], len(grouping))(self.totals[block] ** 2)
        return total

    def centred(self) -> GroupSums:
        """Subtract the overall mean of each item: components stay what they are, and large means cost no digits."""
        mean = self.totals.sum(axis=0) / np.maximum(self.n.sum(axis=0), 1.0)
        squares = self.squares - mean * (2 * self.totals - self.n * mean)
        return GroupSums(self.grouping, self.n, self.totals - self.n * mean, squares)


def add_up(
    codes: IntArray, columns: Sequence[str], n: FloatArray, totals: FloatArray, squares: FloatArray | None
) -> GroupSums:
    """Add rows up by the distinct rows of ``codes`` (N, n_columns), named ``columns``.

    ``n``, ``totals`` and ``squares`` (N, items) are the numbers of observations behind each row, their sums and their
    sums of squares; no squares are needed of single observations.
    """
    if all_distinct(codes):
        return GroupSums(Grouping(columns, codes), n, totals, squares)
    groups, levels = distinct_rows(codes)
    add = summing(groups, len(levels))
    return GroupSums(Grouping(columns, levels), add(n), add(totals), add(totals**2 if squares is None else squares))


def sums_of_scores(scores: FloatArray, codes: IntArray, columns: Sequence[str]) -> GroupSums:
    """Sum ``scores`` (N, items), NaN missing, by group; each item about its mean, for large means cost digits."""
    present = ~np.isnan(scores)
    n = present.astype(float)
    means = np.where(present, scores, 0.0).sum(axis=0) / np.maximum(n.sum(axis=0), 1.0)
    filled = np.where(present, scores - means, 0.0)
    return add_up(codes, columns, n, filled, filled**2)
