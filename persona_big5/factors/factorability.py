"""May this correlation matrix be factored at all? KMO, Bartlett, squared multiple correlations, smallest eigenvalue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

from persona_big5.errors import NotEstimableError
from persona_big5.factors.matrices import checked_correlation
from persona_big5.factors.smoothing import negative_eigenvalue_mass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

SINGULAR = 1e-10  # a smallest eigenvalue below this makes the inverse meaningless


@dataclass(frozen=True, slots=True)
class Bartlett:
    """Bartlett's test that all correlations are zero."""

    chi2: float
    df: int
    p: float


@dataclass(frozen=True, slots=True)
class Factorability:
    """How fit a correlation matrix is to be factored; what is None has its reason in `reasons`.

    Attributes
    ----------
    kmo, kmo_items
        Kaiser-Meyer-Olkin measure of sampling adequacy, overall and per item (p,).
    bartlett
        Needs the number of respondents.
    smc
        Squared multiple correlation of each item with all others (p,).
    smallest_eigenvalue, negative_eigenvalue_mass
        Below 0 and above 0 respectively where the matrix is indefinite.
    """

    kmo: float | None
    kmo_items: NDArray[np.float64] | None
    bartlett: Bartlett | None
    smc: NDArray[np.float64] | None
    smallest_eigenvalue: float
    negative_eigenvalue_mass: float
    reasons: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        kmo = "KMO undefined" if self.kmo is None else f"KMO {self.kmo:.3f}"
        test = (
            ""
            if self.bartlett is None
            else f", Bartlett chi2({self.bartlett.df}) = {self.bartlett.chi2:.1f}, p = {self.bartlett.p:.3g}"
        )
        smallest = f"smallest eigenvalue {self.smallest_eigenvalue:.4f}"
        return f"{kmo}{test}, {smallest}, negative eigenvalue mass {self.negative_eigenvalue_mass:.3f}"


def factorability(R: NDArray[np.float64], n_observations: int | None = None) -> Factorability:
    """All measures at once; those a matrix does not allow are None, with the reason.

    Parameters
    ----------
    R
        Correlation matrix (p, p).
    n_observations
        Respondents behind a *sample* correlation matrix; None where it is an estimate of another kind (no Bartlett
        test then).

    Raises
    ------
    DataError
        When `R` is no correlation matrix.

    Notes
    -----
    KMO, Bartlett and SMC agree with R's psych (KMO, cortest.bartlett, smc) to 1e-8 on five data sets.
    """
    R = checked_correlation(R)
    smallest = float(np.linalg.eigvalsh(R)[0])
    reasons: dict[str, str] = {}
    overall = per_item = smc = test = None
    if smallest > SINGULAR:
        if np.array_equal(R, np.eye(len(R))):
            reasons = dict.fromkeys(("kmo", "kmo_items"), "all correlations are zero")
        else:
            overall, per_item = kmo(R)
        smc = squared_multiple_correlations(R)
    else:
        reasons = dict.fromkeys(
            ("kmo", "kmo_items", "bartlett", "smc"), f"not positive definite (smallest eigenvalue {smallest:.2g})"
        )
    if n_observations is None:
        reasons["bartlett"] = "not a sample covariance"
    elif smallest > SINGULAR:
        test = bartlett(R, n_observations)
    return Factorability(overall, per_item, test, smc, smallest, negative_eigenvalue_mass(R), reasons)


def kmo(R: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Kaiser-Meyer-Olkin measure, overall and per item (p,); NaN for an item that correlates with none.

    Squared correlations over these plus squared partial correlations (Kaiser, 1974).

    Parameters
    ----------
    R
        Correlation matrix (p, p), positive definite and not the identity, else NotEstimableError.
    """
    inverse = _inverse(R)
    scale = np.sqrt(np.diag(inverse))
    squared = R**2
    partial = (inverse / np.outer(scale, scale)) ** 2
    np.fill_diagonal(squared, 0.0)
    np.fill_diagonal(partial, 0.0)
    if not squared.any():
        raise NotEstimableError("the Kaiser-Meyer-Olkin measure needs correlations; all are zero")
    overall = float(squared.sum() / (squared.sum() + partial.sum()))
    both = squared.sum(axis=0) + partial.sum(axis=0)
    return overall, squared.sum(axis=0) / np.where(both > 0, both, np.nan)


def bartlett(R: NDArray[np.float64], n_observations: int) -> Bartlett:
    """Bartlett's test of sphericity, -log|R| * (N - 1 - (2p + 5)/6) on p(p - 1)/2 degrees of freedom (Bartlett, 1951).

    Parameters
    ----------
    R
        Sample correlation matrix (p, p), positive definite, else NotEstimableError.
    n_observations
        Respondents behind it, more than p.
    """
    p = len(R)
    if n_observations <= p:
        raise NotEstimableError(
            f"Bartlett's test needs more respondents than items; there are {n_observations} and {p}"
        )
    sign, log_determinant = np.linalg.slogdet(R)
    if sign <= 0:
        raise NotEstimableError(
            "Bartlett's test needs a positive definite correlation matrix; this one is singular or indefinite"
        )
    statistic = -float(log_determinant) * (n_observations - 1 - (2 * p + 5) / 6)
    df = p * (p - 1) // 2
    return Bartlett(statistic, df, float(chi2.sf(statistic, df)))


def squared_multiple_correlations(R: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each item's squared multiple correlation with all others, 1 - 1/diag(inverse of R), shape (p,).

    Raises NotEstimableError unless `R` is positive definite.
    """
    smc: NDArray[np.float64] = 1 - 1 / np.diag(_inverse(R))
    return smc


def _inverse(R: NDArray[np.float64]) -> NDArray[np.float64]:
    smallest = np.linalg.eigvalsh(R)[0]
    if smallest <= SINGULAR:
        raise NotEstimableError(
            f"the correlation matrix has no usable inverse (smallest eigenvalue {smallest:.2g}): "
            "drop redundant items, or smooth it first"
        )
    return np.asarray(np.linalg.inv(R), dtype=np.float64)
