from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import multivariate_normal

from persona_big5.factors.bivariate_normal import cells

H = np.array([[-2.1, -0.5, 0.4]])
K = np.array([[-0.5001, 1.3]])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(2000)
CORRELATIONS = [-0.9999, -0.99, -0.9, -0.6, -0.3, -0.05, 0.0, 0.2, 0.45, 0.65, 0.85, 0.96, 0.985, 0.998, 0.9999]


def integrated(rho: float) -> np.ndarray:
    """Cells by integration over the first variable, row by row."""
    root = np.sqrt(1 - rho**2)
    rows = np.concatenate([[-9.0], H[0], [9.0]])
    half = np.diff(rows)[:, None] / 2
    at = rows[:-1, None] + half * (NODES + 1)
    density = half * WEIGHTS * np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi)
    below = ndtr((K[0] - rho * at[:, :, None]) / root)
    return (density[:, :, None] * np.diff(below, axis=2, prepend=0.0, append=1.0)).sum(axis=1)


@pytest.mark.parametrize("rho", CORRELATIONS)
def test_cells_equal_integration_over_one_variable(rho):
    probability = cells(H, K, np.array([rho]))[0][0]
    np.testing.assert_allclose(probability, integrated(rho), rtol=0, atol=1e-10)
    assert probability.sum() == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("rho", [-0.8, 0.1, 0.95])
def test_corner_equals_scipy(rho):
    expected = multivariate_normal.cdf([H[0, 1], K[0, 1]], cov=[[1, rho], [rho, 1]])
    found = cells(H[:, 1:2], K[:, 1:], np.array([rho]))[0][0, 0, 0]
    assert found == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("rho", CORRELATIONS[1:-1])
def test_derivatives_equal_differences(rho):
    step = 1e-4 * (1 - rho**2)
    low, middle, high = (cells(H, K, np.array([rho + d * step])) for d in (-1, 0, 1))
    scale = np.abs(middle[1]).max()
    np.testing.assert_allclose((high[0] - low[0]) / (2 * step), middle[1], rtol=0, atol=1e-6 * scale)
    np.testing.assert_allclose((high[1] - low[1]) / (2 * step), middle[2], rtol=0, atol=1e-6 * np.abs(middle[2]).max())


def test_tables_are_computed_each_with_its_own_thresholds():
    h, k, rho = np.concatenate([H, H + 0.3]), np.concatenate([K, K - 1]), np.array([0.2, -0.7])
    together = cells(h, k, rho)
    for table in range(2):
        alone = cells(h[[table]], k[[table]], rho[[table]])
        for both, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(both[table], one[0], rtol=0, atol=1e-13)
