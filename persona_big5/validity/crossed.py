"""Statistics over units that share levels of crossed facets: intervals by leaving out one level at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.factors.correlation import fisher_z
from persona_big5.variance.jackknife import FEWEST_LEVELS, Replicates, interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from persona_big5.variance.groups import FloatArray, IntArray

NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate with its 95 % interval, NaN where it, or an end, is not defined."""

    estimate: float
    ci_low: float
    ci_high: float

    def map(self, function: Callable[[float], float]) -> Estimate:
        """Apply an increasing function to the estimate and its ends."""
        return Estimate(function(self.estimate), function(self.ci_low), function(self.ci_high))


def over_facets(statistic: Callable[[NDArray[np.bool_]], float], facets: Sequence[IntArray], n: int) -> Estimate:
    """Compute a statistic of n units, and its jackknife interval over the facets with at least 4 levels.

    Parameters
    ----------
    statistic
        Of the units marked (n,); NaN where it is not defined.
    facets
        Codes of each facet's levels, (n,) each: what the claim generalises to.
    n
        Number of units.

    Notes
    -----
    See ``variance.jackknife``; an end is NaN where nothing could be left out, or the statistic is not defined without
    some level.
    """
    whole = statistic(np.ones(n, dtype=bool))
    replicates = {}
    for number, codes in enumerate(facets):
        levels = np.unique(codes)
        if len(levels) >= FEWEST_LEVELS:
            replicates[str(number)] = np.array([statistic(codes != level) for level in levels])
    low, high = interval(np.asarray(whole), Replicates(replicates))
    return Estimate(whole, float(low), float(high))


def mean_over_facets(values: FloatArray, facets: Sequence[IntArray]) -> Estimate:
    """Mean of values (n,) with its interval; NaN with no value."""
    return over_facets(lambda kept: float(values[kept].mean()) if kept.any() else float("nan"), facets, len(values))


def correlation_over_facets(x: FloatArray, y: FloatArray, facets: Sequence[IntArray]) -> Estimate:
    """Pearson correlation of x and y (n,), its interval on Fisher's z; NaN where either is constant."""
    return over_facets(lambda kept: _z(x[kept], y[kept]), facets, len(x)).map(lambda z: float(np.tanh(z)))


def _z(x: FloatArray, y: FloatArray) -> float:
    """Fisher's z of the correlation of x and y (n,); NaN where either is constant."""
    if len(x) < 2:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    if not size > NOTHING:
        return float("nan")
    return float(fisher_z(x @ y / size))
