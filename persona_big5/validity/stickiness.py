"""Stickiness: how much of what was there is left as pressure rises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.variance.jackknife import FEWEST_LEVELS

if TYPE_CHECKING:
    from persona_big5.variance.groups import FloatArray

LEAST_T = 2.0


@dataclass(frozen=True, slots=True)
class Stickiness:
    """Area under a retention curve.

    Attributes
    ----------
    area, ci_low, ci_high
        Mean height of the curve over the ladder: 1 where nothing is lost, 0 where all is lost at the first step (below
        0 where it turns into its opposite), with its 95 % interval.
    retention, retention_ci_low, retention_ci_high
        Share of what was shown at the first level that is shown at each, (K,); 1 at the first.
    n
        Units.
    """

    area: float
    ci_low: float
    ci_high: float
    retention: FloatArray
    retention_ci_low: FloatArray
    retention_ci_high: FloatArray
    n: int

    def __str__(self) -> str:
        return f"stickiness {self.area:.2f} [{self.ci_low:.2f}, {self.ci_high:.2f}] ({self.n} units)"


def stickiness(shown: FloatArray, levels: FloatArray, *, draws: int = 2000, seed: int = 0) -> Stickiness:
    """Compute the area under the retention curve on a ladder of pressure.

    Parameters
    ----------
    shown
        How much of it each unit shows at each level, (n units, K levels), the first without pressure. Missing rule:
        complete units.
    levels
        Strength of the pressure, rising, (K,), K >= 2.
    draws, seed
        Bootstrap samples of units, and what everything random derives from.

    Raises
    ------
    DataError
        Where levels do not rise, or do not fit the table.
    NotEstimableError
        With fewer than 4 complete units, or where nothing is shown at the first level (mean below 2 standard errors).

    Notes
    -----
    Retention is mean shown / mean shown at the first level (a ratio of means: single units with little to lose would
    dominate a mean of ratios), area its trapezoidal integral / the ladder's length. Percentile intervals over units.
    """
    shown, levels = np.asarray(shown, dtype=np.float64), np.asarray(levels, dtype=np.float64)
    if shown.ndim != 2 or shown.shape[1] != len(levels) or len(levels) < 2 or (np.diff(levels) <= 0).any():
        raise DataError(f"a ladder needs rising levels, one per column of {shown.shape}; got {levels.tolist()}")
    shown = shown[np.isfinite(shown).all(axis=1)]
    n = len(shown)
    if n < FEWEST_LEVELS:
        raise NotEstimableError(f"{n} units were measured at all levels; at least {FEWEST_LEVELS} are needed")
    first = shown[:, 0]
    if not first.mean() > LEAST_T * first.std(ddof=1) / np.sqrt(n):
        raise NotEstimableError("nothing is shown at the first level, so nothing can be retained")
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    means = np.vstack([shown.mean(axis=0), counts @ shown / n])
    means = means[means[:, 0] > 0]
    retention = means / means[:, :1]
    area = np.trapezoid(retention, levels, axis=1) / (levels[-1] - levels[0])
    (low, high), (area_low, area_high) = (np.quantile(drawn[1:], (0.025, 0.975), axis=0) for drawn in (retention, area))
    return Stickiness(float(area[0]), float(area_low), float(area_high), retention[0], low, high, n)
