"""The axis that was planted is found, and noise does not lengthen it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.validity.axis import (
    Profiles,
    axis_factor_correlations,
    axis_from_origin,
    distances_from_origin,
    run_noise,
)

GROUPS, CONDITIONS, P = 6, 40, 10
ORIGIN = CONDITIONS


def world(random, *, distance=2.0, along_first=True, runs=4, noise=1.0):
    """Conditions vary most along the first variable (variance 3 of 3 + 9 x .5); the origin is ``distance`` away."""
    deviation = random.normal(size=(CONDITIONS, P)) * np.sqrt(np.r_[3.0, np.full(P - 1, 0.5)])
    axis = np.eye(P)[0 if along_first else 1]
    origin = deviation.mean(axis=0) + distance * axis
    truth = np.vstack([deviation, origin])[None] + random.normal(size=(GROUPS, 1, P))
    scores = truth[:, :, None] + noise * random.normal(size=(GROUPS, CONDITIONS + 1, runs, P))
    unit = np.repeat(np.arange(GROUPS * (CONDITIONS + 1)), runs)
    rows, _ = run_noise(scores.reshape(-1, P), unit, unit)
    group, condition = np.indices((GROUPS, CONDITIONS + 1)).reshape(2, -1)
    profiles = Profiles(scores.mean(axis=2).reshape(-1, P), group, condition, rows, unit)
    return profiles, deviation


def test_planted_axis_is_recovered_and_runs_do_not_lengthen_it():
    random = np.random.default_rng(1)
    found = [axis_from_origin(world(random, runs=3, noise=2.0)[0], ORIGIN) for _ in range(8)]
    share = np.mean([one.share.estimate for one in found])
    assert share == pytest.approx(3 / 7.5, abs=0.05)
    assert np.mean([one.distance.estimate for one in found]) == pytest.approx(2 / np.sqrt(P), rel=0.03)
    assert sum(one.share.ci_low < 3 / 7.5 < one.share.ci_high for one in found) >= 6
    calm = [axis_from_origin(world(random, noise=0.1)[0], ORIGIN) for _ in range(8)]
    assert all(one.direction[0] > 0.99 for one in calm)
    assert np.mean([one.angle.estimate for one in calm]) < 16  # what 40 conditions leave open of the first component
    assert all(one.angle.ci_low < 12 for one in calm)


def test_without_the_correction_noise_passes_for_distance():
    profiles, _ = world(np.random.default_rng(2), distance=0.5, runs=2, noise=3.0)
    corrected = axis_from_origin(profiles, ORIGIN)
    plain = axis_from_origin(Profiles(profiles.means, profiles.group, profiles.condition), ORIGIN)
    assert plain.distance.estimate > 1.3 * max(corrected.distance.estimate, 0.5 / np.sqrt(P))
    assert not plain.noise_removed
    units = profiles.group * (CONDITIONS + 1) + profiles.condition
    assert np.array_equal(units, np.arange(len(units)))
    far = distances_from_origin(profiles, ORIGIN).distance
    farther = distances_from_origin(Profiles(profiles.means, profiles.group, profiles.condition), ORIGIN).distance
    others = profiles.condition != ORIGIN
    assert (far[others] < farther[others]).all()


def test_an_axis_beside_the_first_component_has_its_own_share_and_a_right_angle():
    found = axis_from_origin(world(np.random.default_rng(3), along_first=False)[0], ORIGIN)
    assert found.share.estimate == pytest.approx(0.5 / 7.5, abs=0.04)
    assert found.angle.estimate > 75
    assert found.share_of_first.estimate == pytest.approx(0.4, abs=0.1)
    assert found.n_components_least <= found.n_components <= found.n_components_most
    assert found.n_components in (4, 5, 6)


def test_a_far_origin_is_told_from_a_condition_like_any_other():
    random = np.random.default_rng(4)
    far = axis_from_origin(world(random, distance=8)[0], ORIGIN)
    assert far.distance_rank == pytest.approx(1 / (CONDITIONS + 1))
    ranks = []
    for _ in range(20):
        profiles, _ = world(random)
        one_of_them = Profiles(*(part[profiles.condition != ORIGIN] for part in (profiles.means, profiles.group)),
                               profiles.condition[profiles.condition != ORIGIN])  # fmt: skip
        ranks.append(axis_from_origin(one_of_them, 0).distance_rank)
    assert 0.25 < np.mean(ranks) < 0.75


def test_distances_and_their_standard_errors_are_those_planted():
    random = np.random.default_rng(5)
    profiles, deviation = world(random, distance=3.0, runs=5, noise=1.0)
    found = distances_from_origin(profiles, ORIGIN)
    others = profiles.condition != ORIGIN
    origin = deviation.mean(axis=0) + np.eye(P)[0] * 3
    truth = np.sqrt(((deviation - origin) ** 2).mean(axis=1))[profiles.condition[others]]
    error = found.distance[others] - truth
    assert abs(error.mean()) < 0.1  # 0.17 if noise were left in
    assert found.distance_sem[others].mean() == pytest.approx(np.sqrt(2 / 5 / P), rel=0.1)
    assert error.std() == pytest.approx(found.distance_sem[others].mean(), rel=0.25)
    along = (origin - deviation)[:, 0] / np.sqrt(P)
    assert np.corrcoef(found.along[others], along[profiles.condition[others]])[0, 1] > 0.9
    assert np.isnan(found.distance[~others]).all()


def test_error_covariance_of_means_is_the_within_cell_covariance_over_n():
    random = np.random.default_rng(6)
    scores = random.normal(size=(12, 3))
    cell, unit = np.repeat(np.arange(4), 3), np.repeat([0, 1], 6)
    noise, unknown = run_noise(scores, cell, unit)
    for number in (0, 1):
        own = scores[unit == number].reshape(2, 3, 3)
        within = np.mean([np.cov(runs, rowvar=False) for runs in own], axis=0)
        np.testing.assert_allclose(noise[unit == number].T @ noise[unit == number], within / 6, atol=1e-12)
    assert (unknown == 0).all()
    scores[:5, 0] = np.nan  # one answer of unit 0 is left: nothing is known of its noise
    noise, unknown = run_noise(scores, cell, unit)
    assert unknown == pytest.approx([0.5, 0, 0])
    assert (noise[:6, 0] == 0).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_rotating_and_scaling_the_variables_changes_no_share_and_no_angle(seed, unit):
    random = np.random.default_rng(seed)
    profiles, _ = world(random)
    turn = np.linalg.qr(random.normal(size=(P, P)))[0] * unit
    plain, turned = axis_from_origin(profiles, ORIGIN), axis_from_origin(profiles.weighted(turn), ORIGIN)
    assert turned.share.estimate == pytest.approx(plain.share.estimate, abs=1e-8)
    assert turned.angle.estimate == pytest.approx(plain.angle.estimate, abs=1e-5)
    assert turned.distance.estimate == pytest.approx(unit * plain.distance.estimate, rel=1e-8)
    assert turned.n_components == plain.n_components


def test_leaving_a_condition_out_is_leaving_its_rows_out():
    """The sums from which a condition is taken give what the rest gives alone."""
    profiles, _ = world(np.random.default_rng(7))
    for group in (profiles.group < 4, profiles.group < 1):
        some = profiles.take(group)
        full = axis_from_origin(some, ORIGIN)
        values = [axis_from_origin(some.take(some.condition != c), ORIGIN).angle.estimate for c in range(CONDITIONS)]
        if len(np.unique(some.group)) == 1:  # the jackknife over conditions alone
            v = (CONDITIONS - 1) / CONDITIONS * ((np.array(values) - np.mean(values)) ** 2).sum()
            assert full.angle.ci_high - full.angle.estimate == pytest.approx(2.0227 * np.sqrt(v), rel=1e-3)
        assert full.n_conditions == CONDITIONS


def test_correlation_with_factors_is_that_of_the_scores():
    random = np.random.default_rng(8)
    n, loadings, between = 200_000, random.uniform(-0.7, 0.7, size=(6, 2)), np.array([[1, 0.4], [0.4, 1]])
    factors = random.normal(size=(n, 2)) @ np.linalg.cholesky(between).T
    unique = np.sqrt(1 - np.einsum("ik,kl,il->i", loadings, between, loadings))
    scores = (factors @ loadings.T + unique * random.normal(size=(n, 6))) * [1, 2, 3, 1, 2, 3]
    direction = random.normal(size=6)
    found = axis_factor_correlations(direction, np.cov(scores, rowvar=False), loadings, between)
    expected = [np.corrcoef(scores @ direction, factors[:, k])[0, 1] for k in range(2)]
    assert found == pytest.approx(expected, abs=0.01)
    with pytest.raises(NotEstimableError, match="do not vary"):
        axis_factor_correlations(direction, np.zeros((6, 6)), loadings, between)


def test_what_has_no_axis_is_refused_or_has_no_interval():
    random = np.random.default_rng(9)
    means, condition = random.normal(size=(4, 3)), np.arange(4)
    one = axis_from_origin(Profiles(means, np.zeros(4, dtype=int), condition), 3)
    assert np.isnan(one.share.ci_low)
    assert np.isfinite(one.share.estimate)
    with pytest.raises(NotEstimableError, match="no group has the condition"):
        axis_from_origin(Profiles(means[:3], np.zeros(3, dtype=int), condition[:3]), 2)
    same = np.vstack([np.ones((3, 3)), np.zeros(3)])
    with pytest.raises(NotEstimableError, match="do not differ"):
        axis_from_origin(Profiles(same, np.zeros(4, dtype=int), condition), 3)
    means[0, 0] = np.nan
    with pytest.raises(DataError, match="finite"):
        axis_from_origin(Profiles(means, np.zeros(4, dtype=int), condition), 3)
    with pytest.raises(DataError, match="twice"):
        axis_from_origin(Profiles(same, np.zeros(4, dtype=int), np.zeros(4, dtype=int)), 0)


def test_more_variables_than_conditions_and_an_origin_among_the_others():
    random = np.random.default_rng(10)
    means = random.normal(size=(6, 50))
    means[5] = means[:5].mean(axis=0)
    found = axis_from_origin(Profiles(means, np.zeros(6, dtype=int), np.arange(6)), 5)
    assert found.distance.estimate == pytest.approx(0, abs=1e-12)
    assert np.isnan(found.share.estimate)
    assert np.isnan(found.angle.estimate)
