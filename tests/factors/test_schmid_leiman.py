from __future__ import annotations

import numpy as np
import pytest

from persona_big5.errors import NotEstimableError
from persona_big5.factors.congruence import align
from persona_big5.factors.extraction import fit_factors
from persona_big5.factors.schmid_leiman import schmid_leiman


def hierarchical(general: list[float]) -> np.ndarray:
    """Correlations of four items for each of the factors that load a general one as given."""
    g = np.array(general)
    correlations = np.outer(g, g)
    np.fill_diagonal(correlations, 1.0)
    pattern = np.kron(np.eye(len(g)), np.array([[0.8], [0.7], [0.6], [0.5]]))
    R = pattern @ correlations @ pattern.T
    np.fill_diagonal(R, 1.0)
    return R


def test_equals_psych(reference, dataset, kind):
    theirs = reference.read(dataset, "omega_schmid_leiman")[kind]
    table = reference.matrix(theirs["sl"])
    k = table.shape[1] - 4
    keys = np.array([-1 if name.endswith("-") else 1 for name in theirs["sl"]["rows"]])  # psych turns items
    found = schmid_leiman(fit_factors(reference.correlation(dataset, kind) * np.outer(keys, keys), k))
    np.testing.assert_allclose(found.general, table[:, 0], rtol=0, atol=1e-3)
    np.testing.assert_allclose(align(found.group, table[:, 1:-3]).loadings, table[:, 1:-3], rtol=0, atol=1e-3)
    np.testing.assert_allclose(found.general_share_of_items, table[:, -1], rtol=0, atol=1e-3)
    assert found.general_share == pytest.approx(theirs["ecv"], abs=1e-3)
    assert found.converged
    assert found.heywood == ((3,) if (dataset, kind) == ("msqR", "polychoric") else ())


def test_a_planted_general_factor_is_found_with_its_signs():
    found = schmid_leiman(fit_factors(hierarchical([0.9, 0.7, 0.5, -0.4]), 4))
    sizes = np.tile([0.8, 0.7, 0.6, 0.5], 4)
    np.testing.assert_allclose(found.general, sizes * np.repeat([0.9, 0.7, 0.5, -0.4], 4), rtol=0, atol=1e-4)
    own = sizes * np.sqrt(1 - np.repeat([0.9, 0.7, 0.5, -0.4], 4) ** 2)
    np.testing.assert_allclose(np.abs(found.group).max(axis=1), own, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.general_share_of_items, np.repeat([0.81, 0.49, 0.25, 0.16], 4), rtol=0, atol=1e-4)
    assert found.general_share == pytest.approx((0.81 + 0.49 + 0.25 + 0.16) / 4, abs=1e-4)
    assert str(found).startswith("general factor: 43% of the common variance\nitem1")


def test_a_factor_that_is_the_general_one_is_named():
    found = schmid_leiman(fit_factors(hierarchical([1.0, 0.6, 0.5]), 3))
    assert len(found.heywood) == 1
    assert "warning: nothing of its own left to factor" in str(found)


def test_what_has_no_general_factor_says_so():
    with pytest.raises(NotEstimableError, match="a general factor above 2 cannot be told from them"):
        schmid_leiman(fit_factors(hierarchical([0.6, 0.5]), 2))
    with pytest.raises(NotEstimableError, match="use an oblique rotation"):
        schmid_leiman(fit_factors(hierarchical([0.6, 0.5, 0.7]), 3, rotation="varimax"))
