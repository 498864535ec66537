"""Worlds with the components of the data and no factors: eigenvalues when nothing moves together.

The component null draws normal effects with the design's own levels and the estimated variances, item by item
independent, and run errors with the whole estimated run covariance where items share a session. Permuting respondents
instead would ignore that cells share personas and llms, and would destroy a shared mood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.variance.design import RESIDUAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.levels import LevelEstimator
    from persona_big5.variance.groups import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class ComponentWorld:
    """A world to draw answers from.

    Attributes
    ----------
    effects
        By effect, the level of each row (N,) and F (items, m) with F F' the covariance of the effect.
    run
        F of the run errors, shape (items, items).
    missing
        Shape (N, items): NaN where the data have no answer, else 0.
    """

    effects: tuple[tuple[IntArray, FloatArray], ...]
    run: FloatArray
    missing: FloatArray

    def draw(self, random: np.random.Generator) -> FloatArray:
        """One set of scores (N, items), centred on 0, NaN where the data have none."""
        scores = random.standard_normal((len(self.missing), self.run.shape[1])) @ self.run.T
        for levels, factor in self.effects:
            scores += (random.standard_normal((int(levels.max()) + 1, factor.shape[1])) @ factor.T)[levels]
        return scores + self.missing


def null_world(answers: Answers, estimator: LevelEstimator, matrices: Mapping[str, FloatArray]) -> ComponentWorld:
    """Set up the component null: independent items in every effect, the mood left in the runs.

    Where sessions are isolated there is no mood, and items are independent in the runs too.
    """
    return _world(answers, estimator, matrices, np.eye(len(answers.items.names)))


def planted_world(
    answers: Answers, estimator: LevelEstimator, matrices: Mapping[str, FloatArray], *, n_factors: int, loading: float
) -> ComponentWorld:
    """Set up the same world with factors in every effect.

    There are ``n_factors`` uncorrelated ones, items taking turns, all with one loading.
    """
    n_items = len(answers.items.names)
    loadings = np.zeros((n_items, n_factors))
    loadings[np.arange(n_items), np.arange(n_items) % n_factors] = loading
    return _world(answers, estimator, matrices, loadings @ loadings.T + (1 - loading**2) * np.eye(n_items))


def _world(
    answers: Answers, estimator: LevelEstimator, matrices: Mapping[str, FloatArray], correlations: FloatArray
) -> ComponentWorld:
    root = square_root(correlations)
    variances = estimator.variances()
    effects = []
    for effect in estimator.effects:
        factor = np.sqrt(np.maximum(variances[effect.name], 0.0))[:, None] * root
        effects.append((answers.unit(effect.columns), factor))
    run = matrices.get("run", np.diag(variances[RESIDUAL]))
    if answers.session_design == "isolated":
        run = np.diag(np.diag(run))
    missing = np.where(np.isfinite(answers.scores), 0.0, np.nan)
    return ComponentWorld(tuple(effects), square_root(run), missing)


def square_root(covariance: FloatArray) -> FloatArray:
    """F with F F' = the covariance, its negative eigenvalues set to 0."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def run_null_eigenvalues(n: int, n_variables: int, draws: int, seed: int) -> FloatArray:
    """Eigenvalues (draws, n_variables) of correlations of independent normal run errors with n degrees of freedom."""
    random = np.random.default_rng(seed)
    eigenvalues = np.empty((draws, n_variables))
    for draw in range(draws):
        errors = random.standard_normal((n, n_variables))
        covariance = errors.T @ errors
        scale = np.sqrt(np.diag(covariance))
        eigenvalues[draw] = np.linalg.eigvalsh(covariance / np.outer(scale, scale))[::-1]
    return eigenvalues
