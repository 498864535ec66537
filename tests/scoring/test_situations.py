from __future__ import annotations

import numpy as np
import pytest
from scoring_sessions import make_session

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.questionnaire import ResponseScale
from persona_big5.scoring.situations import _place, place_bias, situation_scores
from persona_big5.study.messages import shown_order

ORDERS = ("forward", "rotated-1", "rotated-2", "rotated-3")


def test_scores_by_hand() -> None:
    found = situation_scores(["s", "s", "s", "t", "s"], ["v1", "v1", "v2", "v3", "v2"], [1, 0.5, -1, -0.5, np.nan])
    assert [(one.scale, one.mean, one.n_vignettes, one.n_answers) for one in found] == [
        ("s", -0.125, 2, 3),
        ("t", -0.5, 1, 1),
    ]
    assert found[0].se == pytest.approx(np.std([0.75, -1], ddof=1) / np.sqrt(2))
    assert found[1].se is None


@pytest.mark.parametrize("order", [*ORDERS, "reversed"])
def test_places_are_those_of_the_messages(order: str) -> None:
    scale = ResponseScale(values=(1, 2, 3, 4), labels=("a", "b", "c", "d"))
    session = make_session(scale=scale, option_order=order)
    shown = shown_order(session, session.administrations[0])
    assert [_place(option, order, 4) for option in shown] == [0, 1, 2, 3]


def survey(choose, n_items: int = 20, n_runs: int = 2) -> tuple[list[str], list[int], list[str], list[int]]:
    """Answers to items in every cyclic order; ``choose`` makes an option of an item's favourite and the order."""
    rng = np.random.default_rng(2)
    rows = [
        (f"v{item}", choose(rng, item % 4, int(order.removeprefix("rotated-").replace("forward", "0"))), order, 4)
        for item in range(n_items)
        for order in ORDERS
        for _ in range(n_runs)
    ]
    items, chosen, orders, n_options = (list(column) for column in zip(*rows, strict=True))
    return items, chosen, orders, n_options


def test_who_chooses_actions_shows_no_bias() -> None:
    found = place_bias(*survey(lambda _rng, favourite, _places: favourite), seed=1)
    assert found.observed == (40, 40, 40, 40)
    assert found.expected == pytest.approx((40, 40, 40, 40))
    assert (found.excess_of_first, found.p) == (0, 1)


def test_who_takes_the_first_place_is_found_out() -> None:
    found = place_bias(*survey(lambda _rng, _favourite, places: places), seed=1)
    assert found.observed == (160, 0, 0, 0)
    assert found.excess_of_first == pytest.approx(0.75)
    assert found.p < 0.001


def test_p_is_even_where_choices_are_random_but_uneven() -> None:
    rng = np.random.default_rng(3)
    items = [f"v{item}" for item in range(8) for _ in ORDERS]
    orders = list(ORDERS) * 8
    ps = [
        place_bias(items, rng.choice(4, 32, p=[0.6, 0.2, 0.1, 0.1]).tolist(), orders, [4] * 32, seed=seed).p
        for seed in range(150)
    ]
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 150))


def test_one_order_tells_nothing_of_places() -> None:
    with pytest.raises(NotEstimableError, match="no item was answered in two orders"):
        place_bias(["a", "b"], [0, 1], ["forward", "reversed"], [4, 4], seed=1)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(DataError, match="an option of number 4 was chosen out of 4"):
        place_bias(["a", "a"], [0, 4], ["forward", "reversed"], [4, 4], seed=1)
    with pytest.raises(DataError, match="'sideways' is no order of options"):
        place_bias(["a", "a"], [0, 1], ["forward", "sideways"], [4, 4], seed=1)
    with pytest.raises(DataError, match="a key is from -1 to 1, but one is 2"):
        situation_scores(["s"], ["v"], [2])
    with pytest.raises(DataError, match="do not match"):
        situation_scores(["s"], ["v", "w"], [1])
