from __future__ import annotations

import numpy as np
import pytest

from persona_big5.errors import NotEstimableError
from persona_big5.factors.factorability import bartlett, factorability, kmo, squared_multiple_correlations


def test_everything_equals_r(reference, dataset, kind):
    expected = reference.read(dataset, "adequacy_retention")[kind]
    found = factorability(reference.correlation(dataset, kind), expected["n_obs"])
    assert found.kmo == pytest.approx(expected["KMO"], abs=1e-8)
    np.testing.assert_allclose(found.kmo_items, list(expected["KMO_items"].values()), rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.smc, list(expected["smc"].values()), rtol=0, atol=1e-8)
    assert found.bartlett.chi2 == pytest.approx(expected["bartlett_chisq"], rel=1e-8)
    assert found.bartlett.df == expected["bartlett_df"]
    assert found.smallest_eigenvalue == pytest.approx(expected["eigenvalues"][-1], abs=1e-8)
    assert found.negative_eigenvalue_mass == 0.0
    assert found.reasons == {}


def test_two_items_by_hand():
    R = np.array([[1.0, 0.6], [0.6, 1.0]])
    overall, per_item = kmo(R)
    assert overall == pytest.approx(0.5)  # the partial correlation of two items is their correlation
    np.testing.assert_allclose(per_item, 0.5)
    np.testing.assert_allclose(squared_multiple_correlations(R), 0.36)
    test = bartlett(R, 101)
    assert test.chi2 == pytest.approx(-np.log(0.64) * (100 - 9 / 6))
    assert test.df == 1
    assert test.p == pytest.approx(3.36e-11, rel=0.01)


def test_indefinite_matrix_has_reasons_instead_of_numbers():
    R = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, -0.9], [0.9, -0.9, 1.0]])
    found = factorability(R, 50)
    assert (found.kmo, found.kmo_items, found.bartlett, found.smc) == (None, None, None, None)
    assert found.smallest_eigenvalue == pytest.approx(-0.8)
    assert found.negative_eigenvalue_mass == pytest.approx(0.8 / 4.6)
    assert set(found.reasons) == {"kmo", "kmo_items", "bartlett", "smc"}
    assert "smallest eigenvalue -0.8" in found.reasons["kmo"]
    assert str(found).startswith("KMO undefined")


def test_no_bartlett_without_a_sample():
    found = factorability(np.array([[1.0, 0.3], [0.3, 1.0]]))
    assert found.bartlett is None
    assert found.reasons == {"bartlett": "not a sample covariance"}


def test_zero_correlations_have_no_kmo():
    found = factorability(np.eye(4), 100)
    assert (found.kmo, found.kmo_items) == (None, None)
    assert found.reasons == dict.fromkeys(("kmo", "kmo_items"), "all correlations are zero")
    assert found.bartlett.chi2 == 0.0
    R = np.eye(4)
    R[0, 1] = R[1, 0] = 0.5
    assert np.isnan(kmo(R)[1]).tolist() == [False, False, True, True]


def test_mistakes_are_named():
    with pytest.raises(NotEstimableError, match="more respondents than items; there are 2 and 2"):
        bartlett(np.eye(2), 2)
    with pytest.raises(NotEstimableError, match="no usable inverse"):
        squared_multiple_correlations(np.ones((3, 3)))
