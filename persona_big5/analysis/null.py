"""Worlds with the components of the data and no factors: eigenvalues when nothing moves together.

The component null draws normal effects with the design's own levels and the estimated variances, item by item
independent, and run errors with the whole estimated run covariance where items share a session, as large for each llm
and variant as its own run noise. Permuting respondents instead would ignore that cells share personas and llms, and
would destroy a shared mood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.variance.design import RESIDUAL
from persona_big5.variance.groups import sums_of_scores

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
    noise
        By row, SD of its llm's and variant's run errors relative to the average, shape (N, 1).
    missing
        Shape (N, items): NaN where the data have no answer, else 0.
    """

    effects: tuple[tuple[IntArray, FloatArray], ...]
    run: FloatArray
    noise: FloatArray
    missing: FloatArray

    def draw(self, random: np.random.Generator) -> FloatArray:
        """One set of scores (N, items), centred on 0, NaN where the data have none."""
        scores = self.noise * (random.standard_normal((len(self.missing), self.run.shape[1])) @ self.run.T)
        for levels, factor in self.effects:
            scores += (random.standard_normal((int(levels.max()) + 1, factor.shape[1])) @ factor.T)[levels]
        return scores + self.missing

    def draw_run_errors(self, random: np.random.Generator) -> FloatArray:
        """One set of run errors alone (N, items), independent between items."""
        sds = np.sqrt((self.run**2).sum(axis=1))
        return np.asarray(self.noise * random.standard_normal(self.missing.shape) * sds + self.missing)


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
        factor = np.sqrt(np.nan_to_num(np.maximum(variances[effect.name], 0.0)))[:, None] * root
        effects.append((answers.unit(effect.columns), factor))
    run = matrices.get("run", np.diag(variances[RESIDUAL]))
    if answers.session_design == "isolated":
        run = np.diag(np.diag(run))
    missing = np.where(np.isfinite(answers.scores), 0.0, np.nan)
    return ComponentWorld(tuple(effects), square_root(np.nan_to_num(run)), _relative_noise(answers), missing)


def _relative_noise(answers: Answers) -> FloatArray:
    """SD of the run errors of each row's llm and variant relative to the average, (N, 1); 1 where nothing is known.

    Mean within-cell variance over items, pooled over the cells of the llm and variant.
    """
    sums = sums_of_scores(answers.scores, answers.cell[:, None], ["cell"])
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.nansum(sums.products - sums.left**2 / sums.n, axis=1)
    freedom = np.maximum(sums.n - 1, 0.0).sum(axis=1)
    of_row = answers.unit(("llm", "variant"))
    of_cell = of_row[np.unique(answers.cell, return_index=True)[1]]
    noise, known = np.bincount(of_cell, weights=squares), np.bincount(of_cell, weights=freedom)
    if known.sum() == 0 or noise.sum() <= 0:
        return np.ones((len(of_row), 1))
    average = noise.sum() / known.sum()
    relative = np.divide(noise, known * average, out=np.ones(len(known)), where=known > 0)
    return np.asarray(np.sqrt(np.maximum(relative, 0.0)))[of_row][:, None]


def square_root(covariance: FloatArray) -> FloatArray:
    """F with F F' = the covariance, its negative eigenvalues set to 0."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
