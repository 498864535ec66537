"""How many factors: parallel analysis against any null, and Velicer's minimum average partial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.correlation import pearson
from persona_big5.factors.factorability import SINGULAR
from persona_big5.factors.matrices import checked_correlation

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ParallelAnalysis:
    """Eigenvalues beside those of worlds without factors.

    Attributes
    ----------
    n_factors
        Leading eigenvalues up to the first that does not exceed its own percentile; 0 is an answer.
    eigenvalues
        Of the unreduced correlation matrix, descending (p,).
    null_percentile, null_mean
        Per rank over the null draws (p,).
    percentile
        Which percentile, e.g. 95.
    draws
        Number of null draws.
    """

    n_factors: int
    eigenvalues: NDArray[np.float64]
    null_percentile: NDArray[np.float64]
    null_mean: NDArray[np.float64]
    percentile: float
    draws: int

    def __str__(self) -> str:
        shown = min(self.n_factors + 2, len(self.eigenvalues))
        ranks = ", ".join(f"{self.eigenvalues[i]:.3f} ({self.null_percentile[i]:.3f})" for i in range(shown))
        null = f"{self.percentile:g}th percentile of {self.draws} null draws"
        return f"parallel analysis: {self.n_factors} factors; eigenvalues ({null}): {ranks}"


@dataclass(frozen=True, slots=True)
class VelicerMap:
    """Velicer's minimum average partial.

    Attributes
    ----------
    n_factors
        The number of components whose removal leaves the smallest average squared partial correlation.
    values
        That average after removing 0, 1, ..., p - 2 components (p - 1,); NaN once an item is explained in full.
    """

    n_factors: int
    values: NDArray[np.float64]

    def __str__(self) -> str:
        smallest = f"average squared partial correlation {self.values[self.n_factors]:.4f}"
        return f"minimum average partial: {self.n_factors} factors ({smallest})"


def leading_above(eigenvalues: NDArray[np.float64], threshold: NDArray[np.float64]) -> int:
    """Count leading eigenvalues up to the first that does not exceed its own threshold; both (p,), descending."""
    above = np.asarray(eigenvalues) > np.asarray(threshold)
    return int(np.logical_and.accumulate(above).sum())


def parallel_analysis(
    eigenvalues: NDArray[np.float64], null_eigenvalues: NDArray[np.float64], percentile: float = 95
) -> ParallelAnalysis:
    """Compare eigenvalues rank by rank with a percentile of those of null draws (Horn, 1965; Buja & Eyuboglu, 1992).

    Parameters
    ----------
    eigenvalues
        Of the unreduced correlation matrix, shape (p,), any order.
    null_eigenvalues
        Shape (draws, p), one row per null world: `permuted_null` for rows that are independent, else draws from the
        design's own null.
    percentile
        Of the null at each rank, linear interpolation between order statistics.

    Raises
    ------
    DataError
        When the two do not have the same number of eigenvalues.

    Notes
    -----
    With permuted answers it gives the number of components of R's ``psych::fa.parallel(quant = .95)`` on five data
    sets, and null means within .004 of its own (100 draws each).
    """
    null = np.atleast_2d(np.asarray(null_eigenvalues, dtype=np.float64))
    observed = np.sort(np.asarray(eigenvalues, dtype=np.float64))[::-1]
    if null.shape[1] != len(observed):
        raise DataError(
            f"{len(observed)} eigenvalues against a null of {null.shape[1]}: draw the null for the same items"
        )
    null = -np.sort(-null, axis=1)
    threshold = np.percentile(null, percentile, axis=0)
    return ParallelAnalysis(
        leading_above(observed, threshold), observed, threshold, null.mean(axis=0), percentile, len(null)
    )


def permuted_null(scores: NDArray[np.float64], draws: int = 100, seed: int = 0) -> NDArray[np.float64]:
    """Eigenvalues of correlation matrices whose items were shuffled independently: same margins, no factors.

    Parameters
    ----------
    scores
        Shape (n, p), rows independent of each other, no constant item. NaN is a missing answer: the pattern of
        missing answers stays, the observed values of an item change places among its observed positions, and
        correlations are pairwise complete.
    draws, seed
        Number of shuffles and the seed they derive from.

    Returns
    -------
    Shape (draws, p), each row descending: eigenvalues of the unreduced matrix.

    Raises
    ------
    DataError
        When an item is constant or answered by fewer than three.
    """
    scores = np.asarray(scores, dtype=np.float64)
    undefined = pearson(scores).undefined
    if len(undefined):
        listed = ", ".join(str(item + 1) for item in undefined[:10])
        raise DataError(f"{len(undefined)} constant items (positions {listed}): drop them before permuting")
    rng = np.random.default_rng(seed)
    observed = ~np.isnan(scores)
    complete = bool(observed.all())
    standardised = (scores - np.nanmean(scores, axis=0)) / (np.nanstd(scores, axis=0) * np.sqrt(len(scores)))
    eigenvalues = np.empty((draws, scores.shape[1]))
    for draw in range(draws):
        if complete:
            shuffled = rng.permuted(standardised, axis=0)
            R = shuffled.T @ shuffled
        else:
            R = pearson(_permute_observed(standardised, observed, rng)).matrix
            R[np.isnan(R)] = 0.0  # two items with hardly any answers in common: as if unrelated
        eigenvalues[draw] = np.linalg.eigvalsh(R)[::-1]
    return eigenvalues


def _permute_observed(
    scores: NDArray[np.float64], observed: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float64]:
    shuffled = scores.copy()
    for item in range(scores.shape[1]):
        rows = observed[:, item]
        shuffled[rows, item] = rng.permutation(scores[rows, item])
    return shuffled


def velicer_map(R: NDArray[np.float64]) -> VelicerMap:
    """Velicer's minimum average partial: remove components until the average squared partial correlation stops falling.

    Parameters
    ----------
    R
        Correlation matrix (p, p), positive definite. A smoothed matrix must not be given: its tiny eigenvalues decide
        the answer.

    Raises
    ------
    NotEstimableError
        When `R` is not positive definite, or has fewer than three items.

    Notes
    -----
    Velicer (1976), squared partial correlations. Agrees with R's ``psych::vss`` and a dense recomputation to 1e-8 on
    five data sets.
    """
    R = checked_correlation(R)
    p = len(R)
    values, vectors = np.linalg.eigh(R)
    if p < 3:
        raise NotEstimableError(f"minimum average partial needs at least three items; there are {p}")
    if values[0] <= SINGULAR:
        raise NotEstimableError(
            f"minimum average partial needs a positive definite matrix; the smallest eigenvalue is {values[0]:.2g}"
        )
    components = (vectors * np.sqrt(values))[:, ::-1]
    average = np.full(p - 1, np.nan)
    residual = R.copy()
    for removed in range(p - 1):
        if np.diag(residual).min() <= SINGULAR:
            break  # an item is explained in full: no partial correlations from here on
        scale = np.sqrt(np.diag(residual))
        partial = residual / np.outer(scale, scale)
        average[removed] = ((partial**2).sum() - p) / (p * (p - 1))
        residual = residual - np.outer(components[:, removed], components[:, removed])
    return VelicerMap(int(np.nanargmin(average)), average)
