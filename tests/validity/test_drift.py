from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.multivariate import test_mvmean as hotelling

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.validity.drift import occasion_drift


@pytest.fixture
def scores():
    random = np.random.default_rng(3)
    return random.normal(3, 1, (12, 1)) + 0.3 * random.normal(size=(12, 3)) + [0.0, 0.2, 0.5]


def test_agrees_with_hotelling_of_statsmodels(scores):
    found = occasion_drift(scores)
    expected = hotelling(scores[:, 1:] - scores[:, :1])
    assert found.df == (2, 10)
    assert found.f == pytest.approx(expected.statistic, rel=1e-10)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-10)
    assert found.change == pytest.approx(scores.mean(axis=0)[1:] - scores.mean(axis=0)[0])


def test_two_occasions_are_the_paired_t_test(scores):
    found = occasion_drift(scores[:, :2])
    paired = scipy.stats.ttest_rel(scores[:, 1], scores[:, 0])
    assert found.f == pytest.approx(paired.statistic**2)
    assert found.p == pytest.approx(paired.pvalue)
    interval = paired.confidence_interval(0.95)
    assert (found.change_ci_low[0], found.change_ci_high[0]) == pytest.approx((interval.low, interval.high))
    level = scipy.stats.t.interval(0.95, 11, scores[:, 0].mean(), scipy.stats.sem(scores[:, 0]))
    assert (found.mean_ci_low[0], found.mean_ci_high[0]) == pytest.approx(level)


def test_differences_between_units_and_the_first_occasion_chosen_change_no_test(scores):
    found = occasion_drift(scores)
    apart = occasion_drift(scores + np.arange(12)[:, None])
    turned = occasion_drift(scores[:, [2, 0, 1]])
    assert apart.f == pytest.approx(found.f)
    assert turned.f == pytest.approx(found.f)
    assert apart.mean_ci_high[0] - apart.mean_ci_low[0] > found.mean_ci_high[0] - found.mean_ci_low[0]


def test_the_test_holds_its_level():
    random = np.random.default_rng(4)
    p = [occasion_drift(random.normal(size=(8, 1)) + random.normal(size=(8, 3))).p for _ in range(1000)]
    assert 0.03 <= np.mean(np.array(p) < 0.05) <= 0.07


def test_units_with_a_missing_occasion_are_left_out(scores):
    gone = scores.copy()
    gone[0, 1] = np.nan
    assert str(occasion_drift(gone)) == str(occasion_drift(scores[1:]))


def test_answers_that_never_change_have_no_test():
    found = occasion_drift(np.repeat(np.arange(5.0)[:, None], 3, axis=1))
    assert (found.f, found.p) == (None, None)
    assert list(found.change_ci_high) == [0, 0]
    assert str(found) == "means 2.00, 2.00, 2.00 (5 units); test undefined"


def test_too_few_units_and_no_table(scores):
    with pytest.raises(NotEstimableError, match="3 were asked at all 3 occasions; at least 4 are needed"):
        occasion_drift(scores[:3])
    with pytest.raises(DataError, match="at least two occasions"):
        occasion_drift(scores[:, :1])
