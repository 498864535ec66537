from __future__ import annotations

import numpy as np
import pytest
from planted_scores import planted_scores

from persona_big5.errors import NotEstimableError
from persona_big5.factors.factor_analyzer_door import extract
from persona_big5.factors.factorability import kmo
from persona_big5.factors.hull import _upper_hull, hull


@pytest.mark.parametrize(
    ("dataset", "parallel_factors", "count"),
    [("bfi", 6, 6), ("sai", 3, 3), ("sim_ordinal", 5, 5), ("sim_two_level", 7, 7)],
)
def test_agrees_with_what_is_known_of_the_data(reference, dataset, parallel_factors, count):
    """Planted in the last two; 3 and 6 in the others by parallel analysis and Kaiser's criterion, too."""
    found = hull(reference.correlation(dataset, "pearson"), parallel_factors)
    assert found.n_factors == count
    assert len(found.fit) == parallel_factors + 2
    assert (np.diff(found.df) < 0).all()


def test_fit_is_one_minus_kmo_of_the_residuals(reference):
    """Checked by the other extraction, factor_analyzer's minres."""
    R = reference.correlation("bfi", "pearson")
    loadings = extract(R, 5, "minres").loadings
    residual = R - loadings @ loadings.T
    np.fill_diagonal(residual, 1.0)
    found = hull(R, 6)
    assert found.fit[5] == pytest.approx(1 - kmo(residual)[0], abs=1e-5)
    assert found.fit[0] == pytest.approx(1 - kmo(R)[0], abs=1e-12)
    np.testing.assert_array_equal(found.df[:3], [300, 275, 251])  # 25 items


def test_hull_of_points_by_hand():
    x = np.arange(6)
    y = np.array([0.0, 0.4, 0.5, 0.9, 0.88, 0.95])  # 2 lies under the line from 1 to 3, 4 is worse than 3
    np.testing.assert_array_equal(_upper_hull(x, y), [0, 1, 3, 5])
    np.testing.assert_array_equal(_upper_hull(x, x.astype(float)), [0, 5])  # on the line is not above it
    np.testing.assert_array_equal(_upper_hull(x, -x.astype(float)), [0])


def test_bend_is_gain_per_parameter_before_over_after(reference):
    """bfi: 1 and 6 factors are on the hull of 0 to 7."""
    found = hull(reference.correlation("bfi", "pearson"), 6)
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(found.bend)), [1, 6])
    before = (found.fit[6] - found.fit[1]) / (found.df[1] - found.df[6])
    after = (found.fit[7] - found.fit[6]) / (found.df[6] - found.df[7])
    assert found.bend[6] == pytest.approx(before / after)
    assert found.n_factors == np.nanargmax(found.bend) == 6


def test_finds_what_was_planted():
    counts = [hull(np.corrcoef(planted_scores(seed).T), 3).n_factors for seed in range(50)]
    assert counts.count(3) >= 45


def test_refusals_say_why():
    R = np.corrcoef(planted_scores(1).T)
    with pytest.raises(NotEstimableError, match="cannot answer 0"):
        hull(R, 0)
    with pytest.raises(NotEstimableError, match="at least 6 items; there are 5"):
        hull(R[:5, :5], 1)
    indefinite = np.full((6, 6), -0.5) + 1.5 * np.eye(6)
    with pytest.raises(NotEstimableError, match=r"smallest eigenvalue is -1\.5"):
        hull(indefinite, 1)
    with pytest.raises(NotEstimableError, match="all are zero"):
        hull(np.eye(6), 1)
