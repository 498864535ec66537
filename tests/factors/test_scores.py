from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from persona_big5.errors import DataError, NotEstimableError, PersonaBig5Error
from persona_big5.factors.congruence import align
from persona_big5.factors.correlation import pearson
from persona_big5.factors.extraction import fit_factors
from persona_big5.factors.scores import determinacy, factor_scores, score_weights

THEIRS = {"regression": "Thurstone", "ten_berge": "tenBerge", "bartlett": "Bartlett"}
PATTERN = np.kron(np.eye(2), np.array([[0.8], [0.7], [0.6], [0.5]]))
PHI = np.array([[1.0, 0.4], [0.4, 1.0]])


def planted_matrix() -> np.ndarray:
    R = PATTERN @ PHI @ PATTERN.T
    np.fill_diagonal(R, 1.0)
    return R


def solved():
    """The planted solution itself."""
    found = fit_factors(planted_matrix(), 2)
    return replace(
        found,
        loadings=PATTERN,
        factor_correlations=PHI,
        communalities=(PATTERN**2).sum(axis=1),
        uniquenesses=1 - (PATTERN**2).sum(axis=1),
    )


def respondents(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Standardised answers of the planted population, and the true factors."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((n, 2)) @ np.linalg.cholesky(PHI).T
    return factors @ PATTERN.T + rng.standard_normal((n, 8)) * np.sqrt(1 - (PATTERN**2).sum(axis=1)), factors


@pytest.mark.parametrize("method", list(THEIRS))
@pytest.mark.parametrize("rotation", ["varimax", "oblimin"])
def test_equals_psych(reference, dataset, method, rotation):
    """Weights to 1e-6 given psych's loadings; scores to 1e-3 from the answers on.

    The varimax of psych stops early: there scores are compared with those of R's own rotation to a tight tolerance.
    """
    R = reference.correlation(dataset, "pearson")
    theirs = reference.read(dataset, "scores")[f"{rotation}_{THEIRS[method]}"]
    weights = reference.matrix(theirs["weights"])
    fit = reference.read(dataset, "fa")[f"pearson_minres_{rotation}"]
    loadings = reference.matrix(fit["loadings"])
    given = replace(
        fit_factors(R, loadings.shape[1], rotation=rotation),
        loadings=loadings,
        factor_correlations=reference.matrix(fit["Phi"]) if fit["Phi"] else np.eye(loadings.shape[1]),
        uniquenesses=np.array(list(fit["uniquenesses"].values())),
    )
    np.testing.assert_allclose(score_weights(given, R, method), weights, rtol=0, atol=1e-6)
    if method == "regression":
        squared = theirs["R2"].values() if isinstance(theirs["R2"], dict) else theirs["R2"]
        np.testing.assert_allclose(determinacy(given, R).determinacy ** 2, list(squared), rtol=0, atol=1e-6)
    scores = reference.scores(dataset)
    z = (scores - np.nanmean(scores, axis=0)) / np.nanstd(scores, axis=0, ddof=1)
    own = fit_factors(pearson(scores).matrix, loadings.shape[1], rotation=rotation)
    found = factor_scores(z[:20], own, pearson(scores).matrix, method)
    expected = reference.matrix(theirs["scores"])
    complete = np.isfinite(expected).all(axis=1)
    if rotation == "varimax":
        loadings = reference.matrix(reference.read(dataset, "fa_rotation_tight")["pearson_minres"]["varimax"])
        expected = factor_scores(z[:20], replace(given, loadings=loadings), R, method).scores
    matched = align(own.loadings, loadings)
    got = found.scores[complete][:, matched.permutation] * matched.signs
    np.testing.assert_allclose(got, expected[complete], rtol=0, atol=1e-3)
    if method != "regression":
        assert np.isnan(found.scores[~complete]).all()


def test_each_kind_of_score_has_the_property_it_is_named_for():
    z, factors = respondents(200_000)
    found = {method: factor_scores(z, solved(), planted_matrix(), method) for method in THEIRS}
    for one in found.values():
        rms = np.sqrt(((one.scores - factors) ** 2).mean(axis=0))
        np.testing.assert_allclose(one.standard_errors[0], rms, rtol=0, atol=0.005)
    errors = {method: one.standard_errors[0] for method, one in found.items()}
    assert (errors["regression"] < errors["ten_berge"]).all()
    assert (errors["regression"] < errors["bartlett"]).all()
    np.testing.assert_allclose(np.corrcoef(found["ten_berge"].scores.T), PHI, rtol=0, atol=0.01)
    slopes = np.linalg.lstsq(factors, found["bartlett"].scores, rcond=None)[0]
    np.testing.assert_allclose(slopes, np.eye(2), rtol=0, atol=0.01)
    rho = determinacy(solved(), planted_matrix()).determinacy
    correlations = [np.corrcoef(found["regression"].scores[:, k], factors[:, k])[0, 1] for k in range(2)]
    np.testing.assert_allclose(correlations, rho, rtol=0, atol=0.005)
    np.testing.assert_allclose(errors["regression"], np.sqrt(1 - rho**2), rtol=0, atol=1e-12)


def test_indeterminate_factors_are_not_to_be_ranked_on():
    weak = replace(solved(), loadings=PATTERN / 2, uniquenesses=1 - (PATTERN**2).sum(axis=1) / 4)
    R = weak.loadings @ PHI @ weak.loadings.T
    np.fill_diagonal(R, 1.0)
    found = determinacy(weak, R)
    assert not found.may_rank.any()
    assert (found.minimum_correlation < 0.2).all()
    assert "no ranking of respondents (determinacy squared < 0.8)" in str(found)
    many = np.tile(PATTERN, (5, 1))
    strong = replace(solved(), items=tuple(map(str, range(40))), loadings=many, uniquenesses=1 - (many**2).sum(axis=1))
    R = many @ PHI @ many.T
    np.fill_diagonal(R, 1.0)
    assert determinacy(strong, R).may_rank.all()
    assert "no ranking" not in str(determinacy(strong, R))


def test_noise_of_what_is_scored_lowers_determinacy_and_shrinks_scores():
    clean = determinacy(solved(), planted_matrix())
    noisy = determinacy(solved(), planted_matrix() + 0.5 * np.eye(8))
    assert (noisy.determinacy < clean.determinacy - 0.02).all()
    weights = [score_weights(solved(), planted_matrix() + noise * np.eye(8)) for noise in (0.0, 0.5)]
    assert np.abs(weights[1]).sum() < np.abs(weights[0]).sum()


def test_missing_items_leave_a_regression_on_the_others():
    z, factors = respondents(100_000, seed=2)
    holes = z.copy()
    holes[::2, [0, 1]] = np.nan  # the two best items of the first factor
    found = factor_scores(holes, solved(), planted_matrix())
    rms = np.sqrt(((found.scores[::2] - factors[::2]) ** 2).mean(axis=0))
    np.testing.assert_allclose(found.standard_errors[0], rms, rtol=0, atol=0.01)
    assert found.standard_errors[0, 0] > found.standard_errors[1, 0] + 0.1
    np.testing.assert_array_equal(found.n_answered[:2], [6, 8])
    assert str(found) == "scores of 100000 of 100000 respondents on 2 factors"


def test_too_few_answers_give_no_scores():
    z, _ = respondents(4)
    z[0, :5] = np.nan
    z[1, 0] = np.nan
    z[2] = np.nan
    np.testing.assert_array_equal(
        np.isnan(factor_scores(z, solved(), planted_matrix()).scores[:, 0]), [True, False, True, False]
    )
    np.testing.assert_array_equal(
        np.isnan(factor_scores(z, solved(), planted_matrix(), "ten_berge").scores[:, 0]), [True, True, True, False]
    )


def test_mistakes_and_matrices_without_an_inverse_are_named():
    with pytest.raises(PersonaBig5Error, match="unknown scores 'sum'; choose one of regression, bartlett, ten_berge"):
        score_weights(solved(), planted_matrix(), "sum")
    with pytest.raises(DataError, match=r"covariance of the solution's 8 items, without gaps; got \(7, 7\)"):
        score_weights(solved(), planted_matrix()[1:, 1:])
    with pytest.raises(DataError, match="scores of 7 items, a solution of 8"):
        factor_scores(np.zeros((3, 7)), solved(), planted_matrix())
    with pytest.raises(NotEstimableError, match="drop items that repeat others"):
        determinacy(solved(), np.ones((8, 8)))
    with pytest.raises(NotEstimableError, match=r"one is not positive \(Heywood case\)"):
        score_weights(replace(solved(), uniquenesses=np.zeros(8)), planted_matrix(), "bartlett")
    empty = replace(solved(), loadings=PATTERN * [1, 0])
    for method, message in (("bartlett", "Bartlett's scores need factors"), ("ten_berge", "ten Berge's scores need")):
        with pytest.raises(NotEstimableError, match=message):
            score_weights(empty, planted_matrix(), method)
