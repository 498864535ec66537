"""The general factor above those of a level, or why there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from persona_big5.analysis.dimensions import schmid_leiman_entry
from persona_big5.analysis.document import Missing
from persona_big5.analysis.wide import factor_wide
from persona_big5.factors.extraction import fit_factors

ABOVE = np.array([0.9, 0.7, 0.5])
"""Loadings of three factors on the general one."""


def hierarchical(above):
    """Correlations of five items for each factor that loads the general one as given."""
    correlations = np.outer(above, above)
    np.fill_diagonal(correlations, 1.0)
    pattern = np.kron(np.eye(len(above)), np.full((5, 1), 0.7))
    R = pattern @ correlations @ pattern.T
    np.fill_diagonal(R, 1.0)
    return R


def test_a_planted_general_factor_is_written_with_its_share():
    entry = schmid_leiman_entry(fit_factors(hierarchical(ABOVE), 3))
    assert list(entry["general"]) == [f"item{i + 1}" for i in range(15)]
    np.testing.assert_allclose(list(entry["general"].values()), 0.7 * np.repeat(ABOVE, 5), rtol=0, atol=1e-4)
    assert entry["general_share"] == pytest.approx((ABOVE**2).mean(), abs=1e-4)
    assert entry["heywood"] == []


def test_a_factor_that_is_the_general_one_is_named():
    R = hierarchical(np.array([1.0, 0.6, 0.5]))
    solution = fit_factors(R, 3)
    assert schmid_leiman_entry(solution)["heywood"] == [1 + int(np.abs(solution.loadings[0]).argmax())]


@pytest.mark.parametrize(
    ("k", "rotation", "reason"),
    [
        (2, "oblimin", "a general factor above 2 cannot be told from them"),
        (3, "varimax", "uncorrelated factors have no general factor above them"),
    ],
)
def test_without_three_correlated_factors_there_is_a_reason(k, rotation, reason):
    entry = schmid_leiman_entry(fit_factors(hierarchical(ABOVE), k, rotation=rotation))
    assert isinstance(entry, Missing)
    assert entry.reason.startswith(reason)


def test_without_a_solution_the_reason_is_the_solutions():
    assert schmid_leiman_entry(Missing("no factor exceeds chance")) == Missing("no factor exceeds chance")


def test_the_entry_of_a_wide_table_has_it():
    random = np.random.default_rng(1)
    rows = random.multivariate_normal(np.zeros(15), hierarchical(ABOVE), 2000)
    frame = pd.DataFrame(rows, columns=[f"x{i}" for i in range(15)])
    three, two = (factor_wide(frame, n_factors=k, draws=20, seed=1).document() for k in (3, 2))
    assert three["schmid_leiman"]["general_share"] == pytest.approx((ABOVE**2).mean(), abs=0.06)
    assert two["schmid_leiman"] is None
    assert two["reasons"]["schmid_leiman"].startswith("a general factor above 2")
