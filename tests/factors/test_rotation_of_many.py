from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from persona_big5.factors import rotation_of_many as module
from persona_big5.factors.minres import minres
from persona_big5.factors.rotation import rotate
from persona_big5.factors.rotation_of_many import align_many, rotate_many


def resampled(R: np.ndarray, n_factors: int, draws: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Unrotated loadings of a matrix and of slightly different ones, in whatever order and direction they come."""
    noise = 0.02 * np.random.default_rng(1).standard_normal((draws, *R.shape)) * ~np.eye(len(R), dtype=bool)
    full = minres(R, n_factors)
    return full.loadings, minres(R + (noise + noise.swapaxes(1, 2)) / 2, n_factors, full.uniquenesses).loadings


@pytest.mark.parametrize("method", ["oblimin", "varimax", "promax", "geomin"])
def test_equals_the_rotation_of_each(reference, method):
    tolerance = 3e-3 if method == "geomin" else 1e-3  # geomin is flat about its optimum
    full, loadings = resampled(reference.correlation("bfi", "pearson"), 5)
    target = rotate(full, method, random_starts=0).loadings
    found = rotate_many(loadings, method, target)
    assert found.converged.all()
    assert str(found) == "40 of 40 rotations converged"
    for i, unrotated in enumerate(loadings):
        alone = rotate(unrotated, method, random_starts=0)
        phi = alone.loadings.T @ found.loadings[i]
        order = np.abs(phi).argmax(axis=0)
        signs = np.sign(phi[order, np.arange(5)])
        np.testing.assert_allclose(found.loadings[i], alone.loadings[:, order] * signs, rtol=0, atol=tolerance)
        correlations = alone.factor_correlations[np.ix_(order, order)] * np.outer(signs, signs)
        np.testing.assert_allclose(found.factor_correlations[i], correlations, rtol=0, atol=2 * tolerance)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    p=st.integers(6, 15),
    k=st.integers(1, 4),
    method=st.sampled_from(["none", "varimax", "promax", "oblimin", "geomin", "target"]),
)
@example(seed=0, p=7, k=4, method="oblimin")  # a long step makes two axes one
def test_rotation_changes_nothing_that_can_be_observed(seed, p, k, method):
    rng = np.random.default_rng(seed)
    loadings, target = rng.uniform(-0.6, 0.6, (3, p, k)), rng.uniform(-0.6, 0.6, (p, k))
    found = rotate_many(loadings, method, target)
    implied = found.loadings @ found.factor_correlations @ found.loadings.swapaxes(1, 2)
    np.testing.assert_allclose(implied, loadings @ loadings.swapaxes(1, 2), rtol=0, atol=1e-8)
    np.testing.assert_allclose(np.diagonal(found.factor_correlations, axis1=1, axis2=2), 1.0, rtol=0, atol=1e-10)


def test_a_target_is_reached_where_it_can_be():
    rng = np.random.default_rng(2)
    target = rng.uniform(-0.7, 0.7, (12, 3))
    turned = target @ np.linalg.inv(rng.standard_normal((5, 3, 3)))
    orthogonal = target @ np.linalg.qr(rng.standard_normal((5, 3, 3)))[0]
    np.testing.assert_allclose(rotate_many(orthogonal, "none", target).loadings[4], target, rtol=0, atol=1e-10)
    np.testing.assert_allclose(align_many(orthogonal, target)[4], target, rtol=0, atol=1e-10)
    lengths = np.linalg.norm(rotate_many(turned, "target", target).loadings, axis=1) / np.linalg.norm(target, axis=0)
    scaled = rotate_many(turned, "target", target).loadings / lengths[:, None, :]
    np.testing.assert_allclose(scaled, np.broadcast_to(target, scaled.shape), rtol=0, atol=1e-8)


def test_a_single_factor_is_reflected_only():
    target = np.full((5, 1), 0.7)
    loadings = np.stack([target, -target])
    np.testing.assert_array_equal(rotate_many(loadings, "oblimin", target).loadings, np.stack([target, target]))
    np.testing.assert_array_equal(align_many(loadings, target), np.stack([target, target]))


@pytest.mark.parametrize("k", [1, 3])
def test_a_solution_without_loadings_is_no_solution(k):
    rng = np.random.default_rng(3)
    loadings = rng.uniform(-0.6, 0.6, (3, 10, k))
    loadings[1, :, -1] = 0.0
    found = rotate_many(loadings, "oblimin", loadings[0])
    np.testing.assert_array_equal(found.converged, [True, False, True])
    aligned = align_many(found.loadings, loadings[0])
    assert np.isnan(aligned[1]).all()
    assert np.isfinite(aligned[[0, 2]]).all()
    assert rotate_many(loadings[:0], "oblimin", loadings[0]).loadings.shape == (0, 10, k)


def test_a_rotation_cut_short_says_so(monkeypatch):
    monkeypatch.setattr(module, "_MAX_STEPS", 1)
    rng = np.random.default_rng(4)
    loadings = rng.uniform(-0.6, 0.6, (2, 10, 3))
    assert str(rotate_many(loadings, "oblimin", rng.uniform(-0.6, 0.6, (10, 3)))) == "0 of 2 rotations converged"


def test_a_thousand_rotations_take_under_a_second(reference):
    full, loadings = resampled(reference.correlation("bfi", "pearson"), 5, draws=1000)
    target = rotate(full, "oblimin").loadings
    began = time.process_time()
    assert rotate_many(loadings, "oblimin", target).converged.all()
    assert time.process_time() - began < 1
