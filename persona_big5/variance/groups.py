"""Group sums: all that variance and covariance components need to know of a table of any length.

A :class:`GroupSums` holds, for the groups of some columns, the number of observations, their sums and their sums of
squares (or, for two variables at once, their cross-products). Every coarser grouping is derived from it, so the
observations are read once.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse

from persona_big5.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


MOST_MARKS = 1 << 25
"""Combinations of codes up to which the distinct ones are marked in a table, not sorted."""
DENSE = 16
"""Combinations per row up to which marking is quicker than sorting."""
BLOCK = 1 << 20
"""Rows worked on at once where there are millions."""


class Coarser(NamedTuple):
    """A coarser grouping of G' groups.

    Attributes
    ----------
    grouping
        Its groups, in lexicographic order of their codes.
    codes
        Number of each finer group in it, shape (G,).
    add
        Sums an array (G, *shape) to (G', *shape).
    """

    grouping: Grouping
    codes: IntArray
    add: Callable[[FloatArray], FloatArray]


class Grouping:
    """Which groups there are, and how they fall into coarser groups.

    ``levels`` (G, n_columns) are integer codes of the grouping columns, one row per group, rows distinct. Coarser
    groupings are worked out once and kept, because the jackknife asks for the same ones again with other counts.
    """

    def __init__(self, columns: Sequence[str], levels: IntArray) -> None:
        self.columns = tuple(columns)
        self.levels = levels
        self._coarser: dict[frozenset[str], Coarser] = {}

    def __len__(self) -> int:
        return len(self.levels)

    def coarser(self, columns: Collection[str]) -> Coarser:
        """Group by ``columns`` only. Of millions of groups it is worked out again each time rather than kept."""
        key = frozenset(columns)
        if key in self._coarser:
            return self._coarser[key]
        kept = [i for i, column in enumerate(self.columns) if column in key]
        codes, levels = _distinct([self.levels[:, i] for i in kept], len(self), self.levels.dtype)
        found = Coarser(Grouping([self.columns[i] for i in kept], levels), codes, summing(codes, len(levels)))
        if len(self) <= BLOCK:
            self._coarser[key] = found
        return found


@dataclass(frozen=True, slots=True)
class GroupSums:
    """Counts and sums by group, for one or many quantities at once.

    For variances the first and the second variable are the same and shape is ``(items,)``; for covariance matrices
    shape is ``(items, items)``. Arrays may have length 1 along an axis where they are the same for all. A group may be
    empty (n = 0).

    Attributes
    ----------
    grouping
        The G groups.
    n
        Number of observations where *both* variables are there, (G, *shape).
    left
        Sums of the first variable over those observations, (G, *shape).
    summed_products
        Sum of their products, (G, *shape); None where no group holds more than one observation.
    other
        Sums of the second variable, (G, *shape); None where it is the first (shape ``(items,)``), or the first's with
        the pair turned round (shape ``(items, items)``).
    """

    grouping: Grouping
    n: FloatArray
    left: FloatArray
    summed_products: FloatArray | None
    other: FloatArray | None = None

    @property
    def products(self) -> FloatArray:
        """Sum of the products of the two variables, (G, *shape)."""
        return self.left * self.right if self.summed_products is None else self.summed_products

    @property
    def right(self) -> FloatArray:
        """Sums of the second variable."""
        if self.other is not None:
            return self.other
        return self.left.swapaxes(1, 2) if self.left.ndim == 3 else self.left

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the groups are formed by."""
        return frozenset(self.grouping.columns)

    def sum_of_mean_products(self) -> FloatArray:
        """Sum over groups of left * right / n, shape ``shape``; empty groups add nothing."""
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.n.ndim == 3 and self.n.shape[1:] == (1, 1):
                per_observation = np.where(self.n > 0, self.right / self.n, 0.0)
                return np.asarray(self.left[:, :, 0].T @ per_observation[:, 0, :])
            return np.asarray(np.nansum(self.left * self.right / self.n, axis=0))

    def correction(self) -> FloatArray:
        """Correction for the mean, shape ``shape``: product of the two grand sums / number of observations."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.left.sum(axis=0) * self.right.sum(axis=0) / self.n.sum(axis=0))

    def by(self, columns: Collection[str]) -> GroupSums:
        """Add the groups up to the coarser grouping by ``columns``, a subset of this one's."""
        grouping, _, add = self.grouping.coarser(columns)
        other = None if self.other is None else add(self.other)
        return GroupSums(grouping, add(self.n), add(self.left), self.products_by(columns), other)

    def products_by(self, columns: Collection[str]) -> FloatArray:
        """Sum of products by ``columns``, (G', *shape)."""
        if self.summed_products is not None:
            return self.grouping.coarser(columns).add(self.summed_products)
        grouping, codes, _ = self.grouping.coarser(columns)
        total = np.zeros((len(grouping), *self.left.shape[1:]))
        for block in _blocks(len(codes)):  # millions of products are not kept
            total += summing(codes[block], len(grouping))(self.left[block] * self.right[block])
        return total

    def centred(self) -> GroupSums:
        """Subtract the overall mean of each variable: components stay what they are, and large means cost no digits."""
        total = self.n.sum(axis=0)
        total = np.where(total == 0, 1.0, total)
        a, b = self.left.sum(axis=0) / total, self.right.sum(axis=0) / total
        products = self.products - b * self.left - a * self.right + self.n * a * b
        return GroupSums(self.grouping, self.n, self.left - self.n * a, products)

    def without(self, column: str, level: int) -> GroupSums:
        """Empty the groups at one level of a column; the grouping stays."""
        keep = self.grouping.levels[:, self.grouping.columns.index(column)] != level
        mask = keep.reshape(-1, *(1,) * (self.n.ndim - 1)).astype(float)
        return GroupSums(self.grouping, self.n * mask, self.left * mask, self.products * mask)


def distinct_rows(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Tell the distinct rows of ``codes`` (N, c), no negative ones, apart.

    Returns
    -------
    number
        Which distinct row each row is, shape (N,); of half the width where there are millions.
    levels
        The distinct rows in lexicographic order, shape (G, c), of the type of ``codes``.
    """
    return _distinct(list(codes.T), len(codes), codes.dtype)


def all_distinct(codes: IntArray) -> bool:
    """Whether no two rows of ``codes`` (N, c) are the same."""
    n = len(codes)
    if n == 0 or codes.shape[1] == 0:
        return n < 2
    sizes = _sizes(codes.T)
    if n > prod(sizes):
        return False
    if prod(sizes) > _most_marks(n):
        return len(distinct_rows(codes)[1]) == n
    return int(np.count_nonzero(_marks(list(codes.T), sizes))) == n


def _distinct(columns: Sequence[IntArray], n: int, dtype: np.dtype[np.signedinteger]) -> tuple[IntArray, IntArray]:
    """:func:`distinct_rows` of columns of length n, levels of type ``dtype``."""
    kind = np.int32 if n > BLOCK else np.int64
    if n == 0 or not columns:
        return np.zeros(n, dtype=np.int64), np.zeros((0 if columns else 1, len(columns)), dtype=dtype)
    sizes = _sizes(columns)
    space = prod(sizes)
    if space >= np.iinfo(np.int64).max:
        levels, number = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
        return number.reshape(-1), levels
    if space > _most_marks(n):
        present, number = np.unique(_flat(columns, sizes), return_inverse=True)
        return number, _unflat(present, sizes, dtype)
    present = np.flatnonzero(_marks(columns, sizes))
    place = np.empty(space, dtype=kind)
    place[present] = np.arange(len(present))
    number = np.empty(n, dtype=kind)
    for block in _blocks(n):
        number[block] = place[_flat([column[block] for column in columns], sizes)]
    return number, _unflat(present, sizes, dtype)


def _sizes(columns: Iterable[IntArray]) -> list[int]:
    return [int(column.max()) + 1 for column in columns]


def _most_marks(n: int) -> int:
    return min(MOST_MARKS, DENSE * n + BLOCK // DENSE)


def _blocks(n: int) -> list[slice]:
    return [slice(start, start + BLOCK) for start in range(0, n, BLOCK)]


def _marks(columns: Sequence[IntArray], sizes: list[int]) -> NDArray[np.bool_]:
    """Which of all combinations of codes there are."""
    marks = np.zeros(prod(sizes), dtype=bool)
    for block in _blocks(len(columns[0])):
        marks[_flat([column[block] for column in columns], sizes)] = True
    return marks


def _flat(columns: Sequence[IntArray], sizes: list[int]) -> IntArray:
    """Give each row its place among all combinations of codes."""
    flat = columns[0].astype(np.int64)
    for column, size in zip(columns[1:], sizes[1:], strict=True):
        flat *= size
        flat += column
    return flat


def _unflat(flat: IntArray, sizes: list[int], dtype: np.dtype[np.signedinteger]) -> IntArray:
    """Turn numbers of :func:`_flat` back into rows."""
    rows = np.empty((len(flat), len(sizes)), dtype=dtype)
    for column, size in reversed(list(enumerate(sizes))):
        flat, rows[:, column] = np.divmod(flat, size)
    return rows


def number_within(groups: IntArray) -> IntArray:
    """Count the rows of each group from 0, in their order; ``groups`` (N,) codes."""
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups)
    number = np.empty(len(groups), dtype=np.int64)
    number[order] = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return number


def summing(codes: IntArray, n_groups: int) -> Callable[[FloatArray], FloatArray]:
    """Make a function that sums rows by code, from (N, *shape) to (n_groups, *shape)."""
    n = len(codes)

    def add(values: FloatArray) -> FloatArray:
        columns = values.reshape(n, -1)
        if columns.shape[1] > 1:
            indicator = scipy.sparse.csc_matrix((np.ones(n), codes, np.arange(n + 1)), shape=(n_groups, n))
            return np.asarray(indicator @ columns).reshape(n_groups, *values.shape[1:])
        total = np.zeros(n_groups)
        for block in _blocks(n):
            total += np.bincount(codes[block], columns[block, 0], n_groups)
        return total.reshape(n_groups, *values.shape[1:])

    return add


def codes_of(frame: pd.DataFrame, columns: Sequence[str]) -> IntArray:
    """Code the values of columns as integers (N, n_columns), in order of first appearance.

    Categories keep their own codes, in as few bytes as they have: so do tables of millions of rows fit in memory.

    Raises
    ------
    DataError
        Where a value is missing, naming the column.
    """
    import pandas as pd

    coded = []
    for column in columns:
        values = frame[column]
        categories = isinstance(values.dtype, pd.CategoricalDtype)
        codes = values.cat.codes.to_numpy() if categories else pd.factorize(values, sort=False)[0]
        if (missing := int((codes < 0).sum())) > 0:
            raise DataError(f"column '{column}' has {missing} missing values; every row needs a value there")
        coded.append(codes)
    matrix = np.empty((len(frame), len(columns)), dtype=np.result_type(np.int8, *coded), order="F")
    for i, codes in enumerate(coded):
        matrix[:, i] = codes
    return matrix


def sums_of_scores(scores: FloatArray, codes: IntArray, columns: Sequence[str]) -> GroupSums:
    """Sum ``scores`` (N, items), NaN missing, by group and item by item.

    Sums have shape ``(items,)``, with sums of squares as ``products``.
    """
    present = ~np.isnan(scores)
    filled = np.where(present, scores - _typical(scores), 0.0)
    return add_up(codes, columns, present.astype(float), filled, filled**2)


def add_up(
    codes: IntArray, columns: Sequence[str], n: FloatArray, totals: FloatArray, squares: FloatArray | None
) -> GroupSums:
    """Add rows up by the distinct rows of ``codes`` (N, n_columns), named ``columns``.

    ``n``, ``totals`` and ``squares`` (N, *shape) are the numbers of observations behind each row, their sums and their
    sums of squares; no squares are needed of single observations.
    """
    if all_distinct(codes):
        return GroupSums(Grouping(columns, codes), n, totals, squares)
    groups, levels = distinct_rows(codes)
    add = summing(groups, len(levels))
    return GroupSums(Grouping(columns, levels), add(n), add(totals), add(totals**2 if squares is None else squares))


def cross_sums(scores: FloatArray, codes: IntArray, columns: Sequence[str]) -> GroupSums:
    """Group sums of all pairs of items, shape ``(items, items)``, each pair over the rows where both are there.

    ``scores`` (N, items), NaN missing, are laid out as (group, row in group, item), so that one batched product makes
    all groups' matrices at once. Where those would not fit in memory see ``covariance.level_covariances``.
    """
    laid_out = lay_out_rows(scores, codes, columns)
    every = slice(0, scores.shape[1])
    sums = laid_out.pairs(every, every)
    return GroupSums(sums.grouping, sums.n, sums.left, sums.products)


@dataclass(frozen=True, slots=True)
class LaidOut:
    """Rows of a table as (group, row in group, item), 0 where there is no answer.

    Attributes
    ----------
    grouping
        The G groups.
    sizes
        Number of rows of each group, (G,).
    scores
        About the item's mean, (G, most rows, items).
    marks
        1 where there is an answer, in that shape; None where every row has all items.
    """

    grouping: Grouping
    sizes: IntArray
    scores: FloatArray
    marks: FloatArray | None

    def pairs(self, first: slice, second: slice) -> GroupSums:
        """Sum each of the items ``first`` with each of the items ``second``, by group."""
        left, right = self.scores[:, :, first], self.scores[:, :, second]
        products = left.swapaxes(1, 2) @ right
        if self.marks is None:
            n = self.sizes.astype(float).reshape(-1, 1, 1)
            return GroupSums(self.grouping, n, left.sum(axis=1)[:, :, None], products, right.sum(axis=1)[:, None, :])
        left_marks, right_marks = self.marks[:, :, first], self.marks[:, :, second]
        return GroupSums(
            self.grouping,
            left_marks.swapaxes(1, 2) @ right_marks,
            left.swapaxes(1, 2) @ right_marks,
            products,
            left_marks.swapaxes(1, 2) @ right,
        )


def lay_out_rows(scores: FloatArray, codes: IntArray, columns: Sequence[str]) -> LaidOut:
    """Lay rows out by the distinct rows of ``codes`` (N, n_columns); ``scores`` (N, items), NaN missing."""
    groups, levels = distinct_rows(codes)
    sizes = np.bincount(groups, minlength=len(levels))
    shape = (len(levels), int(sizes.max(initial=0)), scores.shape[1])
    place = groups, number_within(groups)
    missing = np.isnan(scores)
    filled = np.zeros(shape)
    filled[place] = np.where(missing, 0.0, scores - _typical(scores))
    marks = None
    if missing.any():
        marks = np.zeros(shape)
        marks[place] = ~missing
    return LaidOut(Grouping(columns, levels), sizes, filled, marks)


def _typical(scores: FloatArray) -> FloatArray:
    """Mean of each item, 0 where there is none: taken off before squaring, so that large means cost no digits."""
    present = np.isfinite(scores)
    return np.asarray(np.where(present, scores, 0.0).sum(axis=0) / np.maximum(present.sum(axis=0), 1))


def runs_by_items(
    frame: pd.DataFrame, row_columns: Sequence[str], item_column: str, score: str = "score"
) -> tuple[FloatArray, IntArray]:
    """Lay a long table out with one row per combination of ``row_columns`` and one column per item.

    Categories (``store.columns.read_observations``) keep their codes, so that tables of millions of rows are no burden.

    Returns
    -------
    scores
        Shape (N, items), items in the order of their codes, NaN missing.
    codes
        Levels of ``row_columns``, shape (N, n_columns).

    Raises
    ------
    DataError
        Where a value of a column is missing, or a row has two scores for one item.
    """
    codes, item = codes_of(frame, row_columns), codes_of(frame, [item_column])[:, 0]
    row, levels = distinct_rows(codes)
    items, names = distinct_rows(item[:, None])
    if not all_distinct(np.column_stack([row, items])):
        raise DataError(f"some combinations of {', '.join(row_columns)} have several scores for one {item_column}")
    scores = np.full((len(levels), len(names)), np.nan)
    scores[row, items] = frame[score].to_numpy()
    return scores, levels


def group_sums(frame: pd.DataFrame, by: Sequence[str], score: str = "score") -> pd.DataFrame:
    """Sum ``score`` by group: columns ``by``, ``n``, ``sum``, ``sum_of_squares``.

    Rows with a missing score are left out. The same table as ``store.group_sums`` makes from a file with one scan.

    Raises
    ------
    DataError
        Where one of ``by`` has missing values.
    """
    import pandas as pd

    present = frame[frame[score].notna()]
    values = present[score].to_numpy(dtype=float)
    codes = codes_of(present, by)
    groups, levels = distinct_rows(codes)
    table = pd.DataFrame(index=range(len(levels)))
    first = np.full(len(levels), len(present), dtype=np.int64)
    np.minimum.at(first, groups, np.arange(len(present)))
    for column in by:
        table[column] = present[column].to_numpy()[first]
    table["n"] = np.bincount(groups, minlength=len(levels))
    table["sum"] = np.bincount(groups, weights=values, minlength=len(levels))
    table["sum_of_squares"] = np.bincount(groups, weights=values**2, minlength=len(levels))
    return table
