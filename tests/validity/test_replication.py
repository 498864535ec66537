"""Congruence of parts against worlds where they share their factors, and where they do not."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.validity.replication import halves, replicate, replicate_left_out

P, K = 18, 3
PATTERN = np.kron(np.eye(K), np.full((P // K, 1), 0.7))
UNCORRELATED = np.eye(K)
ONE_GROUP = np.zeros(P)


def drawn(pattern, n, random):
    """Sample correlations of n respondents, unit variances."""
    unique = np.sqrt(1 - (pattern**2).sum(axis=1))
    scores = random.standard_normal((n, pattern.shape[1])) @ pattern.T
    return np.corrcoef((scores + unique * random.standard_normal(scores.shape)).T)


def pairs(first, second, n_pairs=20, n=300, seed=0):
    random = np.random.default_rng(seed)
    sides = [[drawn(one, n, random) for one in (first, second)] for _ in range(n_pairs)]
    return np.array([side[0] for side in sides]), np.array([side[1] for side in sides])


def test_shared_factors_come_back_far_above_chance():
    found = replicate(*pairs(PATTERN, PATTERN), PATTERN, UNCORRELATED, groups=ONE_GROUP, seed=0)
    assert found.n_compared == 20
    assert found.quantile(0.05).min() > 0.95
    assert (found.null_phi_95 < 0.75).all()
    assert found.above_null.all()
    assert str(found).startswith("median congruence by factor (95th percentile by chance) of 20 pairs: 0.9")


def test_factors_of_other_items_do_not():
    elsewhere = PATTERN[np.random.default_rng(3).permutation(P)]
    found = replicate(*pairs(PATTERN, elsewhere), PATTERN, UNCORRELATED, groups=ONE_GROUP, seed=0)
    assert (found.median < found.null_phi_95 + 0.1).all()
    assert (found.median < 0.75).all()


def test_unrelated_factors_exceed_the_null_in_one_case_of_twenty():
    """400 pairs of unrelated loadings, three factors each: the share above the 95th percentile is 5 %."""
    random = np.random.default_rng(1)

    def unrelated():
        loadings = random.uniform(-0.7, 0.7, (400, P, K))
        unique = 1 - np.minimum((loadings**2).sum(axis=2), 0.95)
        matrices = loadings @ loadings.swapaxes(1, 2)
        matrices[:, np.arange(P), np.arange(P)] += unique
        scale = np.sqrt(np.einsum("bii->bi", matrices))
        return matrices / scale[:, :, None] / scale[:, None, :]

    found = replicate(unrelated(), unrelated(), PATTERN, UNCORRELATED, groups=ONE_GROUP, seed=0)
    share = (found.phi > found.null_phi_95).mean()
    assert 0.03 < share < 0.07  # 1,200 comparisons: standard error .006


def test_one_factor_of_equal_signs_is_congruent_by_chance_alone():
    """All loadings positive: phi .97 says nothing of which items load high."""
    random = np.random.default_rng(0)
    one, other = (random.uniform(0.4, 0.9, (P, 1)) for _ in range(2))
    found = replicate(*pairs(one, other), one, np.eye(1), groups=ONE_GROUP, seed=0)
    assert found.median[0] > 0.93
    assert found.null_phi_95[0] > 0.95
    assert not found.above_null[0]


def test_agreeing_with_everything_replicates_and_is_in_the_null():
    """Keyed loadings of acquiescence are +, and - on reversed items: the null keeps that where keys are given."""
    keyed = np.where(np.arange(P) % 2, -1.0, 1.0)
    acquiescence = keyed[:, None] * np.random.default_rng(0).uniform(0.5, 0.8, (P, 1))
    sides = pairs(acquiescence, acquiescence)
    blind = replicate(*sides, acquiescence, np.eye(1), groups=ONE_GROUP, seed=0)
    keys_known = replicate(*sides, acquiescence, np.eye(1), groups=keyed, seed=0)
    np.testing.assert_array_equal(blind.phi, keys_known.phi)
    assert blind.null_phi_95[0] < 0.6
    assert keys_known.null_phi_95[0] > 0.97


def test_oblique_factors_are_found_in_their_own_direction():
    correlations = np.full((K, K), 0.4) + 0.6 * np.eye(K)
    uncorrelated = PATTERN @ np.linalg.cholesky(correlations)
    found = replicate(*pairs(uncorrelated, uncorrelated, n=2000), PATTERN, correlations, groups=ONE_GROUP, seed=0)
    assert found.median.min() > 0.99


def test_a_part_left_out_is_compared_with_the_factors_of_the_others_alone():
    random = np.random.default_rng(5)
    rest, alike = (drawn(PATTERN, 1000, random) for _ in range(2))
    backwards = -PATTERN[:, ::-1]  # only order and direction of the factors are taken from what is reported
    other = drawn(PATTERN[random.permutation(P)], 1000, random)
    rests, parts = np.array([rest, rest]), np.array([alike, other])
    replicated, not_replicated = replicate_left_out(rests, parts, backwards, groups=ONE_GROUP, seed=0)
    assert replicated.phi.min() > 0.97
    assert replicated.above_null.all()
    assert not_replicated.phi.mean() < 0.7
    by_hand = replicate(rests[:1], parts[:1], PATTERN, UNCORRELATED, groups=ONE_GROUP, seed=0)
    np.testing.assert_allclose(np.sort(replicated.phi), np.sort(by_hand.phi), atol=0.01)


def test_parts_with_fewer_factors_are_left_out_and_counted():
    first, second = pairs(PATTERN, PATTERN, n_pairs=3)
    second[1] = np.eye(P)
    found = replicate(first, second, PATTERN, UNCORRELATED, groups=ONE_GROUP, seed=0)
    assert found.n_compared == 2
    assert np.isnan(found.phi[1]).all()
    assert np.isfinite(found.median).all()
    with pytest.raises(NotEstimableError, match="fewer than 3 factors"):
        replicate(first[1:2], second[1:2], PATTERN, UNCORRELATED, groups=ONE_GROUP, seed=0)
    none, some = np.eye(P)[None], first[:1]
    assert replicate_left_out(none, some, PATTERN, groups=ONE_GROUP, seed=0) == ["fewer than 3 factors in the others"]
    assert replicate_left_out(some, none, PATTERN, groups=ONE_GROUP, seed=0) == ["fewer than 3 factors in this part"]


def test_hostile_matrices_get_an_answer():
    """Duplicated items, more items than respondents, an indefinite matrix."""
    random = np.random.default_rng(7)
    scores = random.standard_normal((8, P))
    scores[:, 1] = scores[:, 0]
    few = np.corrcoef(scores.T)
    indefinite = np.clip(few + np.triu(random.uniform(-0.5, 0.5, (P, P)), 1), -1, 1)
    indefinite = np.triu(indefinite, 1) + np.triu(indefinite, 1).T + np.eye(P)
    found = replicate(np.array([few]), np.array([indefinite]), PATTERN, UNCORRELATED, groups=ONE_GROUP, seed=0)
    assert np.isfinite(found.phi).all()
    assert (np.abs(found.phi) <= 1).all()


def test_mistakes_are_named():
    with pytest.raises(DataError, match="no pairs of matrices"):
        replicate(np.empty((0, P, P)), np.empty((0, P, P)), PATTERN, UNCORRELATED, groups=ONE_GROUP, seed=0)
    six = pairs(PATTERN, PATTERN)[0][:, ::3, ::3]
    with pytest.raises(DataError, match="loadings of 6 items on 3 factors cannot be turned to a solution of 18 items"):
        replicate(six, six, PATTERN, UNCORRELATED, groups=np.zeros(6), seed=0)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 40), seed=st.integers(0, 1000))
def test_halves_are_halves(n, seed):
    marks = halves(n, 100, np.random.default_rng(seed))
    assert (marks.sum(axis=1) == n // 2).all()
    assert len(marks) <= 100
    if len(marks) < 100:
        splits = {frozenset({frozenset(np.flatnonzero(side)) for side in (mark, ~mark)}) for mark in marks}
        everyone = frozenset(range(n))
        assert splits == {frozenset({frozenset(one), everyone - set(one)}) for one in combinations(range(n), n // 2)}
        assert len(splits) == len(marks)
