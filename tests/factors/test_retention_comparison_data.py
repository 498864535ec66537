from __future__ import annotations

import time

import numpy as np
import pytest
from planted_scores import independent_scores, planted_scores

from persona_big5.errors import NotEstimableError
from persona_big5.factors.comparison_data import _distances, _population, comparison_data

DATASETS = ("bfi", "sim_ordinal", "sim_two_level")


@pytest.mark.parametrize("dataset", DATASETS)
def test_counts_and_distances_equal_r(reference, dataset):
    """R tried 8, 6 and 8 factors; each population is one draw, which 25 % allow for."""
    expected = reference.read(dataset, "comparison_data")
    found = comparison_data(
        reference.scores(dataset), most=len(expected["mean_rmse"]), samples=expected["n_samples"], seed=1
    )
    assert found.n_factors == expected["n_factors"]
    assert found.n_complete == expected["n"]
    np.testing.assert_allclose(found.rmse[1:], expected["mean_rmse"], rtol=0.25, atol=0)
    np.testing.assert_allclose(found.rmse[1:6], expected["mean_rmse"][:5], rtol=0.1, atol=0)
    assert found.p_values[1] == pytest.approx(expected["p"][1], rel=1e-9)  # no overlap: R's rank test to the digit


def test_speed_and_seed(reference):
    """Eight populations and 1,600 samples of 2,436 x 25 within a few CPU seconds; the same again for the same seed."""
    scores = reference.scores("bfi")
    begun = time.process_time()
    found = comparison_data(scores, most=8, seed=3)
    assert time.process_time() - begun < 4
    again = comparison_data(scores, most=8, seed=3)
    np.testing.assert_array_equal(found.rmse, again.rmse)
    assert found.at_limit
    assert "8 or more factors" in str(found)


def test_populations_have_the_items_own_distributions():
    rng = np.random.default_rng(1)
    scores = np.round(np.exp(planted_scores(1, n=800, n_factors=1, items_each=6)))  # skewed, discrete
    standardised = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    R = np.corrcoef(scores.T)
    drawn = _population(R, standardised, 1, rng)
    assert drawn.shape == (10_000, 6)
    for item in range(6):
        observed = len(np.unique(scores[:, item]))
        assert len(np.unique(drawn[:, item])) <= observed
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(drawn.std(axis=0), 1, atol=1e-3)
    np.testing.assert_allclose(np.corrcoef(drawn.T), R, atol=0.1)  # a model of one factor, not R itself
    skewness = (drawn.astype(float) ** 3).mean(axis=0)
    np.testing.assert_allclose(skewness, (standardised**3).mean(axis=0), rtol=0.35)


def test_finds_what_was_planted_and_nothing_where_nothing_was():
    none = [comparison_data(independent_scores(seed), seed=seed).n_factors for seed in range(6)]
    three = [comparison_data(planted_scores(seed), seed=seed).n_factors for seed in range(6)]
    assert none.count(0) >= 5
    assert three.count(3) >= 5


def test_complete_rows_only():
    scores = planted_scores(2)
    holed = np.vstack([scores, scores[:30]])
    holed[200:, 0] = np.nan
    found = comparison_data(holed, seed=1)
    assert found.n_complete == 200
    np.testing.assert_array_equal(found.rmse, comparison_data(scores, seed=1).rmse)


def test_refusals_say_why():
    with pytest.raises(NotEstimableError, match="more complete rows than items; there are 15 and 20"):
        comparison_data(independent_scores(1, n=15))
    with pytest.raises(NotEstimableError, match="at least 3 items; there are 2"):
        comparison_data(independent_scores(1, p=2))
    constant = independent_scores(1)
    constant[:, 4] = 3.0
    with pytest.raises(NotEstimableError, match="items that vary among the complete rows"):
        comparison_data(constant)


def test_more_rows_than_a_population_has():
    found = comparison_data(planted_scores(5, n=30_000, items_each=4), seed=1)
    assert found.n_factors == 3
    assert found.rmse[3] < 0.02 < 0.2 < found.rmse[2]


def test_rare_answers_that_some_samples_do_not_have():
    scores = (planted_scores(6) > 0).astype(float)
    scores[:, 0] = 0
    scores[:2, 0] = 1
    found = comparison_data(scores, seed=1)
    assert np.isfinite(found.rmse).all()
    assert found.n_factors == 3


def test_doubled_and_two_valued_items_have_an_answer():
    scores = planted_scores(4)
    assert comparison_data(np.column_stack([scores, scores[:, 0]]), seed=1).n_factors >= 3
    assert comparison_data((scores > 0).astype(float), seed=1).n_factors == 3


def test_means_of_items_do_not_matter():
    population = planted_scores(7, n=10_000, items_each=3).astype(np.float32)
    observed = np.linalg.eigvalsh(np.corrcoef(population.T))
    here, there = (_distances(population + shift, observed, 50, 20, np.random.default_rng(1)) for shift in (0, 4))
    np.testing.assert_allclose(here, there, rtol=1e-3)
