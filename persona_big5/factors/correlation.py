"""Correlation matrices of items, with the number of answers behind every entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from persona_big5.factors.matrices import checked_scores
from persona_big5.factors.ordered_items import MAX_CATEGORIES, OrderedItems
from persona_big5.factors.pair_tables import blocks_of_pairs, pair_tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_PAIRS = 3  # two points always correlate +1 or -1
CLOSE_TO_ONE = 0.9999
"""Correlations beyond are taken as this on Fisher's z, which is infinite at 1."""
_ROUNDING = 1e-12  # relative: a variance this small beside its own terms is rounding error


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation matrix and how many respondents stand behind each entry.

    Attributes
    ----------
    matrix
        Shape (p, p), symmetric, ones on the diagonal; NaN where an item is constant over the respondents who answered
        both items, or where fewer than three did.
    n_pairs
        Shape (p, p), respondents with both items answered; on the diagonal, with the item answered.
    """

    matrix: NDArray[np.float64]
    n_pairs: NDArray[np.int64]

    @property
    def undefined(self) -> NDArray[np.int64]:
        """Positions of items without a correlation with themselves: constant, or answered by fewer than three."""
        return np.flatnonzero(np.isnan(np.diag(self.matrix)))

    def __str__(self) -> str:
        p = len(self.matrix)
        most = self.n_pairs.max(initial=0)
        pairs = f"{self.n_pairs.min(initial=most)}-{most} respondents per pair"
        return f"correlations of {p} items, {pairs}, {len(self.undefined)} items undefined"


def pearson(scores: NDArray[np.float64]) -> Correlation:
    """Product-moment correlations, each over the respondents who answered both items.

    Parameters
    ----------
    scores
        Shape (n respondents, p items); NaN is a missing answer. Missing rule: pairwise complete.

    Raises
    ------
    DataError
        When `scores` is no two-dimensional table or holds infinite values.

    Notes
    -----
    Means and variances are those of the pair's own respondents, as in R's ``cor(use = "pairwise.complete.obs")``,
    with which it agrees to 1e-8 on five data sets, one of them with missing answers (largest difference seen: 5e-11,
    the last digit R printed).
    """
    scores = checked_scores(scores)
    observed = ~np.isnan(scores)
    present = observed.astype(np.float64)
    counts = observed.sum(axis=0)
    means = np.where(observed, scores, 0.0).sum(axis=0) / np.maximum(counts, 1)
    centred = np.where(observed, scores - means, 0.0)
    largest = np.abs(centred).max(axis=0, initial=0.0)
    centred /= np.where(largest > 0, largest, 1.0)  # squares neither overflow nor vanish

    n = present.T @ present
    sums = centred.T @ present  # [i, j]: sum of item i over those who answered j too
    squares = (centred**2).T @ present
    spread = n * squares - sums**2
    spread[spread <= _ROUNDING * n * squares] = np.nan
    spread[n < MIN_PAIRS] = np.nan
    matrix = (n * (centred.T @ centred) - sums * sums.T) / np.sqrt(spread * spread.T)
    matrix = np.clip(matrix, -1.0, 1.0)
    np.fill_diagonal(matrix, np.where(np.isnan(np.diag(spread)), np.nan, 1.0))
    return Correlation(matrix, np.rint(n).astype(np.int64))


def spearman(scores: NDArray[np.float64]) -> Correlation:
    """Rank correlations, ranked anew (mid-ranks for ties) among the respondents who answered both items.

    Parameters
    ----------
    scores
        Shape (n respondents, p items); NaN is a missing answer. Missing rule: pairwise complete, as in R's
        ``cor(method = "spearman", use = "pairwise.complete.obs")``. Agrees with ``scipy.stats.spearmanr`` pair by
        pair to 1e-12.

    Raises
    ------
    DataError
        When `scores` is no two-dimensional table or holds infinite values.
    """
    scores = checked_scores(scores)
    if pd.DataFrame(scores).nunique().max() <= MAX_CATEGORIES:
        matrix = _spearman_of_tables(OrderedItems.of(scores))
    else:
        matrix = pd.DataFrame(scores).corr(method="spearman", min_periods=MIN_PAIRS).to_numpy(copy=True)
    present = (~np.isnan(scores)).astype(np.float64)
    return Correlation(matrix, np.rint(present.T @ present).astype(np.int64))


def _spearman_of_tables(items: OrderedItems) -> NDArray[np.float64]:
    """Rank correlations of items of few categories: a pair's mid-ranks follow from the margins of its table."""
    matrix = np.full((len(items.categories),) * 2, np.nan)
    usable = (items.categories > 1) & ((items.codes >= 0).sum(axis=0) >= MIN_PAIRS)
    matrix[usable, usable] = 1.0
    tables = pair_tables(items.codes, items.categories)
    for block in blocks_of_pairs(items):
        counts = block.gather(tables)
        n = counts.sum(axis=(1, 2))
        ranks, spreads = [], np.ones_like(n)
        for margin in (counts.sum(axis=2), counts.sum(axis=1)):
            rank = np.cumsum(margin, axis=1) - margin / 2 - n[:, None] / 2  # mid-ranks, less their mean
            ranks.append(rank)
            spreads *= (margin * rank**2).sum(axis=1)
        spreads[(spreads == 0) | (n < MIN_PAIRS)] = np.nan
        rho = np.einsum("mab,ma,mb->m", counts, *ranks) / np.sqrt(spreads)
        matrix[block.first, block.second] = matrix[block.second, block.first] = np.clip(rho, -1.0, 1.0)
    return matrix


def correlation_of(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlations of a covariance matrix, also of an estimated one that is no covariance of anybody's scores.

    Parameters
    ----------
    covariance
        Shape (p, p), symmetric. A noise-corrected estimate may have variances that are zero or negative.

    Returns
    -------
    Shape (p, p). Ones on the diagonal, NaN in rows and columns of items without a positive variance. Entries of a
    corrected matrix may lie outside [-1, 1]: they are left as estimated, for the caller to drop or smooth.
    """
    variances = np.diag(covariance)
    scale = np.sqrt(np.where(variances > 0, variances, np.nan))
    matrix: NDArray[np.float64] = covariance / np.outer(scale, scale)
    np.fill_diagonal(matrix, np.where(np.isnan(scale), np.nan, 1.0))
    return matrix


def fisher_z(correlations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fisher's z of correlations of any shape, cut off at +-.9999; NaN stays NaN."""
    z: NDArray[np.float64] = np.arctanh(np.clip(correlations, -CLOSE_TO_ONE, CLOSE_TO_ONE))
    return z
