"""The area under a retention curve is what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.validity.stickiness import stickiness


def test_planted_retention_is_recovered_and_covered():
    random = np.random.default_rng(30)
    levels, kept = np.array([0.0, 1, 2, 4]), np.array([1, 0.8, 0.5, 0.1])
    area = np.trapezoid(kept, levels) / 4
    inside = []
    for seed in range(60):
        shown = random.gamma(4, 0.5, size=(40, 1)) * kept + 0.4 * random.normal(size=(40, 4))
        found = stickiness(shown, levels, seed=seed, draws=500)
        inside.append(found.ci_low < area < found.ci_high)
    assert np.mean(inside) >= 0.88
    exact = stickiness(random.gamma(4, 0.5, size=(40, 1)) * kept, levels)
    assert exact.area == pytest.approx(area)
    assert exact.retention == pytest.approx(kept)


@pytest.mark.parametrize(("kept", "area"), [([1, 1, 1], 1.0), ([1, 0, 0], 0.25), ([1, -1, -1], -0.5)])
def test_ends_of_the_scale(kept, area):
    found = stickiness(np.outer([1.0, 2, 3, 4], kept), np.array([0, 1, 2]))
    assert (found.area, found.ci_low, found.ci_high) == pytest.approx((area, area, area))
    assert str(found).startswith(f"stickiness {area:.2f}")


def test_unit_does_not_matter_and_incomplete_units_are_left_out():
    random = np.random.default_rng(31)
    shown = 2 + random.normal(size=(20, 3))
    levels = np.array([0.0, 1, 2])
    found = stickiness(shown, levels, seed=1)
    assert stickiness(10 * shown, 5 + 3 * levels, seed=1).area == pytest.approx(found.area)
    assert stickiness(10 * shown, levels, seed=1).ci_low == pytest.approx(found.ci_low)
    gone = np.vstack([shown, [1.0, np.nan, 1.0]])
    assert stickiness(gone, levels, seed=1).n == 20


def test_what_has_no_ladder_is_refused():
    shown = np.random.default_rng(32).normal(size=(20, 3))
    with pytest.raises(NotEstimableError, match="nothing is shown at the first level"):
        stickiness(shown - shown[:, :1].mean(), np.arange(3))
    with pytest.raises(NotEstimableError, match="3 units were measured"):
        stickiness(2 + shown[:3], np.arange(3))
    with pytest.raises(DataError, match="rising levels"):
        stickiness(shown, np.array([0, 1, 1]))
    with pytest.raises(DataError, match="rising levels"):
        stickiness(shown, np.arange(2))
