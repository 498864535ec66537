"""Response style: how much of the answers is agreeing with anything, and how much is choosing the ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from persona_big5.errors import DataError
from persona_big5.factors.matrices import checked_scores
from persona_big5.validity.reliability import check_keys, mean_of_answered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        Between respondents, freed of the noise of single items; None where it takes more items.
    share_of_variance
        That variance as a share of the mean variance of a raw item; not truncated, so below 0 by chance; None as for
        `sd`.
    """

    mean: float
    sd: float | None
    share_of_variance: float | None


@dataclass(frozen=True, slots=True)
class Style:
    """Response style in one scale, or over several; what is None has its reason in `reasons`.

    Attributes
    ----------
    acquiescence
        None where all items are keyed alike.
    extremity
        Share of the answers given that are at either end of their response scale.
    n_items, n_respondents
        Items counted, and respondents with any answer to them.
    """

    acquiescence: Acquiescence | None
    extremity: float | None
    n_items: int
    n_respondents: int
    reasons: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        extremity = "extremity undefined" if self.extremity is None else f"extremity {self.extremity:.2f}"
        if self.acquiescence is None:
            return f"{extremity}; acquiescence undefined: {self.reasons['acquiescence']}"
        return f"{extremity}, acquiescence mean {self.acquiescence.mean:+.3f}, SD {self.acquiescence.sd}"


def response_style(
    scores: NDArray[np.float64],
    keys: NDArray[np.int64],
    score_min: NDArray[np.float64],
    score_max: NDArray[np.float64],
    scales: Sequence[str],
) -> dict[str, Style]:
    """Response style by scale, and over all scales under ``all``.

    Parameters
    ----------
    scores
        Shape (n respondents, p items), raw direction; NaN is a missing answer. Missing rule: answers given; pairwise
        for covariances.
    keys
        Shape (p,), +1 or -1.
    score_min, score_max
        Ends of each item's response scale (p,).
    scales
        Name of each item's scale (p,).

    Returns
    -------
    One entry per scale in order of appearance, then ``all``: extremity over all items; acquiescence averaged over the
    scales keyed both ways.

    Raises
    ------
    DataError
        When the arguments do not fit each other, or a response scale has no width.

    Notes
    -----
    If an answer is x = a + key * t + e, with `a` and `t` differing between respondents and `e` independent between
    items, then covariances between items keyed alike are var(a) + var(t), between items keyed unlike var(a) - var(t):
    the mean of the two averages is var(a), whatever the numbers of items. Checked by recovery of planted values.
    """
    scores = checked_scores(scores)
    keys, low, high, scale_of = np.asarray(keys), np.asarray(score_min), np.asarray(score_max), np.asarray(scales)
    if not scores.shape[1] == len(low) == len(high) == len(scale_of):
        raise DataError(
            f"{scores.shape[1]} items need as many ends of response scales and scale names; "
            f"got {len(low)}, {len(high)} and {len(scale_of)}"
        )
    check_keys(keys, scores.shape[1])
    if not (high > low).all():
        raise DataError(
            f"response scales need a highest score above the lowest; item {int((high <= low).argmax()) + 1} has none"
        )
    relative = (scores - (low + high) / 2) / (high - low)
    ends = np.where(np.isnan(scores), np.nan, (scores == low) | (scores == high))
    styles = {}
    for name in dict.fromkeys(scales):
        of_scale = scale_of == name
        styles[name] = _style(relative[:, of_scale], ends[:, of_scale], keys[of_scale])
    balanced = [style.acquiescence for style in styles.values() if style.acquiescence is not None]
    styles["all"] = _summary(ends, _average(balanced) if balanced else None)
    return styles


def _style(relative: NDArray[np.float64], ends: NDArray[np.float64], keys: NDArray[np.int64]) -> Style:
    both_ways = (keys > 0).any() and (keys < 0).any()
    return _summary(ends, _acquiescence(relative, keys) if both_ways else None)


def _summary(ends: NDArray[np.float64], acquiescence: Acquiescence | None) -> Style:
    answered = ~np.isnan(ends)
    reasons = {}
    if acquiescence is None or np.isnan(acquiescence.mean):
        acquiescence = None
        reasons["acquiescence"] = "no scale with items keyed both ways and answered"
    if not answered.any():
        reasons["extremity"] = "no answers"
    return Style(
        acquiescence=acquiescence,
        extremity=float(np.nanmean(ends)) if answered.any() else None,
        n_items=ends.shape[1],
        n_respondents=int(answered.any(axis=1).sum()),
        reasons=reasons,
    )


def _acquiescence(relative: NDArray[np.float64], keys: NDArray[np.int64]) -> Acquiescence:
    by_respondent = (mean_of_answered(relative[:, keys > 0]) + mean_of_answered(relative[:, keys < 0])) / 2
    known = ~np.isnan(by_respondent)
    mean = float(by_respondent[known].mean()) if known.any() else np.nan
    covariance = pd.DataFrame(relative).cov().to_numpy()
    product = np.outer(keys, keys)
    alike = covariance[(product > 0) & ~np.eye(len(keys), dtype=bool)]
    unlike = covariance[product < 0]
    item_variance = float(np.diag(covariance).mean())
    if len(alike) == 0 or not np.isfinite(covariance).all() or item_variance == 0:
        return Acquiescence(mean, None, None)
    variance = float(alike.mean() + unlike.mean()) / 2
    return Acquiescence(mean, float(np.sqrt(max(variance, 0.0))), variance / item_variance)


def _average(scales: list[Acquiescence]) -> Acquiescence:
    shares = [scale.share_of_variance for scale in scales if scale.share_of_variance is not None]
    variances = [scale.sd**2 for scale in scales if scale.sd is not None]
    mean = float(np.nanmean([scale.mean for scale in scales]))
    if not shares:
        return Acquiescence(mean, None, None)
    return Acquiescence(mean, float(np.sqrt(np.mean(variances))), float(np.mean(shares)))
