from __future__ import annotations

import numpy as np
import pytest

from persona_big5.errors import NotEstimableError
from persona_big5.factors.average_partial import velicer_map


def test_map_equals_r(reference, dataset, kind):
    expected = reference.read(dataset, "adequacy_retention")[kind]["map"]
    found = velicer_map(reference.correlation(dataset, kind))
    shown = len(expected["own_map_squared"])
    np.testing.assert_allclose(found.values[:shown], expected["own_map_squared"], rtol=0, atol=1e-8)
    assert found.n_factors == expected["n_by_map2"]


def test_map_refuses_what_it_would_get_wrong():
    with pytest.raises(NotEstimableError, match=r"smallest eigenvalue is -0\.8"):
        velicer_map(np.array([[1.0, 0.9, 0.9], [0.9, 1.0, -0.9], [0.9, -0.9, 1.0]]))
    with pytest.raises(NotEstimableError, match="at least three items; there are 2"):
        velicer_map(np.eye(2))


def test_map_finds_nothing_in_nothing():
    found = velicer_map(np.eye(6))
    assert found.n_factors == 0
    assert found.values[0] == 0.0
    assert np.isnan(found.values[1:]).all()


def test_map_of_one_factor_by_hand():
    """Equal correlations r: nothing removed leaves r squared; the first component takes everything but -1/(p - 1)."""
    p, r = 5, 0.5
    found = velicer_map(np.full((p, p), r) + (1 - r) * np.eye(p))
    assert found.values[0] == pytest.approx(r**2)
    assert found.values[1] == pytest.approx(1 / (p - 1) ** 2)
    assert found.n_factors == 1
