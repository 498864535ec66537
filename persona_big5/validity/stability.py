"""What stays when units are measured again: ranks, profiles, and changes beyond the error of measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.optimize
import scipy.stats

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.correlation import fisher_z
from persona_big5.validity.crossed import Estimate, correlation_over_facets, mean_over_facets, over_facets
from persona_big5.variance.jackknife import FEWEST_LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persona_big5.variance.groups import FloatArray, IntArray

FEWEST_VARIABLES = 3
RELIABLE = 1.96
FASTEST = 60.0
"""Largest rate of return per unit of time that is looked for: a half-life of about a hundredth of it."""


@dataclass(frozen=True, slots=True)
class RankOrder:
    """Do units keep their order: Pearson's r with its interval, and Spearman's; n units measured both times."""

    pearson: Estimate
    spearman: float
    n: int


@dataclass(frozen=True, slots=True)
class ProfileStability:
    """Do units keep their profile over p variables, mean over n units.

    Attributes
    ----------
    overall
        Correlation of the two profiles as they are: high where all units share one profile.
    distinctive
        After each variable's mean over units is taken off at either time: what is a unit's own (ipsative stability).
    n
        Units with both profiles complete and not flat.
    """

    overall: Estimate
    distinctive: Estimate
    n: int


@dataclass(frozen=True, slots=True)
class Change:
    """Change from one time to another.

    Attributes
    ----------
    change
        Mean over units.
    sem
        Standard error of measurement of one unit's change, root mean square over units; NaN unknown.
    share_up, share_down
        Units whose change exceeds 1.96 of their own standard errors (reliable change); by chance .025 each. NaN
        unknown.
    n
        Units.
    """

    change: Estimate
    sem: float
    share_up: float
    share_down: float
    n: int


@dataclass(frozen=True, slots=True)
class HalfLife:
    """Time after which half of a deviation is gone; ``ci_high`` is infinite where it may not return at all.

    ``start`` is the mean deviation at time 0 as fitted, ``rate`` the rate of return.
    """

    half_life: float
    ci_low: float
    ci_high: float
    start: float
    rate: float


def rank_order(first: FloatArray, later: FloatArray, facets: Sequence[IntArray]) -> RankOrder:
    """Correlate scores (n,) of the same units at two times; missing rule: units measured both times.

    Run noise attenuates it: it is a correlation of observed scores.

    Raises
    ------
    NotEstimableError
        With fewer than 4 units, or scores that do not differ.
    """
    known = np.isfinite(first) & np.isfinite(later)
    first, later = first[known], later[known]
    if len(first) < FEWEST_LEVELS:
        raise NotEstimableError(f"{len(first)} units were measured both times; at least {FEWEST_LEVELS} are needed")
    found = correlation_over_facets(first, later, [codes[known] for codes in facets])
    if np.isnan(found.estimate):
        raise NotEstimableError("scores do not differ between units")
    return RankOrder(found, float(scipy.stats.spearmanr(first, later).statistic), len(first))


def profile_stability(first: FloatArray, later: FloatArray, facets: Sequence[IntArray]) -> ProfileStability:
    """Correlate profiles (n units, p variables) of the same units at two times, unit by unit, and average.

    Parameters
    ----------
    first, later
        Scores in one unit of measurement, NaN missing. Missing rule: units with both profiles complete. Averages are of
        Fisher's z.
    facets
        Codes (n,) of the facets to generalise over.

    Raises
    ------
    NotEstimableError
        With fewer than 3 variables or 4 units; units whose profile is flat are left out before.

    Notes
    -----
    Normative and distinctive agreement after Furr (2008, Journal of Personality 76).
    """
    if first.shape[1] < FEWEST_VARIABLES:
        raise NotEstimableError(f"{first.shape[1]} variables make no profile; at least {FEWEST_VARIABLES} are needed")
    known = np.isfinite(first).all(axis=1) & np.isfinite(later).all(axis=1)
    first, later = first[known], later[known]
    if len(first) < FEWEST_LEVELS:
        raise NotEstimableError(f"{len(first)} units have both profiles; at least {FEWEST_LEVELS} are needed")
    pairs = [(first, later), (first - first.mean(axis=0), later - later.mean(axis=0))]
    z = [_row_z(a, b) for a, b in pairs]
    kept = np.isfinite(z).all(axis=0)
    if kept.sum() < FEWEST_LEVELS:
        raise NotEstimableError(f"{int(kept.sum())} units have profiles that are not flat; {FEWEST_LEVELS} are needed")
    codes = [facet[known][kept] for facet in facets]
    overall, distinctive = (
        mean_over_facets(values[kept], codes).map(lambda value: float(np.tanh(value))) for values in z
    )
    return ProfileStability(overall, distinctive, int(kept.sum()))


def _row_z(a: FloatArray, b: FloatArray) -> FloatArray:
    """Fisher's z of the correlation of each row of a with that of b (n,), NaN where either is flat."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    r = np.divide((a * b).sum(axis=1), size, out=np.full(len(a), np.nan), where=size > 1e-12)
    return fisher_z(r)


def change_of(
    first: FloatArray, later: FloatArray, error_variance: FloatArray | None, facets: Sequence[IntArray]
) -> Change:
    """Mean change of scores (n,), and how many units changed by more than their error of measurement.

    Parameters
    ----------
    first, later
        Scores of the same units at two times, NaN missing. Missing rule: units measured both times.
    error_variance
        Error variance of each unit's change (n,): the sum of those of its two means. None where it is not known.
    facets
        Codes (n,) of the facets to generalise over.

    Raises
    ------
    NotEstimableError
        Where no unit was measured both times.

    Notes
    -----
    Reliable change after Jacobson & Truax (1991, Journal of Consulting and Clinical Psychology 59), with each unit's
    own standard error. A unit without error that changed at all changed reliably.
    """
    known = np.isfinite(first) & np.isfinite(later)
    if not known.any():
        raise NotEstimableError("no unit was measured both times")
    change = (later - first)[known]
    sem = up = down = float("nan")
    if error_variance is not None:
        error = np.sqrt(error_variance[known])
        sem = float(np.sqrt(np.mean(error**2)))
        beyond = np.abs(change) > np.maximum(RELIABLE * error, 1e-12)
        up, down = float((beyond & (change > 0)).mean()), float((beyond & (change < 0)).mean())
    return Change(mean_over_facets(change, [codes[known] for codes in facets]), sem, up, down, len(change))


def slopes(scores: FloatArray, times: FloatArray) -> FloatArray:
    """Least-squares slope of each unit's scores over time (n,); ``scores`` (n, K), NaN where one is missing.

    Raises
    ------
    DataError
        Where there are not as many times as columns, or fewer than two different ones.
    """
    scores, times = np.asarray(scores, dtype=np.float64), np.asarray(times, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] != len(times) or np.ptp(times) == 0:
        raise DataError(f"slopes need one time per column, at least two different ones; got {times.tolist()}")
    centred = times - times.mean()
    return np.asarray(scores @ centred / (centred @ centred))


def half_life(deviation: FloatArray, times: FloatArray, facets: Sequence[IntArray]) -> HalfLife:
    """Fit how fast a deviation returns to 0, a exp(-rate t), to the mean over units.

    Parameters
    ----------
    deviation
        Scores less those of the same unit without the disturbance, (n units, K times). Missing rule: complete units.
    times
        When, from the first time on, (K,), K >= 3.
    facets
        Codes (n,) of the facets to generalise over.

    Raises
    ------
    NotEstimableError
        With fewer than 3 times or 4 units, a first deviation that is not told from 0, or no return.

    Notes
    -----
    Least squares over the K means, the best a for each rate in closed form; half-life ln 2 / rate, its interval from
    the jackknife interval of the rate. Planted rates are recovered (tests/validity).
    """
    known = np.isfinite(deviation).all(axis=1)
    deviation, facets = deviation[known], [codes[known] for codes in facets]
    if len(times) < 3 or len(deviation) < FEWEST_LEVELS:
        raise NotEstimableError(f"{len(deviation)} units at {len(times)} times; at least 4 at 3 times are needed")
    start = mean_over_facets(deviation[:, 0], facets)
    if not (start.ci_low > 0 or start.ci_high < 0):
        raise NotEstimableError("the first deviation is not told from 0: there is nothing to return from")
    times = np.asarray(times, dtype=np.float64) - times[0]
    rate = over_facets(lambda kept: _rate(deviation[kept].mean(axis=0), times), facets, len(deviation))
    if not rate.estimate > 0:
        raise NotEstimableError("the deviation does not get smaller: there is no return")
    decay = np.exp(-rate.estimate * times)
    return HalfLife(
        half_life=float(np.log(2) / rate.estimate),
        ci_low=float(np.log(2) / rate.ci_high) if rate.ci_high > 0 else float("nan"),
        ci_high=float(np.log(2) / rate.ci_low) if rate.ci_low > 0 else float("inf"),
        start=float(deviation.mean(axis=0) @ decay / (decay @ decay)),
        rate=rate.estimate,
    )


def _rate(mean: FloatArray, times: FloatArray) -> float:
    """Rate of the exponential closest to the means (K,); below 0 where they grow."""
    length = float(times[-1])

    def misfit(rate: float) -> float:
        decay = np.exp(-rate * times)
        return float(mean @ mean - (mean @ decay) ** 2 / (decay @ decay))

    grid = np.concatenate([np.linspace(-5, 5, 81), np.geomspace(5.2, FASTEST, 40)]) / length
    best = int(np.argmin([misfit(rate) for rate in grid]))
    ends = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    return float(scipy.optimize.minimize_scalar(misfit, bounds=ends, method="bounded", options={"xatol": 1e-10}).x)
