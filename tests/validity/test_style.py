from __future__ import annotations

import numpy as np
import pytest

from persona_big5.errors import DataError
from persona_big5.validity.style import response_style

KEYS = np.array([1, -1, 1, -1, 1, -1, 1, 1])
SCALES = ["a"] * 4 + ["b"] * 4


def style(scores: np.ndarray, keys: np.ndarray = KEYS, scales: list[str] = SCALES, ends: tuple[float, float] = (1, 5)):
    p = scores.shape[1]
    return response_style(scores, keys, np.full(p, ends[0]), np.full(p, ends[1]), scales)


def planted(acquiescence_sd: float, n: int = 20_000) -> np.ndarray:
    """Return answers = midpoint + trait x key + acquiescence + noise on a scale from 0 to 10, one trait per scale."""
    rng = np.random.default_rng(1)
    traits = np.repeat(rng.standard_normal((n, 2)), 4, axis=1)
    agreeing = 0.5 + acquiescence_sd * rng.standard_normal((n, 1))
    return 5 + traits * KEYS + agreeing + rng.standard_normal((n, 8))


@pytest.mark.parametrize("acquiescence_sd", [0.0, 0.6])
def test_planted_acquiescence_is_recovered(acquiescence_sd):
    found = style(planted(acquiescence_sd), ends=(0, 10))
    expected = acquiescence_sd**2 / (acquiescence_sd**2 + 2)
    for name in ("a", "b", "all"):
        acquiescence = found[name].acquiescence
        assert acquiescence.mean == pytest.approx(0.05, abs=0.003)
        assert acquiescence.share_of_variance == pytest.approx(expected, abs=0.01)
        assert acquiescence.sd == pytest.approx(acquiescence_sd / 10, abs=0.012)


def test_always_the_same_answer():
    found = style(np.full((30, 8), 5.0))["all"]
    assert found.extremity == 1.0
    assert found.acquiescence.mean == 0.5
    assert (found.acquiescence.sd, found.acquiescence.share_of_variance) == (None, None)
    assert style(np.full((30, 8), 3.0))["all"].extremity == 0.0


def test_reversed_labels_leave_the_trait_and_turn_the_style():
    scores = np.random.default_rng(2).integers(1, 6, (200, 8)).astype(float)
    there, back = style(scores)["a"].acquiescence, style(6 - scores)["a"].acquiescence
    assert back.mean == pytest.approx(-there.mean)
    assert back.share_of_variance == pytest.approx(there.share_of_variance)


def test_extremity_counts_answers_given():
    scores = np.array([[1, 5, 3, np.nan], [2, 5, np.nan, 1]], float)
    found = style(scores, KEYS[:4], ["a"] * 4)["a"]
    assert found.extremity == pytest.approx(4 / 6)
    assert (found.n_items, found.n_respondents) == (4, 2)


def test_a_scale_keyed_one_way_has_no_acquiescence_and_does_not_count():
    scores = np.random.default_rng(3).integers(1, 6, (100, 8)).astype(float)
    keys = np.array([1, -1, 1, -1, 1, 1, 1, 1])
    found = style(scores, keys)
    assert list(found) == ["a", "b", "all"]
    assert found["b"].acquiescence is None
    assert found["b"].reasons == {"acquiescence": "no scale with items keyed both ways and answered"}
    assert found["all"].acquiescence == found["a"].acquiescence
    assert "acquiescence undefined" in str(found["b"])


def test_no_answers_at_all():
    found = style(np.full((4, 8), np.nan))["all"]
    assert (found.acquiescence, found.extremity, found.n_respondents) == (None, None, 0)
    assert set(found.reasons) == {"acquiescence", "extremity"}


def test_mistakes_are_named():
    scores = np.ones((3, 8))
    with pytest.raises(DataError, match="8 items need as many ends of response scales and scale names; got 8, 8 and 2"):
        style(scores, KEYS, ["a", "b"])
    with pytest.raises(DataError, match="highest score above the lowest; item 1 has none"):
        style(scores, ends=(5, 5))
