from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.correlation_tools import corr_nearest

from persona_big5.errors import DataError
from persona_big5.factors.smoothing import SMALLEST_EIGENVALUE, nearest_correlation, negative_eigenvalue_mass


def rough(seed: int, p: int, noise: float) -> np.ndarray:
    """Return a correlation matrix with errors that make it indefinite, as noise correction does."""
    rng = np.random.default_rng(seed)
    R = np.corrcoef(rng.standard_normal((p, 3 * p)) + rng.standard_normal(3 * p))
    errors = rng.standard_normal((p, p)) * noise
    R = R + (errors + errors.T) / 2
    np.fill_diagonal(R, 1.0)
    return R


def test_negative_eigenvalue_mass_of_known_eigenvalues():
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0]
    assert negative_eigenvalue_mass((basis * [3.0, 2.0, -1.0, -2.0]) @ basis.T) == pytest.approx(3 / 8, abs=1e-12)
    assert negative_eigenvalue_mass(np.ones((5, 5))) == 0.0  # four eigenvalues are zero but for rounding


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), p=st.integers(3, 15), noise=st.floats(0.0, 1.0))
def test_nearest_is_a_correlation_matrix_and_a_second_time_the_same(seed, p, noise):
    nearest = nearest_correlation(rough(seed, p, noise))
    assert (np.diag(nearest) == 1.0).all()
    np.testing.assert_array_equal(nearest, nearest.T)
    assert np.linalg.eigvalsh(nearest)[0] >= SMALLEST_EIGENVALUE
    np.testing.assert_array_equal(nearest_correlation(nearest), nearest)


@pytest.mark.filterwarnings(
    "ignore::statsmodels.tools.sm_exceptions.IterationLimitWarning"
)  # it stops only when nothing is left to clip
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nearest_equals_alternating_projections(seed):
    R = rough(seed, 12, 0.6)
    assert np.linalg.eigvalsh(R)[0] < -0.1
    expected = corr_nearest(R, threshold=2 * SMALLEST_EIGENVALUE, n_fact=100)
    np.testing.assert_allclose(nearest_correlation(R), expected, rtol=0, atol=1e-6)


def test_a_positive_definite_matrix_is_returned_as_it_is():
    R = np.array([[1.0, 0.5], [0.5, 1.0]])
    nearest = nearest_correlation(R)
    np.testing.assert_array_equal(nearest, R)
    assert nearest is not R


def test_impossible_correlations_of_three_items():
    """r = .9, .9, -.9 cannot be; by symmetry the nearest has the same size everywhere, and that is 1/2."""
    R = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, -0.9], [0.9, -0.9, 1.0]])
    np.testing.assert_allclose(np.abs(nearest_correlation(R))[np.triu_indices(3, 1)], 0.5, atol=1e-5)


def test_undefined_entries_are_refused():
    R = np.eye(3)
    R[1] = R[:, 1] = np.nan
    with pytest.raises(DataError, match=r"undefined for 1 of 3 items \(2\)"):
        nearest_correlation(R)
