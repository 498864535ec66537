"""Covariance matrices of many resamples of crossed levels at once, from the sums of cells and never from rows.

A resample draws the levels of a column with replacement, of each column on its own, and keeps the crossing: a cell
counts as often as the product of its levels' counts (Owen, 2007, Ann. Appl. Stat. 1, 386: pigeonhole bootstrap). Every
copy of a level counts as a level of its own. Sums over cells are then linear in the counts, so that one matrix product
serves all resamples; what is quadratic within a group is worked out group by group for all resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.variance.jackknife import resampled_facets
from persona_big5.variance.moments import SINGULAR

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from persona_big5.variance.design import Effect
    from persona_big5.variance.groups import FloatArray, Grouping, GroupSums, IntArray

_NUMBERS_AT_ONCE = 4_000_000


def draw_counts(
    cells: GroupSums, columns: Sequence[str], draws: int, random: np.random.Generator
) -> dict[str, FloatArray]:
    """Draw levels with replacement, of each column on its own.

    Parameters
    ----------
    cells
        Group sums whose columns include ``columns``.
    columns
        Crossed columns to resample; one with fewer than 4 levels is left as it is.
    draws, random
        Number of resamples, and where chance comes from.

    Returns
    -------
    By resampled column how often each resample has each level, shape (draws, largest code + 1).
    """
    counts: dict[str, FloatArray] = {}
    for column in resampled_facets(cells, columns):
        codes = cells.grouping.levels[:, cells.grouping.columns.index(column)]
        present = np.unique(codes)
        counts[column] = np.zeros((draws, int(codes.max()) + 1))
        counts[column][:, present] = random.multinomial(len(present), np.full(len(present), 1 / len(present)), draws)
    return counts


def resampled_covariances(
    cells: GroupSums,
    respondent_columns: Sequence[str],
    effects: Sequence[Effect],
    counts: Mapping[str, FloatArray],
    levels: Collection[str],
) -> dict[str, FloatArray]:
    """Covariance of items at levels, for every resample.

    Parameters
    ----------
    cells
        Cross sums by cell, shape ``(items, items)`` (see ``cross_sums``).
    respondent_columns
        Columns whose combinations are the respondents; ``counts`` must be of some of them.
    effects
        All effects of the moment equations; needed only where ``levels`` names one.
    counts
        By column how often each of B resamples has each level, (B, n_levels). Zeros leave levels out, so a jackknife is
        a resample too.
    levels
        Of ``pooled``, ``means``, ``respondent``, ``run`` and the effects' names.

    Returns
    -------
    By level an array (B, items, items), untruncated, NaN where a resample leaves too few answers.

    Notes
    -----
    Missing answers: pairwise, each pair of items over the rows where both are there (``means``: over the respondents
    that answered both). With all counts 1 the matrices are those of ``variance.covariance``, with whole counts those of
    a table in which levels are repeated under new names (both to 1e-10).
    """
    n_items = cells.products.shape[-1]
    n_resamples = len(next(iter(counts.values())))
    rows, columns = np.triu_indices(n_items)
    found = {level: np.empty((n_resamples, n_items, n_items)) for level in levels}
    weights = _Weights(counts)
    at_once = max(1, _NUMBERS_AT_ONCE // (n_resamples * _most_groups(cells, effects, counts, levels)))
    respondent_means = _item_means(cells.by(respondent_columns))
    for first in range(0, len(rows), at_once):
        i, j = rows[first : first + at_once], columns[first : first + at_once]
        sums = _PairSums(cells.grouping, *_pairs(cells, i, j))
        for level, values in _of_pairs(sums, respondent_means[:, [i, j]], respondent_columns, effects, weights, levels):
            found[level][:, i, j] = values
            found[level][:, j, i] = values
    return found


@dataclass(frozen=True, slots=True)
class _Weights:
    """How often resamples have the levels of the resampled columns."""

    counts: Mapping[str, FloatArray]

    def of(self, grouping: Grouping, among: Collection[str] | None = None) -> FloatArray:
        """Product of the counts of each group's levels (B, G), over the resampled columns of it, or those ``among``."""
        product = np.ones((1, 1))
        for column, count in self.counts.items():
            if column in grouping.columns and (among is None or column in among):
                product = product * count[:, grouping.levels[:, grouping.columns.index(column)]]
        return np.broadcast_to(product, (len(next(iter(self.counts.values()))), len(grouping)))

    def sums(self, values: FloatArray, grouping: Grouping, columns: Collection[str]) -> FloatArray:
        """Add values of groups up to coarser groups by ``columns``, copies of levels within these counted.

        ``values`` (H, s) or (B, H, s); the result is (G, s) where nothing within a group is resampled, else (B, G, s).
        """
        inner = [column for column in self.counts if column in grouping.columns and column not in columns]
        if values.ndim == 3:
            weighted = values * self.of(grouping, inner)[:, :, None]
            return np.moveaxis(grouping.coarser(columns)[2](np.moveaxis(weighted, 1, 0)), 0, 1)
        reduced, _, add = grouping.coarser({*columns, *inner})
        coarse, group, _ = reduced.coarser(columns)
        if not inner:
            return add(values)
        within, place, _ = reduced.coarser(inner)
        table = np.zeros((len(within), len(coarse), values.shape[1]))
        table[place, group] = add(values)
        multiple = self.of(within)
        return (multiple @ table.reshape(len(within), -1)).reshape(len(multiple), *table.shape[1:])


@dataclass(frozen=True, slots=True)
class _PairSums:
    """Numbers of rows, sums of either item and sums of products of s pairs of items by group, each (G, s)."""

    grouping: Grouping
    n: FloatArray
    left: FloatArray
    right: FloatArray
    products: FloatArray

    def by(self, columns: Collection[str]) -> _PairSums:
        grouping, _, add = self.grouping.coarser(columns)
        return _PairSums(grouping, add(self.n), add(self.left), add(self.right), add(self.products))

    @property
    def mean_products(self) -> FloatArray:
        return _mean_products(self.left, self.right, self.n)


def _pairs(cells: GroupSums, i: IntArray, j: IntArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    shape = cells.products.shape
    n, left = np.broadcast_to(cells.n, shape), np.broadcast_to(cells.left, shape)
    return n[:, i, j], left[:, i, j], left[:, j, i], cells.products[:, i, j]


def _item_means(respondents: GroupSums) -> FloatArray:
    """Mean of each respondent's answers to each item (G, items); NaN without one."""
    shape = respondents.products.shape
    n = np.diagonal(np.broadcast_to(respondents.n, shape), axis1=1, axis2=2)
    total = np.diagonal(np.broadcast_to(respondents.left, shape), axis1=1, axis2=2)
    return _divide(total, n)


def _mean_products(left: FloatArray, right: FloatArray, n: FloatArray) -> FloatArray:
    """Product of two sums over their number; groups without answers add nothing."""
    return np.divide(left * right, n, out=np.zeros_like(left), where=n > 0)


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    return np.asarray(np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0))


def _most_groups(
    cells: GroupSums, effects: Sequence[Effect], counts: Mapping[str, FloatArray], levels: Collection[str]
) -> int:
    """Count the groups of the largest table that is different in every resample."""
    if not {effect.name for effect in effects} & set(levels):
        return 1
    tables = [e.columns | f.columns for e in effects for f in effects]
    differing = [len(cells.grouping.coarser(columns)[0]) for columns in tables if not set(counts) <= columns]
    return max(differing, default=1)


def _of_pairs(
    sums: _PairSums,
    respondent_means: FloatArray,
    respondent_columns: Sequence[str],
    effects: Sequence[Effect],
    weights: _Weights,
    levels: Collection[str],
) -> Iterator[tuple[str, FloatArray]]:
    """Covariances (B, s) of s pairs, level by level; ``respondent_means`` (respondents, 2, s)."""
    respondents = sums.by(respondent_columns)
    weight = weights.of(respondents.grouping)
    n = weight @ respondents.n
    products = weight @ respondents.products
    correction = _mean_products(weight @ respondents.left, weight @ respondents.right, n)
    if "pooled" in levels:
        yield "pooled", _divide(products - correction, n - 1)
    if "means" in levels:
        yield "means", _covariance_of_means(respondent_means, weight)
    if {"run", "respondent"} & set(levels):
        _, _, add = sums.grouping.coarser(respondent_columns)
        within = products - weight @ add(sums.mean_products)
        run = _divide(within, n - weight @ add((sums.n > 0).astype(float)))
        if "run" in levels:
            yield "run", run
        if "respondent" in levels:
            between_df = weight @ (respondents.n > 0) - 1.0
            between = _divide(weight @ respondents.mean_products - correction, between_df)
            n0 = _divide(n - _divide(weight @ respondents.n**2, n), between_df)
            yield "respondent", _divide(between - run, n0)
    wanted = {effect.name for effect in effects} & set(levels)
    if wanted:
        solution = _components(sums, effects, weights, n, products, correction)
        for k, effect in enumerate(effects):
            if effect.name in wanted:
                yield effect.name, solution[..., k]


def _covariance_of_means(means: FloatArray, weight: FloatArray) -> FloatArray:
    known = np.isfinite(means).all(axis=1)
    left, right = (np.where(known, means[:, side], 0.0) for side in (0, 1))
    n = weight @ known
    return _divide(weight @ (left * right) - _mean_products(weight @ left, weight @ right, n), n - 1)


def _components(
    sums: _PairSums,
    effects: Sequence[Effect],
    weights: _Weights,
    n: FloatArray,
    products: FloatArray,
    correction: FloatArray,
) -> FloatArray:
    """Solve Henderson's equations (see ``variance.moments``) of every resample and pair, (B, s, effects + 1).

    Numbers of rows and sums by group are (G, s) where a group has one level of every resampled column, else (B, G, s).
    """
    joint = {e.columns | f.columns for e in effects for f in effects}
    number = {columns: weights.sums(sums.n, sums.grouping, columns) for columns in joint}

    def total(values: FloatArray, columns: Collection[str]) -> FloatArray:
        """Sum over all copies of groups: (G, s) or (B, G, s) to (B, s)."""
        multiple = weights.of(sums.grouping.coarser(columns)[0])
        return multiple @ values if values.ndim == 2 else (multiple[:, None, :] @ values)[:, 0]

    size = len(effects) + 1
    matrix, moments = np.empty((*n.shape, size, size)), np.empty((*n.shape, size))
    of_mean = [_divide(total(number[f.columns] ** 2, f.columns), n) for f in effects]
    for i, e in enumerate(effects):
        n_e = number[e.columns]
        left, right = (weights.sums(side, sums.grouping, e.columns) for side in (sums.left, sums.right))
        moments[..., i] = total(_mean_products(left, right, n_e), e.columns) - correction
        matrix[..., i, -1] = total((n_e > 0).astype(float), e.columns) - 1.0
        for j, f in enumerate(effects):
            expected = n
            if not f.columns <= e.columns:
                both = e.columns | f.columns
                squares = weights.sums(number[both] ** 2, sums.grouping.coarser(both)[0], e.columns)
                expected = total(np.divide(squares, n_e, out=np.zeros_like(squares), where=n_e > 0), e.columns)
            matrix[..., i, j] = expected - of_mean[j]
    moments[..., -1] = products - correction
    matrix[..., -1, -1] = n - 1.0
    matrix[..., -1, :-1] = n[..., None] - np.stack(of_mean, axis=-1)
    return _solve(matrix, moments)


def _solve(matrix: FloatArray, moments: FloatArray) -> FloatArray:
    """Solutions of many systems, NaN where one is singular or not known."""
    scale = np.abs(matrix).max(axis=-1)
    known = np.isfinite(scale).all(axis=-1) & (scale > 0).all(axis=-1)
    scaled = (
        np.where(known[..., None, None], matrix, np.eye(matrix.shape[-1]))
        / np.where(known[..., None], scale, 1.0)[..., None]
    )
    sound = known & (np.abs(np.linalg.det(scaled)) > SINGULAR)
    scaled = np.where(sound[..., None, None], scaled, np.eye(matrix.shape[-1]))
    solution = np.linalg.solve(scaled, (moments / np.where(scale > 0, scale, 1.0))[..., None])[..., 0]
    return np.asarray(np.where(sound[..., None], solution, np.nan))
