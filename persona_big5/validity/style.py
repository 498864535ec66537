"""Response style: how much of the answers is agreeing with anything, and how much is choosing the ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.matrices import checked_scores
from persona_big5.validity.reliability import check_keys, mean_of_answered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


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
