"""Factor scores, and how well they are determined: what a solution says of single respondents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from persona_big5.errors import DataError, NotEstimableError, PersonaBig5Error
from persona_big5.factors.factorability import SINGULAR
from persona_big5.factors.matrices import checked_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from persona_big5.factors.extraction import FactorSolution
    from persona_big5.factors.rotation import FloatArray

ScoringMethod = Literal["regression", "bartlett", "ten_berge"]

ENOUGH_TO_RANK = 0.8
"""Square of the determinacy below which respondents are not ranked: other scores, as good, would rank otherwise."""
LEAST_ANSWERED = 0.5
"""Share of the items that a respondent must have answered to have scores."""


@dataclass(frozen=True, slots=True)
class Determinacy:
    """How well scores can stand for factors, by factor (k,).

    Attributes
    ----------
    determinacy
        Correlation rho of the best scores (regression) with the factor.
    minimum_correlation
        2 rho^2 - 1: how little two sets of scores, both right by the model, may correlate (Guttman, 1955).
    standard_error
        Of a regression score, in standard deviations of the factor: sqrt(1 - rho^2).
    may_rank
        Whether rho^2 >= .8.
    """

    determinacy: FloatArray
    minimum_correlation: FloatArray
    standard_error: FloatArray
    may_rank: NDArray[np.bool_]

    def __str__(self) -> str:
        rows = [
            f"factor {number}: determinacy {rho:.3f}, other scores may correlate as little as {least:.3f}"
            + ("" if rank else f"; no ranking of respondents (determinacy squared < {ENOUGH_TO_RANK})")
            for number, (rho, least, rank) in enumerate(
                zip(self.determinacy, self.minimum_correlation, self.may_rank, strict=True), start=1
            )
        ]
        return "\n".join(rows)


@dataclass(frozen=True, slots=True)
class FactorScores:
    """Scores of n respondents on k factors.

    Attributes
    ----------
    scores
        Shape (n, k), in standard deviations of the factors; NaN for a respondent without scores.
    standard_errors
        Shape (n, k): root mean square of score minus factor, larger where items are missing.
    n_answered
        Items that each respondent answered (n,).
    """

    scores: FloatArray
    standard_errors: FloatArray
    n_answered: NDArray[np.int64]

    def __str__(self) -> str:
        n, k = self.scores.shape
        scored = int(np.isfinite(self.scores).all(axis=1).sum())
        return f"scores of {scored} of {n} respondents on {k} factors"


def score_weights(solution: FactorSolution, covariance: FloatArray, method: ScoringMethod = "regression") -> FloatArray:
    """Weights that turn standardised items into factor scores.

    Parameters
    ----------
    solution
        Loadings L, factor correlations P, structure S = L P and uniquenesses u.
    covariance
        Of the items that are scored, (p, p), positive definite, in units of the solution's standard deviations: the
        correlation matrix R it was fitted to, or what the model implies, or, where scores have noise that the solution
        has not, either of them plus that noise.
    method
        ``regression`` (Thurstone, 1935): R^-1 S, the most precise. ``bartlett`` (1937): u^-1 L (L' u^-1 L)^-1,
        right on average at every value of the factors. ``ten_berge`` (ten Berge et al., 1999): scores that correlate
        exactly as the factors do.

    Returns
    -------
    Shape (p, k).

    Raises
    ------
    DataError
        When `covariance` is not of the solution's items.
    NotEstimableError
        When `covariance` is not positive definite, or where Bartlett's weights need uniquenesses or factors that are
        not there.

    Notes
    -----
    Agrees with R's ``psych::factor.scores`` (Thurstone, Bartlett, tenBerge) to 1e-6 given the loadings, on five data
    sets.
    """
    if method not in get_args(ScoringMethod):
        raise PersonaBig5Error(f"unknown scores {method!r}; choose one of {', '.join(get_args(ScoringMethod))}")
    covariance = _checked(solution, covariance)
    L, structure = solution.loadings, solution.structure
    if method == "regression":
        return np.asarray(np.linalg.solve(covariance, structure))
    if method == "bartlett":
        if solution.uniquenesses.min() <= 0:
            raise NotEstimableError("Bartlett's scores divide by uniquenesses, and one is not positive (Heywood case)")
        weighted = L / solution.uniquenesses[:, None]
        information = L.T @ weighted
        if np.linalg.cond(information) > 1 / SINGULAR:
            raise NotEstimableError("Bartlett's scores need factors with loadings of their own")
        return np.asarray(weighted @ np.linalg.inv(information))
    root = _power(solution.factor_correlations, 0.5)
    inverse_root = _power(covariance, -0.5)
    uncorrelated = inverse_root @ (L @ root)
    inner = uncorrelated.T @ uncorrelated
    if np.linalg.eigvalsh(inner)[0] <= SINGULAR:
        raise NotEstimableError("ten Berge's scores need factors with loadings of their own")
    return np.asarray(inverse_root @ uncorrelated @ _power(inner, -0.5) @ root)


def determinacy(solution: FactorSolution, covariance: FloatArray) -> Determinacy:
    """How well factors are determined by the items; arguments and errors as in `score_weights`.

    Notes
    -----
    rho^2 is the squared multiple correlation of the factor with the items, S' R^-1 S (Thurstone's R2 in R's
    ``psych::factor.scores``, with which it agrees to 1e-6). It is cut at 1, where it ends in a Heywood case.
    """
    covariance = _checked(solution, covariance)
    squared = np.einsum("pk,pk->k", solution.structure, np.linalg.solve(covariance, solution.structure))
    squared = np.clip(squared, 0.0, 1.0)
    return Determinacy(np.sqrt(squared), 2 * squared - 1, np.sqrt(1 - squared), squared >= ENOUGH_TO_RANK)


def factor_scores(
    standardised: FloatArray,
    solution: FactorSolution,
    covariance: FloatArray,
    method: ScoringMethod = "regression",
) -> FactorScores:
    """Score respondents.

    Parameters
    ----------
    standardised
        Shape (n, p), items less their means, over the solution's standard deviations; NaN is a missing answer. Missing
        rule: regression scores are the regression on the items that a respondent answered, nothing being imputed, if
        these are at least half; the other methods score only respondents who answered all items.
    solution, covariance, method
        As in `score_weights`.

    Raises
    ------
    DataError, NotEstimableError
        As `score_weights`.

    Notes
    -----
    End to end, from scores to scores, agrees with R's psych to 1e-3 (complete respondents).
    """
    z = checked_scores(standardised)
    p, k = solution.loadings.shape
    if z.shape[1] != p:
        raise DataError(f"scores of {z.shape[1]} items, a solution of {p}; give the same items")
    weights = score_weights(solution, covariance, method)
    known = np.isfinite(z)
    n_answered = known.sum(axis=1)
    scores, errors = np.full((len(z), k), np.nan), np.full((len(z), k), np.nan)
    patterns, pattern = np.unique(known, axis=0, return_inverse=True)
    for number, answered in enumerate(patterns):
        if answered.sum() < (LEAST_ANSWERED * p if method == "regression" else p):
            continue
        rows = pattern.ravel() == number
        own = covariance[np.ix_(answered, answered)]
        structure = solution.structure[answered]
        used = weights if answered.all() else np.linalg.solve(own, structure)
        scores[rows] = z[np.ix_(rows, answered)] @ used
        error = 1 - 2 * (used * structure).sum(axis=0) + np.einsum("pk,pq,qk->k", used, own, used)
        errors[rows] = np.sqrt(np.maximum(error, 0.0))
    return FactorScores(scores, errors, n_answered)


def _checked(solution: FactorSolution, covariance: FloatArray) -> FloatArray:
    covariance = np.asarray(covariance, dtype=np.float64)
    p = len(solution.items)
    if covariance.shape != (p, p) or not np.isfinite(covariance).all():
        raise DataError(f"scores need the covariance of the solution's {p} items, without gaps; got {covariance.shape}")
    smallest = np.linalg.eigvalsh(covariance)[0]
    if smallest <= SINGULAR:
        raise NotEstimableError(
            f"scores need a positive definite covariance of the items; the smallest eigenvalue is {smallest:.2g}: "
            "drop items that repeat others, or use the covariance that the model implies"
        )
    return covariance


def _power(matrix: FloatArray, exponent: float) -> FloatArray:
    """Power of a symmetric positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 0.0) ** exponent) @ vectors.T)
