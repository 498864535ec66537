"""The Hull method: the number of factors after which more parameters hardly buy any fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import NotEstimableError
from persona_big5.factors.extraction import most_factors
from persona_big5.factors.factorability import SINGULAR, kmo
from persona_big5.factors.matrices import checked_correlation
from persona_big5.factors.minres import minres

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_TRIED = 3  # 0, 1, 2 and 3 factors are the fewest among which there is a choice
FEWEST_ON_HULL = 3  # an elbow and its two neighbours


@dataclass(frozen=True, slots=True)
class Hull:
    """The Hull method's choice, and what it rests on.

    Attributes
    ----------
    n_factors
        The solution on the hull with the sharpest bend, or, where the hull is one line, the one after which fit no
        longer gets better; at least 1 and less than the most that was tried.
    fit
        Common part accounted for with 0, 1, ... factors (tried + 1,).
    df
        Degrees of freedom of each (tried + 1,).
    bend
        Gain in fit per parameter before over that after each solution (tried + 1,); NaN for those not on the hull, and
        for its ends.
    """

    n_factors: int
    fit: NDArray[np.float64]
    df: NDArray[np.int64]
    bend: NDArray[np.float64]

    def __str__(self) -> str:
        ranks = ", ".join(f"{k}: {fit:.3f}" for k, fit in enumerate(self.fit))
        return f"Hull: {self.n_factors} factors; common part accounted for by number of factors: {ranks}"


def hull(R: NDArray[np.float64], parallel_factors: int) -> Hull:
    """Find the elbow in the upper convex hull of fit against degrees of freedom.

    Parameters
    ----------
    R
        Correlation matrix (p, p), positive definite, at least 6 items.
    parallel_factors
        Number of factors by parallel analysis: up to one more is tried, at least three, at most as many as the items
        identify.

    Raises
    ------
    NotEstimableError
        For fewer than 6 items, a matrix that is not positive definite, no factor by parallel analysis, or fit that gets
        better in a straight line.

    Notes
    -----
    Lorenzo-Seva, Timmerman and Kiers (2011, Multivariate Behavioral Research 46, 340) with minres factors and their
    index CAF, 1 - KMO of the residual correlations, which needs no distribution and no number of respondents. Where
    only two solutions are on the hull the better one is taken, as in R's EFAtools. The ends of a hull have no bend, so
    unlike the other methods it cannot answer 0.
    """
    R = checked_correlation(R)
    p = len(R)
    if parallel_factors == 0:
        raise NotEstimableError("the Hull method cannot answer 0, the number of factors by parallel analysis")
    if most_factors(p) < FEWEST_TRIED:
        raise NotEstimableError(f"the Hull method needs at least 6 items; there are {p}")
    smallest = np.linalg.eigvalsh(R)[0]
    if smallest <= SINGULAR:
        raise NotEstimableError(
            f"the Hull method needs a positive definite matrix; the smallest eigenvalue is {smallest:.2g}"
        )
    tried = np.arange(min(max(parallel_factors + 1, FEWEST_TRIED), most_factors(p)) + 1)
    fit = np.array([_common_part_accounted_for(R, k) for k in range(len(tried))])
    df = ((p - tried) ** 2 - p - tried) // 2
    on_hull = _upper_hull(-df, fit)
    gain = np.diff(fit[on_hull]) / -np.diff(df[on_hull])
    bend = np.full(len(tried), np.nan)
    bend[on_hull[1:-1]] = gain[:-1] / gain[1:]
    best = int(on_hull[-1] if len(on_hull) < FEWEST_ON_HULL else np.nanargmax(bend))
    if best in (0, tried[-1]):
        raise NotEstimableError(f"fit has no bend between 0 and {tried[-1]} factors")
    return Hull(best, fit, df, bend)


def _common_part_accounted_for(R: NDArray[np.float64], n_factors: int) -> float:
    """Return 1 - KMO of what `n_factors` factors leave of the correlations."""
    residual = R.copy()
    if n_factors:
        loadings = minres(R, n_factors).loadings
        residual -= loadings @ loadings.T
        np.fill_diagonal(residual, 1.0)
    return 1 - kmo(residual)[0]


def _upper_hull(x: NDArray[np.int64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positions, by ascending `x`, of the points of the upper convex hull up to the highest one."""
    kept: list[int] = []
    for i in range(len(x)):
        if kept and y[i] <= y[kept[-1]]:
            continue  # more factors, no better fit
        while len(kept) > 1 and _on_or_below(x, y, kept[-2], kept[-1], i):
            kept.pop()
        kept.append(i)
    return np.array(kept)


def _on_or_below(x: NDArray[np.int64], y: NDArray[np.float64], left: int, middle: int, right: int) -> bool:
    """Whether the middle point lies on or below the line from the left one to the right one."""
    return bool((y[middle] - y[left]) * (x[right] - x[left]) <= (y[right] - y[left]) * (x[middle] - x[left]))
