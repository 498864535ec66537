"""Minimum residual factors by Newton's method on the uniquenesses, for resampling: hundreds of matrices a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from persona_big5.errors import NotEstimableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNIQUENESS_BOUNDS = (0.005, 1.0)  # as in psych and factor_analyzer
_MAX_STEPS = 100
_TOLERANCE = 1e-7  # largest free element of the gradient


@dataclass(frozen=True, slots=True)
class Minres:
    """An unrotated minres solution.

    Attributes
    ----------
    loadings
        Shape (p, k), columns by descending sum of squares, each with a positive sum.
    uniquenesses
        Shape (p,), within [0.005, 1].
    objective
        Sum of squared residuals, diagonal included (zero there, unless a uniqueness is at its bound).
    converged
        The gradient vanishes, but for uniquenesses held at a bound.
    n_steps
        Newton steps taken.
    """

    loadings: NDArray[np.float64]
    uniquenesses: NDArray[np.float64]
    objective: float
    converged: bool
    n_steps: int

    def __str__(self) -> str:
        p, k = self.loadings.shape
        state = "converged" if self.converged else "NOT converged"
        residuals = f"sum of squared residuals {self.objective:.5f}"
        return f"minres: {k} factors of {p} items, {state} in {self.n_steps} steps, {residuals}"


def minres(R: NDArray[np.float64], n_factors: int, start: NDArray[np.float64] | None = None) -> Minres:
    """Least squares factors of a correlation matrix, positive definite or not.

    Parameters
    ----------
    R
        Correlation matrix (p, p), symmetric, without NaN (not checked: this is the inner loop of resampling).
    n_factors
        1 to p - 1.
    start
        Uniquenesses to start from (p,), e.g. of the full sample; default 1 - SMC, or 0.5 where `R` has no inverse.

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
    p = len(R)
    if not 1 <= n_factors < p:
        raise NotEstimableError(f"{n_factors} factors of {p} items: ask for 1 to {p - 1}")
    low, high = UNIQUENESS_BOUNDS
    uniquenesses = np.clip(_start(R) if start is None else start, low, high)
    state = _Spectrum.of(R, uniquenesses, n_factors)
    converged = False
    n_steps = 0
    while n_steps < _MAX_STEPS:
        free = ~((uniquenesses <= low) & (state.gradient > 0) | (uniquenesses >= high) & (state.gradient < 0))
        converged = bool(np.abs(state.gradient[free]).max(initial=0.0) < _TOLERANCE)
        if converged:
            break
        direction = np.zeros(p)
        direction[free] = -_solve(state, free)
        length = 1.0
        while length > 1e-6:
            trial = np.clip(uniquenesses + length * direction, low, high)
            reached = _Spectrum.of(R, trial, n_factors)
            if reached.objective <= state.objective + 1e-4 * float(state.gradient @ (trial - uniquenesses)):
                break
            length /= 2
        else:
            break  # no descent left in double precision
        uniquenesses, state = trial, reached
        n_steps += 1
    loadings = state.vectors[:, -n_factors:][:, ::-1] * np.sqrt(np.maximum(state.values[-n_factors:][::-1], 0.0))
    loadings = loadings * np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)
    return Minres(loadings, uniquenesses, 2 * state.objective, converged, n_steps)


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """Eigenvalues (ascending) and vectors of R - diag(u), and what they say of the objective at u."""

    values: NDArray[np.float64]
    vectors: NDArray[np.float64]
    kept: NDArray[np.bool_]
    objective: float
    gradient: NDArray[np.float64]

    @classmethod
    def of(cls, R: NDArray[np.float64], uniquenesses: NDArray[np.float64], n_factors: int) -> _Spectrum:
        values, vectors = np.linalg.eigh(R - np.diag(uniquenesses))
        kept = (np.arange(len(values)) >= len(values) - n_factors) & (values > 0)
        left = np.where(kept, 0.0, values)
        return cls(values, vectors, kept, 0.5 * float(left @ left), -(vectors**2) @ left)

    def hessian(self) -> NDArray[np.float64]:
        """Second derivatives: divided differences of (0 for kept, lambda for discarded) over pairs of eigenvalues."""
        discarded = self.vectors[:, ~self.kept]
        second: NDArray[np.float64] = (discarded @ discarded.T) ** 2
        values = self.values[~self.kept]
        for factor in np.flatnonzero(self.kept):
            vector = self.vectors[:, factor]
            weights = 2 * values / (values - self.values[factor])
            second += ((discarded * weights) @ discarded.T) * np.outer(vector, vector)
        return second


def _start(R: NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        inverse = cho_solve(cho_factor(R), np.eye(len(R)))
    except LinAlgError:
        return np.full(len(R), 0.5)
    start: NDArray[np.float64] = 1 / np.diag(inverse)
    return start


def _solve(state: _Spectrum, free: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Newton step of the free uniquenesses, with the Hessian's semi-definite part where the whole is indefinite."""
    gradient = state.gradient[free]
    block = np.ix_(free, free)
    try:
        factor = cho_factor(state.hessian()[block])
    except LinAlgError:
        discarded = state.vectors[:, ~state.kept]
        safe = ((discarded @ discarded.T) ** 2)[block]
        factor = cho_factor(safe + 1e-3 * np.eye(len(safe)))
    solution: NDArray[np.float64] = cho_solve(factor, gradient)
    return solution
