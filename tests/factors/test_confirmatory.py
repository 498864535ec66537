"""Confirmatory factor analysis of one level against R's lavaan, against closed forms, and on impossible input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implied import implied_covariance
from scipy.stats import multivariate_normal

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.confirmatory import Measurement, confirm, confirm_covariance
from persona_big5.factors.confirmatory.likelihood import LikelihoodPoint, Moments, saturated

BFI = Measurement({factor: [f"{factor.upper()}{i}" for i in range(1, 6)] for factor in "aceno"})
INDICES = {
    "chi2": "chisq", "cfi": "cfi", "tli": "tli", "rmsea": "rmsea", "rmsea_low": "rmsea.ci.lower",
    "rmsea_high": "rmsea.ci.upper", "srmr": "srmr", "log_likelihood": "logl", "aic": "aic", "bic": "bic",
}  # fmt: skip
TWO = Measurement({"f": ["a", "b", "c"], "g": ["d", "e", "h"]})
TWO_ITEMS = ("a", "b", "c", "d", "e", "h")


def planted(seed: int, n: int, measurement: Measurement, loading: float = 0.7, correlation: float = 0.3) -> np.ndarray:
    """Rows (n, p) in the order of the stated items."""
    random = np.random.default_rng(seed)
    k = len(measurement.factors)
    factors = random.multivariate_normal(np.zeros(k), np.eye(k) * (1 - correlation) + correlation, n)
    pattern = measurement.pattern(measurement.items) * loading
    return factors @ pattern.T + np.sqrt(1 - loading**2) * random.normal(size=(n, len(measurement.items)))


@pytest.mark.parametrize(("missing", "key"), [("listwise", "ML_listwise"), ("likelihood", "FIML")])
def test_bfi_equals_lavaan(reference, missing, key):
    theirs = reference.read("lavaan", "bfi_cfa")[key]
    scores = pd.read_csv(reference.folder / "data" / "bfi.csv")[list(BFI.items)].to_numpy(float)
    found = confirm(scores, BFI, items=BFI.items, missing=missing)
    assert found.converged
    assert found.warnings == ()
    assert (found.n, found.fit.df, found.fit.n_parameters) == (theirs["n"], 265, theirs["fit"]["npar"])
    for ours, name in INDICES.items():
        assert getattr(found.fit, ours) == pytest.approx(theirs["fit"][name], rel=1e-5), ours
    ours, (loadings, standardised, errors) = found.estimates, np.zeros((3, 25, 5))
    correlations, their_errors = np.eye(5), np.zeros((5, 5))
    for row in theirs["estimates"]:
        if row["op"] == "=~":
            at = ours.items.index(row["rhs"]), ours.factors.index(row["lhs"])
            loadings[at], standardised[at], errors[at] = row["est"], row["std.all"], row["se"]
        elif row["lhs"] != row["rhs"]:
            i, j = sorted((ours.factors.index(row["lhs"]), ours.factors.index(row["rhs"])))
            correlations[i, j] = correlations[j, i] = row["est"]
            their_errors[i, j] = their_errors[j, i] = row["se"]
    signs = np.sign(loadings.sum(axis=0))  # lavaan's factors point where its search went
    np.testing.assert_allclose(ours.loadings, loadings * signs, rtol=0, atol=1e-4)
    np.testing.assert_allclose(ours.standardised, standardised * signs, rtol=0, atol=1e-4)
    np.testing.assert_allclose(ours.loadings_se, errors, rtol=1e-4)
    np.testing.assert_allclose(ours.factor_correlations, correlations * np.outer(signs, signs), rtol=0, atol=1e-4)
    np.testing.assert_allclose(ours.factor_correlations_se, their_errors, rtol=1e-4)


def test_one_level_of_two_level_data_misfits_as_in_lavaan(reference):
    theirs = reference.read("lavaan", "two_level_naive_single_level_20items")
    frame = pd.read_csv(reference.folder / "data" / "sim_two_level.csv.gz")
    stated: dict[str, list[str]] = {}
    for row in theirs["estimates"]:
        if row["op"] == "=~":
            stated.setdefault(row["lhs"], []).append(row["rhs"])
    measurement = Measurement(stated)
    found = confirm(frame[list(measurement.items)].to_numpy(float), measurement, items=measurement.items)
    assert found.fit.df == theirs["fit"]["df"]
    for ours in ("cfi", "tli", "rmsea", "srmr"):
        assert getattr(found.fit, ours) == pytest.approx(theirs["fit"][ours], rel=1e-5), ours
    assert found.fit.chi2 == pytest.approx(theirs["fit"]["chisq"], rel=1e-5)


def test_a_covariance_that_the_model_implies_fits_exactly():
    rows = planted(0, 300, TWO)
    implied = implied_covariance(confirm(rows, TWO, items=TWO_ITEMS).estimates)
    found = confirm_covariance(implied, 300, TWO, items=TWO_ITEMS)
    assert found.fit.chi2 == pytest.approx(0, abs=1e-8)
    assert (found.fit.p, found.fit.cfi, found.fit.rmsea, found.fit.rmsea_high) == (pytest.approx(1), 1, 0, 0)
    np.testing.assert_allclose(implied_covariance(found.estimates), implied, atol=1e-6)


def test_three_items_of_one_factor_are_saturated():
    measurement = Measurement({"f": ["a", "b", "c"]})
    rows = planted(1, 200, measurement)
    found = confirm(rows, measurement, items=measurement.items)
    assert found.fit.df == 0
    assert found.fit.chi2 == pytest.approx(0, abs=1e-8)
    assert found.fit.p is None
    assert "no degrees of freedom" in found.fit.reasons["p"]
    S = np.cov(rows.T, bias=True)  # Spearman's closed form
    expected = np.sqrt([S[0, 1] * S[0, 2] / S[1, 2], S[0, 1] * S[1, 2] / S[0, 2], S[0, 2] * S[1, 2] / S[0, 1]])
    np.testing.assert_allclose(found.estimates.loadings[:, 0], expected, atol=1e-6)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 3), per_factor=st.integers(3, 5), data=st.data())
def test_order_and_units_do_not_matter(seed, k, per_factor, data):
    stated = {f"f{j}": [f"i{j}{i}" for i in range(per_factor)] for j in range(k)}
    measurement = Measurement(stated)
    rows = planted(seed, 150, measurement)
    p = k * per_factor
    order = data.draw(st.permutations(range(p)))
    units = np.array(data.draw(st.lists(st.sampled_from([-3.0, -1.0, 0.1, 7.0]), min_size=p, max_size=p)))
    found = confirm(rows, measurement, items=measurement.items)
    assert found.fit.df == p * (p + 1) // 2 - 2 * p - k * (k - 1) // 2
    assert found.fit.n_parameters == 2 * p + k * (k - 1) // 2
    moved = confirm(rows[:, order] * units[order], measurement, items=[measurement.items[i] for i in order])
    assert moved.fit.chi2 == pytest.approx(found.fit.chi2, abs=1e-6)
    assert moved.fit.srmr == pytest.approx(found.fit.srmr, abs=1e-6)
    np.testing.assert_allclose(np.abs(moved.estimates.standardised), np.abs(found.estimates.standardised), atol=1e-4)


def test_planted_loadings_are_recovered_within_their_errors():
    measurement = Measurement({f"f{j}": [f"i{j}{i}" for i in range(6)] for j in range(4)})
    z = []
    for seed in range(10):
        estimates = confirm(planted(seed, 500, measurement), measurement, items=measurement.items).estimates
        stated = measurement.pattern(measurement.items) > 0
        z.append((estimates.standardised - 0.7)[stated] / estimates.standardised_se[stated])
    assert np.mean(z) == pytest.approx(0, abs=0.3)
    assert np.std(z) == pytest.approx(1, abs=0.12)


def test_chi2_of_a_true_model_is_about_its_degrees_of_freedom():
    found = [confirm(planted(seed, 400, TWO), TWO, items=TWO_ITEMS).fit for seed in range(60)]
    assert np.mean([fit.chi2 for fit in found]) == pytest.approx(found[0].df, rel=0.15)
    assert 0 <= sum(fit.p < 0.05 for fit in found) <= 8


def test_a_cross_loading_is_found_where_it_is_stated():
    rows = planted(3, 2000, TWO)
    rows[:, 2] += 0.5 * rows[:, 4]
    crossed = Measurement({"f": ["a", "b", "c"], "g": ["c", "d", "e", "h"]})
    plain, found = confirm(rows, TWO, items=TWO_ITEMS), confirm(rows, crossed, items=TWO_ITEMS)
    assert found.fit.df == plain.fit.df - 1
    assert found.fit.chi2 < plain.fit.chi2 - 50
    assert found.estimates.standardised[2, 1] > 0.15


def test_uncorrelated_factors_have_no_correlation():
    found = confirm(planted(4, 300, TWO), Measurement(TWO.loadings, correlated=False), items=TWO_ITEMS)
    assert found.fit.df == 9
    np.testing.assert_array_equal(found.estimates.factor_correlations, np.eye(2))
    np.testing.assert_array_equal(found.estimates.factor_correlations_se, np.zeros((2, 2)))


def test_without_missing_answers_both_ways_agree():
    rows = planted(5, 200, TWO)
    listwise, full = (confirm(rows, TWO, items=TWO_ITEMS, missing=way) for way in ("listwise", "likelihood"))
    assert full.fit.chi2 == pytest.approx(listwise.fit.chi2, abs=1e-6)
    np.testing.assert_allclose(full.estimates.loadings, listwise.estimates.loadings, atol=1e-4)


def test_likelihood_of_incomplete_rows_is_the_sum_over_rows():
    random = np.random.default_rng(6)
    rows = planted(6, 60, TWO)
    rows[random.random(rows.shape) < 0.15] = np.nan
    rows[0] = np.nan
    mean, covariance, log = saturated(Moments.of_patterns(rows))
    total = 0.0
    for row in rows[1:]:
        there = np.isfinite(row)
        total += multivariate_normal.logpdf(row[there], mean[0][there], covariance[0][np.ix_(there, there)])
    assert log == pytest.approx(total, abs=1e-8)
    for _ in range(20):  # nothing nearby is more likely
        shifted = covariance + 0.01 * np.diag(random.normal(size=6))
        inverted, logs = Moments.of_patterns(rows).inverse(shifted)
        _, about = Moments.of_patterns(rows).about(mean)
        n, p = Moments.of_patterns(rows).n, Moments.of_patterns(rows).present.sum(axis=1)
        assert -0.5 * n @ (p * np.log(2 * np.pi) + logs + (inverted * about).sum(axis=(1, 2))) < log


def test_gradient_and_information_equal_differences():
    rows = planted(7, 80, TWO)
    rows[::7, 2] = np.nan
    names: list[str] = []
    structure = TWO.structure(TWO_ITEMS, names).with_means(names, TWO_ITEMS)
    moments = Moments.of_patterns(rows)
    at = np.random.default_rng(7).uniform(0.2, 0.8, len(names))
    point = LikelihoodPoint.at((structure,), moments, at)
    step = 1e-6
    for i in range(len(at)):
        shift = np.zeros(len(at))
        shift[i] = step
        above, below = (LikelihoodPoint.at((structure,), moments, at + sign * shift) for sign in (1, -1))
        assert (above.value - below.value) / (2 * step) == pytest.approx(point.gradient[i], rel=1e-5, abs=1e-4)
    derivatives = structure.derivatives(at)
    expected = np.zeros((len(at), len(at)))
    for n, W in zip(moments.n, point.inverse, strict=True):
        moves = derivatives.left.T[:, :, None] * derivatives.right.T[:, None, :]
        moves = W @ (moves + moves.transpose(0, 2, 1))
        expected += n * (np.einsum("iab,jba->ij", moves, moves) / 2 + derivatives.mean.T @ W @ derivatives.mean)
    ordered = np.argsort(derivatives.position)
    np.testing.assert_allclose(point.information.toarray(), expected[np.ix_(ordered, ordered)], atol=1e-9)


def test_a_heywood_case_is_said():
    R = np.array([[1, 0.9, 0.8], [0.9, 1, 0.5], [0.8, 0.5, 1]])  # 0.9 * 0.8 / 0.5 > 1
    measurement = Measurement({"f": ["a", "b", "c"]})
    found = confirm_covariance(R, 200, measurement, items=measurement.items)
    assert found.estimates.heywood == ("a",)
    assert any("Heywood" in warning for warning in found.warnings)
    assert "Heywood" in str(found)


def test_a_search_without_end_is_said():
    R = np.array([[1, 0.5, 0.5], [0.5, 1, -0.4], [0.5, -0.4, 1]])  # signs that no factor gives
    measurement = Measurement({"f": ["a", "b", "c"]})
    found = confirm_covariance(R, 100, measurement, items=measurement.items)
    assert not found.converged
    assert "did not converge" in found.warnings[0]


def test_factors_that_are_one_are_said_not_to_be_told_apart():
    one = Measurement({"f": list(TWO_ITEMS)})
    found = [confirm(planted(seed, 200, one), TWO, items=TWO_ITEMS) for seed in range(6)]
    improper = [each for each in found if each.estimates.factor_correlations[0, 1] >= 1]
    assert improper
    assert all("told apart" in " ".join(each.warnings) for each in improper)


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"f": ["a", "b"]}, "not identified"),
        ({"f": ["a", "b", "c"], "g": ["d"]}, "not identified.*d"),
        ({"f": ["a", "b", "c"], "g": ["a", "b", "c"]}, "not identified"),
        ({"f": ["a", "b", "c", "d"], "g": ["a", "b", "c", "d"]}, "not identified"),
    ],
)
def test_models_that_no_data_can_fit_are_refused(stated, said):
    with pytest.raises(NotEstimableError, match=said):
        confirm(planted(8, 100, TWO), Measurement(stated), items=TWO_ITEMS)


def test_two_items_are_enough_only_beside_a_correlated_factor():
    stated = {"f": ["a", "b", "c"], "g": ["d", "e"]}
    rows = planted(9, 400, TWO)
    assert confirm(rows, Measurement(stated), items=TWO_ITEMS).fit.df == 4
    with pytest.raises(NotEstimableError, match="not identified"):
        confirm(rows, Measurement(stated, correlated=False), items=TWO_ITEMS)


@pytest.mark.parametrize("missing", ["listwise", "likelihood"])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: rows[:5], "more rows"),
        (lambda rows: rows[:0], "more rows"),
        (lambda rows: rows * [0, 1, 1, 1, 1, 1], "a.*(no variance|alike)"),
        (lambda rows: rows[:, [0, 0, 2, 3, 4, 5]], "without error|not positive definite"),
        (lambda rows: np.where([True, *[False] * 5], np.nan, rows), "more rows"),
    ],
)
def test_hostile_tables_get_a_reason(missing, spoil, said):
    with pytest.raises(NotEstimableError, match=said):
        confirm(spoil(planted(10, 100, TWO)), TWO, items=TWO_ITEMS, missing=missing)


def test_items_that_are_right_or_wrong_are_fitted():
    found = confirm((planted(11, 500, TWO) > 0).astype(float), TWO, items=TWO_ITEMS)
    assert found.converged
    assert found.fit.cfi > 0.95


@pytest.mark.parametrize(
    ("stated", "items", "said"),
    [
        ({"f": ["a", "b", "z"]}, TWO_ITEMS, "not in the data: z"),
        ({"f": ["a", "a", "b"]}, TWO_ITEMS, "none twice"),
        ({"f": []}, TWO_ITEMS, "at least one item"),
        ({}, TWO_ITEMS, "no factor is stated"),
        (TWO.loadings, TWO_ITEMS[:4], "4 item names for 6 columns"),
        (TWO.loadings, ("a", "a", "b", "c", "d", "e"), "occur twice: a"),
    ],
)
def test_mistaken_statements_are_named(stated, items, said):
    with pytest.raises(DataError, match=said):
        confirm(planted(12, 100, TWO), Measurement(stated), items=items)


def test_it_prints_itself():
    shown = str(confirm(planted(13, 200, TWO), TWO, items=TWO_ITEMS))
    assert "chi2(8)" in shown
    assert shown.count("\n") == 7
