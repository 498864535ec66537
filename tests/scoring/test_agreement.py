from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from persona_big5.errors import DataError
from persona_big5.scoring.agreement import weighted_kappa


def test_by_hand() -> None:
    # Squared distances 0, 0, 1, 1: mean 1/2. By chance: all 16 pairs of (1, 1, 2, 3) with (1, 1, 3, 2): 22/16.
    found = weighted_kappa([1, 1, 2, 3], [1, 1, 3, 2], seed=0)
    assert found.kappa == pytest.approx(1 - 0.5 / (22 / 16))
    assert found.low is not None
    assert found.low <= found.kappa <= (found.high or 0)


grades = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=30)


@given(grades)
def test_it_is_scikit_learns_quadratic_kappa(pairs: list[tuple[int, int]]) -> None:
    one, other = np.array(pairs).T
    assume(len({*one, *other}) > 1)
    expected = cohen_kappa_score(one, other, weights="quadratic", labels=range(5))
    assert weighted_kappa(one, other, seed=0).kappa == pytest.approx(expected, abs=1e-12)


def test_things_that_one_did_not_rate_are_left_out() -> None:
    whole = weighted_kappa([1, 2, 3, np.nan], [1, 3, 3, 2], seed=0)
    assert whole == weighted_kappa([1, 2, 3], [1, 3, 3], seed=0)
    assert whole.n == 3


def test_intervals_hold_a_planted_kappa_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)

    def rate(n: int) -> tuple[np.ndarray, np.ndarray]:
        truth = rng.normal(size=n)
        return tuple(np.clip(np.round(truth + rng.normal(0, 0.7, n) + 2), 0, 4) for _ in range(2))

    planted = cohen_kappa_score(*rate(400_000), weights="quadratic")
    held = [found.low <= planted <= found.high for found in (weighted_kappa(*rate(120), seed=0) for _ in range(150))]
    assert np.mean(held) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 150))


def test_no_kappa_has_a_reason() -> None:
    assert weighted_kappa([2, 2], [2, 2], seed=0).reason == "both judges give everything the same rating"
    assert weighted_kappa([np.nan], [1], seed=0).reason == "nothing was rated by both"
    with pytest.raises(DataError, match="one rated 1 and the other 2"):
        weighted_kappa([1], [1, 2], seed=0)
