"""Drift: do answers to the same items change from one occasion to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.variance.jackknife import FEWEST_LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Drift:
    """Means at K occasions of n units that were all asked at each of them.

    Attributes
    ----------
    mean, mean_ci_low, mean_ci_high
        Mean over units at each occasion, shape (K,), with 95 % intervals.
    change, change_ci_low, change_ci_high
        Mean of each later occasion less that of the first, (K - 1,), with 95 % intervals over the units' own changes.
    f, df, p
        Test that all occasions have the same mean: Hotelling's T^2 of the changes as F with its two degrees of freedom.
        None where changes do not vary in K - 1 directions.
    n
        Units.
    """

    mean: NDArray[np.float64]
    mean_ci_low: NDArray[np.float64]
    mean_ci_high: NDArray[np.float64]
    change: NDArray[np.float64]
    change_ci_low: NDArray[np.float64]
    change_ci_high: NDArray[np.float64]
    f: float | None
    df: tuple[int, int]
    p: float | None
    n: int

    def __str__(self) -> str:
        means = ", ".join(f"{mean:.2f}" for mean in self.mean)
        equal = (
            "test undefined" if self.p is None else f"F({self.df[0]}, {self.df[1]}) = {self.f:.2f}, p = {self.p:.3f}"
        )
        return f"means {means} ({self.n} units); {equal}"


def occasion_drift(scores: NDArray[np.float64]) -> Drift:
    """Compare the means of repeated occasions within units.

    Parameters
    ----------
    scores
        Shape (n units, K occasions), K >= 2, in order of time, units independent of each other. Missing rule: a unit
        with a missing occasion is left out.

    Raises
    ------
    DataError
        When `scores` is no table of at least two occasions.
    NotEstimableError
        With fewer than 4 units, or fewer than K.

    Notes
    -----
    Changes are taken within units, so differences between units are in no error term, and nothing is assumed of how
    occasions correlate. T^2 = n d' S^-1 d, F = (n - K + 1) / ((n - 1)(K - 1)) T^2 with K - 1 and n - K + 1 degrees of
    freedom (Hotelling, 1931). Agrees with ``statsmodels.stats.multivariate.test_mvmean`` to 1e-10, and for two
    occasions with the paired t test.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise DataError(f"drift needs a table of units x at least two occasions; this has shape {scores.shape}")
    scores = scores[np.isfinite(scores).all(axis=1)]
    n, k = scores.shape
    if n < max(FEWEST_LEVELS, k):
        raise NotEstimableError(f"{n} were asked at all {k} occasions; at least {max(FEWEST_LEVELS, k)} are needed")
    changes = scores[:, 1:] - scores[:, :1]
    mean, change = _with_interval(scores), _with_interval(changes)
    S = np.atleast_2d(np.cov(changes, rowvar=False))
    df = (k - 1, n - k + 1)
    f = p = None
    if np.linalg.matrix_rank(S, tol=1e-12) == k - 1:
        T2 = n * change[0] @ np.linalg.solve(S, change[0])
        f = float(T2 * df[1] / ((n - 1) * df[0]))
        p = float(scipy.stats.f.sf(f, *df))
    return Drift(*mean, *change, f=f, df=df, p=p, n=n)


def _with_interval(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Column means of (n, m) with the ends of their 95 % intervals by Student's t, each (m,)."""
    n = len(values)
    mean = values.mean(axis=0)
    half = scipy.stats.t.ppf(0.975, n - 1) * values.std(axis=0, ddof=1) / np.sqrt(n)
    return mean, mean - half, mean + half
