from __future__ import annotations

import numpy as np
import pytest

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.validity.style import acquiescence, extremity, overall_acquiescence

KEYS = np.array([1, -1, -1, 1, 1])


def style(scores: np.ndarray, keys: np.ndarray = KEYS, low: float = 1, high: float = 5):
    p = scores.shape[1]
    return acquiescence(scores, keys, np.full(p, low), np.full(p, high))


def planted(acquiescence_sd: float, seed: int, n: int = 40_000) -> np.ndarray:
    """Return answers = midpoint + trait x key + agreeing + noise on a scale from 0 to 10."""
    rng = np.random.default_rng(seed)
    trait, noise = rng.standard_normal((n, 1)), rng.standard_normal((n, len(KEYS)))
    return 5 + trait * KEYS + 0.5 + acquiescence_sd * rng.standard_normal((n, 1)) + noise


@pytest.mark.parametrize("sd", [0.0, 0.6])
def test_planted_acquiescence_is_recovered(sd):
    """Unequal numbers of items in the two directions, and a trait as strong as the noise, bias nothing."""
    scales = [style(planted(sd, seed), low=0, high=10) for seed in (1, 2)]
    for found in [*scales, overall_acquiescence(scales)]:
        assert found.mean == pytest.approx(0.05, abs=0.002)
        assert found.share_of_variance == pytest.approx(sd**2 / (sd**2 + 2), abs=0.008)
        assert found.sd == pytest.approx(sd / 10, abs=0.012)


def test_overall_weighs_scales_the_same():
    first, second = (style(planted(sd, 3, n=500), low=0, high=10) for sd in (0.5, 1.5))
    found = overall_acquiescence([first, second])
    assert found.mean == pytest.approx((first.mean + second.mean) / 2)
    assert found.sd == pytest.approx(np.sqrt((first.sd**2 + second.sd**2) / 2))
    assert found.share_of_variance == pytest.approx((first.share_of_variance + second.share_of_variance) / 2)
    assert (found.n_items, found.n_respondents) == (10, 500)


def test_always_the_same_answer():
    found = style(np.full((30, 5), 5.0))
    assert found.mean == 0.5
    assert (found.sd, found.share_of_variance) == (None, None)
    assert str(found) == "acquiescence mean +0.500, SD undefined (5 items, 30 respondents)"


def test_reversed_answers_turn_the_mean_alone():
    scores = np.random.default_rng(2).integers(1, 6, (200, 5)).astype(float)
    there, back = style(scores), style(6 - scores)
    assert back.mean == pytest.approx(-there.mean)
    assert back.share_of_variance == pytest.approx(there.share_of_variance)


def test_each_direction_weighs_the_same_and_holes_are_left_out():
    scores = np.array([[5, 1, 1, 5, np.nan], [np.nan, 3, 5, 5, 5], [2, np.nan, np.nan, 2, 2]])
    found = style(scores)
    assert found.mean == pytest.approx((0 + 0.375) / 2)  # (+.5 - .5) / 2 and (+.5 + .25) / 2
    assert found.n_respondents == 2


def test_one_item_each_way_has_a_mean_and_no_spread():
    found = style(np.array([[1.0, 5.0], [2.0, 3.0], [4.0, 4.0]]), np.array([1, -1]))
    assert found.sd is None
    assert found.mean == pytest.approx(np.mean([0, -0.125, 0.25]))


def test_extremity_counts_answers_given():
    low, high = np.full(4, 1.0), np.array([5.0, 5.0, 5.0, 7.0])
    scores = np.array([[1, 5, 3, np.nan], [2, 5, np.nan, 5]], float)
    assert extremity(scores, low, high) == pytest.approx(3 / 6)
    assert extremity(np.full((2, 4), np.nan), low, high) is None


def test_what_cannot_be_told_apart():
    with pytest.raises(NotEstimableError, match="all are keyed alike"):
        style(np.ones((3, 5)), np.ones(5, dtype=int))
    with pytest.raises(NotEstimableError, match="answered items of both directions; there are 0"):
        style(np.array([[1, np.nan, np.nan, 2, 3.0]]))
    with pytest.raises(NotEstimableError, match="a scale with items keyed both ways"):
        overall_acquiescence([])


def test_mistakes_are_named():
    with pytest.raises(DataError, match="5 items need as many lowest and highest scores; got 1 and 5"):
        acquiescence(np.ones((3, 5)), KEYS, np.ones(1), np.full(5, 5))
    with pytest.raises(DataError, match="item 1 has a response scale from 5 to 5, which has no width"):
        extremity(np.ones((3, 2)), np.array([5, 1]), np.array([5, 5]))
