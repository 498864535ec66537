from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_big5.errors import DataError
from persona_big5.scoring.allocation import allocate

AIMS = "abcde"
PAIRS = list(combinations(AIMS, 2))


def divide(worth: dict[str, float]) -> list[float]:
    return [worth[a] / (worth[a] + worth[b]) for a, b in PAIRS]


def test_shares_by_hand() -> None:
    found = allocate(["a", "a", "b"], ["b", "c", "c"], [0.7, 0.6, 0.5])
    assert [(row.aim, row.n_comparisons) for row in found.shares] == [("a", 2), ("c", 2), ("b", 2)]
    assert [row.share for row in found.shares] == pytest.approx([0.65, 0.45, 0.4])
    assert found.shares[0].se == pytest.approx(0.05)
    # a before b, a before c, b beside c: an order.
    assert (found.n_triads, found.n_violations, found.expected_by_chance, found.consistency) == (1, 0, 0.5, 1.0)


def test_repeated_divisions_count_once_in_either_order() -> None:
    once = allocate(["a", "b"], ["b", "c"], [0.7, 0.6])
    again = allocate(["a", "b", "b", "b"], ["b", "a", "c", "c"], [0.8, 0.4, 0.5, 0.7])
    assert [row.aim for row in again.shares] == [row.aim for row in once.shares]
    assert [row.share for row in again.shares] == pytest.approx([row.share for row in once.shares])
    assert [row.n_comparisons for row in again.shares] == [1, 2, 1]


def test_a_circle_is_a_violation_and_named() -> None:
    found = allocate(["a", "b", "c"], ["b", "c", "a"], [0.7, 0.7, 0.7])
    assert (found.n_triads, found.violations, found.expected_by_chance) == (1, (("a", "b", "c"),), 0.25)
    assert found.consistency == -3
    assert [row.share for row in found.shares] == pytest.approx([0.5, 0.5, 0.5])


@given(st.permutations([1.0, 2.0, 3.0, 4.0, 5.0]))
def test_who_follows_one_order_violates_nothing(worths: list[float]) -> None:
    worth = dict(zip(AIMS, worths, strict=True))
    found = allocate(*zip(*PAIRS, strict=True), divide(worth))
    assert (found.n_triads, found.n_violations, found.expected_by_chance) == (10, 0, 2.5)
    assert [row.aim for row in found.shares] == sorted(AIMS, key=lambda aim: -worth[aim])
    assert sum(row.share for row in found.shares) == pytest.approx(2.5)


@pytest.mark.parametrize("ties", [(), (0,), (0, 1), (0, 1, 2)])
def test_violations_expected_by_chance_are_those_of_all_outcomes(ties: tuple[int, ...]) -> None:
    outcomes = []
    for falls in product((0.2, 0.8), repeat=3):
        shares = [0.5 if i in ties else share for i, share in enumerate(falls)]
        outcomes.append(allocate(["a", "b", "a"], ["b", "c", "c"], shares))
    assert np.mean([one.n_violations for one in outcomes]) == pytest.approx(outcomes[0].expected_by_chance)


def test_circular_triads_of_a_random_tournament_are_as_many_as_expected() -> None:
    rng = np.random.default_rng(8)
    counts = [allocate(*zip(*PAIRS, strict=True), rng.choice([0.3, 0.7], 10)).n_violations for _ in range(2000)]
    assert np.mean(counts) == pytest.approx(2.5, abs=4 * np.sqrt(10 * 3 / 16 / 2000))


@pytest.mark.parametrize(
    ("first", "second", "shares", "text"),
    [
        (["a"], ["a"], [0.5], "the aim 'a' is set against itself"),
        (["a"], ["b"], [7.0], "a share is from 0 to 1, but one is 7"),
        (["a"], ["b"], [np.nan], "no points were divided"),
        (["a"], [], [0.5], "do not match"),
    ],
)
def test_what_is_no_allocation_is_said(first, second, shares, text: str) -> None:
    with pytest.raises(DataError, match=text):
        allocate(first, second, shares)
