"""The only door to the package factor_analyzer, which extracts well and must not be believed on anything else.

What is fenced here, as of its release 0.5.1:

- its rotations are not used: varimax and promax stop early, and after an oblique rotation its communalities ignore
  the factor correlations;
- it imputes medians for missing answers, so it is given correlation matrices only;
- where the search fails it warns and returns the loadings as if nothing had happened, so convergence is judged here, by
  whether the solution reproduces itself;
- it starts from squared multiple correlations, which a singular matrix does not have;
- it writes into the matrix it works on, and calls scikit-learn with an argument (`force_all_finite`) that warns there
  until 1.7 and is gone in 1.8, which is why scikit-learn is pinned.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from persona_big5.factors.factorability import SINGULAR
from persona_big5.factors.uniquenesses import UNIQUENESS_BOUNDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STILL = 1e-3  # its search, by numerical derivatives, ends within about 1e-5


@dataclass(frozen=True, slots=True)
class Extraction:
    """Unrotated loadings (p, k) by descending sum of squares, whether the search arrived, and why not."""

    loadings: NDArray[np.float64]
    converged: bool
    complaint: str | None = None


def extract(R: NDArray[np.float64], n_factors: int, method: Literal["minres", "ml"]) -> Extraction:
    """Extract factors from a correlation matrix.

    Parameters
    ----------
    R
        Correlation matrix (p, p); positive definite for ``ml``.
    n_factors
        1 to p - 1.
    """
    from factor_analyzer import FactorAnalyzer  # brings scikit-learn, which takes a second

    singular = bool(np.linalg.eigvalsh(R)[0] <= SINGULAR)
    analyzer = FactorAnalyzer(
        n_factors=n_factors,
        rotation=None,
        method=method,
        use_smc=not singular,
        is_corr_matrix=True,
        bounds=UNIQUENESS_BOUNDS,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        analyzer.fit(R.copy())
    complaints = [str(warning.message) for warning in caught if "converge" in str(warning.message)]
    loadings = np.asarray(analyzer.loadings_, dtype=np.float64)
    unrest = _unrest(R, loadings, method)
    if unrest > _STILL:
        complaints.append(f"communalities would still move by {unrest:.1g}")
    return Extraction(loadings, converged=not complaints, complaint="; ".join(complaints) or None)


def _unrest(R: NDArray[np.float64], loadings: NDArray[np.float64], method: Literal["minres", "ml"]) -> float:
    """How far communalities move if loadings are computed anew from the uniquenesses they imply.

    Zero where the gradient of the method's objective is, apart from uniquenesses held at a bound, which are left out.
    """
    low, high = UNIQUENESS_BOUNDS
    uniquenesses = np.clip(1 - (loadings**2).sum(axis=1), low, high)
    k = loadings.shape[1]
    if method == "minres":
        values, vectors = np.linalg.eigh(R - np.diag(uniquenesses))
        again = vectors[:, -k:] ** 2 @ np.maximum(values[-k:], 0.0)
    else:
        root = np.sqrt(uniquenesses)
        values, vectors = np.linalg.eigh(R / np.outer(root, root))
        again = uniquenesses * (vectors[:, -k:] ** 2 @ np.maximum(values[-k:] - 1, 0.0))
    free = (uniquenesses > low + _STILL) & (uniquenesses < high - _STILL)
    return float(np.abs(again - (1 - uniquenesses))[free].max(initial=0.0))
