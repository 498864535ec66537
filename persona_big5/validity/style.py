"""Response style: agreeing with anything, choosing the ends, choosing a place in the list of options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.matrices import checked_scores
from persona_big5.validity.reliability import check_keys, mean_of_answered
from persona_big5.variance.covariance import means_by_group
from persona_big5.variance.groups import distinct_rows, summing
from persona_big5.variance.jackknife import FEWEST_LEVELS, Replicates, interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

ROUNDING = 1e-12
"""Sums of squares below are no variation but rounding."""


@dataclass(frozen=True, slots=True)
class Acquiescence:
    """Agreement whatever the content, from items keyed both ways.

    Attributes
    ----------
    mean
        Of the raw answers relative to the midpoint, in widths of the response scale (-0.5 always lowest, 0.5 always
        highest), the two directions of keying weighing the same.
    sd
        Between respondents, in the same unit, freed of the noise of single items. None with one item in either
        direction, and where answers do not vary.
    share_of_variance
        That variance as a share of the mean variance of a raw item; not truncated, so below 0 by chance. None as `sd`.
    n_items, n_respondents
        Items counted, and respondents with answers in both directions.
    """

    mean: float
    sd: float | None
    share_of_variance: float | None
    n_items: int
    n_respondents: int

    def __str__(self) -> str:
        spread = (
            "SD undefined" if self.sd is None else f"SD {self.sd:.3f}, share of variance {self.share_of_variance:.3f}"
        )
        return f"acquiescence mean {self.mean:+.3f}, {spread} ({self.n_items} items, {self.n_respondents} respondents)"


def acquiescence(
    scores: NDArray[np.float64],
    keys: NDArray[np.int64],
    score_min: NDArray[np.float64],
    score_max: NDArray[np.float64],
) -> Acquiescence:
    """Acquiescence in one scale.

    Parameters
    ----------
    scores
        Shape (n respondents, k items of the scale), raw direction, one row per respondent (means over runs, or run
        mood counts as style); NaN is a missing answer. Missing rule: mean over the answers of each direction;
        covariances pairwise complete.
    keys
        Shape (k,), +1 or -1, both present.
    score_min, score_max
        Ends of each item's response scale (k,).

    Raises
    ------
    DataError
        When the arguments do not fit each other, or a response scale has no width.
    NotEstimableError
        When all items are keyed alike, so that content and agreeing cannot be told apart, or nobody answered both ways.

    Notes
    -----
    If an answer is x = a + key * t + e, with `a` and `t` differing between respondents and `e` independent between
    items, then covariances between items keyed alike are var(a) + var(t), between items keyed unlike var(a) - var(t):
    the mean of the two averages is var(a), whatever the numbers of items. Checked by recovery of planted values.
    """
    scores, keys = checked_scores(scores), np.asarray(keys)
    low, high = _checked_ends(score_min, score_max, scores.shape[1])
    check_keys(keys, scores.shape[1])
    if (keys > 0).all() or (keys < 0).all():
        raise NotEstimableError("acquiescence needs items keyed both ways; all are keyed alike")
    relative = (scores - (low + high) / 2) / (high - low)
    by_respondent = (mean_of_answered(relative[:, keys > 0]) + mean_of_answered(relative[:, keys < 0])) / 2
    known = by_respondent[~np.isnan(by_respondent)]
    if len(known) < 2:
        raise NotEstimableError(
            f"acquiescence needs respondents who answered items of both directions; there are {len(known)}"
        )
    covariance = pd.DataFrame(relative).cov().to_numpy()
    product = np.outer(keys, keys)
    alike = covariance[(product > 0) & ~np.eye(len(keys), dtype=bool)]
    item_variance = float(np.diag(covariance).mean())
    sd = share = None
    if len(alike) and np.isfinite(covariance).all() and item_variance > 0:
        variance = float(alike.mean() + covariance[product < 0].mean()) / 2
        sd, share = float(np.sqrt(max(variance, 0.0))), variance / item_variance
    return Acquiescence(float(known.mean()), sd, share, len(keys), len(known))


def overall_acquiescence(scales: Sequence[Acquiescence]) -> Acquiescence:
    """Average over scales, each weighing the same: means, variances (of which `sd` is the root) and shares.

    Raises NotEstimableError when `scales` is empty: no scale has items keyed both ways.
    """
    if not scales:
        raise NotEstimableError("acquiescence needs a scale with items keyed both ways; there is none")
    variances = [scale.sd**2 for scale in scales if scale.sd is not None]
    shares = [scale.share_of_variance for scale in scales if scale.share_of_variance is not None]
    return Acquiescence(
        mean=float(np.mean([scale.mean for scale in scales])),
        sd=float(np.sqrt(np.mean(variances))) if variances else None,
        share_of_variance=float(np.mean(shares)) if shares else None,
        n_items=sum(scale.n_items for scale in scales),
        n_respondents=max(scale.n_respondents for scale in scales),
    )


def extremity(
    scores: NDArray[np.float64], score_min: NDArray[np.float64], score_max: NDArray[np.float64]
) -> float | None:
    """Share of the answers given that are at either end of their response scale.

    Parameters
    ----------
    scores
        Shape (n, p items), single answers (a mean over runs is hardly ever at an end); NaN is a missing answer, and
        does not count.
    score_min, score_max
        Ends of each item's response scale (p,).

    Returns
    -------
    In [0, 1]; None without any answer.

    Raises
    ------
    DataError
        When the arguments do not fit each other, or a response scale has no width.
    """
    scores = checked_scores(scores)
    low, high = _checked_ends(score_min, score_max, scores.shape[1])
    answered = ~np.isnan(scores)
    at_end = (scores == low) | (scores == high)
    return float(at_end[answered].mean()) if answered.any() else None


@dataclass(frozen=True, slots=True)
class PositionBias:
    """What the place of an option in the list does to answers, from asking with the options in both orders.

    Attributes
    ----------
    mean, ci_low, ci_high
        Displacement towards the end of the list, relative to half the response scale, with its 95 % interval: -1 where
        the first option shown is always chosen, 1 where it is the last, 0 where the order does not matter on average.
    share_of_variance
        Of what answers to one item differ in, over cells and the two orders, the share that the order makes: 1 where
        only the place decides, 0 where only the option does. None where answers do not differ.
    share_ci_low, share_ci_high
        Its 95 % interval, within 0 and 1.
    noise_removed
        Whether run noise, which would pull that share towards 1/2, is taken off; it cannot be where each cell was asked
        once in each order.
    agreement, agreement_ci_low, agreement_ci_high
        Mean product of the answers in the two orders, each from the middle of the response scale in halves of its
        width: 1 where the same end is chosen in whatever order, -1 where the same place is; below 0 the place decides
        more than the option does. Free of run noise, because the two answers are independent of each other.
    r_between_orders
        Correlation of the answers in the two orders over cell x item, each item's mean in each order removed. None
        where answers in one of the orders do not differ between cells.
    r_ci_low, r_ci_high
        Its 95 % interval.
    mean_forward, mean_reversed
        Mean answers in the two orders, in the unit of the scores.
    n_items, n_cells
        Items and cells with answers in both orders.
    """

    mean: float
    ci_low: float
    ci_high: float
    share_of_variance: float | None
    share_ci_low: float
    share_ci_high: float
    noise_removed: bool
    agreement: float
    agreement_ci_low: float
    agreement_ci_high: float
    r_between_orders: float | None
    r_ci_low: float
    r_ci_high: float
    mean_forward: float
    mean_reversed: float
    n_items: int
    n_cells: int

    def __str__(self) -> str:
        r = "undefined" if self.r_between_orders is None else f"{self.r_between_orders:.2f}"
        return (
            f"displacement {self.mean:+.2f}: mean answer {self.mean_forward:.2f} forward, {self.mean_reversed:.2f} "
            f"reversed; r between the orders {r} ({self.n_items} items, {self.n_cells} cells)"
        )


def position_bias(
    scores: NDArray[np.float64],
    cell: NDArray[np.int64],
    order: Sequence[str] | NDArray[np.object_],
    score_min: NDArray[np.float64],
    score_max: NDArray[np.float64],
    levels: Mapping[str, NDArray[np.int64]],
) -> PositionBias:
    """Position bias, from cells asked with the options ``forward`` (lowest score first) and ``reversed``.

    Parameters
    ----------
    scores
        Shape (N runs, p items), raw direction; NaN is a missing answer. Missing rule: for each item the cells that
        answered it in both orders; items count alike.
    cell
        Number of the cell of each row (N,): a respondent in one context and wording.
    order
        Option order of each row (N,). Orders other than ``forward`` and ``reversed`` do not mirror each other and are
        left aside.
    score_min, score_max
        Ends of each item's response scale (p,).
    levels
        Levels of the facets over which intervals generalise, each (N,) and constant within a cell; those with fewer
        than 4 levels are not resampled. Without any, ends of intervals are NaN.

    Raises
    ------
    DataError
        When the arguments do not fit each other, or a response scale has no width.
    NotEstimableError
        When no cell answered an item in both orders: then the place of an option cannot be told from its content.

    Notes
    -----
    With f and r a cell's mean answers to an item in the two orders, from the middle of the response scale in halves of
    its width, c = (f + r)/2 follows the option and d = (f - r)/2 its place. `mean` is the mean of d. The share is
    P / (P + C), P the mean of d^2 and C the variance of c over cells, each less the sampling variance of d and c (from
    runs of one cell in one order, pooled over cells), averaged over items and truncated at 0. The agreement is the mean
    of f * r = c^2 - d^2. Intervals by leaving out one level of each facet in turn (``variance.jackknife``). Checked by
    recovery of planted values.
    """
    scores = checked_scores(scores)
    low, high = _checked_ends(score_min, score_max, scores.shape[1])
    middle, half = (low + high) / 2, (high - low) / 2
    forward, backward, error, noise_known = _in_both_orders(
        (scores - middle) / half, cell, np.asarray(order, dtype=object)
    )
    answered = np.isfinite(forward).any(axis=1)
    if not answered.any():
        raise NotEstimableError("no cell was asked with the options both forward and reversed")
    sums = _order_sums(forward, backward, error)
    total = sums.sum(axis=0)
    asked = total[0] > 0
    means = middle[asked] + half[asked] * total[1:3, asked] / total[0, asked]
    estimate, by_facet = _compare_orders(total), {}
    for facet, codes in levels.items():
        of_cell = np.zeros(len(forward), dtype=np.int64)
        of_cell[cell] = codes
        present, number = np.unique(of_cell[answered], return_inverse=True)
        if len(present) >= FEWEST_LEVELS:
            of_levels = summing(number, len(present))(sums[answered])
            by_facet[facet] = np.stack([_compare_orders(total - of_level) for of_level in of_levels])
    ends_low, ends_high = interval(estimate, Replicates(by_facet))
    ends_low, ends_high = np.maximum(ends_low, -1.0), np.minimum(ends_high, 1.0)
    displacement, agreement, r, share = estimate
    return PositionBias(
        mean=float(displacement),
        ci_low=float(ends_low[0]),
        ci_high=float(ends_high[0]),
        share_of_variance=float(share) if np.isfinite(share) else None,
        share_ci_low=float(np.maximum(ends_low[3], 0.0)),
        share_ci_high=float(ends_high[3]),
        noise_removed=noise_known,
        agreement=float(agreement),
        agreement_ci_low=float(ends_low[1]),
        agreement_ci_high=float(ends_high[1]),
        r_between_orders=float(r) if np.isfinite(r) else None,
        r_ci_low=float(ends_low[2]),
        r_ci_high=float(ends_high[2]),
        mean_forward=_mean(means[0]),
        mean_reversed=_mean(means[1]),
        n_items=int(asked.sum()),
        n_cells=int(answered.sum()),
    )


def _in_both_orders(
    relative: NDArray[np.float64], cell: NDArray[np.int64], order: NDArray[np.object_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], bool]:
    """Mean answers forward and reversed (cells, p), NaN unless there are both, and the sampling variance of c and of d.

    The last value says whether cells were asked repeatedly in one order, so that this variance is known; else it is 0.
    """
    n_cells = int(cell.max(initial=-1)) + 1
    chosen = [order == "forward", order == "reversed"]
    in_order = [np.where(rows[:, None], relative, np.nan) for rows in chosen]
    means = np.stack([means_by_group(answers, cell, n_cells) for answers in in_order])
    counts = np.stack([_answers_by_group(answers, cell, n_cells) for answers in in_order])
    both = (counts > 0).all(axis=0)
    means[:, ~both] = np.nan
    run_variance = _pooled_variance(np.where(chosen[0] | chosen[1], relative.T, np.nan).T, 2 * cell + chosen[1])
    error = np.full(both.shape, np.nan)
    error[both] = ((1 / np.maximum(counts, 1)).sum(axis=0) * np.nan_to_num(run_variance) / 4)[both]
    return means[0], means[1], error, bool(np.isfinite(run_variance[both.any(axis=0)]).all())


def _order_sums(
    forward: NDArray[np.float64], backward: NDArray[np.float64], error: NDArray[np.float64]
) -> NDArray[np.float64]:
    """All that the comparison needs of each cell (cells, 7, p): 1, f, r, f^2, r^2, f * r, error; 0 if not answered."""
    parts = (np.ones_like(forward), forward, backward, forward**2, backward**2, forward * backward, error)
    return np.where(np.isfinite(forward), np.stack(parts), 0.0).swapaxes(0, 1)


def _compare_orders(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Displacement, agreement, r between the orders and share of variance, from sums over cells (7, p)."""
    n, f, r, ff, rr, fr, error = sums[:, sums[0] > 0]
    content, several = (ff + 2 * fr + rr) / 4 - ((f + r) / 2) ** 2 / n, n > 1
    followed = max(_mean(content[several] / (n[several] - 1) - (error / n)[several]), 0.0)
    placed = max(_mean(((ff - 2 * fr + rr) / 4 - error) / n), 0.0)
    spread = [(ff - f**2 / n).sum(), (rr - r**2 / n).sum()]
    varies = min(spread) > ROUNDING * n.sum()
    correlation = (fr - f * r / n).sum() / np.sqrt(spread[0] * spread[1]) if varies else np.nan
    share = placed / (placed + followed) if placed + followed > ROUNDING else np.nan
    return np.array([_mean((f - r) / (2 * n)), _mean(fr / n), correlation, share])


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _answers_by_group(scores: NDArray[np.float64], groups: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """Count the answers of each of ``n`` groups to each item, (n, p)."""
    return summing(groups, n)(np.isfinite(scores).astype(float))


def order_share_of_run_variance(
    scores: NDArray[np.float64],
    cell: NDArray[np.int64],
    order: Sequence[str] | NDArray[np.object_],
    *,
    noise_free: bool = False,
) -> float:
    """Share of the variance between runs of one cell that the option orders make, where orders count as runs.

    Parameters
    ----------
    scores, cell, order
        As in `position_bias`, any orders; NaN is a missing answer and left out.
    noise_free
        Whether answers in one order are known not to differ (expected scores), so that nobody need ask twice.

    Returns
    -------
    1 - w / v, v the variance over all rows of a cell and w that over rows of a cell in one order, each pooled over
    cells and averaged over items. Not truncated, so below 0 by chance.

    Raises
    ------
    NotEstimableError
        When no cell was asked twice in one order (and `noise_free` is false), or answers to one cell never differ.
    """
    _, codes = np.unique(np.asarray(order, dtype=str), return_inverse=True)
    within = _pooled_variance(scores, distinct_rows(np.column_stack([cell, codes]))[0])
    if noise_free:
        within = np.nan_to_num(within)
    overall = _pooled_variance(scores, cell)
    known = np.isfinite(within) & np.isfinite(overall)
    if not known.any():
        raise NotEstimableError("every cell was asked once in each order: order cannot be told from run noise")
    if overall[known].sum() <= 0:
        raise NotEstimableError("answers of one cell never differ, in whatever order")
    return float(1 - within[known].sum() / overall[known].sum())


def _pooled_variance(scores: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Variance within groups of each item (p,), NaN where no group has two answers."""
    n_groups = int(groups.max(initial=-1)) + 1
    left = scores - means_by_group(scores, groups, n_groups)[groups]
    freedom = np.maximum(_answers_by_group(scores, groups, n_groups) - 1, 0).sum(axis=0)
    variance = np.full(len(freedom), np.nan)
    np.divide(np.nansum(left**2, axis=0), freedom, out=variance, where=freedom > 0)
    return variance


def _checked_ends(
    score_min: NDArray[np.float64], score_max: NDArray[np.float64], n_items: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = np.asarray(score_min, dtype=np.float64), np.asarray(score_max, dtype=np.float64)
    if low.shape != (n_items,) or high.shape != (n_items,):
        raise DataError(f"{n_items} items need as many lowest and highest scores; got {low.size} and {high.size}")
    if not (high > low).all():
        item = int((~(high > low)).argmax())
        raise DataError(
            f"item {item + 1} has a response scale from {low[item]:g} to {high[item]:g}, which has no width"
        )
    return low, high
