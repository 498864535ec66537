from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_big5.errors import DataError
from persona_big5.factors.congruence import align, procrustes, split_half_congruence, tucker_phi
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
    np.testing.assert_allclose(np.sort(split_half_congruence(male, female, 5)), np.sort(theirs), rtol=0, atol=5e-4)


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
def test_procrustes_undoes_any_rotation_and_moves_no_communality(seed, k):
    rng = np.random.default_rng(seed)
    target = rng.standard_normal((12, k))
    turn = np.linalg.qr(rng.standard_normal((k, k)))[0]
    np.testing.assert_allclose(procrustes(target @ turn, target), target, rtol=0, atol=1e-10)
    other = rng.standard_normal((12, k))
    turned = procrustes(other, target)
    np.testing.assert_allclose((turned**2).sum(axis=1), (other**2).sum(axis=1))
    assert np.linalg.norm(turned - target) <= np.linalg.norm(other - target) + 1e-12


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
    halves = [np.corrcoef(half.T) for half in (scores[:400], scores[400:])]
    assert split_half_congruence(*halves, 3).min() > 0.96
    shuffled = rng.permutation(18)
    assert split_half_congruence(halves[0], halves[1][np.ix_(shuffled, shuffled)], 3).mean() < 0.7


def test_mistakes_are_named():
    with pytest.raises(DataError, match=r"shape \(4, 2\) and \(3, 2\) are not of the same items"):
        tucker_phi(np.ones((4, 2)), np.ones((3, 2)))
    with pytest.raises(DataError, match="2 and 3 factors cannot be matched one to one"):
        align(np.ones((4, 2)), np.ones((4, 3)))
