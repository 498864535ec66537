from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from persona_big5.errors import DataError
from persona_big5.factors.correlation import correlation_of, fisher_z, pearson, spearman

NAN = np.nan


def holes(rng: np.random.Generator, n: int = 60, p: int = 6) -> np.ndarray:
    scores = rng.integers(1, 6, (n, p)).astype(float)
    scores[rng.random((n, p)) < 0.3] = NAN
    return scores


def test_pearson_equals_r(reference, dataset):
    expected = reference.correlation(dataset, "pearson")
    np.testing.assert_allclose(pearson(reference.scores(dataset)).matrix, expected, rtol=0, atol=1e-8)


def test_pearson_with_holes_equals_pandas():
    scores = holes(np.random.default_rng(1))
    found = pearson(scores)
    np.testing.assert_allclose(found.matrix, pd.DataFrame(scores).corr().to_numpy(), rtol=0, atol=1e-12)
    both = ~np.isnan(scores[:, 0]) & ~np.isnan(scores[:, 3])
    assert found.n_pairs[0, 3] == both.sum()
    assert found.n_pairs[2, 2] == (~np.isnan(scores[:, 2])).sum()


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_spearman_with_holes_ranks_each_pair_anew(noise):
    """With ties in a few categories, and without."""
    rng = np.random.default_rng(2)
    scores = holes(rng)
    scores += noise * rng.standard_normal(scores.shape)
    found = spearman(scores)
    for i, j in ((0, 1), (2, 5), (3, 4)):
        rows = ~np.isnan(scores[:, [i, j]]).any(axis=1)
        assert found.matrix[i, j] == pytest.approx(spearmanr(scores[rows, i], scores[rows, j]).statistic, abs=1e-12)
        assert found.n_pairs[i, j] == rows.sum()


@pytest.mark.parametrize("correlate", [pearson, spearman])
def test_constant_item_is_undefined_and_found(correlate):
    scores = np.random.default_rng(3).standard_normal((20, 4))
    scores[:, 2] = 0.1
    found = correlate(scores)
    assert found.undefined.tolist() == [2]
    assert np.isnan(found.matrix[2]).all()
    assert np.isnan(found.matrix[:, 2]).all()
    assert np.isfinite(np.delete(np.delete(found.matrix, 2, 0), 2, 1)).all()


@pytest.mark.parametrize("correlate", [pearson, spearman])
def test_a_pair_in_one_category_is_undefined_not_one(correlate):
    first = np.array([1, 2, 3, 4, 5, 3, 3, 3], float)
    second = np.array([NAN, NAN, NAN, NAN, NAN, 1, 2, 3], float)
    third = np.array([5, 1, NAN, NAN, NAN, NAN, NAN, NAN], float)
    found = correlate(np.column_stack([first, second, third]))
    assert np.isnan(found.matrix[0, 1])  # first is always 3 where second is answered
    assert np.isnan(found.matrix[0, 2])  # two respondents
    assert found.matrix[0, 0] == found.matrix[1, 1] == 1.0


def test_a_far_offset_costs_no_precision():
    scores = np.random.default_rng(4).integers(0, 5, (100, 3)).astype(float)
    np.testing.assert_allclose(pearson(scores + 1e9).matrix, np.corrcoef(scores.T), rtol=0, atol=1e-12)


def test_correlation_of_leaves_impossible_variances_undefined():
    covariance = np.array([[4.0, 3.0, 1.0, 1.0], [3.0, 1.0, 0.5, 0.2], [1.0, 0.5, 0.0, 0.3], [1.0, 0.2, 0.3, -2.0]])
    found = correlation_of(covariance)
    assert found[0, 1] == pytest.approx(1.5)  # a corrected covariance may exceed what its variances allow
    assert found[0, 0] == found[1, 1] == 1.0
    assert np.isnan(found[2:]).all()
    assert np.isnan(found[:, 2:]).all()
    assert not np.isinf(found).any()


def test_fishers_z_is_finite_at_one_and_undefined_where_r_is():
    r = np.array([[0.5, -0.2], [1.0, NAN]])
    np.testing.assert_allclose(np.tanh(fisher_z(r)), [[0.5, -0.2], [0.9999, NAN]], rtol=0, atol=1e-12)
    assert fisher_z(np.array(-1.2)) == -fisher_z(np.array(1.0))


def test_one_column_of_numbers_is_refused():
    with pytest.raises(DataError, match=r"shape \(3,\); give respondents x items"):
        pearson(np.array([1.0, 2.0, 3.0]))


def test_it_prints_itself():
    scores = np.random.default_rng(3).standard_normal((20, 4))
    scores[:, 2] = 1.0
    assert str(pearson(scores)) == "correlations of 4 items, 20-20 respondents per pair, 1 items undefined"


@pytest.mark.parametrize("correlate", [pearson, spearman])
def test_duplicated_and_reversed_items_are_perfectly_correlated(correlate):
    item = np.random.default_rng(5).standard_normal(50)
    item[::7] = NAN
    found = correlate(np.column_stack([item, item, -item, 1e9 + 3 * item])).matrix
    np.testing.assert_allclose(found[0], [1.0, 1.0, -1.0, 1.0], rtol=0, atol=1e-12)
    assert np.abs(found).max() <= 1.0


@pytest.mark.parametrize("correlate", [pearson, spearman])
@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_units_do_not_matter(correlate, factor):
    scores = np.random.default_rng(6).standard_normal((30, 3))
    np.testing.assert_allclose(correlate(factor * scores).matrix, correlate(scores).matrix, rtol=0, atol=1e-12)


@pytest.mark.parametrize("correlate", [pearson, spearman])
def test_infinite_values_are_refused_and_their_columns_named(correlate):
    scores = np.random.default_rng(7).standard_normal((30, 3))
    scores[4, 2] = -np.inf
    with pytest.raises(DataError, match=r"infinite values in columns 3 \(counted from 1\)"):
        correlate(scores)


@pytest.mark.parametrize("correlate", [pearson, spearman])
@pytest.mark.parametrize("shape", [(0, 2), (1, 2), (2, 2), (5, 0)])
def test_hardly_anything_is_undefined(correlate, shape):
    found = correlate(np.random.default_rng(8).integers(1, 6, shape).astype(float))
    assert found.undefined.tolist() == list(range(shape[1]))
    assert f"of {shape[1]} items" in str(found)


def test_spearman_of_many_respondents_with_holes_takes_seconds_not_a_minute():
    rng = np.random.default_rng(9)
    scores = rng.integers(1, 6, (30_000, 100)).astype(float)
    scores[rng.random(scores.shape) < 0.1] = NAN
    start = time.process_time()
    spearman(scores)
    assert time.process_time() - start < 2.0
