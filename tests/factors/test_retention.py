"""The vote of all methods, and halves of the rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_scores import independent_scores, planted_scores

from persona_big5.errors import NotEstimableError
from persona_big5.factors.parallel import parallel_analysis, permuted_null
from persona_big5.factors.retention import halves_of, retention, shares_of


def parallel_of(scores, draws=50):
    return parallel_analysis(np.linalg.eigvalsh(np.corrcoef(scores.T)), permuted_null(scores, draws, 1))


def test_every_method_votes_and_finds_what_was_planted():
    scores = planted_scores(1)
    found = retention(np.corrcoef(scores.T), parallel_of(scores), n_observations=200, scores=scores, seed=2)
    assert found.votes == {"parallel_analysis": 3, "map": 3, "ekc": 3, "hull": 3, "comparison_data": 3}
    assert found.reasons == {}
    assert str(found) == "parallel_analysis 3, map 3, ekc 3, hull 3, comparison_data 3"


def test_parallel_analysis_finds_nothing_in_noise():
    """200 rows of 20 independent normal items: 0 factors in at least nine of ten samples."""
    counts = [parallel_of(independent_scores(seed), draws=100).n_factors for seed in range(50)]
    assert counts.count(0) >= 45


def test_an_estimate_that_is_no_sample_covariance_has_two_votes():
    scores = planted_scores(1)
    found = retention(np.corrcoef(scores.T), parallel_of(scores))
    assert found.votes == {"parallel_analysis": 3, "map": 3, "ekc": None, "hull": None, "comparison_data": None}
    assert found.reasons == dict.fromkeys(("ekc", "hull", "comparison_data"), "not a sample covariance")


def test_map_and_kaiser_are_not_computed_on_an_indefinite_matrix():
    scores = planted_scores(1)
    R = np.corrcoef(scores.T)
    R[0, 1:3] = R[1:3, 0] = 0.95
    R[1, 2] = R[2, 1] = -0.5
    found = retention(R, parallel_of(scores), n_observations=200)
    assert [found.votes[name] for name in ("map", "ekc", "hull", "comparison_data")] == [None] * 4
    for name in ("map", "ekc", "hull"):
        assert "positive definite" in found.reasons[name]
    assert "rows independent" in found.reasons["comparison_data"]


def test_halves_are_of_half_the_rows_without_replacement():
    scores = planted_scores(1, n=121)
    halves = halves_of(scores, n_halves=30, seed=4)
    assert len(halves) == 30
    assert all(len(set(rows.tolist())) == 60 for rows in halves)
    assert len({tuple(sorted(rows)) for rows in halves}) == 30
    np.testing.assert_array_equal(halves[7], halves_of(scores, n_halves=30, seed=4)[7])


def test_halves_in_which_an_item_is_constant_are_not_taken():
    scores = planted_scores(1)
    scores[:, 0] = 0
    scores[:4, 0] = 1  # all ones fall into one half of eight
    assert all(np.ptp(scores[rows, 0]) == 1 for rows in halves_of(scores, seed=1))
    scores[1:4, 0] = 0
    with pytest.raises(NotEstimableError, match="constant in more than every second random half of 200 rows"):
        halves_of(scores, seed=1)
    with pytest.raises(NotEstimableError, match="half of 30 rows are too few for 21 items"):
        halves_of(scores[:30])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=200))
def test_shares_are_those_of_the_counts(counts):
    shares = shares_of(counts)
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares) == sorted(set(counts))
    assert all(share * len(counts) == pytest.approx(counts.count(k)) for k, share in shares.items())


def test_shares_of_nothing():
    assert shares_of([]) == {}
