"""Covariance of items at each level: pooled rows, respondents with and without run noise, runs, single effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import NotEstimableError
from persona_big5.variance.cells import Cells, CovarianceEquations
from persona_big5.variance.design import RESIDUAL, Effect
from persona_big5.variance.groups import distinct_rows, summing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persona_big5.variance.groups import FloatArray, IntArray

FEWEST_FOR_SPLIT = 3
"""Respondents that must have both odd and even runs."""


def level_covariances(
    scores: FloatArray,
    codes: IntArray,
    columns: Sequence[str],
    respondent_columns: Sequence[str],
    effects: Sequence[Effect],
) -> dict[str, FloatArray]:
    """Covariance of items at every level of a table of any length.

    Parameters
    ----------
    scores
        One row per run, shape (N, items), NaN missing.
    codes
        Levels of the columns of a cell, shape (N, n_columns), named ``columns``.
    respondent_columns
        Those of them whose combinations are the respondents.
    effects
        Effects that can be told apart (``design.identified_effects``).

    Returns
    -------
    matrices
        (items, items) for ``pooled``, ``means``, ``respondent``, ``run``, and by the name of each effect.

    Raises
    ------
    NotEstimableError
        With fewer than two respondents, or where no cell was asked twice.

    Notes
    -----
    Components by ``variance.cells`` (each item uses all its own answers), ``pooled`` and ``means`` pairwise. Agrees
    with R to 1e-8 (tests/variance).
    """
    cells = Cells.of(np.isfinite(scores), codes, columns)
    respondents, found = distinct_rows(codes[:, [list(columns).index(column) for column in respondent_columns]])
    if len(found) < 2:
        raise NotEstimableError("one respondent: no covariance between respondents can be computed")
    if cells.asked_once:
        raise NotEstimableError("every cell was asked once: run noise cannot be told from respondents")
    statistics = cells.statistics(scores)
    of_respondents = CovarianceEquations.of(cells, [Effect("respondent", frozenset(respondent_columns))])
    of_effects = CovarianceEquations.of(cells, effects)
    separated, parts = of_respondents.solve(statistics), of_effects.solve(statistics)
    return {
        "pooled": pairwise_covariance(scores),
        "means": pairwise_covariance(means_by_group(scores, respondents, len(found))),
        "respondent": separated["respondent"],
        "run": separated[RESIDUAL],
        **{effect.name: parts[effect.name] for effect in effects},
    }


def pairwise_covariance(values: FloatArray) -> FloatArray:
    """Covariance of columns (p, p), each pair over the rows where both are there; ``values`` (n, p), NaN missing."""
    known = np.isfinite(values)
    marks = known.astype(float)
    filled = np.where(known, values - _divide(np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)), 0.0)
    n = marks.T @ marks
    means = _divide(filled.T @ marks, n)  # of each column over the rows where the other is there
    return _divide(filled.T @ filled - n * means * means.T, n - 1)


def cross_covariance(first: FloatArray, second: FloatArray) -> FloatArray:
    """Covariance of the columns of two measurements of the same units (items, items), made symmetric.

    Parameters
    ----------
    first, second
        Shape (n, items), NaN missing. Units without both measurements are left out, item by item.

    Raises
    ------
    NotEstimableError
        Where fewer than 3 units have both.
    """
    present = (np.isfinite(first) & np.isfinite(second)).any(axis=1)
    if present.sum() < FEWEST_FOR_SPLIT:
        raise NotEstimableError(f"fewer than {FEWEST_FOR_SPLIT} respondents have both odd and even runs")
    known_first, known_second = np.isfinite(first[present]), np.isfinite(second[present])
    odd, even = np.where(known_first, first[present], 0.0), np.where(known_second, second[present], 0.0)
    odd = np.where(known_first, odd - _divide(odd.sum(axis=0), known_first.sum(axis=0)), 0.0)
    even = np.where(known_second, even - _divide(even.sum(axis=0), known_second.sum(axis=0)), 0.0)
    cross = _divide(odd.T @ even, known_first.astype(float).T @ known_second.astype(float) - 1)
    return np.asarray((cross + cross.T) / 2)


def means_by_group(scores: FloatArray, groups: IntArray, n: int) -> FloatArray:
    """Mean of the rows of each of ``n`` groups, shape (n, items).

    ``scores`` (N, items), NaN missing and left out; a group without an answer to an item has NaN there.
    """
    known = np.isfinite(scores)
    add = summing(groups, n)
    return _divide(add(np.where(known, scores, 0.0)), add(known.astype(float)))


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide where there is anything to divide by; NaN elsewhere."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    return np.asarray(np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0))
