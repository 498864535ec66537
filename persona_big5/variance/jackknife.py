"""Intervals by leaving out one level of each crossed facet at a time.

Levels of facets (llms, personas, items) are what a claim generalises to, so they are what is resampled, never rows. For
a facet with n levels V_f = (n - 1)/n * sum((theta_(j) - mean theta)^2); the facets' variances add up, because each
facet brings its own sampling error. With two facets the error that belongs to single cells is in both terms and is
taken off once for the components that rest on cells (the full cell and the residual). Estimate +- t sqrt(V), df = (sum
V_f)^2 / sum(V_f^2 / (n_f - 1)) (Satterthwaite).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.special

from persona_big5.variance.moments import without_each_level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from persona_big5.variance.design import Effect
    from persona_big5.variance.groups import FloatArray, IntArray
    from persona_big5.variance.sums import GroupSums

FEWEST_LEVELS = 4
"""A facet with fewer levels is not resampled: four points say nothing of a variance."""
FEW_LEVELS = 10
"""Below this many levels an interval is wide and leans on normal effects; results say so."""


@dataclass(frozen=True, slots=True)
class Replicates:
    """Leave-one-level-out values of a statistic: facet -> (n_levels, *shape of the statistic)."""

    by_facet: dict[str, FloatArray]

    def map(self, statistic: Callable[[FloatArray], FloatArray]) -> Replicates:
        """Apply a function that keeps the first axis, the levels left out."""
        return Replicates({facet: statistic(rows) for facet, rows in self.by_facet.items()})


def resampled_facets(sums: GroupSums, facets: Sequence[str]) -> list[str]:
    """Keep those of the columns that have at least four levels."""
    return [facet for facet in facets if len(_levels(sums, facet)) >= FEWEST_LEVELS]


def _levels(sums: GroupSums, facet: str) -> IntArray:
    return np.unique(sums.grouping.levels[:, sums.grouping.columns.index(facet)])


def leave_one_out(
    sums: GroupSums,
    effects: Sequence[Effect],
    facets: Sequence[str],
    statistic: Callable[[Mapping[str, FloatArray]], FloatArray],
) -> Replicates:
    """Compute ``statistic`` of the components again with each level of each facet left out in turn.

    Parameters
    ----------
    sums
        Group sums of all answers.
    effects
        Effects of the moment equations.
    facets
        Columns of ``sums`` to resample (see :func:`resampled_facets`); an llm goes with its variants because they carry
        its code.
    statistic
        From the components by name, each (n_levels, *shape), to an array (n_levels, ...), one row per level left out.
    """
    return Replicates(
        {facet: statistic(moments.solve()) for facet, moments in without_each_level(sums, effects, facets).items()}
    )


def sampling_variance(
    replicates: Replicates, *, cell_variance: FloatArray | None = None
) -> tuple[FloatArray, FloatArray] | None:
    """Give a statistic's sampling variance and its degrees of freedom, of its shape; None where nothing was resampled.

    ``cell_variance`` is the sampling variance that belongs to single cells; it is taken off once where two facets are
    resampled, never below the larger of the two facets' own variances.
    """
    if not replicates.by_facet:
        return None
    variances, freedoms = [], []
    for rows in replicates.by_facet.values():
        n = len(rows)
        variances.append((n - 1) / n * ((rows - rows.mean(axis=0)) ** 2).sum(axis=0))
        freedoms.append(n - 1)
    stacked = np.stack(variances)
    total = stacked.sum(axis=0)
    weights = np.asarray(freedoms, dtype=float).reshape(-1, *(1,) * (stacked.ndim - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        df = total**2 / (stacked**2 / weights).sum(axis=0)
    df = np.where(np.isfinite(df), df, min(freedoms))
    if cell_variance is not None and len(variances) == 2:
        total = np.maximum(total - cell_variance, stacked.max(axis=0))
    return total, df


def interval(
    estimate: FloatArray, replicates: Replicates, *, cell_variance: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Give the ends of the 95 % interval, of the shape of ``estimate``, untruncated; NaN where nothing was resampled.

    ``cell_variance`` as in :func:`sampling_variance`.
    """
    found = sampling_variance(replicates, cell_variance=cell_variance)
    if found is None:
        return np.full_like(estimate, np.nan), np.full_like(estimate, np.nan)
    variance, df = found
    half = scipy.special.stdtrit(df, 0.975) * np.sqrt(variance)
    return estimate - half, estimate + half


def p_above_zero(estimate: float, replicates: Replicates) -> float:
    """Test that a statistic is above 0 by t with the jackknife's variance: one-sided p, NaN without any spread."""
    found = sampling_variance(replicates)
    if found is None or not found[0] > 0:
        return float("nan")
    variance, df = found
    return float(scipy.special.stdtr(df, -estimate / np.sqrt(variance)))


def ratio_interval(numerator: tuple[float, Replicates], denominator: tuple[float, Replicates]) -> tuple[float, float]:
    """Give the ratios that a t test of ``numerator - ratio * denominator`` does not reject at 5 % (Fieller, 1954).

    A ratio is in the interval just where the test of that ratio says so, also where the denominator may be 0: then
    there is no upper end (infinity). Each argument is an estimate with its replicates. Degrees of freedom are those of
    the difference; NaN where nothing was resampled.
    """
    (a, of_a), (b, of_b) = numerator, denominator
    difference = Replicates({facet: rows - of_b.by_facet[facet] for facet, rows in of_a.by_facet.items()})
    variances = [sampling_variance(replicates) for replicates in (of_a, of_b, difference)]
    if variances[0] is None or variances[1] is None or variances[2] is None:
        return float("nan"), float("nan")
    var_a, var_b, var_difference = (float(found[0]) for found in variances if found is not None)
    squared = float(scipy.special.stdtrit(variances[2][1], 0.975)) ** 2
    covariance = (var_a + var_b - var_difference) / 2
    bend, slope, level = b**2 - squared * var_b, a * b - squared * covariance, a**2 - squared * var_a
    inside = slope**2 - bend * level
    if bend > 0:
        half = np.sqrt(max(inside, 0.0))
        return (slope - half) / bend, (slope + half) / bend
    if level > 0 and inside > 0:  # the numerator is not 0, the denominator may be
        return (slope - np.sqrt(inside)) / bend, float("inf")
    return 0.0, float("inf")


@dataclass(frozen=True, slots=True)
class CellVariance:
    """Sampling variance of the full cell's and of the residual's component that belongs to single cells."""

    full_cell: float
    residual: float


def cell_variance(cells: GroupSums, facet: str) -> CellVariance:
    """Variance over cells of each cell's own contribution to a component, divided by the number of cells.

    ``cells``: sums by full cell; contributions are averaged over items. A cell contributes its
    within-cell variance to the residual, and its squared deviation from the additive effects of ``facet`` and of
    everything else to the full cell.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(cells.n > 0, cells.totals / cells.n, np.nan)
        within = np.where(cells.n > 1, cells.within() / (cells.n - 1), np.nan)
    others, row, _ = cells.grouping.coarser([c for c in cells.grouping.columns if c != facet])
    levels, column, _ = cells.grouping.coarser([facet])
    table = np.full((len(others), len(levels), means.shape[1]), np.nan)
    table[row, column] = means
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows and columns without any answer have no mean
        for axis in (1, 0, 1, 0):
            table = table - np.nanmean(table, axis=axis, keepdims=True)
        expected = (1 - 1 / len(others)) * (1 - 1 / len(levels))
        full = np.nanmean(table[row, column] ** 2 / expected - within / np.maximum(cells.n, 1), axis=1)
        residual = np.nanmean(within, axis=1)
    return CellVariance(_variance_of_mean(full), _variance_of_mean(residual))


def _variance_of_mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.var(ddof=1) / len(known)) if len(known) > 1 else 0.0
