from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from persona_big5.errors import DataError, NotEstimableError, PersonaBig5Error
from persona_big5.factors import rotation as module
from persona_big5.factors.congruence import align
from persona_big5.factors.rotation import Rotation, rotate

METHODS = ["varimax", "promax", "oblimin", "geomin"]


def oblique_simple(rng: np.random.Generator, per_factor: int = 5, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Perfect simple structure of correlated factors: pattern (p, k) and factor correlations (k, k)."""
    pattern = np.zeros((per_factor * k, k))
    for item in range(len(pattern)):
        pattern[item, item // per_factor] = rng.uniform(0.4, 0.9)
    correlations = np.full((k, k), 0.3) + 0.7 * np.eye(k)
    return pattern, correlations


def unrotated(pattern: np.ndarray, correlations: np.ndarray) -> np.ndarray:
    """Principal axes of the common part: the same space, uncorrelated factors."""
    values, vectors = np.linalg.eigh(pattern @ correlations @ pattern.T)
    k = pattern.shape[1]
    return vectors[:, -k:] * np.sqrt(values[-k:])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000), p=st.integers(6, 20), k=st.integers(1, 4), method=st.sampled_from(["none", *METHODS])
)
def test_rotation_changes_nothing_that_can_be_observed(seed, p, k, method):
    loadings = np.random.default_rng(seed).uniform(-0.6, 0.6, (p, k))
    found = rotate(loadings, method, random_starts=1)
    implied = found.loadings @ found.factor_correlations @ found.loadings.T
    np.testing.assert_allclose(implied, loadings @ loadings.T, rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.diag(found.factor_correlations), 1.0, rtol=0, atol=1e-12)
    if method in ("none", "varimax"):
        np.testing.assert_allclose(found.factor_correlations, np.eye(k), rtol=0, atol=1e-9)
        np.testing.assert_allclose((found.loadings**2).sum(axis=1), (loadings**2).sum(axis=1), rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", ["oblimin", "quartimin", "geomin"])
def test_simple_structure_of_correlated_factors_is_found(method):
    pattern, correlations = oblique_simple(np.random.default_rng(1))
    found = rotate(unrotated(pattern, correlations), method)
    tolerance = 0.02 if method == "geomin" else 1e-5  # its epsilon keeps geomin from exactly zero loadings
    np.testing.assert_allclose(align(found.loadings, pattern).loadings, pattern, rtol=0, atol=tolerance)
    assert found.converged
    if method != "geomin":
        assert found.criterion == pytest.approx(0, abs=1e-10)


def test_oblimin_equals_psych_or_is_better(reference, dataset, kind):
    every = reference.read(dataset, "fa")
    for extraction in ("minres", "ml"):
        theirs = reference.matrix(every[f"{kind}_{extraction}_oblimin"]["loadings"])
        found = rotate(reference.matrix(every[f"{kind}_{extraction}_none"]["loadings"]), "oblimin", random_starts=2)
        assert found.criterion <= module.quartimin(theirs)[0] + 1e-5
        np.testing.assert_allclose(align(found.loadings, theirs).loadings, theirs, rtol=0, atol=5e-4)


@pytest.mark.parametrize("method", ["varimax", "promax"])
def test_varimax_and_promax_equal_tightly_converged_r(reference, dataset, kind, method):
    for extraction in ("minres", "ml"):
        before = reference.matrix(reference.read(dataset, "fa")[f"{kind}_{extraction}_none"]["loadings"])
        tight = reference.read(dataset, "fa_rotation_tight")[f"{kind}_{extraction}"]
        found = rotate(before, method, random_starts=0)
        matched = align(found.loadings, reference.matrix(tight[method]))
        np.testing.assert_allclose(matched.loadings, reference.matrix(tight[method]), rtol=0, atol=1e-4)
        if method == "promax":
            order = np.ix_(matched.permutation, matched.permutation)
            signed = found.factor_correlations[order] * np.outer(matched.signs, matched.signs)
            np.testing.assert_allclose(signed, reference.matrix(tight["promax_Phi"]), rtol=0, atol=1e-4)


def test_quartimin_is_oblimin_by_its_own_name():
    loadings = np.random.default_rng(2).uniform(-0.7, 0.7, (12, 3))
    np.testing.assert_array_equal(rotate(loadings, "quartimin").loadings, rotate(loadings, "oblimin").loadings)


@pytest.mark.parametrize("criterion", [module.quartimin, module.varimax, module.geomin])
def test_gradients_equal_differences(criterion):
    L = np.random.default_rng(3).uniform(-0.8, 0.8, (7, 3))
    numerical = approx_fprime(L.ravel(), lambda flat: criterion(flat.reshape(L.shape))[0], 1e-7)
    np.testing.assert_allclose(criterion(L)[1].ravel(), numerical, rtol=0, atol=1e-5)


def test_varimax_of_two_factors_by_the_closed_form():
    """Kaiser (1958): tan 4a of the best angle from sums of u = x2 - y2 and v = 2xy, on rows of unit length."""
    loadings = np.random.default_rng(4).uniform(-0.8, 0.8, (10, 2))
    length = np.sqrt((loadings**2).sum(axis=1, keepdims=True))
    x, y = (loadings / length).T
    u, v, p = x**2 - y**2, 2 * x * y, len(x)
    numerator = 2 * (u @ v) - 2 * u.sum() * v.sum() / p
    denominator = (u**2 - v**2).sum() - (u.sum() ** 2 - v.sum() ** 2) / p
    angle = np.arctan2(numerator, denominator) / 4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = rotate(loadings, "varimax")
    np.testing.assert_allclose(align(found.loadings, loadings @ turn).loadings, loadings @ turn, rtol=0, atol=1e-6)


def test_target_is_reached_where_it_can_be():
    pattern, correlations = oblique_simple(np.random.default_rng(5))
    found = rotate(unrotated(pattern, correlations), "target", target=pattern)
    np.testing.assert_allclose(found.loadings, pattern, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.factor_correlations, correlations, rtol=0, atol=1e-5)
    assert found.criterion == pytest.approx(0, abs=1e-9)


def test_random_starts_leave_a_saddle_and_say_so():
    """By symmetry the gradient vanishes at the identity, where the criterion is three times what it can be."""
    angles = np.arange(12) * np.pi / 12
    loadings = np.column_stack([np.cos(angles), np.sin(angles), np.cos(3 * angles)]) / np.sqrt(2)
    single, many = (rotate(loadings, "oblimin", random_starts=starts) for starts in (0, 30))
    assert single.n_local_optima == 1
    assert single.criterion == pytest.approx(0.624362, abs=1e-6)
    assert many.criterion == pytest.approx(0.205909, abs=1e-6)
    assert str(many) == "rotation of 3 factors of 12 items: converged, 2 local optima"


def test_lowest_criterion_wins_then_convergence_then_the_first_start(monkeypatch):
    def pretend(outcomes):
        found = iter(Rotation(np.full((4, 2), i), np.eye(2), *outcome, 1) for i, outcome in enumerate(outcomes))
        monkeypatch.setattr(module, "_project", lambda *_: next(found))
        return rotate(np.random.default_rng(1).uniform(-0.7, 0.7, (4, 2)), random_starts=len(outcomes) - 1)

    best = pretend([(0.5, True), (0.3 + 1e-9, False), (0.3, True), (0.3, True)])
    assert best.loadings[0, 0] == 2
    assert best.n_local_optima == 2
    unfinished = pretend([(0.5, True), (0.3, False)])
    assert unfinished.loadings[0, 0] == 1
    assert not unfinished.converged


def test_the_same_seed_gives_the_same_solution():
    loadings = np.random.default_rng(6).uniform(-0.7, 0.7, (15, 4))
    np.testing.assert_array_equal(rotate(loadings, seed=3).loadings, rotate(loadings, seed=3).loadings)


def test_a_rotation_cut_short_says_so(monkeypatch):
    monkeypatch.setattr(module, "_MAX_STEPS", 2)
    found = rotate(np.random.default_rng(7).uniform(-0.7, 0.7, (15, 4)), random_starts=0)
    assert not found.converged
    assert "NOT converged" in str(found)


def test_an_item_without_loadings_stays_without():
    loadings = np.random.default_rng(8).uniform(-0.7, 0.7, (8, 2))
    loadings[3] = 0.0
    for method in METHODS:
        np.testing.assert_allclose(rotate(loadings, method).loadings[3], 0.0, rtol=0, atol=1e-12)


def test_mistakes_are_named():
    loadings = np.random.default_rng(9).uniform(-0.7, 0.7, (8, 2))
    with pytest.raises(PersonaBig5Error, match="unknown rotation 'oblimax'; choose one of none, varimax"):
        rotate(loadings, "oblimax")
    with pytest.raises(DataError, match="needs one, and no other"):
        rotate(loadings, "target")
    with pytest.raises(DataError, match="needs one, and no other"):
        rotate(loadings, "oblimin", target=loadings)
    with pytest.raises(DataError, match=r"target has shape \(8, 1\), loadings \(8, 2\)"):
        rotate(loadings, "target", target=loadings[:, :1])
    with pytest.raises(NotEstimableError, match="only 1 of 2 factors have loadings of their own"):
        rotate(np.column_stack([loadings[:, 0], np.zeros(8)]), "promax")
