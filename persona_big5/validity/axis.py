"""How far the conditions of an experiment move respondents from one of them, and along which direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.validity.crossed import Estimate
from persona_big5.variance.groups import distinct_rows
from persona_big5.variance.jackknife import FEWEST_LEVELS, Replicates, interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from persona_big5.variance.groups import FloatArray, IntArray

FEWEST_CONDITIONS = 3
MOST_OF_VARIANCE = 0.7
NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Profiles:
    """Mean profiles of n units, each one condition (a persona) in one group (an llm).

    Attributes
    ----------
    means
        Shape (n, p), complete: a mean over runs for each unit and variable.
    group, condition
        Codes of the units, (n,); a condition occurs at most once in a group.
    noise
        Shape (N, p), rows whose cross-products, summed over a unit's rows, estimate the error covariance of its mean
        (``run_noise``); None where it is not known.
    noise_unit
        The unit of each of these rows, (N,).
    """

    means: FloatArray
    group: IntArray
    condition: IntArray
    noise: FloatArray | None = None
    noise_unit: IntArray | None = None

    def weighted(self, weights: FloatArray) -> Profiles:
        """Turn into other variables: ``weights`` (q, p)."""
        noise = None if self.noise is None else self.noise @ weights.T
        return Profiles(self.means @ weights.T, self.group, self.condition, noise, self.noise_unit)

    def take(self, units: NDArray[np.bool_]) -> Profiles:
        """Only the units marked in ``units`` (n,)."""
        noise, noise_unit = self.noise, self.noise_unit
        if noise is not None and noise_unit is not None:
            rows = units[noise_unit]
            noise, noise_unit = noise[rows], (np.cumsum(units) - 1)[noise_unit[rows]]
        return Profiles(self.means[units], self.group[units], self.condition[units], noise, noise_unit)

    def noise_of(self, unit: int) -> FloatArray:
        """Error covariance of one unit's mean (p, p); zero where it is not known."""
        p = self.means.shape[1]
        if self.noise is None:
            return np.zeros((p, p))
        rows = self.noise[self.noise_unit == unit]
        return np.asarray(rows.T @ rows)


@dataclass(frozen=True, slots=True)
class Axis:
    """The direction from the mean of the other conditions to the origin.

    Attributes
    ----------
    direction
        Shape (p,), of length 1, pointing to the origin.
    distance
        Root mean square over the p variables of the difference between the origin and the mean of the others.
    share
        Of the variance between the others, within groups, how much lies along the axis.
    angle
        Between the axis and the first principal component of the others, degrees, 0 to 90.
    share_of_first
        Of that variance, how much the first principal component has: no direction has more.
    n_components, n_components_least, n_components_most
        Principal components that hold 70 % of that variance, and over all results with one condition left out.
    distance_rank, share_rank
        Share of the conditions, the origin among them, whose own distance from the rest, and the share along it, are at
        least as large: near 1 / (n + 1) the origin is special, near .5 any condition would have done.
    n_conditions, n_groups
        The others, and the groups.
    noise_removed
        Whether run noise is taken off.
    """

    direction: FloatArray
    distance: Estimate
    share: Estimate
    angle: Estimate
    share_of_first: Estimate
    n_components: int
    n_components_least: int
    n_components_most: int
    distance_rank: float
    share_rank: float
    n_conditions: int
    n_groups: int
    noise_removed: bool

    def __str__(self) -> str:
        return (
            f"axis over {self.n_conditions} conditions in {self.n_groups} groups: {self.share.estimate:.0%} of the "
            f"variance, {self.angle.estimate:.0f} degrees from the first component; {self.n_components} components "
            f"for {MOST_OF_VARIANCE:.0%}"
        )


@dataclass(frozen=True, slots=True)
class Distances:
    """Distance of each unit from the origin of its group, all (n,); NaN for the origin itself.

    Attributes
    ----------
    distance
        Root mean square over the variables of the difference, run noise taken off the square; 0 where it is all noise.
    distance_sem
        Standard error of measurement of the difference in its own direction, in the same unit.
    along
        Difference along the group's axis, away from the origin, divided by the square root of the number of variables.
    along_sem
        Its standard error of measurement.
    """

    distance: FloatArray
    distance_sem: FloatArray
    along: FloatArray
    along_sem: FloatArray


def run_noise(scores: FloatArray, cell: IntArray, unit: IntArray) -> tuple[FloatArray, FloatArray]:
    """Rows whose cross-products by unit estimate the error covariance of the units' means over all their rows.

    Parameters
    ----------
    scores
        Shape (N, p), one row per run, NaN missing.
    cell, unit
        Codes, (N,): runs of one cell are repetitions; a unit has one or more cells.

    Returns
    -------
    noise
        Shape (N, p): deviations from the cell's mean / sqrt(n (n - cells)), n the unit's answers to that variable, 0
        where there is no answer.
    unknown
        Share of the units' means (p,) that rest on answers without repetition, whose noise is therefore not in it.

    Notes
    -----
    The sum over a unit's rows is the within-cell covariance / n where nothing is missing; with missing answers
    variances stay unbiased and covariances are too small by the share missing.
    """
    known = np.isfinite(scores)
    filled = np.where(known, scores, 0.0)
    cells, units = int(cell.max()) + 1, int(unit.max()) + 1
    count = np.stack([np.bincount(cell, known[:, j], cells) for j in range(scores.shape[1])], axis=1)
    total = np.stack([np.bincount(cell, filled[:, j], cells) for j in range(scores.shape[1])], axis=1)
    mean = total / np.maximum(count, 1)
    unit_of_cell = np.zeros(cells, dtype=np.int64)
    unit_of_cell[cell] = unit
    n, answered = np.zeros((units, scores.shape[1])), np.zeros((units, scores.shape[1]))
    np.add.at(n, unit_of_cell, count)
    np.add.at(answered, unit_of_cell, count > 0)
    scale = n * (n - answered)
    noise = np.where(known, filled - mean[cell], 0.0)
    noise = np.divide(noise, np.sqrt(scale[unit]), out=np.zeros_like(noise), where=scale[unit] > 0)
    single = ((n > 0) & (n == answered)).sum(axis=0) / np.maximum((n > 0).sum(axis=0), 1)
    return noise, single


def axis_from_origin(profiles: Profiles, origin: int) -> Axis:
    """Find the axis from all other conditions to ``origin`` (a condition), and what it is worth.

    Parameters
    ----------
    profiles
        Mean profiles. Groups without the origin or with fewer than 3 other conditions are left out.
    origin
        Code of the condition that distances are taken from.

    Raises
    ------
    NotEstimableError
        Where no group is left, or the other conditions do not differ.

    Notes
    -----
    d is the mean over groups of (origin - mean of the others), S the mean over groups of the covariance of the others
    less their mean error covariance. With N the error covariance of d, which inflates d'd by tr N: squared distance d'd
    - tr N, share (d'Sd - tr SN) / ((d'd - tr N) tr S), squared cosine with the first component v ((v'd)^2 - v'Nv) /
    (d'd - tr N). Intervals: jackknife over the other conditions (each left out of all groups), and over groups where
    there are 4. Planted axes are recovered with and without noise, and intervals of
    the share covered them in .88 to .93 of worlds with 40 conditions (tests/validity).
    """
    parts = _Parts.of(profiles, origin)
    variance = _Variance.of(parts)
    whole = variance.along(*parts.difference_of(origin))
    if not variance.total > NOTHING:
        raise NotEstimableError("the other conditions do not differ beyond run noise: there is no variance to share")
    others = parts.conditions
    left, instead, numbers = [], [], [variance.n_components]
    for condition in others:
        rest = parts.without(condition)
        variance_left = _Variance.of(rest)
        left.append(variance_left.along(*rest.difference_of(origin)))
        instead.append(variance_left.along(*rest.difference_of(condition)))
        numbers.append(variance_left.n_components)
    replicates = {}
    if len(others) >= FEWEST_LEVELS:
        replicates["condition"] = np.stack(left)
    if len(parts.groups) >= FEWEST_LEVELS:
        of_rest = [parts.without_group(i) for i in range(len(parts.groups))]
        replicates["group"] = np.stack([_Variance.of(rest).along(*rest.difference_of(origin)) for rest in of_rest])
    low, high = interval(whole, Replicates(replicates))
    low, high = (np.clip(ends, 0.0, [np.inf, 1.0, 90.0, 1.0]) for ends in (low, high))
    shown = whole.copy()
    low[0], high[0], shown[0] = np.sqrt(np.maximum((low[0], high[0], shown[0]), 0.0))
    estimates = [Estimate(*map(float, figures)) for figures in zip(shown, low, high, strict=True)]
    difference, _ = parts.difference_of(origin)
    return Axis(
        direction=difference / max(float(np.linalg.norm(difference)), NOTHING),
        distance=estimates[0],
        share=estimates[1],
        angle=estimates[2],
        share_of_first=estimates[3],
        n_components=variance.n_components,
        n_components_least=min(numbers),
        n_components_most=max(numbers),
        distance_rank=_rank(whole[0], [figures[0] for figures in instead]),
        share_rank=_rank(whole[1], [figures[1] for figures in instead]),
        n_conditions=len(others),
        n_groups=len(parts.groups),
        noise_removed=profiles.noise is not None,
    )


def _rank(own: float, others: list[float]) -> float:
    """Share of the values, ``own`` among them, that are at least as large; NaN where ``own`` is."""
    known = [other for other in others if np.isfinite(other)]
    return float((1 + sum(other >= own for other in known)) / (1 + len(known))) if np.isfinite(own) else float("nan")


@dataclass(frozen=True, slots=True)
class _Variance:
    """Covariance (p, p) of the other conditions, its total, its first principal component and the share of that."""

    covariance: FloatArray
    total: float
    first: FloatArray
    share_of_first: float
    n_components: int

    @classmethod
    def of(cls, parts: _Parts) -> _Variance:
        covariance = parts.covariance()
        values, vectors = scipy.linalg.eigh(covariance)
        kept = np.maximum(values[::-1], 0.0)
        sum_kept = kept.sum()
        n_components = int(np.searchsorted(np.cumsum(kept), MOST_OF_VARIANCE * sum_kept - NOTHING) + 1)
        share = float(kept[0] / sum_kept) if sum_kept > NOTHING else float("nan")
        return cls(covariance, float(np.trace(covariance)), vectors[:, -1], share, n_components)

    def along(self, difference: FloatArray, noise: FloatArray) -> FloatArray:
        """Squared distance / p, share, angle and share of the first component (4,), NaN where noise is all there is."""
        squared = float(difference @ difference - np.trace(noise))
        share = angle = float("nan")
        if squared > NOTHING and self.total > NOTHING:
            variance = float(difference @ self.covariance @ difference - (self.covariance * noise).sum())
            onto_first = float((self.first @ difference) ** 2 - self.first @ noise @ self.first)
            share = min(max(variance / (squared * self.total), 0.0), 1.0)
            angle = float(np.degrees(np.arccos(np.sqrt(min(max(onto_first / squared, 0.0), 1.0)))))
        return np.array([squared / len(difference), share, angle, self.share_of_first])


@dataclass(frozen=True, slots=True)
class _Parts:
    """Sums by group from which an axis follows, and follows again with a condition or a group left out.

    ``places`` (G, C): the unit of each condition in each group, -1 absent. ``n``, ``mean``, ``scatter`` and ``noise``
    (G,), (G, p), (G, p, p), (G, p, p): of the other conditions, the last the sum of their error covariances.
    """

    profiles: Profiles
    origin: int
    groups: IntArray
    conditions: IntArray
    n: FloatArray
    mean: FloatArray
    scatter: FloatArray
    noise: FloatArray

    @classmethod
    def of(cls, profiles: Profiles, origin: int) -> _Parts:
        _check(profiles)
        others = profiles.condition != origin
        enough = [
            group
            for group in np.unique(profiles.group)
            if (~others & (profiles.group == group)).any()
            and (others & (profiles.group == group)).sum() >= FEWEST_CONDITIONS
        ]
        if not enough:
            raise NotEstimableError(
                f"no group has the condition that distances are taken from and {FEWEST_CONDITIONS} others beside it"
            )
        n, mean, scatter, noise = [], [], [], []
        for group in enough:
            units = np.flatnonzero(others & (profiles.group == group))
            own = profiles.means[units]
            n.append(len(own))
            mean.append(own.mean(axis=0))
            scatter.append((own - mean[-1]).T @ (own - mean[-1]))
            noise.append(_noise(profiles, units))
        conditions = np.unique(profiles.condition[others & np.isin(profiles.group, enough)])
        return cls(
            profiles, origin, np.array(enough), conditions,
            np.array(n, dtype=float), np.array(mean), np.array(scatter), np.array(noise),
        )  # fmt: skip

    def unit(self, group: int, condition: int) -> int | None:
        found = np.flatnonzero((self.profiles.group == group) & (self.profiles.condition == condition))
        return int(found[0]) if len(found) else None

    def without(self, condition: int) -> _Parts:
        n, mean, scatter, noise = self.n.copy(), self.mean.copy(), self.scatter.copy(), self.noise.copy()
        for i, group in enumerate(self.groups):
            unit = self.unit(group, condition)
            if unit is None:
                continue
            deviation = self.profiles.means[unit] - mean[i]
            scatter[i] -= n[i] / (n[i] - 1) * np.outer(deviation, deviation)
            mean[i] -= deviation / (n[i] - 1)
            noise[i] -= self.profiles.noise_of(unit)
            n[i] -= 1
        left = self.conditions[self.conditions != condition]
        return _Parts(self.profiles, self.origin, self.groups, left, n, mean, scatter, noise)

    def without_group(self, i: int) -> _Parts:
        kept = np.arange(len(self.groups)) != i
        return _Parts(
            self.profiles, self.origin, self.groups[kept], self.conditions,
            self.n[kept], self.mean[kept], self.scatter[kept], self.noise[kept],
        )  # fmt: skip

    def covariance(self) -> FloatArray:
        """Between the other conditions, within groups, mean over groups (p, p)."""
        n = self.n[:, None, None]
        return np.asarray((self.scatter / (n - 1) - self.noise / n).mean(axis=0))

    def difference_of(self, condition: int) -> tuple[FloatArray, FloatArray]:
        """Difference of one condition from the mean of the others (p,), over groups that have it, and its noise."""
        differences, noises = [], []
        for i, group in enumerate(self.groups):
            unit = self.unit(group, condition)
            if unit is not None:
                differences.append(self.profiles.means[unit] - self.mean[i])
                noises.append(self.profiles.noise_of(unit) + self.noise[i] / self.n[i] ** 2)
        return np.mean(differences, axis=0), np.sum(noises, axis=0) / len(noises) ** 2


def _noise(profiles: Profiles, units: IntArray) -> FloatArray:
    """Sum of the error covariances of ``units`` (p, p)."""
    p = profiles.means.shape[1]
    if profiles.noise is None or profiles.noise_unit is None:
        return np.zeros((p, p))
    rows = profiles.noise[np.isin(profiles.noise_unit, units)]
    return np.asarray(rows.T @ rows)


def _check(profiles: Profiles) -> None:
    if profiles.means.ndim != 2 or not np.isfinite(profiles.means).all():
        raise DataError("profiles must be a table of finite numbers, one unit a row")
    pairs = np.column_stack([profiles.group, profiles.condition])
    if len(distinct_rows(pairs)[1]) < len(pairs):
        raise DataError("a condition occurs twice in a group")


def distances_from_origin(profiles: Profiles, origin: int) -> Distances:
    """Measure how far each unit is from the origin of its group, and how far along the group's own axis.

    Squared distances are inflated by the noise of both ends: their error variances are taken off. Parameters as for
    ``axis_from_origin``; units of a group without the origin have NaN.
    """
    _check(profiles)
    n, p = profiles.means.shape
    found = np.full((4, n), np.nan)
    for group in np.unique(profiles.group):
        own = np.flatnonzero(profiles.group == group)
        at = own[profiles.condition[own] == origin]
        others = own[profiles.condition[own] != origin]
        if not len(at) or not len(others):
            continue
        difference = profiles.means[others] - profiles.means[at[0]]
        axis = difference.mean(axis=0)
        axis = axis / max(float(np.linalg.norm(axis)), NOTHING)
        squared = (difference**2).sum(axis=1)
        own_direction = difference / np.sqrt(np.maximum(squared, NOTHING))[:, None]
        at_noise = profiles.noise_of(int(at[0]))
        for j, unit in enumerate(others):
            noise = profiles.noise_of(int(unit)) + at_noise
            found[0, unit] = np.sqrt(max(squared[j] - np.trace(noise), 0.0) / p)
            found[1, unit] = np.sqrt(own_direction[j] @ noise @ own_direction[j] / p)
            found[2, unit] = difference[j] @ axis / np.sqrt(p)
            found[3, unit] = np.sqrt(axis @ noise @ axis / p)
    if profiles.noise is None:
        found[[1, 3]] = np.nan
    return Distances(*found)


def axis_factor_correlations(
    direction: FloatArray, covariance: FloatArray, loadings: FloatArray, factor_correlations: FloatArray
) -> FloatArray:
    """Correlate scores along a direction with factors (k,).

    Parameters
    ----------
    direction
        Shape (p,), weights of the variables in score units.
    covariance
        Of the variables (p, p).
    loadings, factor_correlations
        Pattern (p, k) of the standardised variables and correlations of the factors (k, k).

    Raises
    ------
    NotEstimableError
        Where scores along the direction do not vary.

    Notes
    -----
    A variable's covariance with a factor is its SD times its structure coefficient, so the correlation is d'DLP /
    sqrt(d'Sd), D the SDs, P the factor correlations: no factor scores are needed, and no indeterminacy enters. Clipped
    to +-1, beyond which rounding and smoothed matrices can take it.
    """
    variance = float(direction @ covariance @ direction)
    if not variance > NOTHING:
        raise NotEstimableError("scores along the axis do not vary at this level")
    sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return np.asarray(np.clip((direction * sd) @ loadings @ factor_correlations / np.sqrt(variance), -1.0, 1.0))
