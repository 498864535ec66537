from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime, minimize

from persona_big5.errors import NotEstimableError
from persona_big5.factors.congruence import align
from persona_big5.factors.factor_analyzer_door import extract
from persona_big5.factors.ml import Likelihood, maximum_likelihood


def sample(seed: int, p: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.corrcoef(rng.standard_normal((p, n)) + rng.standard_normal((p, 2)) @ rng.standard_normal((2, n)))


def discrepancy(R: np.ndarray, implied: np.ndarray) -> float:
    ratio = np.linalg.solve(implied, R)
    return float(np.trace(ratio) - np.linalg.slogdet(ratio)[1] - len(R))


def likelihood(R: np.ndarray, x: np.ndarray, n_factors: int):
    problem = Likelihood(R[None], n_factors)
    return problem, problem.at(x[None], np.array([0]))


def test_equals_psych_and_factor_analyzer(reference, dataset, kind):
    """They stop within about 1e-5 of the optimum (psych within 4e-5 on one); ours is never the higher."""
    R = reference.correlation(dataset, kind)
    every = reference.read(dataset, "fa")
    n_factors = every["meta"]["nfactors"]
    found = maximum_likelihood(R, n_factors)
    assert found.converged
    assert found.n_steps <= 10
    theirs = align(extract(R, n_factors, "ml").loadings, found.loadings).loadings
    np.testing.assert_allclose(found.loadings, theirs, rtol=0, atol=2e-5)
    unrotated = every[f"{kind}_ml_none"]
    psych = align(reference.matrix(unrotated["loadings"]), found.loadings).loadings
    np.testing.assert_allclose(found.loadings, psych, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.uniquenesses, list(unrotated["uniquenesses"].values()), rtol=0, atol=1e-4)
    assert found.objective <= unrotated["objective"] * (1 + 1e-9)  # ten digits are given


def test_objective_is_the_discrepancy():
    R = sample(3, 10, 200)
    found = maximum_likelihood(R, 2)
    implied = found.loadings @ found.loadings.T + np.diag(found.uniquenesses)
    assert found.objective == pytest.approx(discrepancy(R, implied), abs=1e-9)


def test_no_other_search_finds_better():
    R = sample(8, 8, 100)
    found = maximum_likelihood(R, 2)

    def of_logarithms(x):
        loadings = x[:16].reshape(8, 2)
        return discrepancy(R, loadings @ loadings.T + np.diag(np.exp(x[16:])))

    rng = np.random.default_rng(8)
    bounds = [(None, None)] * 16 + [(np.log(0.005), 0.0)] * 8
    ends = [
        minimize(of_logarithms, np.r_[rng.uniform(-0.7, 0.7, 16), np.full(8, -0.7)], bounds=bounds).fun
        for _ in range(3)
    ]
    assert found.objective == pytest.approx(min(ends), abs=1e-6)


def test_gradient_and_hessian_equal_differences():
    R = sample(4, 9, 100)
    x = np.log(np.random.default_rng(4).uniform(0.2, 0.9, 9))
    numerical = approx_fprime(x, lambda at: likelihood(R, at, 3)[1].objective[0], 1e-7)
    problem, point = likelihood(R, x, 3)
    np.testing.assert_allclose(point.gradient[0], numerical, rtol=0, atol=1e-6)
    second = [
        (likelihood(R, x + step, 3)[1].gradient[0] - likelihood(R, x - step, 3)[1].gradient[0]) / 2e-5
        for step in 1e-5 * np.eye(9)
    ]
    np.testing.assert_allclose(problem.hessian(point)[0], second, rtol=0, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), p=st.integers(6, 12), n_factors=st.integers(1, 3), warm=st.booleans())
def test_many_at_once_are_each_on_its_own(seed, p, n_factors, warm):
    batch = np.stack([sample(seed, p, 60), np.ones((p, p)), np.eye(p), sample(seed + 1, p, 4), sample(seed + 2, p, 90)])
    start = np.random.default_rng(seed).uniform(0.2, 0.8, p) if warm else None
    together = maximum_likelihood(batch, n_factors, start)
    singular = [1, 3]  # all ones, and fewer respondents than items
    assert np.isnan(together.loadings[singular]).all()
    assert not together.converged[singular].any()
    for i in (0, 2, 4):
        alone = maximum_likelihood(batch[i], n_factors, start)
        np.testing.assert_allclose(together.uniquenesses[i], alone.uniquenesses, rtol=0, atol=1e-9)
        assert together.converged[i] == alone.converged
        inside = (together.uniquenesses[i] > 0.005 + 1e-9) & (together.uniquenesses[i] < 1 - 1e-9)
        if alone.converged:
            communalities = (together.loadings[i] ** 2).sum(axis=1)
            np.testing.assert_allclose((communalities + together.uniquenesses[i])[inside], 1, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_factors", [0, 5])
def test_impossible_numbers_of_factors(n_factors):
    with pytest.raises(NotEstimableError, match=f"{n_factors} factors of 5 items: ask for 1 to 4"):
        maximum_likelihood(np.eye(5), n_factors)
