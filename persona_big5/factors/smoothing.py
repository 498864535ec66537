"""Correlation matrices that are no longer positive semi-definite: how far off, and the nearest that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from persona_big5.errors import NotEstimableError
from persona_big5.factors.matrices import checked_correlation

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST_EIGENVALUE = 1e-6


def negative_eigenvalue_mass(R: NDArray[np.float64]) -> float:
    """Sum of the absolute negative eigenvalues over the sum of all absolute eigenvalues.

    Parameters
    ----------
    R
        Shape (p, p), symmetric, without NaN. 0 for a positive semi-definite matrix; eigenvalues within rounding of
        zero count as zero.
    """
    eigenvalues = np.linalg.eigvalsh(R)
    total = np.abs(eigenvalues).sum()
    negative = eigenvalues[eigenvalues < -np.finfo(np.float64).eps * len(R) * total]
    return float(np.abs(negative).sum() / total) if total else 0.0


def nearest_correlation(R: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nearest correlation matrix in the Frobenius norm whose smallest eigenvalue is at least 1e-6.

    Parameters
    ----------
    R
        Shape (p, p), symmetric, ones on the diagonal, any eigenvalues, entries even outside [-1, 1].

    Returns
    -------
    Shape (p, p), exactly symmetric, ones on the diagonal. `R` itself, copied, when it is positive enough already.

    Raises
    ------
    DataError
        When `R` is not symmetric with a unit diagonal, or has undefined entries.
    NotEstimableError
        When the search does not converge.

    Notes
    -----
    Solves the dual problem, smooth, convex and of p unknowns (Boyd & Xiao, 2005, SIAM J. Matrix Anal. Appl. 27, 532;
    Malick, 2004, *ibid.* 26, 272): the solution is the positive part of R + diag(y). Deterministic. Agrees with
    alternating projections (Higham, 2002; statsmodels' ``corr_nearest``) to 1e-6, in a small fraction of the
    time.
    """
    R = _symmetric_with_unit_diagonal(checked_correlation(R))
    floor = 2 * SMALLEST_EIGENVALUE  # twice: rescaling to a unit diagonal at the end moves eigenvalues a little
    if np.linalg.eigvalsh(R)[0] >= SMALLEST_EIGENVALUE:
        return R
    p = len(R)
    shifted = R - floor * np.eye(p)

    def dual(y: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        part = positive_part(shifted + np.diag(y))
        return 0.5 * float((part**2).sum()) - (1 - floor) * float(y.sum()), np.diag(part) - (1 - floor)

    found = minimize(
        dual,
        np.zeros(p),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "ftol": 0.0, "gtol": 1e-8, "maxcor": 30},
    )
    if np.abs(found.jac).max() > 1e-5:
        raise NotEstimableError(
            f"no nearest correlation matrix found for {p} items in {found.nit} steps "
            f"(diagonal off by {np.abs(found.jac).max():.1g}); "
            "drop the items with the least reliable variance"
        )
    nearest = positive_part(shifted + np.diag(found.x)) + floor * np.eye(p)
    scale = np.sqrt(np.diag(nearest))
    return _symmetric_with_unit_diagonal(nearest / np.outer(scale, scale))


def positive_part(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Set the negative eigenvalues of a symmetric matrix (p, p) to 0."""
    values, vectors = np.linalg.eigh(matrix)
    part: NDArray[np.float64] = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return part


def _symmetric_with_unit_diagonal(R: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a copy without the rounding errors of the last digit."""
    clean: NDArray[np.float64] = (R + R.T) / 2
    np.fill_diagonal(clean, 1.0)
    return clean
