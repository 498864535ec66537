"""What missing answers could have done to a result: every one of them anywhere between the ends of its scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError
from persona_big5.variance.covariance import means_by_group
from persona_big5.variance.groups import summing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from persona_big5.variance.groups import FloatArray, IntArray

ROUNDS = 40
SETTLED = 1e-9
FEWEST_UNITS = 3
BLOCK = 1 << 20
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
    i, j = np.triu_indices(n_variables, 1)
    found = np.full((3, n_variables, n_variables), np.nan)
    found[:, np.arange(n_variables), np.arange(n_variables)] = 1.0
    for pairs in np.array_split(np.arange(len(i)), max(1, len(i) * len(low) // BLOCK)):
        x, y = i[pairs], j[pairs]
        values = (
            _correlation(complete[:, x].T, complete[:, y].T),
            -_largest(low[:, x].T, high[:, x].T, -high[:, y].T, -low[:, y].T),
            _largest(low[:, x].T, high[:, x].T, low[:, y].T, high[:, y].T),
        )
        found[:, x, y] = found[:, y, x] = np.stack(values)
    return Range(*found)


def _deviations(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Deviations from the mean over the units that have both, 0 for others; ``x``, ``y`` (pairs, n); and how many."""
    known = np.isfinite(x) & np.isfinite(y)
    n = known.sum(axis=1)
    return *(np.where(known, values - _mean(np.where(known, values, np.nan), 1)[:, None], 0.0) for values in (x, y)), n


def _correlation(x: FloatArray, y: FloatArray) -> FloatArray:
    """Correlation of each row of x with that of y (pairs,), NaN with fewer than 3 units or without variance."""
    x, y, n = _deviations(x, y)
    size = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    defined = (n >= FEWEST_UNITS) & (size > NOTHING)
    r = np.divide((x * y).sum(axis=1), size, out=np.full(len(x), np.nan), where=defined)
    return np.asarray(np.clip(r, -1.0, 1.0))


def _largest(x_low: FloatArray, x_high: FloatArray, y_low: FloatArray, y_high: FloatArray) -> FloatArray:
    """Find the largest correlation (pairs,) of x and y (pairs, n) within their bounds."""
    starts = (
        ((x_low + x_high) / 2, (y_low + y_high) / 2),
        (x_low, y_low),
        (x_high, y_high),
        (x_low, y_high),
        (x_high, y_low),
    )
    best = np.full(len(x_low), np.nan)
    for start in starts:
        x, y = start
        last = np.full(len(x), np.nan)
        for _ in range(ROUNDS):
            now = _correlation(x, y)
            best = np.fmax(best, now)
            if not (np.abs(now - last) > SETTLED).any() and np.isfinite(last).any():
                break
            x = _towards(x, y, x_low, x_high)
            y = _towards(y, x, y_low, y_high)
            last = now
    return best


def _towards(x: FloatArray, y: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Move x (pairs, n) within its bounds to where its correlation with y is larger."""
    own, deviation, _ = _deviations(x, y)
    covariance = (own * deviation).sum(axis=1)
    rising = covariance > NOTHING
    slope = np.divide((own**2).sum(axis=1), covariance, out=np.zeros_like(covariance), where=rising)
    line = (x - own) + slope[:, None] * deviation
    return np.where(rising[:, None], np.clip(line, low, high), np.where(deviation > 0, high, low))
