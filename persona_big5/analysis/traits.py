"""Correlations of scales at every level, with intervals over llms and personas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.answers import CELL
from persona_big5.analysis.levels import CORRECTED, covariance_by_level
from persona_big5.errors import NotEstimableError
from persona_big5.factors.correlation import correlation_of
from persona_big5.variance.covariance import effect_covariance
from persona_big5.variance.groups import cross_sums
from persona_big5.variance.jackknife import Replicates, interval, resampled_facets
from persona_big5.variance.moments import moment_equations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.levels import LevelEstimator
    from persona_big5.variance.groups import FloatArray, GroupSums

CLOSE_TO_ONE = 0.9999
MOST_LOST = 0.05
"""Share of scale scores with a missing item up to which intervals rest on the complete ones: far fewer pairs."""


@dataclass(frozen=True, slots=True)
class ScaleCorrelations:
    """Correlations of keyed scale scores at one level.

    Attributes
    ----------
    variables
        The s scales.
    matrix
        Shape (s, s), clipped to +-1; NaN for a scale without variance there.
    ci_low, ci_high
        Ends of the 95 % intervals (s, s); NaN where nothing could be resampled.
    n
        Units of the level.
    corrected
        Whether run noise (or other levels) is removed.
    """

    variables: tuple[str, ...]
    matrix: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    n: int
    corrected: bool


def scale_correlations(
    answers: Answers, estimator: LevelEstimator, matrices: Mapping[str, FloatArray]
) -> dict[str, ScaleCorrelations]:
    """Correlate the scales at each level that can be had.

    Everything comes from covariances of items (every pair over the rows where both are there, nothing imputed).
    Intervals: jackknife over llms and personas with at least 4 levels on Fisher's z, from scale scores of complete rows
    where hardly any is lost that way, else from the items too; none for ``split_run``, which is a check only.
    """
    weights = answers.items.weights
    point = {level: _correlations(weights @ matrix @ weights.T) for level, matrix in matrices.items()}
    scores = answers.scores @ weights.T  # NaN where any item of the scale is missing
    if np.isnan(scores).mean() <= MOST_LOST:
        weights = np.eye(len(weights))
    else:
        scores = answers.scores
    cells = cross_sums(scores, answers.codes, CELL)
    levels = [level for level in point if level != "split_run"]
    replicates: dict[str, dict[str, FloatArray]] = {level: {} for level in point}
    for facet in resampled_facets(cells, ["llm", "persona"]):
        codes = np.unique(answers.code(facet))
        rows = [_matrices(cells.without(facet, int(code)), estimator, levels) for code in codes]
        for level in levels:
            replicates[level][facet] = np.stack([_z(_correlations(weights @ row[level] @ weights.T)) for row in rows])
    return {
        level: ScaleCorrelations(
            answers.items.scales,
            matrix,
            *_interval(matrix, Replicates(replicates[level])),
            n=estimator.n_units(level),
            corrected=level in CORRECTED,
        )
        for level, matrix in point.items()
    }


def _matrices(cells: GroupSums, estimator: LevelEstimator, levels: list[str]) -> dict[str, FloatArray]:
    """Covariances by level, NaN at a level that what is left of the answers cannot tell apart."""
    undefined = np.full(cells.products.shape[1:], np.nan)
    found = effect_covariance(moment_equations(cells, estimator.effects))
    try:
        found |= covariance_by_level(cells, levels)
    except NotEstimableError:
        found |= dict.fromkeys(("means", "respondent", "run"), undefined)
    return {level: found[level] for level in levels}


def _correlations(covariance: FloatArray) -> FloatArray:
    return np.clip(correlation_of(covariance), -1.0, 1.0)


def _z(correlations: FloatArray) -> FloatArray:
    return np.arctanh(np.clip(correlations, -CLOSE_TO_ONE, CLOSE_TO_ONE))


def _interval(matrix: FloatArray, replicates: Replicates) -> tuple[FloatArray, FloatArray]:
    low, high = interval(_z(matrix), replicates)
    low, high = np.tanh(low), np.tanh(high)
    for ends in (low, high):
        np.fill_diagonal(ends, np.where(np.isnan(np.diag(ends)), np.nan, 1.0))
    return low, high
