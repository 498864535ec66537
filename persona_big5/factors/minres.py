"""Minimum residual factors, of one correlation matrix or of thousands at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.factors.uniquenesses import (
    UNIQUENESS_BOUNDS,
    Point,
    Unrotated,
    check_number,
    minimise,
    positive_sums,
    unexplained,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from persona_big5.factors.uniquenesses import FloatArray, IntArray

_RIDGE = 1e-3


def minres(R: FloatArray, n_factors: int, start: FloatArray | None = None) -> Unrotated:
    """Least squares factors of correlation matrices, positive definite or not.

    Parameters
    ----------
    R
        Shape (..., p, p), symmetric, without NaN (not checked: this is the inner loop of resampling).
    n_factors
        1 to p - 1.
    start
        Uniquenesses to start from, (p,) or (..., p), e.g. of the full sample; default 1 - SMC, or 0.5 where a matrix
        has no inverse.

    Returns
    -------
    Solutions of shape (...); ``objective`` is the sum of squared residuals, diagonal included (zero there, unless a
    uniqueness is at its bound).

    Raises
    ------
    NotEstimableError
        When `n_factors` is not between 1 and p - 1.

    Notes
    -----
    The loadings that fit best at given uniquenesses are eigenvectors of R - diag(u), and half the sum of the squares
    of the discarded eigenvalues is left to minimise over u (Harman & Jones, 1966; Joereskog, 1977). Gradient and
    Hessian of that spectral function are exact. Agrees with factor_analyzer's minres to 1e-5 and with R's psych to
    1e-4 (loadings, uniquenesses).
    """
    R = np.asarray(R, dtype=np.float64)
    p = R.shape[-1]
    check_number(n_factors, p)
    matrices = R.reshape(-1, p, p)
    begin = unexplained(matrices) if start is None else np.broadcast_to(start, R.shape[:-1]).reshape(-1, p)
    found = minimise(Residuals(matrices, n_factors), begin, UNIQUENESS_BOUNDS, n_factors)
    loadings = positive_sums(found.vectors * np.sqrt(np.maximum(found.values, 0.0))[:, None, :])
    leading = R.shape[:-2]
    return Unrotated(
        loadings.reshape(*leading, p, n_factors),
        found.x.reshape(*leading, p),
        2 * found.objective.reshape(leading),
        found.converged.reshape(leading),
        found.n_steps.reshape(leading),
    )


@dataclass(frozen=True, slots=True)
class Residuals:
    """Half the sum of squares of the eigenvalues of R - diag(u) that k factors discard, negative ones among them."""

    R: FloatArray
    n_factors: int

    def at(self, x: FloatArray, rows: IntArray) -> Point:
        """Evaluate at uniquenesses ``x`` (b, p) of the matrices numbered ``rows`` (b,)."""
        reduced = self.R[rows]
        diagonal = np.arange(x.shape[1])
        reduced[:, diagonal, diagonal] -= x
        values, vectors = np.linalg.eigh(reduced)
        left = np.where(self._kept(values), 0.0, values)
        return Point(values, vectors, 0.5 * (left**2).sum(axis=1), -(vectors**2 @ left[:, :, None])[:, :, 0])

    def hessian(self, point: Point) -> FloatArray:
        """Second derivatives: divided differences of (0 for kept, lambda for discarded) over pairs of eigenvalues."""
        kept = self._kept(point.values)
        discarded = np.where(kept[:, None, :], 0.0, point.vectors)
        second = (discarded @ discarded.swapaxes(1, 2)) ** 2
        for factor in range(kept.shape[1] - self.n_factors, kept.shape[1]):
            one, vector = point.values[:, factor, None], point.vectors[:, :, factor]
            use = kept[:, factor, None] & ~kept & (point.values < one)  # a tie has no second derivative
            weights = np.divide(2 * point.values, point.values - one, out=np.zeros_like(point.values), where=use)
            outer = vector[:, :, None] * vector[:, None, :]
            second += (discarded * weights[:, None, :]) @ discarded.swapaxes(1, 2) * outer
        return np.asarray(second)

    def safe_hessian(self, point: Point) -> FloatArray:
        """Leave out what discarded eigenvalues share with kept ones."""
        discarded = np.where(self._kept(point.values)[:, None, :], 0.0, point.vectors)
        return np.asarray((discarded @ discarded.swapaxes(1, 2)) ** 2 + _RIDGE * np.eye(point.values.shape[1]))

    def _kept(self, values: FloatArray) -> NDArray[np.bool_]:
        p = values.shape[1]
        return np.asarray((np.arange(p) >= p - self.n_factors) & (values > 0))
