"""Covariance of items at each level: pooled rows, respondents with and without run noise, runs, single effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import NotEstimableError
from persona_big5.variance.design import RESIDUAL
from persona_big5.variance.groups import lay_out_rows
from persona_big5.variance.moments import moment_equations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from persona_big5.variance.design import Effect
    from persona_big5.variance.groups import FloatArray, GroupSums, IntArray
    from persona_big5.variance.moments import Moments

NUMBERS_AT_ONCE = 1 << 22
"""Numbers per array in a block of pairs of items; there are a dozen such arrays."""
FEWEST_FOR_SPLIT = 3
"""Respondents that must have both odd and even runs."""


@dataclass(frozen=True, slots=True)
class RespondentCovariance:
    """Matrices of items x items from runs nested in respondents.

    Attributes
    ----------
    respondent
        (MSB - MSW) / R, the covariance with run noise removed; not necessarily positive definite.
    run
        MSW, the pooled covariance within cells.
    runs_per_respondent
        R, or the weighted n0 where respondents were asked unequally often (mean over pairs of items).
    """

    respondent: FloatArray
    run: FloatArray
    runs_per_respondent: float


def respondent_covariance(cells: GroupSums, respondent_columns: Sequence[str]) -> RespondentCovariance:
    """Separate respondents from runs.

    Parameters
    ----------
    cells
        Cross sums by cell, shape ``(items, items)`` (see ``cross_sums``).
    respondent_columns
        Columns whose combinations are the respondents. A respondent's cells are averaged with their numbers of runs as
        weights; the mean products within are over the runs of a cell.

    Raises
    ------
    NotEstimableError
        With fewer than two respondents, or where no cell was asked twice.

    Notes
    -----
    Each pair of items uses the rows where both are there. Balanced data give (MSB - MSW) / R exactly; agrees with R to
    1e-8 (tests/variance).
    """
    respondents = cells.by(respondent_columns)
    run = run_covariance(cells)
    if len(respondents.grouping) < 2:
        raise NotEstimableError("one respondent: no covariance between respondents can be computed")
    total = cells.n.sum(axis=0)
    between_df = (respondents.n > 0).sum(axis=0) - 1.0
    between = _divide(respondents.sum_of_mean_products() - cells.correction(), between_df)
    n0 = _divide(total - _divide((respondents.n**2).sum(axis=0), total), between_df)
    respondent = _divide(between - run, n0)
    return RespondentCovariance(respondent, run, float(np.nanmean(n0)))


def run_covariance(cells: GroupSums) -> FloatArray:
    """Pool the covariance of runs within cells, (items, items); NaN for a pair that no cell was asked twice.

    Raises
    ------
    NotEstimableError
        Where no cell was asked twice.
    """
    within_df = cells.n.sum(axis=0) - (cells.n > 0).sum(axis=0)
    if within_df.max() <= 0:
        raise NotEstimableError("every cell was asked once: run noise cannot be told from respondents")
    return _divide(cells.products.sum(axis=0) - cells.sum_of_mean_products(), within_df)


def means_covariance(cells: GroupSums, respondent_columns: Sequence[str]) -> FloatArray:
    """Covariance of respondents' means (items, items), each pair over the respondents that answered both."""
    respondents = cells.by(respondent_columns)
    present = respondents.n > 0
    n = present.sum(axis=0)
    left = np.where(present, _divide(respondents.left, respondents.n), 0.0)
    right = np.where(present, _divide(respondents.right, respondents.n), 0.0)
    left = np.where(present, left - _divide(left.sum(axis=0), n), 0.0)
    right = np.where(present, right - _divide(right.sum(axis=0), n), 0.0)
    return _divide((left * right).sum(axis=0), n - 1)


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide where there is anything to divide by; NaN elsewhere."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    return np.asarray(np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0))


def pooled_covariance(cells: GroupSums) -> FloatArray:
    """Covariance over all rows, whoever gave them (items, items): the matrix of the usual, misleading analysis."""
    return _divide(cells.products.sum(axis=0) - cells.correction(), cells.n.sum(axis=0) - 1)


def effect_covariance(moments: Moments) -> dict[str, FloatArray]:
    """Give one covariance component (items, items) per effect, and one for ``residual`` (the runs).

    The moment equations of every pair of items are solved; nothing is truncated, so a matrix need not be positive
    definite.
    """
    return {name: (matrix + matrix.T) / 2 for name, matrix in moments.solve().items()}


def level_covariances(
    scores: FloatArray,
    codes: IntArray,
    columns: Sequence[str],
    respondent_columns: Sequence[str],
    effects: Sequence[Effect],
) -> dict[str, FloatArray]:
    """Covariance of items at every level of a table of any length, in blocks of pairs of items.

    Parameters
    ----------
    scores
        One row per run, shape (N, items), NaN missing: each pair of items uses the rows where both are there.
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
    The same numbers as ``pooled_covariance``, ``means_covariance``, ``respondent_covariance`` and ``effect_covariance``
    of ``cross_sums``, to 1e-10 (tests/variance), without a matrix per cell.
    """
    laid_out = lay_out_rows(scores, codes, columns)
    n_items = scores.shape[1]
    step = max(NUMBERS_AT_ONCE // max(len(laid_out.grouping) * n_items, 1), 1)
    found: dict[str, FloatArray] = {}
    for start in range(0, n_items, step):
        block, rest = slice(start, min(start + step, n_items)), slice(start, n_items)
        for name, part in _at_levels(laid_out.pairs(block, rest), respondent_columns, effects).items():
            matrix = found.setdefault(name, np.empty((n_items, n_items)))
            matrix[block, rest] = part
            matrix[rest, block] = part.T
    return found


def _at_levels(cells: GroupSums, respondent_columns: Sequence[str], effects: Sequence[Effect]) -> dict[str, FloatArray]:
    separated = respondent_covariance(cells, respondent_columns)
    effect = moment_equations(cells, effects).solve()
    del effect[RESIDUAL]
    return {
        "pooled": pooled_covariance(cells),
        "means": means_covariance(cells, respondent_columns),
        "respondent": separated.respondent,
        "run": separated.run,
        **effect,
    }


def pairwise_covariance(values: FloatArray) -> FloatArray:
    """Covariance of columns (p, p), each pair over the rows where both are there; ``values`` (n, p), NaN missing."""
    known = np.isfinite(values)
    marks = known.astype(float)
    filled = np.where(known, values - _divide(np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)), 0.0)
    n = marks.T @ marks
    means = _divide(filled.T @ marks, n)  # of each column over the rows where the other is there
    return _divide(filled.T @ filled - n * means * means.T, n - 1)


def split_run_covariance(scores: FloatArray, respondent: IntArray, run_is_odd: NDArray[np.bool_]) -> FloatArray:
    """Cross-covariance of respondents' means over odd and over even runs: free of run noise, nothing subtracted.

    Parameters
    ----------
    scores
        Shape (N, items), NaN missing.
    respondent
        Codes of the respondents, shape (N,).
    run_is_odd
        Which rows are odd runs, shape (N,).

    Raises
    ------
    NotEstimableError
        Where fewer than 3 respondents have both odd and even runs.
    """
    n = int(respondent.max()) + 1
    odd = means_by_group(scores[run_is_odd], respondent[run_is_odd], n)
    return cross_covariance(odd, means_by_group(scores[~run_is_odd], respondent[~run_is_odd], n))


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
    means = np.full((n, scores.shape[1]), np.nan)
    for column in range(scores.shape[1]):
        known = np.isfinite(scores[:, column])
        count = np.bincount(groups[known], minlength=n)
        total = np.bincount(groups[known], weights=scores[known, column], minlength=n)
        means[count > 0, column] = total[count > 0] / count[count > 0]
    return means
