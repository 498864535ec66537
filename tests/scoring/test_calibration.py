from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_big5.errors import DataError
from persona_big5.scoring.calibration import StatedChance, calibration


def test_a_case_by_hand() -> None:
    # 0.8 stated twice for rates 1 and 0.5, 0.2 once for 0: losses .04, .09 + .25, .04; base rate .5.
    found = calibration([0.8, 0.8, 0.2, np.nan], [1.0, 0.5, 0.0, 0.3], seed=1)
    assert found.n_items == 3
    assert found.brier == pytest.approx((0.04 + 0.34 + 0.04) / 3)
    assert found.curve == (StatedChance(0.2, 0.0, 1.0), StatedChance(0.8, 0.75, 2.0))
    assert found.reliability == pytest.approx((0.04 + 2 * 0.05**2) / 3)
    assert found.resolution == pytest.approx((0.25 + 2 * 0.25**2) / 3)
    assert found.uncertainty == 0.25
    assert found.skill == pytest.approx(1 - found.brier / 0.25)
    assert found.bias == pytest.approx(1.8 / 3 - 0.5)
    assert found.brier_low <= found.brier <= found.brier_high
    assert found.own_rate_distance is None


unit = st.floats(0, 1)


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.integers(0, 7), st.integers(1, 7)), min_size=1)
)
def test_the_brier_score_is_that_of_single_trials_and_its_parts_add_up(items) -> None:
    p, r, n = np.array([(chance, min(done, trials) / trials, trials) for chance, done, trials in items]).T
    found = calibration(p, r, n, seed=0)
    single = [
        (chance - happened) ** 2
        for chance, done, trials in items
        for happened in [1] * min(done, trials) + [0] * (trials - min(done, trials))
    ]
    assert found.brier == pytest.approx(np.mean(single), abs=1e-12)
    assert found.reliability - found.resolution + found.uncertainty == pytest.approx(found.brier, abs=1e-12)


def test_noise_of_few_trials_is_taken_out_of_the_distance_from_the_own_rate() -> None:
    truth, stated = np.array([0.1, 0.4, 0.7]), np.array([0.2, 0.4, 0.5])
    # The mean over all outcomes of 3 trials an item, each by its probability, is the planted distance.
    mean = 0.0
    for done in product(range(4), repeat=3):
        k = np.array(done)
        chance = np.prod([1, 3, 3, 1][k[0]] * truth[0] ** k[0] * (1 - truth[0]) ** (3 - k[0]))
        chance *= [1, 3, 3, 1][k[1]] * truth[1] ** k[1] * (1 - truth[1]) ** (3 - k[1])
        chance *= [1, 3, 3, 1][k[2]] * truth[2] ** k[2] * (1 - truth[2]) ** (3 - k[2])
        mean += chance * (calibration(stated, k / 3, [3, 3, 3], seed=0).own_rate_distance or 0.0)
    assert mean == pytest.approx(np.mean((stated - truth) ** 2), abs=1e-12)


def test_always_the_same_outcome_leaves_no_skill_to_have() -> None:
    assert calibration([0.9, 0.8], [1.0, 1.0], seed=0).skill is None


def test_seeds_repeat_and_intervals_widen_with_fewer_items() -> None:
    rng = np.random.default_rng(5)
    p, r = rng.random(400), rng.random(400)
    assert calibration(p, r, seed=3) == calibration(p, r, seed=3)
    many, few = calibration(p, r, seed=3), calibration(p[:25], r[:25], seed=3)
    assert few.bias_high - few.bias_low > 2 * (many.bias_high - many.bias_low)


@pytest.mark.parametrize(
    ("chances", "rates", "trials", "text"),
    [
        ([70.0], [0.5], None, "a chance is from 0 to 1, but one is 70; divide percentages by 100"),
        ([0.5], [-0.1], None, "a rate is from 0 to 1"),
        ([0.5, 0.5], [0.5], None, "lists of one length"),
        ([np.nan], [0.5], None, "no item has both a chance and a rate"),
        ([0.5], [0.5], [0], "1 trial or more"),
    ],
)
def test_what_is_no_calibration_is_said(chances, rates, trials, text: str) -> None:
    with pytest.raises(DataError, match=text):
        calibration(chances, rates, trials, seed=0)
