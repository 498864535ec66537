"""The dip is the dip, one normal is seldom called two, two are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from sklearn.mixture import GaussianMixture

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.validity.mixtures import (
    dip_statistic,
    grid_step,
    judge_mixtures,
    naive_bic_flags,
    two_normals,
    uniform_dip_p,
)

HARTIGAN = {  # quantiles of the dip of uniform samples: R's diptest, `qDiptab`, from a million samples each
    10: {0.5: 0.09778, 0.9: 0.13046, 0.95: 0.13961},
    50: {0.5: 0.04885, 0.9: 0.06491, 0.95: 0.07027},
    100: {0.5: 0.03546, 0.9: 0.04715, 0.95: 0.05113},
}


def dip_by_linear_programme(sample):
    """Least distance to a distribution function that is convex up to one of the values and concave from there on."""
    values, counts = np.unique(sample, return_counts=True)
    k, upper = len(values), np.cumsum(counts) / len(sample)
    lower = upper - counts / len(sample)
    return max(1 / (2 * len(sample)), min(_nearest_with_mode(values, lower, upper, mode) for mode in range(k)))


def _nearest_with_mode(values, lower, upper, mode):
    k = len(values)
    after, distance = k, k + 1  # the function may jump at its mode: one more height there
    rows, bounds = [], []

    def add(terms, bound):
        row = np.zeros(k + 2)
        for place, weight in terms:
            row[place] += weight
        rows.append(row)
        bounds.append(bound)

    for i in range(k):
        for place, height in ((i, lower[i]), (after if i == mode else i, upper[i])):
            add([(place, 1), (distance, -1)], height)
            add([(place, -1), (distance, -1)], -height)
    add([(mode, 1), (after, -1)], 0)
    left, right = list(range(mode + 1)), [after, *range(mode + 1, k)]
    for side, sign in ((left, 1.0), (right, -1.0)):
        x = values[[mode if place == after else place for place in side]]
        for i in range(len(side) - 1):
            add([(side[i], 1), (side[i + 1], -1)], 0)
        for i in range(len(side) - 2):
            first, second = sign / (x[i + 1] - x[i]), sign / (x[i + 2] - x[i + 1])
            add([(side[i + 1], first + second), (side[i], -first), (side[i + 2], -second)], 0)
    found = linprog(np.eye(k + 2)[distance], A_ub=np.array(rows), b_ub=bounds, bounds=(0, 1), method="highs")
    return found.fun if found.status == 0 else np.inf


@pytest.mark.parametrize("kind", ["normal", "ties", "two heaps"])
def test_dip_is_the_distance_to_the_nearest_unimodal_distribution(kind):
    random = np.random.default_rng(1)
    for n in (3, 6, 11, 16):
        samples = random.normal(size=(4, n))
        if kind == "ties":
            samples = 0.1 * random.integers(-4, 5, size=(10, n))
        elif kind == "two heaps":
            samples[:, n // 2 :] += 6
        expected = [dip_by_linear_programme(sample) for sample in samples]
        np.testing.assert_allclose(dip_statistic(samples), expected, atol=1e-12)


@pytest.mark.parametrize("n", list(HARTIGAN))
def test_dip_of_uniform_samples_has_the_published_quantiles(n):
    dips = dip_statistic(np.random.default_rng(n).random((20_000, n)))
    for share, published in HARTIGAN[n].items():
        assert (dips <= published).mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 20_000))


def test_equal_heaps_of_tied_values_are_as_far_from_unimodal_as_can_be():
    """The two hulls run in parallel: only where they touch the steps does the modal interval end."""
    for unit in (1.0, 0.1015625, 1 / 3):
        heaps = unit * np.array([[0.0, 0, -1, 2, 2, 2, -3, -3, -3]])
        assert dip_statistic(heaps)[0] == pytest.approx(1 / 6)
    assert dip_statistic(np.array([[0.0, 0, 1, 1]]))[0] == pytest.approx(1 / 4)


def test_published_critical_values_have_their_p_values():
    for n, quantiles in HARTIGAN.items():
        p = uniform_dip_p(np.array(list(quantiles.values())), n, draws=9999, seed=n)
        assert p == pytest.approx([1 - share for share in quantiles], abs=0.02)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-8, 8), min_size=1, max_size=14),
    st.floats(0.1, 50),
    st.floats(-100, 100),
)
def test_dip_does_not_depend_on_unit_origin_direction_or_order(values, unit, origin):
    sample = np.array(values, dtype=float)
    dip = dip_statistic(sample[None])[0]
    assert 1 / (2 * len(sample)) <= dip <= 0.25 + 1e-12 or len(sample) < 2
    for other in (sample * unit + origin, -sample, sample[::-1]):
        assert dip_statistic(other[None])[0] == pytest.approx(dip, abs=1e-9)


def test_mixture_agrees_with_another_implementation_where_components_are_apart():
    random = np.random.default_rng(2)
    sample = np.concatenate([random.normal(0, 1, 30), random.normal(5, 1, 20)])
    found = two_normals(sample[None])
    other = GaussianMixture(2, covariance_type="tied", n_init=5, random_state=0, tol=1e-9, max_iter=1000, reg_covar=0)
    other.fit(sample[:, None])
    one = GaussianMixture(1, reg_covar=0).fit(sample[:, None])
    assert found.mean[0] == pytest.approx(np.sort(other.means_[:, 0]), abs=1e-3)
    assert found.sd[0] == pytest.approx(np.repeat(np.sqrt(other.covariances_[0, 0]), 2), abs=1e-3)
    assert found.share[0] == pytest.approx(other.weights_[other.means_[:, 0].argmax()], abs=1e-3)
    gain = 2 * 50 * (other.score(sample[:, None]) - one.score(sample[:, None]))
    assert found.ratio[0] == pytest.approx(gain, abs=1e-3)


def test_unequal_variances_are_told_apart():
    random = np.random.default_rng(3)
    sample = np.concatenate([random.normal(0, 0.5, 200), random.normal(6, 2, 200)])
    found = two_normals(sample[None], equal_variances=False)
    assert found.sd[0] == pytest.approx((0.5, 2.0), rel=0.15)
    assert found.ratio[0] > two_normals(sample[None]).ratio[0] + 50


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 50), st.floats(-100, 100), st.integers(0, 10_000))
def test_mixture_does_not_depend_on_unit_and_origin(unit, origin, seed):
    samples = np.random.default_rng(seed).normal(size=(3, 12))
    np.testing.assert_allclose(two_normals(samples * unit + origin).ratio, two_normals(samples).ratio, atol=1e-6)
    turned = two_normals(-samples)
    np.testing.assert_allclose(turned.ratio, two_normals(samples).ratio, atol=0.2)


def test_naive_bic_flags_unimodal_samples_where_runs_are_few():
    assert naive_bic_flags(5, samples=2000) == pytest.approx(0.41, abs=0.03)
    assert naive_bic_flags(40, samples=2000) == pytest.approx(0.04, abs=0.015)


def on_grid(values, step):
    return np.clip(1 + step * np.rint((values - 1) / step), 1, 5)


@pytest.mark.parametrize(
    ("centre", "sd", "step"), [(3.0, 0.4, 0.0), (3.0, 0.4, 0.125), (3.0, 0.5, 1.0), (1.1, 0.3, 0.125)]
)
def test_unimodal_samples_are_seldom_called_two(centre, sd, step):
    samples = np.random.default_rng(4).normal(centre, sd, size=(250, 40))
    samples = on_grid(samples, step) if step else samples
    found = judge_mixtures(samples[np.ptp(samples, axis=1) > 0], step=step, low=1, high=5, draws=199, seed=1)
    assert (found.dip_p < 0.05).mean() <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 250)
    assert (found.ratio_p < 0.05).mean() <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 250)
    assert (np.maximum(found.dip_p, found.ratio_p) < 0.05).mean() <= 0.05


def test_two_heaps_are_found():
    random = np.random.default_rng(5)
    upper = random.random((60, 40)) < 0.5
    samples = on_grid(3 + 0.25 * random.normal(size=(60, 40)) + 1.25 * (upper - 0.5), 0.125)
    found = judge_mixtures(samples, step=0.125, low=1, high=5, draws=499)
    assert (found.dip_p < 0.05).mean() > 0.85
    assert (found.ratio_p < 0.05).mean() > 0.95
    assert np.median(found.two.mean, axis=0) == pytest.approx((2.375, 3.625), abs=0.1)
    assert np.median(found.two.share) == pytest.approx(0.5, abs=0.1)


def test_the_same_seed_gives_the_same_p_values():
    samples = np.random.default_rng(6).normal(size=(5, 40))
    first, again = (judge_mixtures(samples, draws=99, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.dip_p, again.dip_p)
    np.testing.assert_array_equal(first.ratio_p, again.ratio_p)


def test_grid_is_found_where_there_is_one():
    assert grid_step(np.array([1.0, 1.25, 2.5, np.nan])) == pytest.approx(0.25)
    assert grid_step(np.arange(9) / 3) == pytest.approx(1 / 3)
    assert grid_step(np.random.default_rng(7).random(20)) == 0
    assert grid_step(np.array([2.0, 2.0])) == 0


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(NotEstimableError, match="39 runs: below 40 it cannot be decided"):
        judge_mixtures(np.random.default_rng(8).normal(size=(2, 39)))
    with pytest.raises(NotEstimableError, match="without variation"):
        judge_mixtures(np.ones((2, 40)))
    with pytest.raises(NotEstimableError, match="without variation"):
        two_normals(np.ones((2, 5)))
    with pytest.raises(DataError, match="finite"):
        dip_statistic(np.array([[1.0, np.nan]]))
