"""Bounds hold whatever the missing answers would have been."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from persona_big5.errors import DataError
from persona_big5.validity.missingness import correlation_range, extreme_imputations


def bounds_of(random, n, share):
    """True scores (n, 2) between 1 and 5, of which a share is unknown in part."""
    truth = np.clip(3 + random.normal(size=(n, 2)), 1, 5)
    weight = np.where(random.random((n, 2)) < share, random.random((n, 2)), 0.0)  # share of the answers missing
    rest = np.clip(truth + 0.3 * random.normal(size=(n, 2)) * (weight > 0), 1, 5)
    low, high = (1 - weight) * rest + weight * 1, (1 - weight) * rest + weight * 5
    return truth, rest, np.minimum(low, truth), np.maximum(high, truth)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.integers(4, 30), st.floats(0, 1))
def test_the_truth_is_within_the_range(seed, n, share):
    truth, complete, low, high = bounds_of(np.random.default_rng(seed), n, share)
    found = correlation_range(complete, low, high)
    true = np.corrcoef(truth, rowvar=False)[0, 1]
    assert found.least[0, 1] - 1e-6 <= true <= found.most[0, 1] + 1e-6
    assert -1 <= found.least[0, 1] <= found.most[0, 1] <= 1


def test_no_combination_of_ends_and_no_general_search_goes_further():
    random = np.random.default_rng(1)
    for _ in range(4):
        _, complete, low, high = bounds_of(random, 7, 0.5)
        found = correlation_range(complete, low, high)
        free = [(i, j) for i in range(7) for j in range(2) if high[i, j] - low[i, j] > 1e-9]
        ends = []
        for choice in product((0, 1), repeat=len(free)):
            scores = low.copy()
            for (i, j), at_high in zip(free, choice, strict=True):
                scores[i, j] = high[i, j] if at_high else low[i, j]
            ends.append(np.corrcoef(scores, rowvar=False)[0, 1])
        box = list(zip(low.T.ravel(), high.T.ravel(), strict=True))
        searched = [
            minimize(lambda v: -np.corrcoef(v.reshape(2, 7))[0, 1], random.uniform(low.T, high.T).ravel(), bounds=box)
            for _ in range(5)
        ]
        assert found.most[0, 1] >= max(ends) - 1e-9
        assert found.least[0, 1] <= min(ends) + 1e-9
        assert found.most[0, 1] >= max(-one.fun for one in searched) - 1e-4


def test_without_missing_answers_there_is_no_range():
    scores = np.random.default_rng(2).normal(size=(20, 3))
    found = correlation_range(scores, scores, scores)
    for matrix in (found.complete, found.least, found.most):
        np.testing.assert_allclose(matrix, np.corrcoef(scores, rowvar=False), atol=1e-12)


def test_what_is_not_there_is_not_bounded():
    scores = np.random.default_rng(3).normal(size=(6, 2))
    scores[:, 1] = 2.0
    found = correlation_range(scores, scores, scores)
    assert np.isnan(found.complete[0, 1])
    assert np.isnan(found.most[0, 1])
    with pytest.raises(DataError, match="bounds"):
        correlation_range(scores, scores + 1, scores)


def test_imputations_move_what_they_say():
    random = np.random.default_rng(4)
    unit, run = np.repeat(np.arange(30), 4), np.tile(np.arange(4), 30)
    scores = np.clip(3 + random.normal(size=(30, 5))[unit] + random.normal(size=(120, 5)), 1, 5)
    missing = random.random((120, 5)) < 0.3
    not_asked = ~missing & (random.random((120, 5)) < 0.1)
    seen = np.where(missing | not_asked, np.nan, scores)
    seen[unit == 3] = np.nan  # who never answered
    missing[unit == 3] = True
    not_asked[unit == 3] = False
    found = extreme_imputations(seen, missing, np.full(5, 1.0), np.full(5, 5.0), unit, run)
    for imputed in found.values():
        assert np.isnan(imputed[not_asked]).all()
        assert np.isfinite(imputed[~not_asked]).all()
        np.testing.assert_array_equal(imputed[~missing & ~not_asked], seen[~missing & ~not_asked])
        assert imputed[missing].min() >= 1
        assert imputed[missing].max() <= 5

    def between(imputed):
        means = [np.nanmean(imputed[unit == u], axis=0) for u in range(30) if u != 3]
        return np.var(means, axis=0).mean()

    def within(imputed):
        return np.mean([np.nanvar(imputed[unit == u], axis=0).mean() for u in range(30) if u != 3])

    assert between(found["respondents apart"]) == max(map(between, found.values()))
    assert between(found["respondents alike"]) == min(map(between, found.values()))
    assert within(found["runs apart"]) == max(map(within, found.values()))
    assert within(found["runs alike"]) == min(map(within, found.values()))
    assert (found["all highest"][missing] == 5).all()
