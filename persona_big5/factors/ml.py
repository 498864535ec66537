"""Maximum likelihood factors, of one correlation matrix or of thousands at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.factors.uniquenesses import (
    POSITIVE,
    UNIQUENESS_BOUNDS,
    Point,
    Unrotated,
    check_number,
    minimise,
    positive_sums,
    unexplained,
)

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from persona_big5.factors.uniquenesses import FloatArray, IntArray

_RIDGE = 1e-3


def maximum_likelihood(R: FloatArray, n_factors: int, start: FloatArray | None = None) -> Unrotated:
    """Maximum likelihood factors of positive definite correlation matrices.

    Parameters
    ----------
    R
        Shape (..., p, p), symmetric, without NaN (not checked: this is the inner loop of resampling).
    n_factors
        1 to p - 1.
    start
        Uniquenesses to start from, (p,) or (..., p); default (1 - SMC)(1 - k / 2p), as R's ``factanal``.

    Returns
    -------
    Solutions of shape (...); ``objective`` is tr(S^-1 R) - log|S^-1 R| - p at the implied matrix S. Matrices that are
    not positive definite have NaN and did not converge.

    Raises
    ------
    NotEstimableError
        When `n_factors` is not between 1 and p - 1.

    Notes
    -----
    Minimised over the logarithms of the uniquenesses, with the discarded eigenvalues t of D^-1/2 R D^-1/2, D =
    diag(u): sum of t - log t - 1 (Joereskog, 1967; Joereskog & Lawley, 1968), with exact gradient and Hessian. Agrees
    with factor_analyzer's ML to 1e-5 and with R's psych to 1e-4 (loadings, uniquenesses).
    """
    R = np.asarray(R, dtype=np.float64)
    p = R.shape[-1]
    check_number(n_factors, p)
    matrices = R.reshape(-1, p, p)
    positive = np.linalg.eigvalsh(matrices)[:, 0] > POSITIVE
    if start is None:
        begin = unexplained(matrices) * (1 - n_factors / (2 * p))
    else:
        begin = np.broadcast_to(start, R.shape[:-1]).reshape(-1, p)
    bounds = (float(np.log(UNIQUENESS_BOUNDS[0])), float(np.log(UNIQUENESS_BOUNDS[1])))
    begin = np.log(np.clip(begin[positive], *UNIQUENESS_BOUNDS))
    found = minimise(Likelihood(matrices[positive], n_factors), begin, bounds, n_factors)
    uniquenesses = np.exp(found.x)
    size = np.sqrt(np.maximum(found.values - 1, 0.0))[:, None, :]
    loadings = positive_sums(np.sqrt(uniquenesses)[:, :, None] * found.vectors * size)

    def at_all(values: NDArray[Any], otherwise: float) -> NDArray[Any]:
        every = np.full((len(matrices), *values.shape[1:]), otherwise, dtype=values.dtype)
        every[positive] = values
        return every.reshape((*R.shape[:-2], *values.shape[1:]))

    return Unrotated(
        at_all(loadings, np.nan),
        at_all(uniquenesses, np.nan),
        at_all(found.objective, np.nan),
        at_all(found.converged, 0.0),
        at_all(found.n_steps, 0.0),
    )


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Sum of t - log t - 1 over the eigenvalues t of D^-1/2 R D^-1/2 that k factors discard."""

    R: FloatArray
    n_factors: int

    def at(self, x: FloatArray, rows: IntArray) -> Point:
        """Evaluate at the logarithms ``x`` (b, p) of the uniquenesses, for the matrices numbered ``rows`` (b,)."""
        scale = np.exp(-x / 2)
        values, vectors = np.linalg.eigh(self.R[rows] * scale[:, :, None] * scale[:, None, :])
        left = values[:, : -self.n_factors]
        gradient = (vectors[:, :, : -self.n_factors] ** 2 @ (1 - left)[:, :, None])[:, :, 0]
        return Point(values, vectors, (left - np.log(left) - 1).sum(axis=1), gradient)

    def hessian(self, point: Point) -> FloatArray:
        """Second derivatives: discarded eigenvectors among themselves, and with each kept one."""
        second = self._among_discarded(point)
        discarded = point.vectors[:, :, : -self.n_factors]
        left = point.values[:, : -self.n_factors]
        for factor in range(1, self.n_factors + 1):
            one, vector = point.values[:, -factor, None], point.vectors[:, :, -factor]
            gap = one - left
            weights = np.divide((1 - left) * (left + one), gap, out=np.zeros_like(gap), where=gap > 0)
            outer = vector[:, :, None] * vector[:, None, :]
            second += (discarded * weights[:, None, :]) @ discarded.swapaxes(1, 2) * outer
        return second

    def safe_hessian(self, point: Point) -> FloatArray:
        """Leave out what discarded eigenvalues share with kept ones."""
        return self._among_discarded(point) + _RIDGE * np.eye(point.values.shape[1])

    def _among_discarded(self, point: Point) -> FloatArray:
        discarded = point.vectors[:, :, : -self.n_factors]
        turned = discarded.swapaxes(1, 2)
        weighted = discarded * point.values[:, None, : -self.n_factors]
        return np.asarray((discarded @ turned) * (weighted @ turned))
