from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import ndtr, ndtri

from persona_big5.errors import DataError
from persona_big5.factors.polyserial import polyserial

NAN = np.nan


def drawn(rng: np.random.Generator, rho: float, n: int, missing: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    latent = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)
    scores = np.column_stack([3 + 2 * latent[:, 0], np.digitize(latent[:, 1], [-0.5, 0.6, 1.2])])
    scores[rng.random(scores.shape) < missing] = NAN
    return scores[:, :1], scores[:, 1:]


def dense_optimum(x: np.ndarray, y: np.ndarray) -> float:
    has_x, has_y = ~np.isnan(x), ~np.isnan(y)
    both = has_x & has_y
    z = ((x - x[has_x].mean()) / x[has_x].std())[both]
    values = np.unique(y[has_y])
    edges = np.concatenate([[-np.inf], ndtri([(y[has_y] <= value).mean() for value in values[:-1]]), [np.inf]])
    category = np.searchsorted(values, y[both])

    def minus_log_likelihood(rho: float) -> float:
        root = np.sqrt(1 - rho**2)
        upper, lower = ndtr((edges[category + 1] - rho * z) / root), ndtr((edges[category] - rho * z) / root)
        return -float(np.log(np.maximum(upper - lower, 1e-300)).sum())

    found = minimize_scalar(minus_log_likelihood, bounds=(-0.99, 0.99), method="bounded", options={"xatol": 1e-10})
    return float(found.x)


@pytest.mark.parametrize(
    ("rho", "n", "missing"), [(0.0, 100, 0.0), (0.5, 40, 0.2), (-0.85, 300, 0.0), (0.95, 2000, 0.1)]
)
def test_equals_a_dense_optimum(rho, n, missing):
    measured, item = drawn(np.random.default_rng(1), rho, n, missing)
    found = polyserial(measured, item)
    assert found.matrix[0, 0] == pytest.approx(dense_optimum(measured[:, 0], item[:, 0]), abs=1e-6)
    assert found.n_pairs[0, 0] == (~np.isnan(measured) & ~np.isnan(item)).sum()


@pytest.mark.parametrize(("rho", "n", "missing"), [(0.5, 500, 0.0), (-0.85, 500, 0.0), (0.6, 800, 0.3)])
def test_standard_errors_equal_empirical_deviations(rho, n, missing):
    estimates, errors = [], []
    for replicate in range(100):  # of five independent pairs each
        rng = np.random.default_rng((replicate, 1))
        pairs = [drawn(rng, rho, n, missing) for _ in range(5)]
        found = polyserial(np.hstack([pair[0] for pair in pairs]), np.hstack([pair[1] for pair in pairs]))
        estimates.append(np.diag(found.matrix))
        errors.append(np.diag(found.standard_errors))
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.1)
    assert np.mean(estimates) == pytest.approx(rho, abs=4 * np.std(estimates) / np.sqrt(500))


@pytest.mark.parametrize("rho", [0.0, 0.6, -0.85])
def test_standard_errors_equal_a_jackknife_that_estimates_everything_anew(rho):
    quantiles = ndtri((np.arange(30) + 0.5) / 30)
    x, rest = (grid.ravel() for grid in np.meshgrid(quantiles, quantiles))
    measured = x[:, None]
    item = np.digitize(rho * x + np.sqrt(1 - rho**2) * rest, [-0.5, 0.6, 1.2]).astype(float)[:, None]
    n = len(x)
    order = np.random.default_rng(6).permutation(n)
    measured[order[:90]], item[order[-120:]] = NAN, NAN
    without = [polyserial(np.delete(measured, row, 0), np.delete(item, row, 0)).matrix[0, 0] for row in range(n)]
    found = polyserial(measured, item)
    assert found.standard_errors[0, 0] == pytest.approx(np.sqrt((n - 1) * np.var(without)), rel=0.05)


def test_each_pair_is_its_own_and_units_and_directions_do_not_matter():
    rng = np.random.default_rng(2)
    latent = rng.standard_normal((200, 1)) + rng.standard_normal((200, 5))
    measured, items = latent[:, :2].copy(), np.digitize(latent[:, 2:], [-1, 0, 1.5]).astype(float)
    measured[rng.random(measured.shape) < 0.1] = NAN
    items[rng.random(items.shape) < 0.1] = NAN
    found = polyserial(measured, items)
    assert found.matrix.shape == found.standard_errors.shape == found.n_pairs.shape == (2, 3)
    alone = polyserial(measured[:, 1:], items[:, 2:])
    assert found.matrix[1, 2] == pytest.approx(alone.matrix[0, 0], abs=1e-12)
    assert found.standard_errors[1, 2] == pytest.approx(alone.standard_errors[0, 0], abs=1e-12)
    turned = polyserial(1e6 - 5 * measured, items**3)
    np.testing.assert_allclose(turned.matrix, -found.matrix, rtol=0, atol=2e-6)
    np.testing.assert_allclose(turned.standard_errors, found.standard_errors, rtol=1e-4)
    assert found.notes == ()
    assert str(found) == "polyserial correlations of 2 measured variables with 3 items"


def test_two_categories_give_the_biserial_correlation():
    """With the point-biserial r, p and q: r sqrt(pq) / density at the threshold, to its sampling error."""
    rng = np.random.default_rng(3)
    latent = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 20_000)
    found = polyserial(latent[:, :1], (latent[:, 1:] > 0.4).astype(float))
    assert found.matrix[0, 0] == pytest.approx(0.5, abs=4 * found.standard_errors[0, 0])


def test_what_varies_not_is_undefined_and_named():
    rng = np.random.default_rng(4)
    measured = rng.standard_normal((30, 3))
    measured[:, 1] = 0.1
    items = rng.integers(0, 3, (30, 2)).astype(float)
    items[:, 1] = NAN
    measured[3:, 2] = NAN
    items[:3, 0] = 1.0
    found = polyserial(measured, items)
    assert np.isfinite(found.matrix[0, 0])
    assert np.isnan(np.delete(found.matrix.ravel(), 0)).all()
    assert np.isnan(np.delete(found.standard_errors.ravel(), 0)).all()
    assert found.notes[0].startswith("5 pairs without a correlation, as fewer than 3 have both or one is constant")


def test_categories_that_follow_without_exception_are_at_the_border_and_said():
    x = ndtri((np.arange(100) + 0.5) / 100)
    found = polyserial(np.column_stack([x, -x]), np.digitize(x, [-1, 0.5]).astype(float)[:, None])
    assert found.matrix[:, 0].tolist() == [1.0, -1.0]
    assert np.isnan(found.standard_errors).all()
    assert found.notes[0].startswith("2 pairs at +1 or -1, as the categories follow the measured variable")


def test_outliers_that_contradict_do_not_overflow():
    rng = np.random.default_rng(5)
    x = rng.standard_normal(300)
    item = np.digitize(x, [-1, 0.5]).astype(float)
    x[0], item[0] = 60.0, 0.0
    found = polyserial(x[:, None], item[:, None])
    assert found.matrix[0, 0] == pytest.approx(dense_optimum(x, item), abs=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_respondents(n):
    assert np.isnan(polyserial(np.arange(1.0 * n)[:, None], np.arange(1.0 * n)[:, None]).matrix).all()


def test_what_cannot_be_used_is_refused():
    with pytest.raises(DataError, match="4 rows of measured variables beside 5 rows of items"):
        polyserial(np.ones((4, 1)), np.ones((5, 1)))
    with pytest.raises(DataError, match="infinite values in columns 1"):
        polyserial(np.array([[1.0], [np.inf], [2.0]]), np.array([[1.0], [2.0], [2.0]]))
    with pytest.raises(DataError, match="have up to 30 distinct values"):
        polyserial(np.ones((30, 1)), np.arange(30.0)[:, None])
