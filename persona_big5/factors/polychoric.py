"""Polychoric correlations: of the normal variables behind ordered categories, for all pairs of items at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from persona_big5.errors import DataError
from persona_big5.factors.bivariate_normal import cells
from persona_big5.factors.correlation import MIN_PAIRS
from persona_big5.factors.correlation_likelihood import LARGEST_CORRELATION, most_likely_correlations
from persona_big5.factors.ordered_items import (
    OrderedItems,
    category_means,
    category_probabilities,
    influence_by_thresholds,
    listed,
    listed_pairs,
)
from persona_big5.factors.pair_tables import NUMBERS_HELD, blocks_of_pairs, pair_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_NUMBERS_IN_CACHE = 1 << 16  # an integrand this large stays in the processor's cache
_SMALLEST_PROBABILITY = 1e-15  # below it a difference of distribution functions is rounding error


@dataclass(frozen=True, slots=True)
class Polychoric:
    """Polychoric correlations and what they rest on.

    Attributes
    ----------
    matrix
        Shape (p, p), symmetric, ones on the diagonal, not always positive semi-definite. NaN where an item is constant
        or has fewer than three answers, also among the respondents who answered both items of a pair. 1 or -1 where no
        answer contradicts a perfect order, so that the likelihood rises up to the border (named in `notes`).
    n_pairs
        Shape (p, p), respondents with both items answered; on the diagonal, with the item answered.
    thresholds
        By item its ascending thresholds on a standard normal scale, one fewer than it has observed categories; none
        for a constant item.
    standard_errors
        Shape (p, p), 0 on the diagonal, NaN where the correlation is NaN, 1 or -1; None where not asked for.
    undefined
        Positions of items that are constant or have fewer than three answers.
    notes
        What a reader must know, in words; items by their positions, counted from 1.
    """

    matrix: NDArray[np.float64]
    n_pairs: NDArray[np.int64]
    thresholds: tuple[NDArray[np.float64], ...]
    standard_errors: NDArray[np.float64] | None
    undefined: NDArray[np.int64]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        most = self.n_pairs.max(initial=0)
        pairs = f"{self.n_pairs.min(initial=most)}-{most} respondents per pair"
        found = f"polychoric correlations of {len(self.matrix)} items, {pairs}, {len(self.undefined)} items undefined"
        return "\n".join([found, *self.notes])


_NEAR_BORDER = 0.9
_ROUNDING = 1e-9
"""Difference of log-likelihoods for each answer that is none."""


def polychoric(scores: NDArray[np.float64], *, standard_errors: bool = False) -> Polychoric:
    """Polychoric correlations by two-step maximum likelihood, without continuity correction.

    Parameters
    ----------
    scores
        Shape (n respondents, p items); the distinct values of an item are its categories in ascending order, any
        spacing, at most 20. NaN is a missing answer. Missing rule: thresholds from all answers to the item,
        correlations from the respondents who answered both.
    standard_errors
        Whether to compute them, too.

    Raises
    ------
    DataError
        When `scores` is no two-dimensional table, holds infinite values, or an item has more than 20 distinct values.

    Notes
    -----
    Olsson (1979, Psychometrika 44, 443). Thresholds are normal quantiles of cumulative proportions; given them the
    likelihood of each pair's table is maximised over the correlation by a bracketed Newton method with analytic
    derivatives. Standard errors are the asymptotic ones of the two-step estimator, with the sampling of the thresholds
    in them (answers missing at random assumed); empirical standard deviations agree to 10 %.

    Agrees with R's ``psych::polychoric(correct = 0, global = TRUE)`` to 1e-4 on five data sets (its one-dimensional
    search stops that early), with lavaan, and with a dense SciPy optimum to 1e-6.
    """
    items = OrderedItems.of(scores)
    matrix = _correlations(items, pair_tables(items.codes, items.categories)[None])[0]
    answered = (items.codes >= 0).astype(np.float64)
    n_pairs = np.rint(answered.T @ answered).astype(np.int64)
    undefined = np.flatnonzero((items.categories < 2) | (np.diag(n_pairs) < MIN_PAIRS))
    matrix[undefined, undefined] = np.nan
    errors = _standard_errors(items, matrix, n_pairs) if standard_errors else None
    return Polychoric(matrix, n_pairs, items.thresholds, errors, undefined, _notes(matrix, undefined))


def polychoric_null(scores: NDArray[np.float64], draws: int = 100, seed: int = 0) -> NDArray[np.float64]:
    """Eigenvalues of polychoric correlations of items that were shuffled independently: same margins, no factors.

    Parameters
    ----------
    scores
        As for `polychoric`; rows independent of each other, no constant item. The pattern of missing answers stays,
        the observed values of an item change places among its observed positions.
    draws, seed
        Number of shuffles and the seed they derive from.

    Returns
    -------
    Shape (draws, p), each row descending: eigenvalues of the unreduced matrix, in which pairs without a correlation
    count as unrelated.

    Raises
    ------
    DataError
        As `polychoric`, and when an item is constant.

    Notes
    -----
    Means over draws agree with those of R's ``psych::fa.parallel(cor = "poly")`` to .01.
    """
    items = OrderedItems.of(scores)
    if len(items.constant):
        raise DataError(
            f"{len(items.constant)} constant items (positions {listed(items.constant)}): drop them before permuting"
        )
    rng = np.random.default_rng(seed)
    at_once = max(1, NUMBERS_HELD // max(1, int(items.categories.sum()) ** 2))
    eigenvalues = np.empty((draws, len(items.categories)))
    for first in range(0, draws, at_once):
        chunk = slice(first, min(first + at_once, draws))
        tables = [pair_tables(_permuted(items.codes, rng), items.categories) for _ in range(chunk.start, chunk.stop)]
        R = _correlations(items, np.stack(tables))
        R[np.isnan(R)] = 0.0
        eigenvalues[chunk] = np.linalg.eigvalsh(R)[:, ::-1]
    return eigenvalues


def _correlations(items: OrderedItems, tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Polychoric correlations (d, p, p) of d sets of tables, all with the items' own thresholds."""
    p = len(items.categories)
    R = np.full((len(tables), p, p), np.nan)
    varying = np.flatnonzero(items.categories > 1)
    R[:, varying, varying] = 1.0
    for block in blocks_of_pairs(items):
        counts = block.gather(tables)
        usable = _informative(counts)
        pair = np.nonzero(usable)[1]
        rho = np.full(usable.shape, np.nan)
        rho[usable] = _most_likely(
            counts[usable], items.thresholds_of(block.first)[pair], items.thresholds_of(block.second)[pair]
        )
        R[:, block.first, block.second] = R[:, block.second, block.first] = rho
    return R


def _permuted(codes: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.int8]:
    answered = codes >= 0
    if answered.all():
        return rng.permuted(codes, axis=0)
    shuffled = codes.copy()
    for item in range(codes.shape[1]):
        rows = answered[:, item]
        shuffled[rows, item] = rng.permutation(codes[rows, item])
    return shuffled


def _informative(counts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether both items of a table vary and at least three answered both."""
    rows, columns = counts.sum(axis=-1), counts.sum(axis=-2)
    enough = rows.sum(axis=-1) >= MIN_PAIRS
    informative: NDArray[np.bool_] = enough & ((rows > 0).sum(axis=-1) > 1) & ((columns > 0).sum(axis=-1) > 1)
    return informative


def _most_likely(counts: NDArray[np.float64], h: NDArray[np.float64], k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlations (m,) that maximise the likelihood of tables (m, a + 1, b + 1) given their thresholds."""
    rho = _normal_score_correlation(counts, h, k)
    for block in _similar(np.abs(rho), h.shape[1] * k.shape[1]):
        rho[block] = most_likely_correlations(partial(_derivatives, counts[block], h[block], k[block]), rho[block])
    near = np.flatnonzero(np.abs(rho) > _NEAR_BORDER)
    rho[near] = _at_border_where_level(counts[near], h[near], k[near], rho[near])
    return rho


def _at_border_where_level(
    counts: NDArray[np.float64], h: NDArray[np.float64], k: NDArray[np.float64], rho: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Put correlations (m,) at the border where the likelihood is no lower there: it is level before, anywhere."""
    rows, columns = (np.pad(ndtr(thresholds), ((0, 0), (1, 1)), constant_values=(0.0, 1.0)) for thresholds in (h, k))
    down = (rho < 0)[:, None]
    columns = np.where(down, 1.0 - columns[:, ::-1], columns)
    shared = np.minimum(rows[:, 1:, None], columns[:, None, 1:]) - np.maximum(rows[:, :-1, None], columns[:, None, :-1])
    border = np.where(down[:, None], shared[:, :, ::-1], shared)
    found = cells(h, k, np.clip(rho, -LARGEST_CORRELATION, LARGEST_CORRELATION))[0]
    log_ratio = np.log(np.maximum(border, _SMALLEST_PROBABILITY) / np.maximum(found, _SMALLEST_PROBABILITY))
    gain = (counts * log_ratio).sum(axis=(1, 2))
    return np.where(gain >= -_ROUNDING * counts.sum(axis=(1, 2)), np.sign(rho), rho)


def _similar(size: NDArray[np.float64], corners: int) -> Iterator[NDArray[np.int64]]:
    """Positions of tables in small blocks of similar correlations, as the largest decides how long `cells` takes."""
    order = np.argsort(size)
    at_once = max(1, _NUMBERS_IN_CACHE // (8 * corners))
    for start in range(0, len(order), at_once):
        yield order[start : start + at_once]


def _normal_score_correlation(
    counts: NDArray[np.float64], h: NDArray[np.float64], k: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Correlation of the categories' mean normal scores, a good place to start from."""
    first, second = category_means(h), category_means(k)
    product = np.einsum("mab,ma,mb->m", counts, first, second) / counts.sum(axis=(1, 2))
    spread = (category_probabilities(h) * first**2).sum(axis=1) * (category_probabilities(k) * second**2).sum(axis=1)
    correlations: NDArray[np.float64] = np.clip(product / np.sqrt(spread), -0.95, 0.95)
    return correlations


def _derivatives(
    counts: NDArray[np.float64],
    h: NDArray[np.float64],
    k: NDArray[np.float64],
    rho: NDArray[np.float64],
    tables: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First and second derivative of the log-likelihood of some of the tables."""
    counts = counts[tables]
    probability, first, second = cells(h[tables], k[tables], rho)
    np.maximum(probability, _SMALLEST_PROBABILITY, out=probability)
    ratio = first / probability
    by_cell = counts * ratio
    return by_cell.sum(axis=(1, 2)), (counts * (second / probability) - by_cell * ratio).sum(axis=(1, 2))


def _standard_errors(
    items: OrderedItems, matrix: NDArray[np.float64], n_pairs: NDArray[np.int64]
) -> NDArray[np.float64]:
    errors = np.full(matrix.shape, np.nan)
    defined = np.flatnonzero(~np.isnan(np.diag(matrix)))
    errors[defined, defined] = 0.0
    for block in blocks_of_pairs(items):
        inside = np.abs(matrix[block.first, block.second]) < 1
        first, second = block.first[inside], block.second[inside]
        rho = matrix[first, second]
        for part in _similar(np.abs(rho), (block.rows.shape[1] - 1) * (block.columns.shape[1] - 1)):
            i, j = first[part], second[part]
            errors[i, j] = errors[j, i] = _two_step_errors(
                rho[part],
                items.thresholds_of(i),
                items.thresholds_of(j),
                n_pairs[i, j][:, None],
                n_pairs[i, i][:, None],
                n_pairs[j, j][:, None],
            )
    return errors


def _two_step_errors(
    rho: NDArray[np.float64],
    h: NDArray[np.float64],
    k: NDArray[np.float64],
    n_both: NDArray[np.int64],
    n_first: NDArray[np.int64],
    n_second: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Asymptotic standard errors (m,): what each answer adds to the slope, by its cell and through the thresholds.

    Sums over respondents who answered both and over those who answered only one are independent.
    """
    probability, slope, _ = cells(h, k, rho)
    np.maximum(probability, _SMALLEST_PROBABILITY, out=probability)
    score = slope / probability
    information = (slope * score).sum(axis=(1, 2))
    root = np.sqrt(1 - rho**2)[:, None, None]
    given_h = ndtr((k[:, None, :] - rho[:, None, None] * h[:, :, None]) / root)
    given_k = ndtr((h[:, :, None] - rho[:, None, None] * k[:, None, :]) / root)
    by_h = (np.diff(given_h, axis=2, prepend=0.0, append=1.0) * np.diff(score, axis=1)).sum(axis=2)
    by_k = (np.diff(given_k, axis=1, prepend=0.0, append=1.0) * np.diff(score, axis=2)).sum(axis=1)
    rows, columns = category_probabilities(h), category_probabilities(k)
    first = influence_by_thresholds(h, by_h) / n_first
    second = influence_by_thresholds(k, by_k) / n_second
    both = score / n_both[:, :, None] + first[:, :, None] + second[:, None, :]
    variance = n_both[:, 0] * (probability * both**2).sum(axis=(1, 2))
    variance += ((n_first - n_both) * rows * first**2).sum(axis=1)
    variance += ((n_second - n_both) * columns * second**2).sum(axis=1)
    error: NDArray[np.float64] = np.sqrt(variance) / information
    return error


def _notes(matrix: NDArray[np.float64], undefined: NDArray[np.int64]) -> tuple[str, ...]:
    """Say which items and pairs have no correlation, and which have one at the border."""
    upper = np.triu(np.ones(matrix.shape, dtype=bool), 1)
    notes = []
    if len(undefined):
        notes.append(f"items {listed(undefined)}: constant or answered by fewer than {MIN_PAIRS}, without correlations")
    unknown = np.isnan(matrix) & upper
    unknown[undefined] = unknown[:, undefined] = False
    if unknown.any():
        notes.append(
            f"{unknown.sum()} pairs without a correlation, as fewer than {MIN_PAIRS} answered both or one item is "
            f"constant among them: {listed_pairs(unknown)}"
        )
    border = (np.abs(matrix) == 1) & upper
    if border.any():
        notes.append(
            f"{border.sum()} pairs at +1 or -1, as no answer contradicts a perfect order (duplicated items, or too few "
            f"answers for an empty cell to mean much): {listed_pairs(border)}"
        )
    return tuple(notes)
