from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from persona_big5.errors import NotEstimableError
from persona_big5.factors.congruence import align
from persona_big5.factors.correlation import correlation_of
from persona_big5.factors.factor_analyzer_door import extract
from persona_big5.factors.minres import Residuals, minres
from persona_big5.factors.uniquenesses import UNIQUENESS_BOUNDS


def residual_squares(R: np.ndarray, loadings: np.ndarray) -> float:
    return float(((R - loadings @ loadings.T)[~np.eye(len(R), dtype=bool)] ** 2).sum())


def objective(uniquenesses: np.ndarray, R: np.ndarray, n_factors: int) -> float:
    return 0.5 * float((np.linalg.eigvalsh(R - np.diag(uniquenesses))[:-n_factors] ** 2).sum())


def sample(seed: int, p: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.corrcoef(rng.standard_normal((p, n)) + rng.standard_normal((p, 2)) @ rng.standard_normal((2, n)))


def test_equals_factor_analyzer(reference, dataset, kind):
    R = reference.correlation(dataset, kind)
    n_factors = reference.read(dataset, "fa")["meta"]["nfactors"]
    found = minres(R, n_factors)
    theirs = align(extract(R, n_factors, "minres").loadings, found.loadings).loadings
    np.testing.assert_allclose(found.loadings, theirs, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.uniquenesses, 1 - (theirs**2).sum(axis=1), rtol=0, atol=1e-5)
    assert found.converged
    assert found.n_steps <= 5


def test_equals_factor_analyzer_on_an_indefinite_matrix(reference):
    R = correlation_of(reference.matrix(reference.read("two_level", "covariance_components")["persona_component"]))
    assert np.linalg.eigvalsh(R)[0] < -0.4
    found = minres(R, 5)
    theirs = extract(R, 5, "minres")
    assert found.converged
    assert theirs.converged
    np.testing.assert_allclose(found.loadings, align(theirs.loadings, found.loadings).loadings, rtol=0, atol=2e-5)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), p=st.integers(6, 20), n=st.integers(5, 60), n_factors=st.integers(1, 3))
def test_no_neighbour_fits_better(seed, p, n, n_factors):
    """The solution is stationary, within bounds, and its loadings reproduce their own uniquenesses."""
    R = sample(seed, p, n)
    found = minres(R, n_factors)
    assert found.converged
    low, high = UNIQUENESS_BOUNDS
    assert ((found.uniquenesses >= low) & (found.uniquenesses <= high)).all()
    inside = (found.uniquenesses > low) & (found.uniquenesses < high)
    communalities = (found.loadings**2).sum(axis=1)
    np.testing.assert_allclose((1 - communalities)[inside], found.uniquenesses[inside], rtol=0, atol=1e-5)
    rng = np.random.default_rng(seed)
    best = objective(found.uniquenesses, R, n_factors)
    for _ in range(5):
        neighbour = np.clip(found.uniquenesses + 0.01 * rng.standard_normal(p), low, high)
        assert objective(neighbour, R, n_factors) >= best - 1e-12


def test_objective_is_the_sum_of_squared_residuals():
    R = sample(3, 10, 200)
    found = minres(R, 2)
    assert found.objective == pytest.approx(residual_squares(R, found.loadings), rel=1e-9)


def residuals(R: np.ndarray, uniquenesses: np.ndarray, n_factors: int):
    problem = Residuals(R[None], n_factors)
    return problem, problem.at(uniquenesses[None], np.array([0]))


def test_gradient_equals_differences():
    R = sample(4, 9, 100)
    uniquenesses = np.random.default_rng(4).uniform(0.2, 0.9, 9)
    numerical = approx_fprime(uniquenesses, objective, 1e-7, R, 3)
    np.testing.assert_allclose(residuals(R, uniquenesses, 3)[1].gradient[0], numerical, rtol=0, atol=1e-6)


def test_hessian_equals_differences_of_the_gradient():
    R = sample(4, 9, 100)
    uniquenesses = np.random.default_rng(4).uniform(0.2, 0.9, 9)
    numerical = [
        (residuals(R, uniquenesses + step, 3)[1].gradient[0] - residuals(R, uniquenesses - step, 3)[1].gradient[0])
        / 2e-5
        for step in 1e-5 * np.eye(9)
    ]
    problem, point = residuals(R, uniquenesses, 3)
    np.testing.assert_allclose(problem.hessian(point)[0], numerical, rtol=0, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), p=st.integers(5, 12), n_factors=st.integers(1, 3), warm=st.booleans())
def test_many_at_once_are_each_on_its_own(seed, p, n_factors, warm):
    """Whatever else is in the batch: well behaved matrices, indefinite ones, duplicated items, no structure at all."""
    rng = np.random.default_rng(seed)
    twins = sample(seed, p, 40)
    twins[:, 0], twins[0] = twins[:, 1], twins[1]
    twins[0, 0] = twins[0, 1] = twins[1, 0] = 1.0
    noise = rng.uniform(-0.4, 0.4, (p, p))
    indefinite = (noise + noise.T) / 2 * ~np.eye(p, dtype=bool) + np.eye(p)
    batch = np.stack([sample(seed, p, 60), sample(seed + 1, p, 3), twins, indefinite, np.eye(p), np.ones((p, p))])
    start = rng.uniform(0.2, 0.8, p) if warm else None
    together = minres(batch.reshape(2, 3, p, p), n_factors, start)
    assert together.loadings.shape == (2, 3, p, n_factors)
    assert together.uniquenesses.shape == (2, 3, p)
    for i, R in enumerate(batch):
        alone = minres(R, n_factors, start)
        place = np.unravel_index(i, (2, 3))
        np.testing.assert_allclose(together.uniquenesses[place], alone.uniquenesses, rtol=0, atol=1e-9)
        assert together.converged[place] == alone.converged
        assert np.isfinite(together.loadings[place]).all()


def test_an_empty_batch_is_an_empty_answer():
    assert minres(np.empty((0, 6, 6)), 2).loadings.shape == (0, 6, 2)


def test_a_thousand_resamples_take_under_a_second(reference):
    R = reference.correlation("bfi", "pearson")
    rng = np.random.default_rng(1)
    noise = 0.02 * rng.standard_normal((1000, 25, 25)) * ~np.eye(25, dtype=bool)
    batch = R + (noise + noise.swapaxes(1, 2)) / 2
    full = minres(R, 5)
    began = time.process_time()
    found = minres(batch, 5, full.uniquenesses)
    assert time.process_time() - began < 1
    assert found.converged.all()
    assert found.n_steps.max() <= 5


def test_convergence_is_quadratic():
    """Newton's last step squares the error: from a millesimal off, two steps end at the same place to 1e-9."""
    R = sample(5, 12, 300)
    found = minres(R, 2)
    again = minres(R, 2, start=found.uniquenesses + 1e-3)
    assert again.n_steps <= 2
    np.testing.assert_allclose(again.loadings, found.loadings, rtol=0, atol=1e-7)


def test_columns_are_ordered_and_positive():
    found = minres(sample(6, 12, 100), 3)
    assert (np.diff((found.loadings**2).sum(axis=0)) <= 0).all()
    assert (found.loadings.sum(axis=0) >= 0).all()


@pytest.mark.parametrize("n_factors", [0, 5])
def test_impossible_numbers_of_factors(n_factors):
    with pytest.raises(NotEstimableError, match=f"{n_factors} factors of 5 items: ask for 1 to 4"):
        minres(np.eye(5), n_factors)


def test_it_prints_itself():
    assert str(minres(sample(7, 6, 100), 1)).startswith("1 factors of 6 items, converged in ")
    many = minres(np.stack([sample(seed, 6, 100) for seed in (7, 8)]), 1)
    assert str(many) == "1 factors of 6 items, 2 of 2 solutions converged"
