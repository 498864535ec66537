"""Two-level confirmatory factor analysis against R's lavaan, a dense likelihood, one-level fits and planted worlds."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from implied import implied_covariance
from scipy.stats import multivariate_normal

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.confirmatory import Measurement, confirm_covariance, confirm_two_level
from persona_big5.factors.confirmatory.clusters import ClusterMoments, TwoLevelPoint
from persona_big5.factors.confirmatory.descent import descend
from persona_big5.factors.confirmatory.indices import correlation_srmr

MODELS = ["20items_simple", "20items_crossloadings", "40items_crossloadings"]
ITEMS = tuple(f"i{i}" for i in range(9))
SCALES = Measurement({f"f{j}": [f"i{i}" for i in range(9) if i % 3 == j] for j in range(3)})
MOOD = Measurement({"mood": ITEMS})


def planted(seed: int, sizes: np.ndarray, correlation: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Three factors (.7) between clusters of ``sizes``, one mood (.5) on all items within; rows and their clusters."""
    random = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    factors = random.multivariate_normal(np.zeros(3), np.eye(3) * (1 - correlation) + correlation, len(sizes))
    between = 0.7 * factors @ SCALES.pattern(ITEMS).T + np.sqrt(0.51) * random.normal(size=(len(sizes), 9))
    within = 0.5 * random.normal(size=(len(cluster), 1)) + np.sqrt(0.75) * random.normal(size=(len(cluster), 9))
    return between[cluster] + within + 3, cluster


def parts(model: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Read the loadings of both levels from lavaan's syntax."""
    levels: list[dict[str, list[str]]] = []
    for line in model.splitlines():
        if line.startswith("level"):
            levels.append({})
        elif "=~" in line:
            factor, items = line.split("=~")
            levels[-1][factor.strip()] = [item.strip() for item in items.split("+")]
    return levels[0], levels[1]


@pytest.fixture(scope="module")
def frame(reference):
    return pd.read_csv(reference.folder / "data" / "sim_two_level.csv.gz")


@pytest.mark.parametrize("model", MODELS)
def test_planted_levels_equal_lavaan_and_the_exact_saturated_model(reference, frame, model):
    theirs = reference.read("lavaan", f"two_level_{model}")
    exact = reference.read("lavaan", "two_level_exact_h1")[model]
    within, between = parts(theirs["model"])
    scores = frame[theirs["items"]].to_numpy(float)
    cluster = (frame["persona"] + frame["model"]).factorize()[0]
    begun = time.process_time()
    found = confirm_two_level(
        scores,
        cluster,
        within=Measurement(within, correlated=False),
        between=Measurement(between),
        items=theirs["items"],
    )
    assert time.process_time() - begun < theirs["seconds"]
    assert found.warnings == ()
    assert (found.n_rows, found.n_clusters, found.cluster_sizes) == (4800, 480, (10, 10))
    fit = theirs["fit"]
    assert found.fit.df == fit["df"]
    assert found.fit.chi2 == pytest.approx(fit["chisq"], abs=0.05 if len(theirs["items"]) == 20 else 1)
    assert found.fit.chi2 == pytest.approx(exact["chisq_exact_h1"], abs=1e-3)
    assert found.fit.log_likelihood + found.fit.chi2 / 2 == pytest.approx(exact["h1_logl_exact"], abs=1e-5)
    assert found.fit.log_likelihood == pytest.approx(fit["logl"], abs=1e-3)
    for index in ("cfi", "tli"):
        assert getattr(found.fit, index) == pytest.approx(fit[index], abs=1e-5)
    assert found.fit.rmsea == pytest.approx(fit["rmsea"], abs=1e-5)
    assert (found.fit.aic, found.fit.bic) == pytest.approx((fit["aic"], fit["bic"]), abs=2e-3)
    levels = {1: (found.within, "within"), 2: (found.between, "between")}
    for level, (ours, name) in levels.items():
        estimates = ours.estimates
        loadings, standardised, errors = np.zeros((3, *estimates.loadings.shape))
        for row in theirs["estimates"]:
            if row["level"] == level and row["op"] == "=~":
                at = estimates.items.index(row["rhs"]), estimates.factors.index(row["lhs"])
                loadings[at], standardised[at], errors[at] = row["est"], row["std.all"], row["se"]
        signs = np.sign(loadings.sum(axis=0))  # lavaan's factors point where its search went
        np.testing.assert_allclose(estimates.loadings, loadings * signs, rtol=0, atol=1e-4)
        np.testing.assert_allclose(estimates.standardised, standardised * signs, rtol=0, atol=1e-4)
        np.testing.assert_allclose(estimates.loadings_se, errors, rtol=2e-4)
        saturated = theirs[f"h1_cov_{name}"]
        order = [saturated["rows"].index(item) for item in theirs["items"]]
        observed = reference.matrix(saturated)[np.ix_(order, order)]
        assert correlation_srmr(observed, implied_covariance(estimates)) == pytest.approx(fit[f"srmr_{name}"], abs=5e-6)
        assert ours.fit.srmr == pytest.approx(fit[f"srmr_{name}"], abs=4e-4)  # their saturated model stops early
    correlations = reference.matrix(theirs["between_factor_cor"]) * np.outer(signs, signs)
    np.testing.assert_allclose(found.between.estimates.factor_correlations, correlations, rtol=0, atol=1e-3)


def dense_log_likelihood(rows: np.ndarray, cluster: np.ndarray, within: np.ndarray, between: np.ndarray) -> float:
    """Every cluster's rows as one long normal vector, at the generalised least squares means."""
    p = rows.shape[1]
    inverse, weighted, clusters = np.zeros((p, p)), np.zeros(p), []
    for number in np.unique(cluster):
        own = rows[cluster == number]
        V = np.kron(np.eye(len(own)), within) + np.kron(np.ones((len(own), len(own))), between)
        design = np.tile(np.eye(p), (len(own), 1))
        inverse += design.T @ np.linalg.solve(V, design)
        weighted += design.T @ np.linalg.solve(V, own.ravel())
        clusters.append((own, V))
    mean = np.linalg.solve(inverse, weighted)
    return sum(multivariate_normal.logpdf(own.ravel(), np.tile(mean, len(own)), V) for own, V in clusters)


@pytest.mark.parametrize("sizes", [np.full(40, 3), np.tile([1, 2, 5], 20)], ids=["equal", "unequal"])
def test_likelihood_equals_the_dense_one(sizes):
    rows, cluster = planted(0, sizes)
    found = confirm_two_level(rows, cluster, within=MOOD, between=SCALES, items=ITEMS)
    within, between = (implied_covariance(level.estimates) for level in (found.within, found.between))
    expected = dense_log_likelihood(rows, cluster, within, between)
    assert found.fit.log_likelihood == pytest.approx(expected, abs=1e-6)
    free, _ = descend(start(rows, cluster))
    log_saturated = dense_log_likelihood(rows, cluster, *free.sigma)
    assert found.fit.chi2 == pytest.approx(2 * (log_saturated - expected), abs=1e-5)


def start(rows: np.ndarray, cluster: np.ndarray) -> TwoLevelPoint:
    moments = ClusterMoments.of(rows, cluster)
    return TwoLevelPoint.at((None, None), moments, np.zeros(0), [moments.covariance[0], moments.between()])


def test_saturated_levels_of_equal_clusters_are_the_mean_squares():
    rows, cluster = planted(1, np.full(50, 4))
    found, converged = descend(start(rows, cluster))
    assert converged
    means = rows.reshape(50, 4, 9).mean(axis=1)
    deviations = (rows.reshape(50, 4, 9) - means[:, None]).reshape(-1, 9)
    within = deviations.T @ deviations / 150
    np.testing.assert_allclose(found.sigma[0], within, atol=1e-8)
    np.testing.assert_allclose(found.sigma[1], np.cov(means.T, bias=True) - within / 4, atol=1e-8)


@pytest.mark.parametrize("levels", ["both", "within", "between", "none"])
def test_gradient_and_information_equal_differences(levels):
    rows, cluster = planted(2, np.tile([2, 3, 6], 12))
    names: list[str] = []
    structures = (
        MOOD.structure(ITEMS, names) if levels in ("both", "within") else None,
        SCALES.structure(ITEMS, names) if levels in ("both", "between") else None,
    )
    random = np.random.default_rng(2)
    at = random.uniform(0.3, 0.6, len(names))
    moments = ClusterMoments.of(rows, cluster)
    point = TwoLevelPoint.at(structures, moments, at, [moments.covariance[0], moments.between()])
    implied = replace(
        moments,
        mean=np.zeros_like(moments.mean),
        covariance=point.sigma[0] + moments.size[:, None, None] * point.sigma[1],
    )
    right = TwoLevelPoint.at(structures, implied, at, list(point.sigma))  # expected and observed curvature are one
    n_saturated = structures.count(None)
    for _ in range(5):
        matrices = 0.1 * random.normal(size=(n_saturated, 9, 9))
        towards = np.concatenate([random.normal(size=len(at)), (matrices + matrices.transpose(0, 2, 1)).ravel()])
        above, below = (point.moved_to(point.position + sign * 1e-5 * towards) for sign in (1, -1))
        assert (above.value - below.value) / 2e-5 == pytest.approx(point.gradient @ towards, rel=1e-5, abs=1e-4)
        above, below = (right.moved_to(right.position + sign * 1e-5 * towards) for sign in (1, -1))
        np.testing.assert_allclose(right.solve((above.gradient - below.gradient) / 2e-5), towards, atol=1e-4)


def test_level_within_alone_is_a_one_level_fit_where_clusters_are_equal():
    rows, cluster = planted(3, np.full(60, 5))
    found = confirm_two_level(rows, cluster, within=MOOD, between=SCALES, items=ITEMS)
    pooled = ClusterMoments.of(rows, cluster).covariance[0]
    alone = confirm_covariance(pooled, 240, MOOD, items=ITEMS)
    assert found.within.fit.chi2 == pytest.approx(alone.fit.chi2, abs=1e-6)
    assert found.within.fit.df == alone.fit.df == 27
    assert found.within.fit.cfi == pytest.approx(alone.fit.cfi, abs=1e-6)
    assert found.between.fit.df == 24
    assert found.fit.df == 27 + 24
    assert found.between.fit.aic is None
    assert "whole model" in found.between.fit.reasons["aic"]


def test_planted_loadings_are_recovered_at_both_levels_within_their_errors():
    z = {"within": [], "between": []}
    for seed in range(8):
        sizes = np.random.default_rng(seed).integers(2, 7, 300)
        found = confirm_two_level(*planted(seed, sizes), within=MOOD, between=SCALES, items=ITEMS)
        for name, level, truth in (("within", found.within, 0.5), ("between", found.between, 0.7)):
            stated = level.estimates.standardised != 0
            z[name].append((level.estimates.standardised - truth)[stated] / level.estimates.standardised_se[stated])
    for each in z.values():
        assert np.mean(each) == pytest.approx(0, abs=0.4)
        assert np.std(each) == pytest.approx(1, abs=0.25)


def test_each_level_tells_its_own_misfit():
    rows, cluster = planted(4, np.full(200, 5))
    true = confirm_two_level(rows, cluster, within=MOOD, between=SCALES, items=ITEMS)
    assert true.fit.p > 0.01
    assert true.between.fit.p > 0.01
    assert true.within.fit.p > 0.01
    none = Measurement({})
    without_mood = confirm_two_level(rows, cluster, within=none, between=SCALES, items=ITEMS)
    assert without_mood.within.fit.cfi < 0.2
    assert without_mood.between.fit.chi2 == pytest.approx(true.between.fit.chi2, abs=1e-6)
    one_factor = confirm_two_level(rows, cluster, within=MOOD, between=Measurement({"g": ITEMS}), items=ITEMS)
    assert one_factor.between.fit.cfi < 0.8
    assert one_factor.within.fit.chi2 == pytest.approx(true.within.fit.chi2, abs=1e-6)


def test_order_of_items_rows_and_clusters_does_not_matter():
    rows, cluster = planted(5, np.tile([2, 4], 40))
    found = confirm_two_level(rows, cluster, within=MOOD, between=SCALES, items=ITEMS)
    random = np.random.default_rng(5)
    row, item, names = random.permutation(len(rows)), random.permutation(9), random.permutation(80)
    moved = confirm_two_level(
        rows[row][:, item], names[cluster][row], within=MOOD, between=SCALES, items=[ITEMS[i] for i in item]
    )
    assert moved.fit.chi2 == pytest.approx(found.fit.chi2, abs=1e-6)
    assert moved.between.fit.chi2 == pytest.approx(found.between.fit.chi2, abs=1e-6)
    np.testing.assert_allclose(
        moved.between.estimates.standardised, found.between.estimates.standardised[item], atol=1e-4
    )


def test_incomplete_rows_and_other_columns_are_left_out():
    rows, cluster = planted(6, np.full(60, 4))
    spoiled = np.column_stack([rows, np.full(len(rows), np.nan)])
    spoiled[::10, 3] = np.nan
    items = (*ITEMS, "unstated")
    found = confirm_two_level(spoiled, cluster, within=MOOD, between=SCALES, items=items)
    kept = np.arange(len(rows)) % 10 != 0
    again = confirm_two_level(rows[kept], cluster[kept], within=MOOD, between=SCALES, items=ITEMS)
    assert found.n_rows == 216
    assert found.fit == again.fit


def test_levels_are_fitted_alone_where_both_together_have_no_solution():
    rows, cluster = planted(7, np.full(120, 4))
    random = np.random.default_rng(7)
    noise = random.normal(size=rows.shape)  # within, only two items go together: a factor of nine has no solution
    noise[:, 1] += 3 * noise[:, 0]
    spoiled = planted(7, np.full(120, 1))[0][cluster] + 0.3 * noise
    found = confirm_two_level(spoiled, cluster, within=SCALES, between=SCALES, items=ITEMS)
    assert found.fit is None
    assert found.between.estimated_alone
    assert found.between.fit is not None
    assert found.between.estimates.standardised[0, 0] == pytest.approx(0.7, abs=0.2)
    assert "did not converge" in found.warnings[0]
    assert "did not converge" in str(found)


@pytest.mark.parametrize(
    ("sizes", "spoil", "said"),
    [
        (np.full(9, 5), lambda rows: rows, "9 clusters with complete rows for 9 items"),
        (np.ones(40, dtype=int), lambda rows: rows, "too few repeated rows"),
        (np.full(1, 40), lambda rows: rows, "1 clusters"),
        (np.full(40, 3), lambda rows: rows * ([0] + [1] * 8), "i0: no variance within clusters"),
        (np.full(40, 3), lambda rows: np.repeat(rows[::3], 3, axis=0), "no variance within clusters"),
        (np.full(40, 3), lambda rows: rows[:, [0, 0, *range(2, 9)]], "i0, i1: determine each other"),
        (np.full(40, 3), lambda rows: rows * np.nan, "0 of 120 rows are complete"),
    ],
)
def test_hostile_tables_get_a_reason(sizes, spoil, said):
    rows, cluster = planted(8, sizes)
    with pytest.raises(NotEstimableError, match=said):
        confirm_two_level(spoil(rows), cluster, within=MOOD, between=SCALES, items=ITEMS)


def test_mistaken_statements_are_named():
    rows, cluster = planted(9, np.full(40, 3))
    none = Measurement({})
    with pytest.raises(DataError, match="nothing to confirm"):
        confirm_two_level(rows, cluster, within=none, between=none, items=ITEMS)
    with pytest.raises(DataError, match="not in the data: z"):
        confirm_two_level(rows, cluster, within=MOOD, between=Measurement({"f": ["z"]}), items=ITEMS)
    with pytest.raises(DataError, match="39 clusters"):
        confirm_two_level(rows, cluster[:39], within=MOOD, between=SCALES, items=ITEMS)
    with pytest.raises(NotEstimableError, match=r"not identified.*between clusters"):
        confirm_two_level(rows, cluster, within=MOOD, between=Measurement({"f": ITEMS[:2]}), items=ITEMS)
