"""Covariance matrices of many resamples of crossed levels at once, from cells and never from rows.

A resample draws the levels of a column with replacement, of each column on its own, and keeps the crossing: a cell
counts as often as the product of its levels' counts (Owen, 2007, Ann. Appl. Stat. 1, 386: pigeonhole bootstrap). Every
copy of a level counts as a level of its own. What is added up over cells is then linear in the counts, so that one
matrix product serves all resamples; what is quadratic within a group is worked out by group for all resamples. Pairs of
items are taken a block at a time, so that memory does not grow with their number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.variance.cells import inverses
from persona_big5.variance.design import Effect
from persona_big5.variance.groups import Grouping, distinct_rows, over, summing
from persona_big5.variance.jackknife import FEWEST_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from persona_big5.variance.groups import FloatArray, IntArray

_NUMBERS_AT_ONCE = 4_000_000


def draw_counts(
    codes: IntArray, columns: Sequence[str], resampled: Sequence[str], draws: int, random: np.random.Generator
) -> dict[str, FloatArray]:
    """Draw levels with replacement, of each column on its own.

    Parameters
    ----------
    codes, columns
        Integer levels of the columns (N, n_columns), and their names.
    resampled
        Crossed columns to resample; one with fewer than 4 levels is left as it is.
    draws, random
        Number of resamples, and where chance comes from.

    Returns
    -------
    By resampled column how often each resample has each level, shape (draws, largest code + 1).
    """
    counts: dict[str, FloatArray] = {}
    for column in resampled:
        present = np.unique(codes[:, columns.index(column)])
        if len(present) >= FEWEST_LEVELS:
            counts[column] = np.zeros((draws, int(present[-1]) + 1))
            shares = np.full(len(present), 1 / len(present))
            counts[column][:, present] = random.multinomial(len(present), shares, draws)
    return counts


def leave_out_counts(codes: IntArray, columns: Sequence[str], left_out: Sequence[str]) -> dict[str, FloatArray]:
    """Leave each level of a column out in turn: resamples for the jackknife, in order of the levels' codes.

    Arguments and result as in `draw_counts`; of a column of n levels there are n resamples.
    """
    counts: dict[str, FloatArray] = {}
    for column in left_out:
        present = np.unique(codes[:, columns.index(column)])
        if len(present) >= FEWEST_LEVELS:
            counts[column] = np.ones((len(present), int(present[-1]) + 1))
            counts[column][np.arange(len(present)), present] = 0.0
    return counts


def resampled_covariances(
    scores: FloatArray,
    codes: IntArray,
    columns: Sequence[str],
    *,
    respondent_columns: Sequence[str],
    effects: Sequence[Effect],
    counts: Mapping[str, FloatArray],
    levels: Collection[str],
) -> dict[str, FloatArray]:
    """Covariance of items at levels, for every resample.

    Parameters
    ----------
    scores
        Shape (N, items), one row per run of a cell, NaN missing.
    codes, columns
        Integer levels of the columns that make up a cell (N, n_columns), and their names.
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
    Missing answers as in ``variance.cells`` (each item uses all its own answers); ``pooled`` and ``means`` pairwise. A
    resample equals what ``CovarianceEquations`` and ``pairwise_covariance`` give for a table in which levels are
    repeated under new names, to 1e-9 (tests/variance).
    """
    n_items = scores.shape[1]
    cells = _Cells.of(scores, codes, columns)
    weights = _Weights(counts)
    designs = []
    if {"respondent", "run"} & set(levels):
        of_respondents = Effect("respondent", frozenset(respondent_columns))
        designs.append(_Design.of(cells, [of_respondents], weights))
    if {effect.name for effect in effects} & set(levels):
        designs.append(_Design.of(cells, effects, weights))
    rows, others = np.triu_indices(n_items)
    found = {level: np.empty((weights.draws, n_items, n_items)) for level in levels}
    largest = max([len(scores), *(design.largest for design in designs)])
    at_once = max(1, _NUMBERS_AT_ONCE // largest)
    for first in range(0, len(rows), at_once):
        pair = rows[first : first + at_once], others[first : first + at_once]
        for level, values in _of_pairs(cells, pair, respondent_columns, designs, weights):
            if level in found:
                found[level][:, pair[0], pair[1]] = values
                found[level][:, pair[1], pair[0]] = values
    return found


@dataclass(frozen=True, slots=True)
class _Weights:
    """How often resamples have the levels of the resampled columns."""

    counts: Mapping[str, FloatArray]
    _products: dict[tuple[tuple[str, ...], tuple[str, ...]], FloatArray] = field(default_factory=dict)

    @property
    def draws(self) -> int:
        """Number of resamples B."""
        return len(next(iter(self.counts.values())))

    def of(self, grouping: Grouping, among: Collection[str] | None = None) -> FloatArray:
        """Product of the counts of each group's levels (B, G), over the resampled columns of it, or those ``among``."""
        shared = tuple(c for c in self.counts if c in grouping.columns and (among is None or c in among))
        key = (grouping.columns, shared)
        if key not in self._products:
            product = np.ones((self.draws, len(grouping)))
            for column in shared:
                product *= self.counts[column][:, grouping.levels[:, grouping.columns.index(column)]]
            self._products[key] = product
        return self._products[key]

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

    def total(self, values: FloatArray, grouping: Grouping) -> FloatArray:
        """Sum over all copies of groups: (G, s) or (B, G, s) to (B, s)."""
        multiple = self.of(grouping)
        return multiple @ values if values.ndim == 2 else (multiple[:, None, :] @ values)[:, 0]


@dataclass(frozen=True, slots=True)
class _Cells:
    """Rows (N, items) less the mean of each item, 0 where missing, and how they fall into cells."""

    grouping: Grouping
    scores: FloatArray
    present: FloatArray
    deviations: FloatArray
    sums: FloatArray
    counts: FloatArray
    add: Callable[[FloatArray], FloatArray]

    @classmethod
    def of(cls, scores: FloatArray, codes: IntArray, columns: Sequence[str]) -> _Cells:
        cell, levels = distinct_rows(codes)
        add = summing(cell, len(levels))
        known = np.isfinite(scores)
        present = known.astype(np.float64)
        typical = np.where(known, scores, 0.0).sum(axis=0) / np.maximum(present.sum(axis=0), 1.0)
        centred = np.where(known, scores - typical, 0.0)
        sums, counts = add(centred), add(present)
        deviations = (centred - (sums / np.maximum(counts, 1.0))[cell]) * present
        return cls(Grouping(columns, levels), centred, present, deviations, sums, counts, add)

    @property
    def complete(self) -> bool:
        """Whether no answer is missing."""
        return bool(self.present.all())


@dataclass(frozen=True, slots=True)
class _Grouped:
    """Groups of some columns: root of the number of answers, and sum over that root, (G, items) or (B, G, items).

    Tables that are different in every resample are multiplied out for all pairs of items at once (B, items, items).
    """

    columns: frozenset[str]
    grouping: Grouping
    roots: FloatArray
    inverse: FloatArray
    scaled: FloatArray
    weights: _Weights
    _products: dict[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def of(cls, cells: _Cells, columns: frozenset[str], weights: _Weights) -> _Grouped:
        n, sums = (weights.sums(values, cells.grouping, columns) for values in (cells.counts, cells.sums))
        roots = np.sqrt(n)
        grouping = cells.grouping.coarser(columns)[0]
        return cls(columns, grouping, roots, over(np.ones_like(roots), roots), over(sums, roots), weights)

    def product(self, first: str, second: str, pair: tuple[IntArray, IntArray]) -> FloatArray:
        """Sum over copies of groups the products of two tables, by name, for s pairs of items: (B, s)."""
        i, j = pair
        x, y = getattr(self, first), getattr(self, second)
        if x.ndim == 2:
            return self.weights.total(x[:, i] * y[:, j], self.grouping)
        if (name := f"{first} {second}") not in self._products:
            self._products[name] = (x * self.weights.of(self.grouping)[:, :, None]).swapaxes(1, 2) @ y
        return self._products[name][:, i, j]


@dataclass(frozen=True, slots=True)
class _Design:
    """The equations of ``variance.cells`` for some effects: groups by equation, mean of each item (B, items)."""

    names: tuple[str, ...]
    grouped: tuple[_Grouped, ...]
    asked_once: bool
    means: FloatArray
    cells: _Cells
    weights: _Weights

    @classmethod
    def of(cls, cells: _Cells, effects: Sequence[Effect], weights: _Weights) -> _Design:
        asked_once = bool(cells.counts.max(initial=0.0) < 2)
        columns = [frozenset[str](), *(effect.columns for effect in effects)]
        if asked_once:  # the equation of the runs is then that of the cells
            columns.append(frozenset(cells.grouping.columns))
        names = ("", *(effect.name for effect in effects), "run")
        means = over(*(weights.total(values, cells.grouping) for values in (cells.sums, cells.counts)))
        grouped = tuple(_Grouped.of(cells, one, weights) for one in columns)
        return cls(names, grouped, asked_once, means, cells, weights)

    @property
    def largest(self) -> int:
        """Numbers by pair of items of the largest table that is different in every resample."""
        return max(int(np.prod(one.roots.shape[:-1])) for one in self.grouped)

    def components(self, pair: tuple[IntArray, IntArray], inverse: FloatArray, within: FloatArray) -> FloatArray:
        """Solve the equations of every resample and of s pairs of items, (B, s, E + 2): mean products, effects, runs.

        ``inverse``: of the pairs' coefficients, ``within`` (C, s): products of deviations within cells.
        """
        i, j = pair
        rows = []
        for e in self.grouped:
            centred = e.product("scaled", "scaled", pair)
            centred = centred + self.means[:, i] * self.means[:, j] * e.product("roots", "roots", pair)
            centred -= self.means[:, i] * e.product("roots", "scaled", pair)
            centred -= self.means[:, j] * e.product("scaled", "roots", pair)
            rows.append(centred)
        if not self.asked_once:
            rows.append(self.weights.total(within, self.cells.grouping))
        return np.asarray((inverse @ np.stack(rows, axis=-1)[..., None])[..., 0])

    def inverse(self, pair: tuple[IntArray, IntArray], both: FloatArray) -> FloatArray:
        """Invert the coefficients of s pairs of items, (B, s, E + 2, E + 2); NaN where they are singular.

        ``both`` (C, s): answers to both items of each pair by cell.
        """
        size = len(self.names)
        matrix = np.zeros((self.weights.draws, both.shape[1], size, size))
        weights, i, j = self.weights, *pair
        for row, e in enumerate(self.grouped):
            over_roots = e.inverse[..., i] * e.inverse[..., j]
            in_groups = weights.sums(both, self.cells.grouping, e.columns)
            matrix[..., row, -1] = weights.total(in_groups * over_roots, e.grouping)
            known = {e.columns: e.product("roots", "roots", pair)}
            for column, f in enumerate(self.grouped[: size - 1]):
                joint = e.columns | f.columns
                if joint not in known:
                    squares = self._squares(e.columns, joint, pair)
                    known[joint] = weights.total(squares * over_roots, e.grouping)
                matrix[..., row, column] = known[joint]
        if not self.asked_once:
            once, other = (over(both, self.cells.counts[:, items]) for items in pair)
            matrix[..., -1, -1] = weights.total(both - once - other + once * other, self.cells.grouping)
        return inverses(matrix)

    def _squares(self, columns: frozenset[str], joint: frozenset[str], pair: tuple[IntArray, IntArray]) -> FloatArray:
        """Sum within groups of ``columns`` over groups of ``joint`` the products of their numbers of answers."""
        n = self.weights.sums(self.cells.counts, self.cells.grouping, joint)
        i, j = pair
        return self.weights.sums(n[..., i] * n[..., j], self.cells.grouping.coarser(joint)[0], columns)


def _of_pairs(
    cells: _Cells,
    pair: tuple[IntArray, IntArray],
    respondent_columns: Sequence[str],
    designs: Sequence[_Design],
    weights: _Weights,
) -> Iterator[tuple[str, FloatArray]]:
    """Covariances (B, s) of s pairs of items, level by level."""
    i, j = pair
    both = cells.add(cells.present[:, i] * cells.present[:, j])
    sums = (cells.add(cells.scores[:, a] * cells.present[:, b]) for a, b in ((i, j), (j, i)))
    products = cells.add(cells.scores[:, i] * cells.scores[:, j])
    yield "pooled", _covariance(*(weights.total(part, cells.grouping) for part in (both, *sums, products)))
    respondents, _, add = cells.grouping.coarser(respondent_columns)
    number, total = add(cells.counts), add(cells.sums)
    means = over(total, number)
    known = ((number[:, i] > 0) & (number[:, j] > 0)).astype(np.float64)
    left, right = means[:, i] * known, means[:, j] * known
    yield "means", _covariance(*(weights.total(part, respondents) for part in (known, left, right, left * right)))
    within = cells.add(cells.deviations[:, i] * cells.deviations[:, j])
    for design in designs:
        # without missing answers all pairs of items have the equations of the first item with itself
        inverse = design.inverse((i[:1], i[:1]), both[:, :1]) if cells.complete else design.inverse(pair, both)
        solution = design.components(pair, inverse, within)
        for place, level in enumerate(design.names):
            if level != "run" or design is designs[0]:
                yield level, solution[..., place]


def _covariance(n: FloatArray, left: FloatArray, right: FloatArray, products: FloatArray) -> FloatArray:
    free = np.where(n > 1, n - 1, np.nan)
    return np.asarray((products - over(left * right, n)) / free)
