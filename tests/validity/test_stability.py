"""What was planted of stability, change and return is recovered."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.validity.crossed import mean_over_facets
from persona_big5.validity.stability import change_of, half_life, profile_stability, rank_order, slopes


@pytest.fixture
def random():
    return np.random.default_rng(20)


def crossed(n_llms, n_personas):
    return [codes.ravel() for codes in np.indices((n_llms, n_personas))]


def test_mean_over_one_facet_has_the_interval_of_student(random):
    values = random.normal(2, 1, 12)
    found = mean_over_facets(values, [np.arange(12)])
    expected = scipy.stats.t.interval(0.95, 11, values.mean(), scipy.stats.sem(values))
    assert (found.ci_low, found.ci_high) == pytest.approx(expected, rel=1e-10)


def test_units_that_share_a_persona_are_no_independent_evidence(random):
    """20 personas in 10 llms are 20 draws, not 200: the interval of their mean says so."""
    values = (random.normal(size=20)[None] + 0.1 * random.normal(size=(10, 20))).ravel()
    llm, persona = crossed(10, 20)
    alone = mean_over_facets(values, [np.arange(200)])
    shared = mean_over_facets(values, [llm, persona])
    assert shared.ci_high - shared.ci_low > 2.5 * (alone.ci_high - alone.ci_low)
    assert np.isnan(mean_over_facets(values[:3], [np.arange(3)]).ci_low)


def test_rank_order_is_the_correlation_of_those_measured_twice(random):
    first = random.normal(size=40)
    later = 0.8 * first + 0.6 * random.normal(size=40)
    later[3] = np.nan
    found = rank_order(first, later, [np.arange(40)])
    kept = np.arange(40) != 3
    assert found.n == 39
    assert found.pearson.estimate == pytest.approx(np.corrcoef(first[kept], later[kept])[0, 1])
    assert found.spearman == pytest.approx(scipy.stats.spearmanr(first[kept], later[kept]).statistic)
    assert found.pearson.ci_low < 0.8 < found.pearson.ci_high
    with pytest.raises(NotEstimableError, match="do not differ"):
        rank_order(np.ones(5), first[:5], [])
    with pytest.raises(NotEstimableError, match="3 units were measured both times"):
        rank_order(first[:3], later[4:7], [])


def test_a_profile_that_all_share_is_no_stability_of_ones_own(random):
    shared = np.array([-3.0, -1, 0, 1, 3, 2])
    units = [np.arange(60)]
    first, later = (shared + random.normal(size=(60, 6)) for _ in range(2))
    found = profile_stability(first, later, units)
    assert found.overall.estimate > 0.7
    assert found.distinctive.ci_low < 0 < found.distinctive.ci_high
    own = random.normal(size=(60, 6))
    kept = profile_stability(shared + own, shared + own + 0.3 * random.normal(size=(60, 6)), units)
    assert kept.distinctive.estimate > 0.9


def test_flat_and_missing_profiles_are_left_out(random):
    first = random.normal(size=(12, 4))
    later = first + 0.1 * random.normal(size=(12, 4))
    first[0], later[1, 2] = np.nan, np.nan
    assert profile_stability(first, later, [np.arange(12)]).n == 10
    with pytest.raises(NotEstimableError, match="2 variables make no profile"):
        profile_stability(first[:, :2], later[:, :2], [])
    with pytest.raises(NotEstimableError, match="not flat"):
        profile_stability(np.ones((6, 4)), np.ones((6, 4)), [])


def test_reliable_change_is_rare_without_change_and_seen_with_it(random):
    error = np.full(2000, 2 * 0.3**2)
    truth = random.normal(size=2000)
    first, later = (truth + 0.3 * random.normal(size=2000) for _ in range(2))
    still = change_of(first, later, error, [np.arange(2000)])
    assert still.share_up == pytest.approx(0.025, abs=0.012)
    assert still.share_down == pytest.approx(0.025, abs=0.012)
    assert still.sem == pytest.approx(0.3 * np.sqrt(2))
    moved = change_of(first, later + np.where(np.arange(2000) < 500, 2.0, 0.0), error, [np.arange(2000)])
    assert moved.share_up == pytest.approx(0.25 + 0.75 * 0.025, abs=0.02)
    assert moved.change.estimate == pytest.approx(0.5, abs=0.03)
    unknown = change_of(first, later, None, [])
    assert np.isnan(unknown.sem)
    assert np.isnan(unknown.share_up)
    with pytest.raises(NotEstimableError, match="no unit was measured both times"):
        change_of(np.array([np.nan]), np.array([1.0]), None, [])


def test_slopes_are_those_of_a_regression(random):
    scores, times = random.normal(size=(5, 4)), np.array([0.0, 1, 3, 4])
    expected = [scipy.stats.linregress(times, row).slope for row in scores]
    assert slopes(scores, times) == pytest.approx(expected)
    with pytest.raises(DataError, match="at least two different"):
        slopes(scores, np.ones(4))


def test_planted_half_life_is_recovered(random):
    times = np.linspace(0, 1, 5)
    inside = []
    for _ in range(30):
        amount = 1.5 + 0.4 * random.normal(size=(30, 1))
        deviation = -amount * np.exp(-np.log(2) / 0.3 * times) + 0.3 * random.normal(size=(30, 5))
        found = half_life(deviation, times, [np.arange(30)])
        inside.append(found.ci_low < 0.3 < found.ci_high)
    assert np.mean(inside) >= 0.85
    exact = half_life(np.tile(2 * np.exp(-3 * times), (5, 1)), times + 7, [np.arange(5)])
    assert (exact.rate, exact.start, exact.half_life) == pytest.approx((3, 2, np.log(2) / 3), rel=1e-6)
    assert (exact.ci_low, exact.ci_high) == pytest.approx((np.log(2) / 3,) * 2, rel=1e-3)


def test_what_does_not_return_has_no_half_life(random):
    times = np.linspace(0, 1, 3)
    with pytest.raises(NotEstimableError, match="no return"):
        half_life(1 + 0.5 * times + 0.01 * random.normal(size=(20, 3)), times, [np.arange(20)])
    with pytest.raises(NotEstimableError, match="not told from 0"):
        half_life(random.normal(size=(20, 3)), times, [np.arange(20)])
    with pytest.raises(NotEstimableError, match="20 units at 2 times"):
        half_life(random.normal(size=(20, 2)), times[:2], [np.arange(20)])
    slow = half_life(1 - 0.1 * times + 0.2 * random.normal(size=(40, 3)), times, [np.arange(40)])
    assert slow.ci_high > 3
