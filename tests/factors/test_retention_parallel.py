from __future__ import annotations

import numpy as np
import pytest

from persona_big5.errors import DataError
from persona_big5.factors.correlation import pearson
from persona_big5.factors.parallel import leading_above, parallel_analysis, permuted_null, simulated_null


@pytest.mark.parametrize(
    ("eigenvalues", "threshold", "count"),
    [
        ([3.0, 2.0, 1.0], [1.5, 1.2, 1.1], 2),
        ([1.4, 2.0, 1.0], [1.5, 1.2, 0.5], 0),  # nothing after the first failure counts
        ([3.0, 1.1, 0.9], [1.5, 1.2, 0.5], 1),
        ([1.0, 1.0], [1.0, 0.5], 0),  # equal does not exceed
        ([3.0, 2.0], [1.0, 1.0], 2),
    ],
)
def test_leading_above(eigenvalues, threshold, count):
    assert leading_above(np.array(eigenvalues), np.array(threshold)) == count


def test_counts_and_null_means_equal_r(reference, dataset):
    """R: number of components by the 95th percentile of 100 resamplings of the same answers."""
    expected = reference.read(dataset, "parallel")["pearson"]
    scores = reference.scores(dataset)
    found = parallel_analysis(np.linalg.eigvalsh(pearson(scores).matrix), permuted_null(scores, draws=100, seed=1))
    assert found.n_factors == expected["ncomp"]
    np.testing.assert_allclose(found.eigenvalues, expected["pc_eigen"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.null_mean, expected["pc_resampled_mean"], rtol=0, atol=0.01)


def test_percentile_and_mean_by_rank():
    null = np.array([[1.0, 2.0], [3.0, 1.0], [1.0, 4.0]])  # ranks: (2, 1), (3, 1), (4, 1)
    found = parallel_analysis(np.array([0.5, 3.5]), null, percentile=50)
    np.testing.assert_allclose(found.null_percentile, [3.0, 1.0])
    np.testing.assert_allclose(found.null_mean, [3.0, 1.0])
    assert (found.n_factors, found.draws, found.percentile) == (1, 3, 50)
    np.testing.assert_array_equal(found.eigenvalues, [3.5, 0.5])
    assert "1 factors; eigenvalues (50th percentile of 3 null draws): 3.500 (3.000), 0.500 (1.000)" in str(found)


def test_independent_items_have_no_factors():
    counts = []
    for seed in range(20):
        scores = np.random.default_rng(seed).integers(1, 6, (150, 12)).astype(float)
        found = parallel_analysis(np.linalg.eigvalsh(np.corrcoef(scores.T)), permuted_null(scores, 60, seed))
        counts.append(found.n_factors)
    assert counts.count(0) >= 17


def test_permutation_keeps_margins_and_holes():
    rng = np.random.default_rng(5)
    scores = rng.integers(1, 6, (80, 5)).astype(float) + rng.integers(0, 4, (80, 1))
    scores[rng.random(scores.shape) < 0.2] = np.nan
    null = permuted_null(scores, draws=30, seed=2)
    assert null.shape == (30, 5)
    np.testing.assert_allclose(null.sum(axis=1), 5.0)  # trace of a correlation matrix
    assert (np.diff(null, axis=1) <= 0).all()
    np.testing.assert_array_equal(null, permuted_null(scores, draws=30, seed=2))
    observed = np.linalg.eigvalsh(pearson(scores).matrix)[-1]
    assert observed > null[:, 0].max()


def test_complete_and_pairwise_paths_agree_on_complete_answers():
    """With one hole more the draws differ, their distribution hardly does."""
    scores = np.random.default_rng(6).integers(1, 6, (300, 8)).astype(float)
    holed = scores.copy()
    holed[0, 0] = np.nan
    difference = permuted_null(scores, 200, 1).mean(axis=0) - permuted_null(holed, 200, 1).mean(axis=0)
    np.testing.assert_allclose(difference, 0, atol=0.02)


def test_constant_items_are_named():
    scores = np.random.default_rng(7).standard_normal((20, 3))
    scores[:, 1] = 4.0
    with pytest.raises(DataError, match=r"1 constant items \(positions 2\)"):
        permuted_null(scores)


def test_null_of_other_items_is_refused():
    with pytest.raises(DataError, match="3 eigenvalues against a null of 2"):
        parallel_analysis(np.ones(3), np.ones((10, 2)))


def test_simulated_means_equal_r(reference, dataset):
    """Tolerance of the reference: .01 over 100 draws of each side."""
    expected = reference.read(dataset, "parallel")
    n = expected["meta"]["rows_used"]
    for kind in ("pearson", "polychoric_matrix_simonly"):
        null = simulated_null(n, len(expected[kind]["pc_sim_mean"]), draws=100, seed=1)
        np.testing.assert_allclose(null.mean(axis=0), expected[kind]["pc_sim_mean"], rtol=0, atol=0.01)


def test_count_of_polychoric_matrices_equals_r(reference, dataset):
    """R: number of components of its polychoric matrix by the 95th percentile of 100 simulations."""
    expected = reference.read(dataset, "parallel")["polychoric_matrix_simonly"]
    R = reference.correlation(dataset, "polychoric")
    null = simulated_null(reference.read(dataset, "parallel")["meta"]["rows_used"], len(R), draws=100, seed=1)
    assert parallel_analysis(np.linalg.eigvalsh(R), null).n_factors == expected["ncomp"]


def test_simulated_null_is_of_correlation_matrices():
    null = simulated_null(40, 6, draws=25, seed=3)
    assert null.shape == (25, 6)
    np.testing.assert_allclose(null.sum(axis=1), 6.0)
    assert (np.diff(null, axis=1) <= 0).all()
    np.testing.assert_array_equal(null, simulated_null(40, 6, draws=25, seed=3))
    few = simulated_null(4, 6, draws=25)
    np.testing.assert_allclose(few[:, 3:], 0.0, atol=1e-12)  # four observations have three directions
    with pytest.raises(DataError, match="2 observations have no correlations"):
        simulated_null(2, 6)
