from __future__ import annotations

import warnings

import numpy as np
import pytest

from persona_big5.errors import DataError, NotEstimableError, PersonaBig5Error
from persona_big5.factors.congruence import align
from persona_big5.factors.extraction import fit_factors, most_factors
from persona_big5.factors.smoothing import nearest_correlation

LOADINGS = np.array([[0.8, 0], [0.7, 0], [0.6, 0], [0.5, 0], [0, 0.8], [0, 0.7], [0, -0.6], [0, -0.5]])
CORRELATED = np.array([[1.0, 0.4], [0.4, 1.0]])


def planted(loadings: np.ndarray = LOADINGS, factor_correlations: np.ndarray = CORRELATED) -> np.ndarray:
    R = loadings @ factor_correlations @ loadings.T
    np.fill_diagonal(R, 1.0)
    return R


@pytest.fixture(params=["minres", "ml"])
def method(request):
    return request.param


def test_unrotated_solution_and_fit_equal_psych(reference, dataset, kind, method):
    every = reference.read(dataset, "fa")
    expected, n_factors = every[f"{kind}_{method}_none"], every["meta"]["nfactors"]
    found = fit_factors(
        reference.correlation(dataset, kind),
        n_factors,
        method=method,
        rotation="none",
        n_observations=every["meta"]["rows_used"],
    )
    loadings = reference.matrix(expected["loadings"])
    np.testing.assert_allclose(align(found.loadings, loadings).loadings, loadings, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.uniquenesses, list(expected["uniquenesses"].values()), rtol=0, atol=1e-4)
    np.testing.assert_allclose(
        found.variance_share * len(loadings), list(expected["ss_loadings"].values()), rtol=0, atol=1e-4
    )
    assert found.fit.chi2 == pytest.approx(expected["chisq"], rel=1e-5)
    assert found.fit.df == expected["dof"]
    assert found.fit.p == pytest.approx(expected["p"], rel=1e-2, abs=1e-300)
    assert found.fit.rmsea == pytest.approx(expected["RMSEA"]["RMSEA"], rel=1e-5)
    assert found.fit.tli == pytest.approx(expected["TLI"], rel=1e-5)
    assert found.fit.bic == pytest.approx(expected["BIC"], rel=1e-5)
    assert found.fit.srmr == pytest.approx(expected["RMSR"], rel=1e-5)
    excess, null_excess = expected["chisq"] - expected["dof"], expected["null_chisq"] - expected["null_dof"]
    assert found.fit.cfi == pytest.approx(1 - excess / null_excess, rel=1e-6)
    assert found.converged
    assert found.heywood == found.warnings == ()


def test_oblimin_solution_equals_psych_end_to_end(reference, dataset):
    every = reference.read(dataset, "fa")
    expected = every["pearson_minres_oblimin"]
    found = fit_factors(reference.correlation(dataset, "pearson"), every["meta"]["nfactors"])
    matched = align(found.loadings, reference.matrix(expected["loadings"]))
    np.testing.assert_allclose(matched.loadings, reference.matrix(expected["loadings"]), rtol=0, atol=5e-4)
    order = np.ix_(matched.permutation, matched.permutation)
    signed = found.factor_correlations[order] * np.outer(matched.signs, matched.signs)
    np.testing.assert_allclose(signed, reference.matrix(expected["Phi"]), rtol=0, atol=5e-4)
    np.testing.assert_allclose(found.communalities, list(expected["communality"].values()), rtol=0, atol=1e-4)
    assert found.converged


@pytest.mark.parametrize("method", ["minres", "ml", "paf"])
def test_planted_structure_is_recovered(method):
    found = fit_factors(planted(), 2, method=method)
    matched = align(found.loadings, LOADINGS)
    np.testing.assert_allclose(matched.loadings, LOADINGS, rtol=0, atol=2e-3)
    assert abs(found.factor_correlations[0, 1]) == pytest.approx(0.4, abs=2e-3)
    np.testing.assert_allclose(found.communalities, np.diag(LOADINGS @ CORRELATED @ LOADINGS.T), rtol=0, atol=1e-4)
    implied = found.structure @ found.loadings.T + np.diag(found.uniquenesses)
    np.testing.assert_allclose(implied, planted(), rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.structure, found.loadings @ found.factor_correlations)
    assert found.variance_share.sum() == pytest.approx(found.communalities.mean(), abs=1e-12)
    assert (np.diff(found.variance_share) <= 0).all()
    assert (found.loadings.sum(axis=0) > 0).all()
    assert found.fit.srmr < 1e-4


def test_principal_axes_end_where_minres_ends(reference):
    R = reference.correlation("bfi", "pearson")
    paf, minres = (fit_factors(R, 5, method=method, rotation="none") for method in ("paf", "minres"))
    np.testing.assert_allclose(paf.loadings, minres.loadings, rtol=0, atol=1e-5)
    assert paf.converged


def test_fit_of_an_estimate_is_srmr_alone():
    found = fit_factors(planted(), 1)
    residual = (planted() - found.loadings @ found.loadings.T)[~np.eye(8, dtype=bool)]
    assert found.fit.srmr == pytest.approx(np.sqrt((residual**2).mean()))
    nulls = {"chi2", "df", "p", "rmsea", "tli", "cfi", "bic"}
    assert all(getattr(found.fit, name) is None for name in nulls)
    assert found.fit.reasons == dict.fromkeys(nulls, "not a sample covariance")


def test_saturated_model_has_no_test():
    found = fit_factors(planted()[:3, :3], 1, n_observations=100)
    assert (found.fit.df, found.fit.p, found.fit.rmsea, found.fit.tli, found.fit.cfi) == (0, None, None, None, None)
    assert found.fit.chi2 == pytest.approx(0, abs=1e-4)
    assert set(found.fit.reasons) == {"p", "rmsea", "tli", "cfi"}


def test_fit_of_an_indefinite_matrix_says_why_not():
    R = planted()
    R[0, 1] = R[1, 0] = -0.9
    found = fit_factors(R, 2, n_observations=100)
    assert found.fit.chi2 is None
    assert found.fit.reasons["chi2"] == "observed or implied correlation matrix not positive definite"


def test_too_few_respondents_for_a_test():
    assert fit_factors(planted(), 2, n_observations=4).fit.reasons["chi2"] == "4 respondents are too few for 8 items"


def test_a_heywood_case_is_named():
    R = np.array([[1, 0.9, 0.9, 0.1], [0.9, 1, 0.7, 0.1], [0.9, 0.7, 1, 0.1], [0.1, 0.1, 0.1, 1]])
    found = fit_factors(R, 1, items=["a", "b", "c", "d"])
    assert found.heywood == ("a",)
    assert found.warnings == ("Heywood case: no unique variance left in a",)


def test_local_optima_are_reported():
    loadings = np.random.default_rng(2).uniform(-0.6, 0.6, (12, 3))
    found = fit_factors(planted(loadings, np.eye(3)), 3, rotation="geomin", random_starts=20)
    assert found.n_local_optima == 2
    assert found.warnings == ("geomin has 2 local optima; the best is shown",)


def answers(n: int, p: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, p)) + rng.standard_normal((n, 2)) @ rng.standard_normal((2, p))


def repeated(sign: float) -> np.ndarray:
    """Correlations where the second item repeats the first, or its opposite."""
    scores = answers(100, 8)
    scores[:, 1] = sign * scores[:, 0]
    return np.corrcoef(scores.T)


def symmetric(seed: int) -> np.ndarray:
    half = np.random.default_rng(seed).uniform(-0.7, 0.7, (8, 8))
    return (half + half.T) / 2 * ~np.eye(8, dtype=bool) + np.eye(8)


HOSTILE = {
    "unrelated items": np.eye(8),
    "one item eight times": np.ones((8, 8)),
    "a repeated item": repeated(1.0),
    "an item and its opposite": repeated(-1.0),
    "three items three times": np.kron(np.eye(3), np.ones((3, 3))),
    "fewer respondents than items": np.corrcoef(answers(5, 12).T),
    "fewer respondents than items, smoothed": nearest_correlation(np.corrcoef(answers(5, 12).T)),
    "an indefinite matrix": symmetric(2),
    "an indefinite matrix, smoothed": nearest_correlation(symmetric(2)),
}


@pytest.mark.parametrize("matrix", list(HOSTILE))
@pytest.mark.parametrize("method", ["minres", "ml", "paf"])
@pytest.mark.parametrize("rotation", ["none", "varimax", "oblimin", "geomin"])
def test_every_matrix_gives_loadings_or_a_reason(matrix, method, rotation):
    """Never a traceback, never a NaN; what is no proper solution says so. Any RuntimeWarning fails the test."""
    for n_factors in (1, 3):
        try:
            found = fit_factors(HOSTILE[matrix], n_factors, method=method, rotation=rotation, random_starts=1)
        except NotEstimableError as error:
            assert "use minres, or smooth" in str(error) or "have loadings of their own" in str(error)  # noqa: PT017 (either)
            continue
        assert np.isfinite(found.loadings).all()
        assert np.isfinite(found.factor_correlations).all()
        assert found.converged == (not any("did not converge" in warning for warning in found.warnings))
        assert bool(found.heywood) == any("Heywood" in warning for warning in found.warnings)


@pytest.mark.parametrize(("n_factors", "message"), [(0, "nothing to fit"), (5, "at most 4 are")])
def test_impossible_numbers_of_factors(n_factors, message):
    with pytest.raises(NotEstimableError, match=message):
        fit_factors(planted(), n_factors)


def test_most_factors_leaves_no_negative_degrees_of_freedom():
    for p in range(3, 200):
        k = most_factors(p)
        assert (p - k) ** 2 - p - k >= 0 > (p - k - 1) ** 2 - p - k - 1


def test_mistakes_are_named():
    R = planted()
    R[2] = R[:, 2] = np.nan
    with pytest.raises(DataError, match=r"undefined for 1 of 8 items \(c\)"):
        fit_factors(R, 2, items=list("abcdefgh"))
    with pytest.raises(DataError, match="2 item names for a correlation matrix of 8 items"):
        fit_factors(planted(), 2, items=["a", "b"])
    with pytest.raises(DataError, match=r"entry 1 is 4; use correlation_of\(\) first"):
        fit_factors(4 * planted(), 2)
    with pytest.raises(DataError, match=r"differs from its transpose by up to 0.1"):
        fit_factors(planted() + 0.1 * np.triu(np.ones((8, 8)), 1), 2)
    with pytest.raises(DataError, match=r"square; this has shape \(8, 7\)"):
        fit_factors(planted()[:, :7], 2)
    with pytest.raises(NotEstimableError, match=r"use minres, or smooth"):
        fit_factors(np.ones((6, 6)), 1, method="ml")
    with pytest.raises(PersonaBig5Error, match="unknown extraction 'pca'; choose one of minres, ml, paf"):
        fit_factors(planted(), 2, method="pca")


def test_the_door_lets_nothing_through(monkeypatch, method):
    """A search that gives up warns inside factor_analyzer and returns loadings as if nothing had happened."""
    import factor_analyzer.factor_analyzer as package

    def giving_up(*args, options, **others):
        return original(*args, options={"maxiter": 1}, **others)

    original = package.minimize
    monkeypatch.setattr(package, "minimize", giving_up)
    R = planted()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit_factors(R, 2, method=method)
    assert not found.converged
    assert "extraction did not converge (Failed to converge" in found.warnings[0]
    assert "communalities would still move by" in found.warnings[0]
    np.testing.assert_array_equal(R, planted())


def test_it_prints_itself():
    text = str(fit_factors(planted(), 2, n_observations=200, items=[f"q{i}" for i in range(8)]))
    assert text.startswith("2 factors of 8 items (minres, oblimin)\nq0")
    assert "chi2(13) = 0.00, p = 1, RMSEA 0.0000" in text
