"""Antonyms: does a respondent who agrees with an item disagree with its opposite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.correlation import pearson
from persona_big5.factors.matrices import checked_scores
from persona_big5.validity.reliability import check_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """How far answers to opposite items contradict each other.

    Attributes
    ----------
    by_respondent
        Mean distance between an answer and the mirrored answer to its opposite, in widths of the response scale (n,):
        0 consistent, 1 both at the same end. NaN without a pair answered in one run.
    mean
        Over respondents.
    random
        Mean distance if the two answers had nothing to do with each other: each item's own answers, paired at random.
    ratio
        ``mean / random``: 0 consistent, 1 where the two answers have nothing to do with each other, be they random or
        always the same, above 1 where who agrees with one agrees with the other. None where they never differ.
    n_pairs
        Pairs of items.
    """

    by_respondent: NDArray[np.float64]
    mean: float
    random: float
    ratio: float | None
    n_pairs: int

    def __str__(self) -> str:
        ratio = "undefined" if self.ratio is None else f"{self.ratio:.2f}"
        return f"inconsistency of opposites {self.mean:.2f}, {ratio} of random answers ({self.n_pairs} pairs)"


def antonym_pairs(
    scores: NDArray[np.float64], keys: NDArray[np.int64], scale: Sequence[str] | NDArray[np.object_]
) -> NDArray[np.int64]:
    """Pair the positive with the negative items of each scale, each item once, so that they correlate most negatively.

    Parameters
    ----------
    scores
        Shape (n respondents, p items), raw direction, e.g. means over runs; NaN is a missing answer. Missing rule:
        pairwise complete; pairs whose correlation is not defined come last.
    keys, scale
        +1 or -1, and the scale, by item (p,). The keys state what is opposite; the correlations only choose partners.

    Returns
    -------
    Shape (m, 2), positive item first; m = 0 where no scale has items of both directions.

    Raises
    ------
    DataError
        When the arguments do not fit each other.
    """
    scores, keys, scale = checked_scores(scores), np.asarray(keys), np.asarray(scale, dtype=object)
    check_keys(keys, scores.shape[1])
    if scale.shape != keys.shape:
        raise DataError(f"{len(keys)} items need as many names of scales; got {scale.size}")
    R = np.nan_to_num(pearson(scores).matrix, nan=1.0)
    pairs = []
    for name in dict.fromkeys(scale.tolist()):
        positive = np.flatnonzero((scale == name) & (keys > 0))
        negative = np.flatnonzero((scale == name) & (keys < 0))
        rows, columns = linear_sum_assignment(R[np.ix_(positive, negative)])
        pairs.append(np.column_stack([positive[rows], negative[columns]]))
    return np.concatenate(pairs).astype(np.int64)


def inconsistency(
    scores: NDArray[np.float64],
    respondent: NDArray[np.int64],
    pairs: NDArray[np.int64],
    score_min: NDArray[np.float64],
    score_max: NDArray[np.float64],
) -> Inconsistency:
    """Distance between answers to opposite items within one run.

    Parameters
    ----------
    scores
        Shape (N, p), raw direction, single answers, one row per run (a mean over runs hides contradictions); NaN is a
        missing answer. Missing rule: pairs answered in the same row.
    respondent
        Code of the respondent of each row (N,), 0 to n - 1.
    pairs
        Positions of opposite items (m, 2), stated or from `antonym_pairs`.
    score_min, score_max
        Ends of each item's response scale (p,).

    Raises
    ------
    DataError
        When the arguments do not fit each other.
    NotEstimableError
        Without a pair that was answered in one run.
    """
    scores, pairs, respondent = checked_scores(scores), np.asarray(pairs).reshape(-1, 2), np.asarray(respondent)
    width = np.asarray(score_max, dtype=np.float64) - np.asarray(score_min, dtype=np.float64)
    if respondent.shape != (len(scores),) or width.shape != (scores.shape[1],) or not (width > 0).all():
        raise DataError("scores, codes of respondents and ends of the response scales do not fit each other")
    relative = (scores - score_min) / width
    first, mirrored = relative[:, pairs[:, 0]], 1 - relative[:, pairs[:, 1]]
    both = np.isfinite(first) & np.isfinite(mirrored)
    if not both.any():
        raise NotEstimableError("no pair of opposite items of one scale was answered in one run")
    distance = np.where(both, np.abs(np.where(both, first - mirrored, 0.0)), 0.0)
    n = int(respondent.max()) + 1
    counts = np.bincount(respondent, weights=both.sum(axis=1), minlength=n)
    totals = np.bincount(respondent, weights=distance.sum(axis=1), minlength=n)
    by_respondent = np.divide(totals, counts, out=np.full(n, np.nan), where=counts > 0)
    used = np.flatnonzero(both.any(axis=0))
    random = float(np.mean([_mean_distance(first[both[:, i], i], mirrored[both[:, i], i]) for i in used]))
    mean = float(np.nanmean(by_respondent))
    return Inconsistency(by_respondent, mean, random, mean / random if random > 0 else None, len(used))


def _mean_distance(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Mean of |x_a - y_b| over all a and b: both distribution functions, compared between their steps."""
    steps = np.unique(np.concatenate([x, y]))
    below_x = np.searchsorted(np.sort(x), steps[:-1], side="right") / len(x)
    below_y = np.searchsorted(np.sort(y), steps[:-1], side="right") / len(y)
    return float((np.diff(steps) * (below_x * (1 - below_y) + below_y * (1 - below_x))).sum())
