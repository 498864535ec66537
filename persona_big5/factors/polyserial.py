"""Polyserial correlations: of a measured variable with the normal variable behind ordered categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from persona_big5.errors import DataError
from persona_big5.factors.correlation import MIN_PAIRS
from persona_big5.factors.correlation_likelihood import most_likely_correlations
from persona_big5.factors.matrices import checked_scores
from persona_big5.factors.ordered_items import (
    OrderedItems,
    category_means,
    category_probabilities,
    influence_by_thresholds,
    listed_pairs,
    normal_density,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMBERS_HELD = 1 << 20
_OUTER_EDGE = 40.0  # as good as infinite: the normal density is 0 there, and no product becomes undefined
_SMALLEST_PROBABILITY = 1e-290
_CONSTANT = 1e-12  # relative: a spread this small is rounding error


@dataclass(frozen=True, slots=True)
class Polyserial:
    """Polyserial correlations of q measured variables with p items.

    Attributes
    ----------
    matrix
        Shape (q, p). NaN where either is constant among the respondents who have both, or fewer than three do; 1 or
        -1 where the likelihood rises up to the border (named in `notes`).
    standard_errors
        Shape (q, p), NaN where the correlation is NaN, 1 or -1.
    n_pairs
        Shape (q, p), respondents who have both.
    notes
        What a reader must know, in words; variables and items by their positions, counted from 1.
    """

    matrix: NDArray[np.float64]
    standard_errors: NDArray[np.float64]
    n_pairs: NDArray[np.int64]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        q, p = self.matrix.shape
        return "\n".join([f"polyserial correlations of {q} measured variables with {p} items", *self.notes])


def polyserial(continuous: NDArray[np.float64], ordinal: NDArray[np.float64]) -> Polyserial:
    """Polyserial correlations by two-step maximum likelihood, with standard errors.

    Parameters
    ----------
    continuous
        Shape (n respondents, q measured variables), taken as normal.
    ordinal
        Shape (n respondents, p items), at most 20 distinct values each. NaN is a missing answer in either. Missing
        rule: mean and standard deviation (maximum likelihood) of a variable and thresholds of an item from all who
        have it, the correlation from those who have both.

    Raises
    ------
    DataError
        When the two do not have the same respondents, or hold infinite values, or an item has more than 20 values.

    Notes
    -----
    Olsson, Drasgow & Dorans (1982, Psychometrika 47, 337). Given mean, standard deviation and thresholds the likelihood
    of the categories given the measured variable is maximised over the correlation. Standard errors are those of the
    two-step estimator, with the sampling of what is given in them (answers missing at random assumed). Agrees with a
    dense SciPy optimum to 1e-6; empirical standard deviations agree with the standard errors to 10 %.
    """
    continuous = checked_scores(continuous)
    items = OrderedItems.of(ordinal)
    if len(continuous) != len(items.codes):
        raise DataError(f"{len(continuous)} rows of measured variables beside {len(items.codes)} rows of items")
    shape = (continuous.shape[1], len(items.categories))
    matrix, errors = np.full(shape, np.nan), np.full(shape, np.nan)
    measured = _standardised(continuous)
    n_pairs = np.rint((~np.isnan(continuous)).T.astype(np.float64) @ (items.codes >= 0)).astype(np.int64)
    at_once = max(1, _NUMBERS_HELD // max(1, len(continuous)))
    for item in np.flatnonzero(items.categories > 1):
        usable = _usable(measured, items.codes[:, item])
        for start in range(0, len(usable), at_once):
            variables = usable[start : start + at_once]
            pairs = _Pairs.of(measured[variables], items.codes[:, item], items.thresholds[item])
            matrix[variables, item] = rho = most_likely_correlations(pairs.derivatives, pairs.start())
            inside = np.flatnonzero(np.abs(rho) < 1)
            errors[variables[inside], item] = pairs.standard_errors(rho[inside], inside)
    return Polyserial(matrix, errors, n_pairs, _notes(matrix))


@dataclass(frozen=True, slots=True)
class _Pairs:
    """One item with m measured variables."""

    measured: NDArray[np.float64]  # (m, n), 0 where missing
    has: NDArray[np.bool_]  # (m, n)
    both: NDArray[np.bool_]  # (m, n)
    indicators: NDArray[np.float64]  # (n, categories)
    thresholds: NDArray[np.float64]  # (1, categories - 1)

    @classmethod
    def of(cls, measured: NDArray[np.float64], codes: NDArray[np.int8], thresholds: NDArray[np.float64]) -> _Pairs:
        has = ~np.isnan(measured)
        indicators = (codes[:, None] == np.arange(len(thresholds) + 1)).astype(np.float64)
        return cls(np.where(has, measured, 0.0), has, has & (codes >= 0), indicators, thresholds[None, :])

    def start(self) -> NDArray[np.float64]:
        """Correlations of the measured variables with the categories' mean normal scores."""
        scores = category_means(self.thresholds)
        spread = (category_probabilities(self.thresholds) * scores**2).sum()
        products = (self.measured * self.both) @ (self.indicators @ scores[0])
        correlations: NDArray[np.float64] = np.clip(products / self.both.sum(axis=1) / spread, -0.95, 0.95)
        return correlations

    def derivatives(
        self, rho: NDArray[np.float64], variables: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """First and second derivative of the log-likelihood with some of the variables."""
        first, second, _, _ = self._by_respondent(rho, variables)
        return first.sum(axis=1), second.sum(axis=1)

    def standard_errors(self, rho: NDArray[np.float64], variables: NDArray[np.int64]) -> NDArray[np.float64]:
        """Asymptotic errors with some of the variables.

        They come from what each respondent adds to the slope, also by mean, standard deviation and thresholds.
        """
        score, curvature, lower, upper = self._by_respondent(rho, variables)
        root = np.sqrt(1 - rho**2)[:, None]
        measured, has = self.measured[variables], self.has[variables]
        n_both, n_has = self.both[variables].sum(axis=1, keepdims=True), has.sum(axis=1, keepdims=True)
        by_measured = score * (lower - upper) * rho[:, None] / root
        by_mean = by_measured.sum(axis=1, keepdims=True) / n_both
        by_spread = (by_measured * measured).sum(axis=1, keepdims=True) / n_both
        above, below = score * lower / root @ self.indicators, score * upper / root @ self.indicators
        by_threshold = (above[:, 1:] - below[:, :-1]) / n_both
        by_category = influence_by_thresholds(self.thresholds, by_threshold / normal_density(self.thresholds))

        influence = score / n_both + by_category @ self.indicators.T / self.indicators.sum()
        influence += has * (by_mean * measured + by_spread * (measured**2 - 1) / 2) / n_has
        errors: NDArray[np.float64] = np.sqrt((influence**2).sum(axis=1)) / np.abs(curvature.sum(axis=1) / n_both[:, 0])
        return errors

    def _by_respondent(
        self, rho: NDArray[np.float64], variables: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """First and second derivative of each log-probability; densities at its lower and upper edge over it."""
        edges = np.concatenate([[-_OUTER_EDGE], self.thresholds[0], [_OUTER_EDGE]])
        low, high = self.indicators @ edges[:-1], self.indicators @ edges[1:]
        at, both, z = rho[:, None], self.both[variables], self.measured[variables]
        precision = 1 / (1 - at**2)
        root = np.sqrt(precision)
        lower, upper = (low - at * z) * root, (high - at * z) * root
        lower_ratio, upper_ratio = _density_ratios(lower, upper)
        lower_ratio, upper_ratio = lower_ratio * both, upper_ratio * both

        lower_slope, upper_slope = (at * low - z) * root * precision, (at * high - z) * root * precision
        lower_bend = low * root * precision + 3 * at * precision * lower_slope
        upper_bend = high * root * precision + 3 * at * precision * upper_slope
        first = upper_ratio * upper_slope - lower_ratio * lower_slope
        second = upper_ratio * (upper_bend - upper * upper_slope**2)
        second -= lower_ratio * (lower_bend - lower * lower_slope**2)
        return first, second - first**2, lower_ratio, upper_ratio


def _density_ratios(
    lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the normal density at either edge of an interval over the probability of the interval."""
    right = lower + upper > 0  # differences of small tails are exact, of numbers near 1 they are not
    probability = ndtr(np.where(right, -lower, upper)) - ndtr(np.where(right, -upper, lower))
    far = probability < _SMALLEST_PROBABILITY  # so far out all of it lies at the nearer edge
    probability[far] = 1.0
    at_lower = np.where(far, np.maximum(lower, 0.0), normal_density(lower) / probability)
    at_upper = np.where(far, np.maximum(-upper, 0.0), normal_density(upper) / probability)
    return at_lower, at_upper


def _standardised(continuous: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each variable as a row with mean 0 and variance 1 over those who have it; all NaN where it is constant."""
    has = ~np.isnan(continuous)
    n = np.maximum(has.sum(axis=0), 1)
    mean = np.where(has, continuous, 0.0).sum(axis=0) / n
    centred = np.where(has, continuous - mean, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / n)
    spread[spread <= _CONSTANT * np.abs(mean)] = np.nan
    standardised: NDArray[np.float64] = np.where(has, centred / spread, np.nan).T
    return standardised


def _usable(measured: NDArray[np.float64], codes: NDArray[np.int8]) -> NDArray[np.int64]:
    """Variables that vary, as does the item, among three or more who have both."""
    both = ~np.isnan(measured) & (codes >= 0)
    varies = _range_of(measured, both) > _CONSTANT
    varies &= _range_of(np.broadcast_to(codes.astype(np.float64), measured.shape), both) > 0
    return np.flatnonzero(varies & (both.sum(axis=1) >= MIN_PAIRS))


def _range_of(values: NDArray[np.float64], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    highest = np.where(chosen, values, -np.inf).max(axis=1, initial=-np.inf)
    lowest = np.where(chosen, values, np.inf).min(axis=1, initial=np.inf)
    spread: NDArray[np.float64] = np.where(chosen.any(axis=1), highest - lowest, 0.0)
    return spread


def _notes(matrix: NDArray[np.float64]) -> tuple[str, ...]:
    notes = []
    if (unknown := np.isnan(matrix)).any():
        notes.append(
            f"{unknown.sum()} pairs without a correlation, as fewer than {MIN_PAIRS} have both or one is constant "
            f"among them: {listed_pairs(unknown)}"
        )
    if (border := np.abs(matrix) == 1).any():
        notes.append(
            f"{border.sum()} pairs at +1 or -1, as the categories follow the measured variable without exception: "
            f"{listed_pairs(border)}"
        )
    return tuple(notes)
