from __future__ import annotations

import numpy as np
import pytest

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.validity.style import (
    acquiescence,
    extremity,
    order_share_of_run_variance,
    overall_acquiescence,
    position_bias,
)

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


LLMS, PERSONAS, RUNS, ITEMS = 4, 30, 3, 12


def two_orders(place: float, content: float, *, place_sd: float = 0.0, noise: float = 0.3, runs: int = RUNS, seed=3):
    """Ask 4 llms x 30 personas for 12 items on a scale from 0 to 10; ``place`` moves answers to the end of the list.

    Returns the arguments of `position_bias`, scores not cut into options.
    """
    rng = np.random.default_rng(seed)
    respondents = LLMS * PERSONAS
    cell, order, _ = (axis.ravel() for axis in np.indices((respondents, 2, runs)))
    followed = content * rng.standard_normal((respondents, ITEMS)) + np.linspace(-1, 1, ITEMS)
    placed = place + place_sd * rng.standard_normal((respondents, ITEMS))
    sign = np.where(order == 0, 1.0, -1.0)[:, None]
    scores = 5 + followed[cell] + sign * placed[cell] + noise * rng.standard_normal((len(cell), ITEMS))
    levels = {"llm": cell // PERSONAS, "persona": cell % PERSONAS}
    return scores, cell, np.where(order == 0, "forward", "reversed"), np.zeros(ITEMS), np.full(ITEMS, 10.0), levels


@pytest.mark.parametrize("runs", [1, RUNS])
@pytest.mark.parametrize(("place", "content", "place_sd"), [(-3.0, 0.5, 0.4), (0.5, 2.0, 0.0), (0.0, 1.0, 1.0)])
def test_planted_position_bias_is_recovered(place, content, place_sd, runs):
    found = position_bias(*two_orders(place, content, place_sd=place_sd, runs=runs))
    level = np.mean(np.linspace(-1, 1, ITEMS) ** 2)
    noise = 0.0 if runs > 1 else 0.3**2 / 2  # stays in both parts where it cannot be told apart
    order_variance = place**2 + place_sd**2 + noise
    assert found.mean == pytest.approx(place / 5, abs=0.01)
    assert found.ci_low < place / 5 < found.ci_high
    share = order_variance / (order_variance + content**2 + noise)
    assert found.share_of_variance == pytest.approx(share, abs=0.04)  # 3 standard errors, as below
    assert 0 <= found.share_ci_low <= found.share_of_variance <= found.share_ci_high <= 1
    assert found.agreement == pytest.approx((content**2 + level - place**2 - place_sd**2) / 25, abs=0.01)
    assert found.agreement_ci_low < found.agreement < found.agreement_ci_high
    r = (content**2 - place_sd**2) / (content**2 + place_sd**2 + 0.3**2 / runs)
    assert found.r_between_orders == pytest.approx(r, abs=0.08)  # 3 standard errors over 1,440 pairs
    assert (found.noise_removed, found.n_items, found.n_cells) == (runs > 1, ITEMS, LLMS * PERSONAS)


def test_run_noise_larger_than_everything_is_taken_off():
    found = position_bias(*two_orders(0.4, 0.2, noise=1.0))
    assert found.share_of_variance == pytest.approx(0.16 / (0.16 + 0.04), abs=0.1)
    once = position_bias(*two_orders(0.4, 0.2, noise=1.0, runs=1))
    assert once.share_of_variance == pytest.approx((0.16 + 0.5) / (0.16 + 0.04 + 1.0), abs=0.05)


def test_one_respondent_has_a_displacement_and_no_share():
    found = position_bias(
        np.array([[1.0, 2.0], [4.0, 5.0]]), np.zeros(2, dtype=int), ["forward", "reversed"], np.ones(2),
        np.full(2, 5.0), {"persona": np.zeros(2, dtype=int)},
    )  # fmt: skip
    assert (found.mean, found.mean_forward, found.mean_reversed) == (-0.75, 1.5, 4.5)
    assert (found.share_of_variance, found.r_between_orders, found.noise_removed) == (None, None, False)


def test_the_first_option_whatever_it_says():
    _, cell, order, _, _, levels = two_orders(0, 0)
    scores = np.repeat(np.where(order == "forward", 1.0, 5.0)[:, None], 4, axis=1)
    found = position_bias(scores, cell, order, np.ones(4), np.full(4, 5.0), levels)
    assert (found.mean, found.ci_low, found.ci_high) == (-1, -1, -1)
    assert (found.share_of_variance, found.agreement, found.agreement_ci_high) == (1, -1, -1)
    assert found.r_between_orders is None
    assert (found.mean_forward, found.mean_reversed) == (1, 5)
    assert str(found).startswith("displacement -1.00: mean answer 1.00 forward, 5.00 reversed; r between the orders un")


def test_the_same_option_in_whatever_place():
    _, cell, order, _, _, levels = two_orders(0, 0)
    chosen = np.random.default_rng(1).integers(0, 2, (LLMS * PERSONAS, 4)) * 4.0 + 1
    found = position_bias(chosen[cell], cell, order, np.ones(4), np.full(4, 5.0), levels)
    assert (found.mean, found.share_of_variance, found.agreement) == (0, 0, 1)
    assert found.r_between_orders == pytest.approx(1)


def test_half_of_the_respondents_follow_the_place():
    scores, cell, order, low, high, levels = two_orders(0, 1.5, noise=0)
    first = np.where(order == "forward", 0.0, 10.0)[:, None]
    found = position_bias(np.where(cell[:, None] % 2 == 0, first, scores), cell, order, low, high, levels)
    assert found.mean == pytest.approx(-0.5, abs=0.01)
    content, level = 1.5**2 / 25, np.mean(np.linspace(-1, 1, ITEMS) ** 2) / 25
    assert found.share_of_variance == pytest.approx(0.5 / (0.5 + content / 2 + level / 4), abs=0.02)
    assert found.r_between_orders == pytest.approx((content - 0.5) / (content + 0.5), abs=0.05)


def test_cells_not_asked_in_both_orders_are_left_out_item_by_item():
    scores, cell, order, low, high, levels = two_orders(-1, 1)
    whole = position_bias(scores, cell, order, low, high, levels)
    scores[(cell == 5) & (order == "reversed"), 2] = np.nan
    scores[(cell == 6) & (order == "forward")] = np.nan
    found = position_bias(scores, cell, order, low, high, levels)
    assert (found.n_items, found.n_cells) == (ITEMS, LLMS * PERSONAS - 1)
    assert found.mean == pytest.approx(whole.mean, abs=0.01)
    rotated = position_bias(
        np.vstack([scores, scores]), np.tile(cell, 2), np.append(order, np.full(len(order), "rotated-2")), low, high,
        {facet: np.tile(codes, 2) for facet, codes in levels.items()},
    )  # fmt: skip
    assert rotated == found


def test_intervals_cover_over_personas():
    """True displacement -0.1 with persona SD .2: the interval over 30 personas covers it in about 95 of 100 worlds."""
    rng = np.random.default_rng(9)
    inside = 0
    for _ in range(200):
        scores, cell, order, low, high, levels = two_orders(0, 1, runs=1, noise=0.1, seed=rng.integers(1 << 30))
        sign = np.where(order == "forward", 5.0, -5.0)
        scores = scores + (sign * (-0.1 + 0.2 * rng.standard_normal(PERSONAS))[levels["persona"]])[:, None]
        found = position_bias(scores, cell, order, low, high, levels)
        inside += found.ci_low < -0.1 < found.ci_high
    assert 0.9 <= inside / 200 <= 0.99


def test_few_levels_leave_no_interval():
    scores, cell, order, low, high, _ = two_orders(-1, 1)
    found = position_bias(scores, cell, order, low, high, {"llm": cell // PERSONAS % 3})
    assert np.isnan([found.ci_low, found.ci_high, found.agreement_ci_high, found.r_ci_low]).all()


def test_share_of_run_variance_that_orders_make():
    scores, cell, order, *_ = two_orders(1.0, 2.0, noise=0.5)
    between = 1.0 * 6 / 5  # of six rows in a cell three are 1 above and three 1 below the mean
    expected = 1 - 0.25 / (0.25 * 4 / 5 + between)
    assert order_share_of_run_variance(scores, cell, order) == pytest.approx(expected, abs=0.01)
    shuffled = np.random.default_rng(1).permutation(order)
    assert order_share_of_run_variance(scores, cell, shuffled) == pytest.approx(0, abs=0.1)
    scores, cell, order, *_ = two_orders(1.0, 2.0, runs=1)
    with pytest.raises(NotEstimableError, match="asked once in each order"):
        order_share_of_run_variance(scores, cell, order)
    assert order_share_of_run_variance(scores, cell, order, noise_free=True) == 1
    with pytest.raises(NotEstimableError, match="never differ"):
        order_share_of_run_variance(np.ones((4, 1)), np.array([0, 0, 1, 1]), ["forward"] * 4)


def test_one_order_tells_no_place_from_content():
    scores, cell, order, low, high, levels = two_orders(0, 1)
    with pytest.raises(NotEstimableError, match="both forward and reversed"):
        position_bias(scores, cell, np.full(len(order), "forward"), low, high, levels)
