"""Does a respondent know what it does: chances that it gave beforehand, held against its own rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from persona_big5.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

N_RESAMPLES = 2000
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class StatedChance:
    """One chance as it was stated, and the mean rate of what it was stated for; ``weight`` is in items or trials."""

    chance: float
    rate: float
    weight: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Chances against rates.

    Attributes
    ----------
    n_items
        Items with both a chance and a rate; others are left out.
    brier, brier_low, brier_high
        Mean squared distance of the chance from what happened, 0 the best, .25 for always saying .5; 95 % interval.
    reliability, resolution, uncertainty
        Murphy's parts: how far rates are from the chances stated for them (0 the best), how far rates differ between
        chances, and how far from certain what happens is. Brier = reliability - resolution + uncertainty.
    skill
        1 - brier / uncertainty: 1 is knowing all, 0 is knowing one's mean rate, below 0 is worse than that. None where
        always or never the same happened.
    bias, bias_low, bias_high
        Mean chance minus mean rate: above 0 more was expected than came; 95 % interval.
    own_rate_distance
        Mean squared distance of the chance from the true rate behind the trials, their noise taken out, so that it may
        be below 0; None where an item has fewer than 2 trials.
    curve
        Each chance stated, from the lowest, with the rate that goes with it.
    """

    n_items: int
    brier: float
    brier_low: float
    brier_high: float
    reliability: float
    resolution: float
    uncertainty: float
    skill: float | None
    bias: float
    bias_low: float
    bias_high: float
    own_rate_distance: float | None
    curve: tuple[StatedChance, ...]


def calibration(chances: ArrayLike, rates: ArrayLike, trials: ArrayLike | None = None, *, seed: int) -> Calibration:
    """Hold the chances that one respondent gave against its rates.

    Parameters
    ----------
    chances
        One per item, from 0 to 1 (a stated percentage divided by 100); NaN is missing.
    rates
        Share of trials in which what the item describes was done, one per item, from 0 to 1; NaN is missing.
    trials
        Trials behind each rate. An item then weighs as much as it has trials; None weighs items alike.
    seed
        Of the intervals, percentiles of 2000 resamples of items.

    Raises
    ------
    DataError
        For unequal lengths, numbers outside of 0 to 1, fewer than one trial, and no item with both numbers.

    Notes
    -----
    Brier (1950) on single trials, from rates: an item contributes (p - r)² + r (1 - r). Parts by Murphy (1973), grouped
    by the chances as stated, so that they add up exactly. Noise of rates from n trials is r (1 - r) / (n - 1), unbiased
    for a binomial. Agrees with the mean over enumerated single trials to 1e-12.
    """
    p, r, n = _checked(chances, rates, trials)
    weight = np.ones_like(p) if trials is None else n
    losses, distances = (p - r) ** 2 + r * (1 - r), p - r
    brier, bias = float(np.average(losses, weights=weight)), float(np.average(distances, weights=weight))
    brier_ends, bias_ends = _intervals(np.stack([losses, distances]), weight, seed)
    curve, base = _curve(p, r, weight), float(np.average(r, weights=weight))
    whole = sum(point.weight for point in curve)
    reliability = sum(point.weight * (point.chance - point.rate) ** 2 for point in curve) / whole
    resolution = sum(point.weight * (point.rate - base) ** 2 for point in curve) / whole
    uncertainty = base * (1 - base)
    known = trials is not None and bool(np.all(n >= 2))
    return Calibration(
        n_items=len(p),
        brier=brier,
        brier_low=brier_ends[0],
        brier_high=brier_ends[1],
        reliability=reliability,
        resolution=resolution,
        uncertainty=uncertainty,
        skill=1 - brier / uncertainty if uncertainty > 0 else None,
        bias=bias,
        bias_low=bias_ends[0],
        bias_high=bias_ends[1],
        own_rate_distance=float(np.average((p - r) ** 2 - r * (1 - r) / (n - 1), weights=weight)) if known else None,
        curve=curve,
    )


def _checked(
    chances: ArrayLike, rates: ArrayLike, trials: ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    p, r = np.asarray(chances, dtype=np.float64), np.asarray(rates, dtype=np.float64)
    n = np.ones_like(p) if trials is None else np.asarray(trials, dtype=np.float64)
    if p.ndim != 1 or p.shape != r.shape or p.shape != n.shape:
        raise DataError(
            f"chances, rates and trials are lists of one length, but these are {p.shape}, {r.shape}, {n.shape}"
        )
    given = ~(np.isnan(p) | np.isnan(r))
    p, r, n = p[given], r[given], n[given]
    if not p.size:
        raise DataError("no item has both a chance and a rate; calibration needs the behaviour that was predicted")
    for name, values in (("chance", p), ("rate", r)):
        if np.any((values < 0) | (values > 1)):
            seen = values[(values < 0) | (values > 1)][0]
            raise DataError(f"a {name} is from 0 to 1, but one is {seen:g}; divide percentages by 100")
    if not np.all(n >= 1):
        raise DataError("every rate rests on 1 trial or more")
    return p, r, n


def _curve(p: FloatArray, r: FloatArray, weight: FloatArray) -> tuple[StatedChance, ...]:
    stated, group = np.unique(p, return_inverse=True)
    weights = np.bincount(group, weights=weight)
    mean_rates = np.bincount(group, weights=weight * r) / weights
    return tuple(StatedChance(*map(float, point)) for point in zip(stated, mean_rates, weights, strict=True))


def _intervals(values: FloatArray, weight: FloatArray, seed: int) -> Any:  # noqa: ANN401  (two pairs of ends)
    """Return the ends of the mean of each row of values, over resamples of the columns."""
    drawn = np.random.default_rng(seed).integers(len(weight), size=(N_RESAMPLES, len(weight)))
    means = (values * weight)[:, drawn].sum(axis=-1) / weight[drawn].sum(axis=-1)
    return np.percentile(means, _INTERVAL, axis=-1).T.tolist()
