from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes

from persona_big5.errors import DataError
from persona_big5.factors.congruence import (
    align,
    null_phi,
    paired_phi,
    shuffled_within,
    tucker_phi,
    turn_to,
)
from persona_big5.factors.correlation import pearson
from persona_big5.factors.extraction import fit_factors


def test_phi_of_r_loadings_equals_r(reference):
    expected = reference.read("bfi", "gender_congruence")
    male, female = (reference.matrix(expected[f"{gender}_oblimin"]) for gender in ("male", "female"))
    phi = tucker_phi(male, female)
    np.testing.assert_allclose(np.abs(phi), np.abs(expected["congruence_oblimin"]["data"]), rtol=0, atol=1e-8)


def test_gender_congruence_from_the_answers(reference, shared):
    expected = reference.read("bfi", "gender_congruence")
    gender = pd.read_csv(shared / "reference" / "data" / "bfi.csv")["gender"].to_numpy()
    male, female = (pearson(reference.scores("bfi")[gender == code]).matrix for code in (1, 2))
    solutions = [fit_factors(R, 5) for R in (male, female)]
    for solution, name in zip(solutions, ("male", "female"), strict=True):
        theirs = reference.matrix(expected[f"{name}_oblimin"])
        np.testing.assert_allclose(align(solution.loadings, theirs).loadings, theirs, rtol=0, atol=5e-4)
    matched = align(solutions[1].loadings, solutions[0].loadings).phi
    theirs = np.abs(reference.matrix(expected["congruence_oblimin"])).max(axis=1)
    np.testing.assert_allclose(np.sort(matched), np.sort(theirs), rtol=0, atol=5e-4)


def test_gender_congruence_of_varimax_from_the_answers(reference, shared):
    """R's varimax stops up to 3e-3 early in the loadings (see `fa_rotation_tight`): phi is held to 3e-3."""
    expected = reference.read("bfi", "gender_congruence")
    gender = pd.read_csv(shared / "reference" / "data" / "bfi.csv")["gender"].to_numpy()
    male, female = (pearson(reference.scores("bfi")[gender == code]).matrix for code in (1, 2))
    theirs = np.abs(reference.matrix(expected["congruence_varimax"]))
    solutions = [fit_factors(R, 5, rotation="varimax") for R in (male, female)]
    found = align(solutions[1].loadings, solutions[0].loadings).phi
    np.testing.assert_allclose(np.sort(found), np.sort(theirs.max(axis=1)), rtol=0, atol=3e-3)


def test_women_turned_to_the_factors_of_men_are_at_least_as_congruent(reference, shared):
    """Turned, the mean phi exceeds that of two rotations of their own; random targets reach less than half way."""
    gender = pd.read_csv(shared / "reference" / "data" / "bfi.csv")["gender"].to_numpy()
    male, female = (fit_factors(pearson(reference.scores("bfi")[gender == code]).matrix, 5) for code in (1, 2))
    unrotated = female.loadings @ np.linalg.cholesky(female.factor_correlations)
    turned = turn_to(unrotated, male.loadings, male.factor_correlations)
    own = align(female.loadings, male.loadings).phi
    phi = paired_phi(turned, male.loadings)
    assert phi.mean() > own.mean()
    null = null_phi(
        male.loadings[None],
        unrotated[None],
        male.loadings,
        male.factor_correlations,
        groups=np.zeros(25),
        permutations=1000,
        random=np.random.default_rng(0),
    )
    assert phi.min() > 0.93
    assert np.percentile(null, 95, axis=(0, 1)).max() < 0.7


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 6))
def test_align_undoes_permutation_and_reflection(seed, k):
    rng = np.random.default_rng(seed)
    target = rng.standard_normal((12, k))
    order, signs = rng.permutation(k), rng.choice([-1.0, 1.0], k)
    found = align(target[:, order] * signs, target)
    np.testing.assert_allclose(found.loadings, target)
    np.testing.assert_allclose(found.phi, 1.0)
    np.testing.assert_array_equal(order[found.permutation], np.arange(k))
    np.testing.assert_array_equal(found.signs, signs[found.permutation])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(2, 5))
def test_turning_undoes_any_rotation_and_moves_no_communality(seed, k):
    rng = np.random.default_rng(seed)
    target = rng.standard_normal((12, k))
    turn = np.linalg.qr(rng.standard_normal((k, k)))[0]
    np.testing.assert_allclose(turn_to(target @ turn, target, np.eye(k)), target, rtol=0, atol=1e-10)
    other = rng.standard_normal((12, k))
    turned = turn_to(other, target, np.eye(k))
    np.testing.assert_allclose((turned**2).sum(axis=1), (other**2).sum(axis=1))
    assert np.linalg.norm(turned - target) <= np.linalg.norm(other - target) + 1e-12


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 5))
def test_turning_many_is_scipys_procrustes_of_each_and_forgets_the_rotation_given(seed, k):
    rng = np.random.default_rng(seed)
    pattern, loadings = rng.standard_normal((12, k)), rng.standard_normal((4, 12, k))
    turned = turn_to(loadings, pattern, np.eye(k))
    for one, given_one in zip(turned, loadings, strict=True):
        turn, _ = orthogonal_procrustes(given_one, pattern)
        np.testing.assert_allclose(one, given_one @ turn, rtol=0, atol=1e-9)
    spread = rng.standard_normal((k, k))
    correlations = spread @ spread.T + np.eye(k)
    correlations /= np.sqrt(np.outer(np.diag(correlations), np.diag(correlations)))
    oblique = turn_to(loadings, pattern, correlations)
    again = turn_to(loadings @ np.linalg.qr(rng.standard_normal((k, k)))[0], pattern, correlations)
    np.testing.assert_allclose(again, oblique, rtol=0, atol=1e-8)
    common = oblique @ correlations @ oblique.swapaxes(1, 2)  # what is common to the items stays what it was
    np.testing.assert_allclose(common, loadings @ loadings.swapaxes(1, 2), rtol=0, atol=1e-8)
    own = turn_to(pattern @ np.linalg.cholesky(correlations), pattern, correlations)
    np.testing.assert_allclose(own, pattern, rtol=0, atol=1e-8)
    phi = paired_phi(oblique, pattern)
    np.testing.assert_allclose(phi, [np.diag(tucker_phi(one, pattern)) for one in oblique], rtol=0, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(groups=st.lists(st.integers(0, 3), min_size=1, max_size=20), seed=st.integers(0, 1000))
def test_shuffles_stay_within_their_group(groups, seed):
    groups = np.array(groups)
    order = shuffled_within(groups, 7, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.sort(order, axis=1), np.broadcast_to(np.arange(len(groups)), order.shape))
    np.testing.assert_array_equal(groups[order], np.broadcast_to(groups, order.shape))


def test_assignment_is_best_of_all_not_greedy():
    """Greedy takes .75 and is left with 0; the best takes .70 and .66."""
    target = np.eye(3)[:, :2]
    loadings = np.column_stack([[0.75, 0.66, 0.0], [0.7, 0.0, 0.71]])
    assert tucker_phi(loadings, target)[0, 0] > tucker_phi(loadings, target)[1, 0]
    found = align(loadings, target)
    assert found.permutation.tolist() == [1, 0]


def test_a_column_of_zeros_has_no_congruence():
    loadings = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.0]])
    found = align(loadings, np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.5]]))
    assert found.permutation.tolist() == [1, 0]
    assert np.isnan(found.phi[0])
    assert found.phi[1] == pytest.approx(1.0)
    assert str(found) == "congruence by factor: nan 1.000"


def test_two_matrices_of_one_structure_agree_and_of_two_do_not():
    rng = np.random.default_rng(1)
    pattern = np.kron(np.eye(3), np.full((6, 1), 0.7))
    scores = rng.standard_normal((800, 3)) @ pattern.T + rng.standard_normal((800, 18))
    first, second = (fit_factors(np.corrcoef(half.T), 3).loadings for half in (scores[:400], scores[400:]))
    assert align(second, first).phi.min() > 0.96
    assert align(second[rng.permutation(18)], first).phi.mean() < 0.7


def test_mistakes_are_named():
    with pytest.raises(DataError, match=r"shape \(4, 2\) and \(3, 2\) are not of the same items"):
        tucker_phi(np.ones((4, 2)), np.ones((3, 2)))
    with pytest.raises(DataError, match="2 and 3 factors cannot be matched one to one"):
        align(np.ones((4, 2)), np.ones((4, 3)))
