"""How far two judges agree on graded ratings, beyond what their habits alone would make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

N_RESAMPLES = 2000
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Kappa:
    """Weighted kappa of two judges over ``n`` things that both rated, with its 95 % interval.

    1 is full agreement, 0 is what the same ratings dealt at random would reach. All None, with the ``reason``, where
    both judges give everything one and the same rating, or nothing was rated by both.
    """

    n: int
    kappa: float | None
    low: float | None
    high: float | None
    reason: str | None = None

    def __str__(self) -> str:
        if self.kappa is None or self.low is None or self.high is None:
            return f"no kappa ({self.reason})"
        return f"kappa {self.kappa:.2f} ({self.low:.2f} to {self.high:.2f}) on {self.n:,}"


def weighted_kappa(one: ArrayLike, other: ArrayLike, *, seed: int) -> Kappa:
    """Compare two judges by quadratically weighted kappa (Cohen 1968).

    Parameters
    ----------
    one, other
        Ratings of the same things, numbers of any range, in the same order; NaN is not rated and left out. Means over
        several ratings may be given.
    seed
        Of the interval: percentiles of 2000 resamples of the things rated (those without variance left out).

    Raises
    ------
    DataError
        For lists of different lengths.

    Notes
    -----
    1 - Σ (x - y)² / n over the mean of (x - y)² over all pairs of a rating by one and a rating by the other. On grades
    it is scikit-learn's ``cohen_kappa_score(weights="quadratic")``, checked to 1e-12.
    """
    x, y = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise DataError(f"two judges are compared on the same things, but one rated {x.size} and the other {y.size}")
    both = ~(np.isnan(x) | np.isnan(y))
    x, y = x[both], y[both]
    if not x.size:
        return Kappa(0, None, None, None, "nothing was rated by both")
    kappa = float(_kappas(x[None], y[None])[0])
    if np.isnan(kappa):
        return Kappa(len(x), None, None, None, "both judges give everything the same rating")
    drawn = np.random.default_rng(seed).integers(len(x), size=(N_RESAMPLES, len(x)))
    low, high = np.nanpercentile(_kappas(x[drawn], y[drawn]), _INTERVAL)
    return Kappa(len(x), kappa, float(low), float(high))


def _kappas(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the kappa of each row, NaN where no rating differs from any other."""
    observed = np.mean((x - y) ** 2, axis=1)
    by_chance = x.var(axis=1) + y.var(axis=1) + (x.mean(axis=1) - y.mean(axis=1)) ** 2
    differ = by_chance > 0
    return np.where(differ, 1 - observed / np.where(differ, by_chance, 1.0), np.nan)
