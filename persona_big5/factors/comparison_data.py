"""Comparison data: which number of factors gives populations with the observed eigenvalues and distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import mannwhitneyu

from persona_big5.errors import NotEstimableError
from persona_big5.factors.extraction import most_factors
from persona_big5.factors.matrices import checked_scores
from persona_big5.factors.minres import minres

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

POPULATION = 10_000
TRIALS = 5  # as Ruscio and Roche: so many steps without improvement end the search for a population
CONSTANT = 1e-6  # a variance of standardised scores in single precision that is rounding error
ALPHA = 0.3  # as Ruscio and Roche: lenient, because stopping early is the dearer mistake


@dataclass(frozen=True, slots=True)
class ComparisonData:
    """How well eigenvalues of samples from populations with 0, 1, 2, ... factors match the observed ones.

    Attributes
    ----------
    n_factors
        The last number that matched better than the one before; 0 is an answer.
    rmse
        Root mean squared difference of eigenvalues, averaged over samples, by number of factors (tried + 1,).
    p_values
        One-sided rank tests that a number of factors matches better than the one before (tried,).
    at_limit
        The largest number tried still matched better: there may be more factors than that.
    n_complete
        Respondents without a missing answer, whom alone this uses.
    samples
        Samples from each population.
    """

    n_factors: int
    rmse: NDArray[np.float64]
    p_values: NDArray[np.float64]
    at_limit: bool
    n_complete: int
    samples: int

    def __str__(self) -> str:
        ranks = ", ".join(f"{k}: {rmse:.4f}" for k, rmse in enumerate(self.rmse))
        limit = " or more" if self.at_limit else ""
        return f"comparison data: {self.n_factors}{limit} factors; RMSE by number of factors: {ranks}"


def comparison_data(
    scores: NDArray[np.float64],
    *,
    most: int | None = None,
    samples: int = 200,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> ComparisonData:
    """Add factors to simulated populations for as long as their samples come to look more like the data.

    Parameters
    ----------
    scores
        Shape (n, p); NaN is a missing answer. Missing rule: complete rows only.
    most
        Largest number of factors tried; None: as many as the items identify.
    samples
        Samples of n drawn with replacement from each population of 10,000.
    seed
        Everything random derives from it.
    progress
        Called with a short sentence when a step begins.

    Raises
    ------
    NotEstimableError
        For fewer than three items, no more complete rows than items, or an item constant among them.

    Notes
    -----
    Ruscio and Roche (2012, Psychological Assessment 24, 282): each population has the observed distribution of every
    item and the Pearson correlations of a model with so many factors, found by their iteration (GenData) with minres
    in place of principal axes; they start at 1 factor, here independent items come first. Numbers of factors equal
    those of R's computation on three data sets, mean RMSE by number of factors within 25 % (a population is one draw:
    over seeds it varies as much).
    """
    scores = checked_scores(scores)
    scores = scores[np.isfinite(scores).all(axis=1)]
    n, p = scores.shape
    if most_factors(p) < 1:
        raise NotEstimableError(f"comparison data need at least 3 items; there are {p}")
    if n <= p:
        raise NotEstimableError(f"comparison data need more complete rows than items; there are {n} and {p}")
    centred = scores - scores.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    if (spread <= 1e-9 * np.abs(scores).max(axis=0)).any():
        raise NotEstimableError("comparison data need items that vary among the complete rows")
    standardised = centred / spread
    R = standardised.T @ standardised / n
    observed = np.linalg.eigvalsh(R)
    most = most_factors(p) if most is None else min(most, most_factors(p))

    found: list[NDArray[np.float64]] = []
    p_values: list[float] = []
    for k, rng in enumerate(np.random.default_rng(seed).spawn(most + 1)):
        progress(f"comparison data with {k} factors")
        population = _population(R, standardised, k, rng)
        found.append(_distances(population, observed, n, samples, rng))
        if k:
            p_values.append(float(mannwhitneyu(found[k], found[k - 1], alternative="less").pvalue))
            if p_values[-1] >= ALPHA:
                break
    better = np.array(p_values) < ALPHA
    return ComparisonData(
        n_factors=int(better.sum()),
        rmse=np.array([distances.mean() for distances in found]),
        p_values=np.array(p_values),
        at_limit=bool(better.all()),
        n_complete=n,
        samples=samples,
    )


def _population(
    R: NDArray[np.float64], scores: NDArray[np.float64], n_factors: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw scores (10,000, p) with the distributions of `scores` and a structure of so many factors close to `R`.

    Normal scores of a factor model take over the observed values by rank, which weakens correlations; the model is
    fitted to correlations raised by what was lost, until that no longer helps.
    """
    p = len(R)
    values = np.sort(rng.choice(scores, POPULATION, axis=0).T, axis=1)
    values = values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt((values**2).mean(axis=1, keepdims=True))
    values = (values / np.where(spread > 0, spread, 1.0)).astype(np.float32)  # 0 if its rare answers were not drawn
    unique = rng.standard_normal((p, POPULATION), dtype=np.float32)
    if n_factors == 0:
        return _by_rank(unique, values).T
    common = rng.standard_normal((n_factors, POPULATION), dtype=np.float32)
    off_diagonal = ~np.eye(p, dtype=bool)
    best: NDArray[np.float32] = values
    best_distance = np.inf
    intended, best_intended, best_residual = R, R, R
    start, failures = None, 0
    while failures < TRIALS:
        model = minres(intended, n_factors, start)
        start = model.uniquenesses
        weights = np.sqrt(np.maximum(1 - (model.loadings**2).sum(axis=1), 0.0)).astype(np.float32)
        drawn = _by_rank(model.loadings.astype(np.float32) @ common + weights[:, None] * unique, values)
        residual = R - drawn @ drawn.T / POPULATION
        distance = float(np.sqrt((residual[off_diagonal] ** 2).mean()))
        if distance < best_distance:
            best, best_distance, best_intended, best_residual, failures = drawn, distance, intended, residual, 0
        else:
            failures += 1
        intended = best_intended + 0.5**failures * best_residual
        np.fill_diagonal(intended, 1.0)
    return best.T


def _by_rank(scores: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace each row of `scores` by the sorted row of `values`, rank for rank."""
    ranked = np.empty_like(values)
    np.put_along_axis(ranked, np.argsort(scores, axis=1), values, axis=1)
    return ranked


def _distances(
    population: NDArray[np.float32],
    observed: NDArray[np.float64],
    n: int,
    samples: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Root mean squared difference between the eigenvalues of each sample of `n` and the observed ones (samples,)."""
    population = np.ascontiguousarray(population)
    R = np.empty((samples, len(observed), len(observed)))
    for sample in range(samples):
        times = np.bincount(rng.integers(len(population), size=n))
        rows = np.flatnonzero(times)  # each once, weighted: never more than the population, however large n is
        weights = times[rows].astype(np.float32)
        drawn = population[rows]
        drawn -= weights @ drawn / np.float32(n)
        R[sample] = (drawn * weights[:, None]).T @ drawn
    variances = np.einsum("sii->si", R) / n
    spread = np.sqrt(np.where(variances > CONSTANT, variances, np.inf) * n)
    R /= spread[:, :, None] * spread[:, None, :]
    np.einsum("sii->si", R)[:] = 1.0  # an item constant in a sample is unrelated to the others there
    distances: NDArray[np.float64] = np.sqrt(((np.linalg.eigvalsh(R) - observed) ** 2).mean(axis=1))
    return distances
