"""Omega, split halves, intraclass correlations, retest and multilevel reliability against R and planted truth."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.validity.icc import one_way_icc, two_way_icc
from persona_big5.validity.leave_out import coefficient_interval
from persona_big5.validity.multilevel import multilevel_reliability
from persona_big5.validity.omega import omega, omegas_of_resamples
from persona_big5.validity.reliability import alpha_of, ordinal_alpha
from persona_big5.validity.retest import retest
from persona_big5.validity.split_half import MOST_SPLITS, mean_split_half, number_of_splits, split_half, splits

DATASETS = ("bfi", "sai", "msqR", "sim_ordinal", "sim_two_level")


def reference(shared, *path):
    return json.loads(shared.joinpath("reference", "ref", *path).read_text())


def matrix(entry):
    R = np.array(entry["data"], dtype=float).reshape(len(entry["rows"]), len(entry["cols"]))
    return pd.DataFrame((R + R.T) / 2, entry["rows"], entry["cols"])


def keyed_matrix(R, listed):
    keys = np.array([-1 if item.startswith("-") else 1 for item in listed])
    names = [item.lstrip("-") for item in listed]
    keyed = R.loc[names, names].to_numpy() * np.outer(keys, keys)
    np.fill_diagonal(keyed, 1.0)
    return keyed


@pytest.mark.parametrize("kind", ["pearson", "polychoric"])
@pytest.mark.parametrize("dataset", DATASETS)
def test_omega_of_whole_questionnaires_equals_psych(shared, dataset, kind):
    file, part = ("cor", "pearson_pairwise") if kind == "pearson" else ("polychoric", "rho")
    R = matrix(reference(shared, dataset, f"{file}.json")[part]).to_numpy(copy=True)
    np.fill_diagonal(R, 1.0)
    expected = reference(shared, dataset, "omega_schmid_leiman.json")[kind]
    keys = np.array(expected["flipped_keys"], dtype=float)
    found = omega(R * np.outer(keys, keys), len(expected["gload_second_order"]))
    assert found.total == pytest.approx(expected["omega_total"], abs=1e-3)
    assert found.hierarchical == pytest.approx(expected["omega_h"], abs=1e-3)
    assert found.limit == pytest.approx(expected["omega_lim"], abs=1e-3)


@pytest.mark.parametrize("dataset", DATASETS)
def test_omega_and_split_halves_of_scales_equal_r(shared, dataset):
    R = matrix(reference(shared, dataset, "cor.json")["pearson_pairwise"])
    entries = reference(shared, dataset, "reliability.json").items()
    scales = {
        name: entry for name, entry in entries if isinstance(entry, dict) and isinstance(entry.get("items"), list)
    }
    halves = reference(shared, dataset, "split_half_all.json")
    compared = 0
    for name, entry in scales.items():
        keyed = keyed_matrix(R, entry["items"])
        three = omega(keyed)
        if entry["omega_psych_3f"]:
            assert three.total == pytest.approx(entry["omega_psych_3f"]["omega_total"], abs=1e-3)
            assert three.hierarchical == pytest.approx(entry["omega_psych_3f"]["omega_h"], abs=1e-3)
        one = omega(keyed, 1)
        assert one.total == pytest.approx(entry["omega_total_1f"], abs=1e-3)
        assert one.hierarchical is None
        if name in halves:
            found = split_half(keyed)
            expected = halves[name]
            assert (found.n_splits, found.all_splits) == (expected["n_splits"], True)
            assert (found.mean, found.smallest, found.largest) == pytest.approx(
                (expected["mean"], expected["min"], expected["max"]), abs=1e-8
            )
        compared += 1
    assert compared


def test_ordinal_alpha_equals_alpha_of_polychoric_matrices_of_psych(shared):
    bfi = pd.read_csv(shared / "reference" / "data" / "bfi.csv")
    expected = reference(shared, "bfi", "omega_schmid_leiman.json")["polychoric"]
    names = reference(shared, "bfi", "cor.json")["pearson_pairwise"]["rows"]
    keyed = bfi[names].to_numpy(float) * np.array(expected["flipped_keys"])
    assert ordinal_alpha(keyed) == pytest.approx(expected["alpha"], abs=1e-4)


def test_omega_of_a_known_bifactor_model():
    general, group = np.full(9, 0.6), np.kron(np.eye(3), np.full((3, 1), 0.4))
    R = np.outer(general, general) + group @ group.T
    np.fill_diagonal(R, 1.0)
    found = omega(R)
    assert found.total == pytest.approx(1 - 9 * (1 - 0.52) / R.sum(), abs=1e-5)
    assert found.hierarchical == pytest.approx(5.4**2 / R.sum(), abs=1e-5)
    assert str(found) == f"omega total {found.total:.3f}, hierarchical {found.hierarchical:.3f} (3 factors)"


def test_omegas_of_resamples_are_those_of_each():
    general, group = np.full(9, 0.6), np.kron(np.eye(3), np.full((3, 1), 0.4))
    R = np.outer(general, general) + group @ group.T
    np.fill_diagonal(R, 1.0)
    random = np.random.default_rng(5)
    resamples = np.stack(
        [np.corrcoef(random.multivariate_normal(np.zeros(9), R, 400), rowvar=False) for _ in range(20)]
    )
    for k in (3, 1):
        each = [omega(one, k) for one in resamples]
        found = omegas_of_resamples(resamples, omega(R, k))
        assert found[:, 0] == pytest.approx(np.array([one.total for one in each]), abs=1e-5)
        if k == 3:
            assert found[:, 1] == pytest.approx(np.array([one.hierarchical for one in each]), abs=2e-3)
        else:
            assert np.isnan(found[:, 1]).all()


def test_omega_that_does_not_exist():
    with pytest.raises(NotEstimableError, match="at least three items; there are 2"):
        omega(np.eye(2))
    with pytest.raises(NotEstimableError, match="its variance is 0"):
        omega(np.array([[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1.0]]))
    with pytest.raises(NotEstimableError, match="of 3 factors"):
        omega(np.ones((8, 8)))
    with pytest.raises(DataError, match="undefined"):
        omega(np.full((8, 8), np.nan))


@given(p=st.integers(2, 9), seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_mean_over_all_splits_needs_no_visit_and_is_alpha_for_even_scales(p, seed):
    X = np.random.default_rng(seed).standard_normal((30, p)) + 0.5
    C = np.cov(X + X[:, :1], rowvar=False)
    signs = splits(p)
    assert len(signs) == number_of_splits(p)
    by_visit = np.mean([1 - s @ C @ s / C.sum() for s in signs.astype(float)])
    assert mean_split_half(C) == pytest.approx(by_visit, abs=1e-10)
    assert len(np.unique(signs * signs[:, :1], axis=0)) == len(signs)
    if p % 2 == 0:
        assert mean_split_half(C) == pytest.approx(alpha_of(C), abs=1e-10)


def test_long_scales_are_split_at_random_and_say_so():
    R = np.full((20, 20), 0.3) + 0.7 * np.eye(20)
    found = split_half(R, seed=1)
    assert (found.n_splits, found.all_splits) == (MOST_SPLITS, False)
    assert found.largest == pytest.approx(found.smallest)
    assert "10000 random splits" in str(found)
    assert (splits(20, seed=1) == splits(20, seed=1)).all()


def test_split_halves_that_do_not_exist():
    for of in (split_half, mean_split_half):
        with pytest.raises(NotEstimableError, match="at least two items"):
            of(np.ones((1, 1)))
        with pytest.raises(NotEstimableError, match="every pair"):
            of(np.array([[1, np.nan], [np.nan, 1]]))
        with pytest.raises(NotEstimableError, match="its variance is 0"):
            of(np.array([[1.0, -1.0], [-1.0, 1.0]]))


JUDGED = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)
"""Ratings of six targets by four judges, Shrout & Fleiss (1979), table 2."""


def test_intraclass_correlations_of_shrout_and_fleiss():
    two = two_way_icc(JUDGED)
    one = one_way_icc(JUDGED.ravel(), np.repeat(np.arange(6), 4))
    single = [(icc.estimate, icc.ci_low, icc.ci_high) for icc in (one.single, two.agreement, two.consistency)]
    assert np.array(single) == pytest.approx(
        np.array([[0.17, -0.133, 0.72], [0.29, 0.019, 0.76], [0.71, 0.342, 0.95]]), abs=0.006
    )
    of_means = [(i.estimate, i.ci_low, i.ci_high) for i in (one.mean, two.agreement_of_means, two.consistency_of_means)]
    assert np.array(of_means) == pytest.approx(
        np.array([[0.44, -0.884, 0.91], [0.62, 0.071, 0.93], [0.91, 0.676, 0.99]]), abs=0.006
    )
    assert (one.f, one.df) == (pytest.approx(1.79, abs=0.01), (5, 18))


def test_one_way_icc_equals_statsby_of_psych(shared):
    data = shared / "reference" / "data"
    sai, msqr = pd.read_csv(data / "sai.csv"), pd.read_csv(data / "msqR.csv.gz")
    two_level = pd.read_csv(data / "sim_two_level.csv.gz")
    cell = two_level.groupby(["persona", "model"], sort=False).ngroup()
    small = reference(shared, "retest", "statsBy_small.json")
    for frame, expected, group in (
        (sai[sai["study"] == "FLAT"], reference(shared, "retest", "sai_FLAT.json")["statsBy"], "id"),
        (msqr[msqr["study"] == "PAT"], small["msqR_PAT"], "id"),
        (pd.read_csv(data / "withinBetween.csv"), small["withinBetween"], "Group"),
        (two_level.assign(cell=cell), reference(shared, "two_level", "statsBy_cell.json"), "cell"),
    ):
        items = [item for item in expected["ICC1"] if item in frame.columns and item != group]
        assert len(items) >= 8
        codes = pd.factorize(frame[group])[0]
        found = {item: one_way_icc(frame[item].to_numpy(float), codes) for item in items}
        assert {i: icc.single.estimate for i, icc in found.items()} == pytest.approx(
            {i: expected["ICC1"][i] for i in items}, abs=1e-8
        )
        assert {i: icc.mean.estimate for i, icc in found.items()} == pytest.approx(
            {i: expected["ICC2"][i] for i in items}, abs=1e-8
        )


def test_icc_intervals_cover():
    random = np.random.default_rng(1)
    inside = np.zeros(3)
    for _ in range(400):
        scores = random.standard_normal((25, 1)) + random.standard_normal((25, 4))
        two, one = two_way_icc(scores), one_way_icc(scores.ravel(), np.repeat(np.arange(25), 4))
        inside += [icc.ci_low <= 0.5 <= icc.ci_high for icc in (one.single, two.agreement, two.consistency)]
    assert ((inside / 400 >= 0.92) & (inside / 400 <= 0.98)).all()


def test_iccs_at_their_borders():
    constant = np.repeat(np.arange(5.0)[:, None], 3, axis=1)
    assert two_way_icc(constant).agreement.estimate == 1
    assert one_way_icc(constant.ravel(), np.repeat(np.arange(5), 3)).single.ci_low == 1
    shifted = two_way_icc(constant + np.array([0, 2, 4]))
    assert (shifted.consistency.estimate, shifted.agreement.estimate < 0.5) == (1, True)
    alike = one_way_icc(np.array([1.0, 2, 1, 2]), np.array([0, 0, 1, 1]))
    assert alike.single.estimate == pytest.approx(-1)
    for scores, objects, message in (
        (np.ones(4), np.array([0, 0, 1, 1]), "do not vary"),
        (np.arange(3.0), np.arange(3), "3 scores of 3"),
        (np.arange(3.0), np.zeros(3), "3 scores of 1"),
        (np.full(4, np.nan), np.array([0, 0, 1, 1]), "0 scores of 0"),
    ):
        with pytest.raises(NotEstimableError, match=message):
            one_way_icc(scores, objects)
    with pytest.raises(DataError, match="as many codes"):
        one_way_icc(np.ones(3), np.ones(2))
    with pytest.raises(NotEstimableError, match="1 objects were scored on all 3 occasions"):
        two_way_icc(np.array([[1.0, 2, 3], [np.nan, 1, 2]]))
    with pytest.raises(NotEstimableError, match="do not vary"):
        two_way_icc(np.ones((4, 3)))


def multilevel_scores(shared, name):
    data = shared / "reference" / "data"
    if name == "sai":
        sai = pd.read_csv(data / "sai.csv")
        sai = sai[sai["study"] == "FLAT"].sort_values(["id", "time"])
        listed = json.loads((data / "sai_keys.json").read_text())["sai"]
        scores = sai[[item.lstrip("-") for item in listed]].to_numpy(float)
        scores = np.where([item.startswith("-") for item in listed], 5 - scores, scores)
        return scores.reshape(-1, 3, 20), reference(shared, "retest", "sai_FLAT.json")["mlr"]
    truth = json.loads((data / "sim_two_level_truth.json").read_text())
    table = pd.read_csv(data / "sim_two_level.csv.gz")
    table = table[table["model"] == "m1"].sort_values(["persona", "run"])
    first = min(truth["item_factor"])
    own = [i for i, factor in enumerate(truth["item_factor"]) if factor == first]
    scores = table[[f"i{i + 1:02d}" for i in own]].to_numpy(float)
    scores = np.where(np.array(truth["item_key"])[own] < 0, 6 - scores, scores)
    return scores.reshape(60, 10, 8), reference(shared, "two_level", "mlr_m1_factor1.json")


@pytest.mark.parametrize("name", ["sai", "sim_two_level"])
def test_multilevel_reliability_equals_psych(shared, name):
    scores, expected = multilevel_scores(shared, name)
    found = multilevel_reliability(scores)
    names = {
        "RkF": "means_fixed_times", "R1R": "one_time", "RkR": "means", "Rc": "change", "RkRn": "means_nested",
        "Rcn": "change_nested",
    }  # fmt: skip
    assert {theirs: getattr(found, ours) for theirs, ours in names.items()} == pytest.approx(
        {theirs: expected[theirs] for theirs in names}, abs=2e-4
    )
    assert found.n == expected.get("n_persons", expected.get("n_obs"))
    assert min(found.components.values()) >= 0


def test_multilevel_reliability_of_planted_persons_and_days():
    random = np.random.default_rng(2)
    person, day = random.standard_normal((400, 1, 1)), 0.7 * random.standard_normal((400, 6, 1))
    found = multilevel_reliability(person + day + random.standard_normal((400, 6, 5)))
    assert found.means_nested == pytest.approx(1 / (1 + 0.49 / 6 + 1 / 30), abs=0.02)
    assert found.change_nested == pytest.approx(0.49 / (0.49 + 0.2), abs=0.03)
    assert found.one_time == pytest.approx(1 / (1 + 0.49 + 0.2), abs=0.04)
    assert str(found).endswith("400 persons, 6 times, 5 items")


def test_multilevel_reliability_that_does_not_exist():
    with pytest.raises(DataError, match="persons x occasions x items"):
        multilevel_reliability(np.ones((3, 3)))
    with pytest.raises(NotEstimableError, match="1 persons with all answers"):
        multilevel_reliability(np.stack([np.ones((2, 3)), np.full((2, 3), np.nan)]))
    with pytest.raises(NotEstimableError, match="do not vary"):
        multilevel_reliability(np.ones((3, 2, 2)))


def test_retest_averages_the_pairs_that_are_defined():
    random = np.random.default_rng(3)
    scores = random.standard_normal((500, 1)) + 0.5 * random.standard_normal((500, 4))
    found = retest(scores)
    assert found.r == pytest.approx(0.8, abs=0.03)
    assert (found.n_pairs, found.n) == (6, 500)
    scores[2:, 3] = np.nan
    assert (retest(scores).n_pairs, retest(scores).n) == (3, 500)
    with pytest.raises(NotEstimableError, match="0 respondents have more than one"):
        retest(scores[:, 3:])
    with pytest.raises(NotEstimableError, match="no two of 2 occasions"):
        retest(np.column_stack([scores[:, 0], np.ones(500)]))


LOADINGS = np.array([0.5, 0.6, 0.7, 0.8, 0.5, 0.6, 0.7, 0.8])
TRUE_ALPHA = alpha_of(np.outer(LOADINGS, LOADINGS) + np.diag(1 - LOADINGS**2))


def covered(draw, levels, replicates):
    inside = 0
    for seed in range(replicates):
        scores = draw(np.random.default_rng(seed))
        low, high = coefficient_interval(
            lambda marks, scores=scores: np.log1p([[-alpha_of(np.cov(scores[kept], rowvar=False))] for kept in marks]),
            levels,
            seed=0,
        )
        inside += 1 - np.exp(high[0]) <= TRUE_ALPHA <= 1 - np.exp(low[0])
    return inside / replicates


def test_intervals_cover_alpha_over_independent_respondents():
    def draw(random):
        return random.standard_normal((30, 1)) * LOADINGS + random.standard_normal((30, 8)) * np.sqrt(1 - LOADINGS**2)

    assert 0.92 <= covered(draw, {"persona": np.arange(30)}, 300) <= 0.98


def test_intervals_cover_alpha_over_llms_crossed_with_personas():
    """Where llms and personas matter; taking respondents as independent covers .55."""

    def draw(random):
        parts = [
            np.sqrt(share) * random.standard_normal((*shape, 9))
            for share, shape in ((0.3, (8, 1)), (0.4, (1, 40)), (0.3, (8, 40)))
        ]
        latent = sum(parts).reshape(-1, 9)
        return latent[:, :1] * LOADINGS + latent[:, 1:] * np.sqrt(1 - LOADINGS**2)

    levels = {"llm": np.repeat(np.arange(8), 40), "persona": np.tile(np.arange(40), 8)}
    assert 0.87 <= covered(draw, levels, 200) <= 0.98


def test_few_levels_have_no_interval():
    low, high = coefficient_interval(
        lambda marks: marks.mean(axis=1, keepdims=True), {"llm": np.arange(30) % 3}, seed=0
    )
    assert np.isnan([low, high]).all()
