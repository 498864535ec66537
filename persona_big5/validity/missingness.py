"""What missing answers could have done to a result: every one of them anywhere between the ends of its scale."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError
from persona_big5.variance.covariance import means_by_group
from persona_big5.variance.groups import summing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from persona_big5.variance.groups import FloatArray, IntArray

ROUNDS = 40
NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the most a statistic can become, and what it is where answers are complete."""

    complete: FloatArray
    least: FloatArray
    most: FloatArray


def extreme_imputations(
    scores: FloatArray, missing: NDArray[np.bool_], low: FloatArray, high: FloatArray, unit: IntArray, run: IntArray
) -> dict[str, FloatArray]:
    """Replace missing answers in the ways that move shares of variance furthest.

    Parameters
    ----------
    scores
        Shape (N, items), NaN missing.
    missing
        Which of them were asked for and not given, (N, items); others stay NaN.
    low, high
        Ends of each item's scale, (items,).
    unit, run
        Code of the respondent and number of the run of each row, (N,).

    Returns
    -------
    imputed
        ``all lowest``, ``all highest``; ``respondents apart`` (the highest for respondents whose answers to the item
        are above its mean, the lowest for the others), ``respondents alike`` (what brings a respondent's mean as close
        to that of the item as the scale allows), ``runs apart`` (the lowest in even, the highest in odd runs) and
        ``runs alike`` (the respondent's own mean).
    """
    units = int(unit.max()) + 1
    own = means_by_group(scores, unit, units)
    item = _mean(own, axis=0)
    own = np.where(np.isfinite(own), own, _mean(own, axis=1)[:, None])  # never answered: as they answer other items
    add = summing(unit, units)
    answered, lost = add(np.isfinite(scores).astype(float)), add(missing.astype(float))
    levelling = np.clip(((answered + lost) * item - answered * own) / np.maximum(lost, 1.0), low, high)
    odd = np.broadcast_to((run % 2 == 1)[:, None], scores.shape)
    instead = {
        "all lowest": np.broadcast_to(low, scores.shape),
        "all highest": np.broadcast_to(high, scores.shape),
        "respondents apart": np.where(own > item, high, low)[unit],
        "respondents alike": levelling[unit],
        "runs apart": np.where(odd, high, low),
        "runs alike": np.clip(own, low, high)[unit],
    }
    return {name: np.where(missing, values, scores) for name, values in instead.items()}


def _mean(values: FloatArray, axis: int) -> FloatArray:
    """Mean of what is there, 0 where nothing is."""
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=axis) / np.maximum(known.sum(axis=axis), 1))


def correlation_range(complete: FloatArray, low: FloatArray, high: FloatArray) -> Range:
    """Find the least and the largest correlations that scores anywhere within their bounds can have.

    Parameters
    ----------
    complete
        Scores by unit and variable from the answers that are there, (n, s), NaN without any.
    low, high
        The scores' bounds, (n, s): what they are with all missing answers at the lowest, at the highest end.

    Returns
    -------
    range
        Matrices (s, s), NaN where a variable cannot vary or fewer than 3 units have both; ``complete`` over the units
        that have both. The diagonal is 1.

    Raises
    ------
    DataError
        Where the tables do not fit each other.

    Notes
    -----
    The largest correlation of x with a given y over a box is where x is the line through (mean x, mean y) with slope
    var x / cov, cut off at the bounds (its Kuhn-Tucker conditions; the ratio is quasi-concave, so the point is the
    maximum). x and y take turns from five starts (ends alike, ends opposed, middles): every value given can be
    attained, and with both scores free none beyond it is proven impossible. On small tables it is never below the best
    of all combinations of ends (tests/validity).
    """
    if not low.shape == high.shape == complete.shape or (low > high + NOTHING).any():
        raise DataError("bounds must have the shape of the scores, the lower ones below the upper ones")
    n_variables = low.shape[1]
    found = np.full((3, n_variables, n_variables), np.nan)
    found[:, np.arange(n_variables), np.arange(n_variables)] = 1.0
    for i, j in combinations(range(n_variables), 2):
        known = np.isfinite(complete[:, [i, j]]).all(axis=1)
        bounded = np.isfinite(low[:, [i, j]]).all(axis=1)
        own = [table[bounded][:, [i, j]].T for table in (low, high)]
        values = (
            _correlation(complete[known, i], complete[known, j]),
            -_largest(own[0][0], own[1][0], -own[1][1], -own[0][1]),
            _largest(own[0][0], own[1][0], own[0][1], own[1][1]),
        )
        found[:, i, j] = found[:, j, i] = values
    return Range(*found)


def _correlation(x: FloatArray, y: FloatArray) -> float:
    if len(x) < 3:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    size = np.sqrt((x @ x) * (y @ y))
    return float(np.clip(x @ y / size, -1.0, 1.0)) if size > NOTHING else float("nan")


def _largest(x_low: FloatArray, x_high: FloatArray, y_low: FloatArray, y_high: FloatArray) -> float:
    """Find the largest correlation of x and y (n,) within their bounds."""
    starts = (
        ((x_low + x_high) / 2, (y_low + y_high) / 2),
        (x_low, y_low),
        (x_high, y_high),
        (x_low, y_high),
        (x_high, y_low),
    )
    best = [float("nan")]
    for start_x, start_y in starts:
        x, y = start_x, start_y
        best.append(_correlation(x, y))
        for _ in range(ROUNDS):
            x = _towards(x, y, x_low, x_high)
            y = _towards(y, x, y_low, y_high)
            best.append(_correlation(x, y))
    known = [value for value in best if np.isfinite(value)]
    return max(known) if known else float("nan")


def _towards(x: FloatArray, y: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Move x (n,) within its bounds to where its correlation with y is larger."""
    deviation = y - y.mean()
    covariance = x @ deviation
    if covariance <= NOTHING:
        return np.where(deviation > 0, high, low)
    slope = ((x - x.mean()) ** 2).sum() / covariance
    return np.asarray(np.clip(x.mean() + slope * deviation, low, high))
