"""Whether the items of a scale go together, and still do where some are worded the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.matrices import checked_scores
from persona_big5.factors.polychoric import polychoric

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_RESPONDENTS = 3


def alpha_of(covariance: NDArray[np.float64]) -> float:
    """Cronbach's alpha from the covariance matrix of keyed items, k/(k - 1) * (1 - trace / sum) (Cronbach, 1951).

    Parameters
    ----------
    covariance
        Shape (k, k), k >= 2, of keyed items; a correlation matrix gives standardised alpha, a component's matrix the
        alpha of that component. May be below 0.

    Raises
    ------
    NotEstimableError
        With fewer than two items, undefined entries, or a total variance that is not positive.

    Notes
    -----
    Agrees with ``raw_alpha`` and ``std.alpha`` of R's ``psych::alpha`` to 1e-8 on five data sets. A high alpha says
    nothing of validity: without reversed items response style raises it.
    """
    covariance = np.asarray(covariance, dtype=np.float64)
    k = len(covariance)
    if k < 2:
        raise NotEstimableError(f"alpha needs at least two items; there is {k}")
    total = float(covariance.sum())
    if not np.isfinite(total):
        raise NotEstimableError("alpha needs a covariance for every pair of items; some were never answered together")
    if total <= 0:
        raise NotEstimableError(f"alpha needs a scale whose sum varies; its variance is {total:.3g}")
    return k / (k - 1) * (1 - float(np.trace(covariance)) / total)


def ordinal_alpha(scores: NDArray[np.float64]) -> float:
    """Alpha from polychoric correlations: of the continuous answers behind the ordered options (Zumbo et al., 2007).

    Parameters
    ----------
    scores
        Shape (n respondents, k items), keyed; the distinct values of an item are its options. NaN is a missing answer.
        Missing rule: pairwise complete.

    Raises
    ------
    DataError
        When `scores` is no two-dimensional table, or an item has more than 20 distinct values: no options.
    NotEstimableError
        See `alpha_of`; an item that is constant has no correlation.

    Notes
    -----
    Not the reliability of the sum of the answers as they are, which it exceeds. Agrees with alpha of R's
    ``psych::polychoric`` matrices to 1e-4.
    """
    return alpha_of(polychoric(scores).matrix)


def r_positive_negative(scores: NDArray[np.float64], keys: NDArray[np.int64]) -> float | None:
    """Correlate the mean of the positively keyed items with that of the negatively keyed, both in raw direction.

    A trait makes it negative, a respondent who agrees with everything positive.

    Parameters
    ----------
    scores
        Shape (n respondents, k items), raw direction; NaN is a missing answer. Missing rule: means over the answers
        given; respondents without an answer in one of the two directions are left out.
    keys
        Shape (k,), +1 or -1.

    Returns
    -------
    The correlation; None where all items are keyed alike, fewer than three respondents are left, or either mean is
    constant.

    Raises
    ------
    DataError
        When scores and keys do not fit.
    """
    scores, keys = checked_scores(scores), np.asarray(keys)
    check_keys(keys, scores.shape[1])
    if (keys > 0).all() or (keys < 0).all():
        return None
    means = np.column_stack([mean_of_answered(scores[:, keys > 0]), mean_of_answered(scores[:, keys < 0])])
    means = means[~np.isnan(means).any(axis=1)]
    if len(means) < MIN_RESPONDENTS or np.ptp(means, axis=0).min() == 0:
        return None
    return float(np.corrcoef(means[:, 0], means[:, 1]).min())


def mean_of_answered(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each respondent's mean over the items answered, (n,), NaN where none is; `scores` is (n, k)."""
    answered = ~np.isnan(scores)
    counts = answered.sum(axis=1)
    totals = np.where(answered, scores, 0.0).sum(axis=1)
    means: NDArray[np.float64] = np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
    return means


def check_keys(keys: NDArray[np.int64], n_items: int) -> None:
    """Raise DataError unless `keys` holds +1 or -1 for each of `n_items` items."""
    if keys.shape != (n_items,) or not np.isin(keys, (-1, 1)).all():
        raise DataError(f"keys must be {n_items} values of +1 or -1, one per item; got {keys.tolist()}")
