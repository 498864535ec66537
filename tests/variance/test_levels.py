"""Components and covariance matrices by level, against R, published figures and planted truth."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from persona_big5.errors import NotEstimableError
from persona_big5.variance.covariance import cross_covariance, level_covariances, means_by_group
from persona_big5.variance.design import Facet
from persona_big5.variance.jackknife import Replicates, cell_variance, interval, leave_one_out
from persona_big5.variance.levels import level_components, level_effects
from persona_big5.variance.robustness import robustness
from persona_big5.variance.sums import sums_of_scores
from persona_big5.variance.tables import codes_of

FACETS = (Facet("llm"), Facet("persona"))
CELL = ["llm", "persona"]


@pytest.fixture(scope="module")
def two_level(shared):
    frame = pd.read_csv(shared / "reference" / "data" / "sim_two_level.csv.gz")
    scores = frame.filter(regex=r"^i\d+$").to_numpy(float)
    return frame, scores, codes_of(frame, ["model", "persona"])


@pytest.fixture(scope="module")
def reference(shared):
    found = json.loads((shared / "reference" / "ref" / "two_level" / "covariance_components.json").read_text())
    return {
        name: np.array(value["data"]) for name, value in found.items() if isinstance(value, dict) and "data" in value
    }


def split_runs(scores, respondent, odd):
    n = respondent.max() + 1
    return cross_covariance(*(means_by_group(scores[part], respondent[part], n) for part in (odd, ~odd)))


def test_matrices_by_level_equal_reference(two_level, reference):
    frame, scores, codes = two_level
    found = level_covariances(scores, codes, CELL, CELL, level_effects(FACETS))
    for level, name in (
        ("run", "S_within"),
        ("respondent", "S_between_corrected"),
        ("means", "S_cellmeans"),
        ("llm", "model_component"),
        ("persona", "persona_component"),
        ("llm:persona", "persona_x_model_component"),
    ):
        np.testing.assert_allclose(found[level], reference[name], rtol=0, atol=1e-8, err_msg=level)
    np.testing.assert_allclose(found["pooled"], np.cov(scores.T), rtol=0, atol=1e-10)
    odd = (frame["run"] % 2 == 1).to_numpy()
    np.testing.assert_allclose(
        split_runs(scores, codes[:, 0] * 60 + codes[:, 1], odd), reference["S_split_run"], rtol=0, atol=1e-8
    )


def test_variances_are_the_diagonals_of_the_matrices(two_level):
    _, scores, codes = two_level
    matrices = level_covariances(scores, codes, CELL, CELL, level_effects(FACETS))
    split = level_components(scores, codes, FACETS)
    for effect in ("llm", "persona", "llm:persona", "run"):
        np.testing.assert_allclose(split.by_item[effect], np.diag(matrices[effect]), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("unit", "columns"), [("cell", ["model", "persona"]), ("persona", ["persona"]), ("model", ["model"])]
)
def test_intraclass_correlations_equal_those_of_statsby(shared, two_level, unit, columns):
    frame, scores, _ = two_level
    reference = json.loads((shared / "reference" / "ref" / "two_level" / f"statsBy_{unit}.json").read_text())
    respondent = np.unique(codes_of(frame, columns), axis=0, return_inverse=True)[1]
    by_item = level_components(scores, respondent[:, None], [Facet("respondent")]).by_item
    between, within = by_item["respondent"], by_item["run"]
    runs = len(frame) / (respondent.max() + 1)
    items = [name for name in reference["ICC1"] if name != "g" and name in frame]
    assert len(items) == scores.shape[1]
    np.testing.assert_allclose(between / (between + within), [reference["ICC1"][i] for i in items], atol=1e-8)
    np.testing.assert_allclose(between / (between + within / runs), [reference["ICC2"][i] for i in items], atol=1e-8)


def test_matrices_and_components_are_one_computation(two_level):
    _, scores, codes = two_level
    matrices = level_covariances(scores, codes, CELL, CELL, level_effects(FACETS))
    split = level_components(scores, codes, FACETS)
    for name, component in split.components.items():
        assert component.estimate_raw == pytest.approx(np.trace(matrices[name]) / scores.shape[1], abs=1e-12), name


def test_missing_answers_are_paired_off_not_filled(two_level):
    _, scores, codes = two_level
    random = np.random.default_rng(3)
    holed = np.where(random.random(scores.shape) < 0.1, np.nan, scores)[:, :4]
    found = level_covariances(holed, codes, CELL, CELL, [])
    alone = level_covariances(holed[:, :2], codes, CELL, CELL, [])
    whole = level_covariances(scores[:, :4], codes, CELL, CELL, [])
    rows = np.isfinite(holed[:, :2]).all(axis=1)
    np.testing.assert_allclose(found["pooled"][0, 1], np.cov(holed[rows, :2].T)[0, 1], rtol=0, atol=1e-10)
    for level in ("run", "respondent", "means"):
        np.testing.assert_allclose(found[level][:2, :2], alone[level], rtol=0, atol=1e-10, err_msg=level)
        np.testing.assert_allclose(found[level], whole[level], rtol=0, atol=0.05, err_msg=level)


def read_runs(path):
    frame = pd.read_csv(path)
    wide = frame.pivot_table(index=["model", "persona", "run"], columns="item_id", values="score")
    return wide.index.to_frame(index=False), wide.to_numpy(float)


def test_published_shares_of_big_five_personas(shared):
    rows, scores = read_runs(shared / "real" / "personallm_bfi" / "long.csv.gz")
    split = level_components(scores, codes_of(rows, ["model", "persona"]), FACETS)
    shares = {name: component.share for name, component in split.components.items()}
    assert shares == pytest.approx({"llm": 0.060, "persona": 0.527, "llm:persona": 0.237, "run": 0.176}, abs=0.005)
    assert split.resampled == ("persona",)
    assert split.not_resampled == ("llm",)
    assert np.isnan(split.components["llm"].ci_low)


def test_published_robustness_and_susceptibility(shared):
    rows, scores = read_runs(shared / "real" / "mfq_base" / "long.csv.gz")
    published = {
        "claude-sonnet-4-5": (107.704, 0.751),
        "gpt-4.1": (14.483, 0.821),
        "gpt-4o": (9.751, 0.793),
        "gemini-2.5-flash": (9.961, 1.043),
        "deepseek-v3": (3.269, 0.698),
        "grok-4": (3.312, 0.773),
        "llama-4-scout": (4.592, 0.667),
        "gpt-5": (5.893, 0.608),
        "gpt-5-nano": (1.590, 0.521),
        "claude-haiku-4-5": (89.87, 0.747),
    }
    for llm, (r, s) in published.items():
        own = (rows["model"] == llm).to_numpy()
        persona = codes_of(rows[own], ["persona"])[:, 0]
        found = robustness(scores[own], persona, persona)
        assert found.robustness == pytest.approx(r, abs=5e-3), llm
        assert found.susceptibility == pytest.approx(s, abs=5e-4), llm


def test_robustness_is_the_mean_spread_over_complete_personas():
    random = np.random.default_rng(8)
    persona = np.repeat(np.arange(6), 8)
    cell = persona * 2 + np.tile(np.repeat([0, 1], 4), 6)  # two contexts, four runs each
    scores = random.normal(size=(48, 3)) + random.normal(size=(6, 3))[persona]
    scores[cell == 11, 1] = np.nan  # persona 5 lacks an item in one context
    scores[0, 0] = np.nan
    sds, means = [], []
    for own in range(5):
        cells = [scores[cell == number] for number in np.unique(cell[persona == own])]
        means.append(np.mean([np.nanmean(rows, axis=0) for rows in cells], axis=0))
        sds.extend(np.nanstd(rows, axis=0, ddof=1) for rows in cells)
    found = robustness(scores, persona, cell)
    assert found.n_personas == 5
    assert found.robustness == pytest.approx(1 / np.mean(sds), abs=1e-12)
    assert found.susceptibility == pytest.approx(np.std(means, axis=0, ddof=1).mean(), abs=1e-12)


def test_robustness_of_single_runs_and_of_nobody_complete_is_undefined():
    nobody = robustness(np.full((4, 2), np.nan), np.arange(4), np.arange(4))
    assert (nobody.n_personas, np.isnan(nobody.robustness)) == (0, True)
    single = robustness(np.arange(8.0).reshape(4, 2), np.arange(4), np.arange(4))
    assert np.isnan(single.robustness)
    assert single.susceptibility == pytest.approx(np.std([0, 2, 4, 6], ddof=1), abs=1e-12)
    steady = robustness(np.ones((4, 2)), np.zeros(4, dtype=int), np.zeros(4, dtype=int))
    assert (steady.robustness, np.isnan(steady.susceptibility)) == (np.inf, True)


def test_one_run_is_never_called_reliable():
    random = np.random.default_rng(1)
    llm, persona = (axis.ravel() for axis in np.indices((5, 6)))
    split = level_components(random.normal(size=(30, 3)), np.column_stack([llm, persona]), FACETS)
    assert "run" not in split.components
    assert list(split.components) == ["llm", "persona", "llm:persona"]
    assert "asked once" in split.run_reason
    assert split.run_to_persona is None


@pytest.mark.parametrize("seed", range(8))
def test_answers_that_never_change_are_not_called_reliable(seed):
    random = np.random.default_rng(seed)
    codes = np.repeat(np.arange(8), 3)[:, None]
    split = level_components(random.normal(size=(8, 4))[codes[:, 0]], codes, [Facet("persona")])
    assert "never differ" in split.run_reason
    assert split.run_to_persona is None


def test_one_respondent_has_no_matrix_between_respondents():
    scores = np.random.default_rng(0).normal(size=(5, 3))
    with pytest.raises(NotEstimableError, match="one respondent"):
        level_covariances(scores, np.zeros((5, 1), dtype=int), ["persona"], ["persona"], [])
    with pytest.raises(NotEstimableError, match="every cell was asked once"):
        level_covariances(scores, np.arange(5)[:, None], ["persona"], ["persona"], [])


def draw(random, variances, n_llms=8, n_personas=60, runs=5, n_items=8):
    llm, persona, _ = (axis.ravel() for axis in np.indices((n_llms, n_personas, runs)))
    sizes = {
        "llm": (n_llms, llm),
        "persona": (n_personas, persona),
        "llm:persona": (n_llms * n_personas, llm * n_personas + persona),
    }
    scores = np.sqrt(variances["run"]) * random.normal(size=(len(llm), n_items))
    for effect, (n, codes) in sizes.items():
        scores += np.sqrt(variances[effect]) * random.normal(size=(n, n_items))[codes]
    return scores, np.column_stack([llm, persona])


def test_intervals_cover_planted_components():
    variances = {"llm": 0.2, "persona": 0.4, "llm:persona": 0.3, "run": 0.5}
    random = np.random.default_rng(11)
    covered = dict.fromkeys(variances, 0)
    draws = 150
    for _ in range(draws):
        scores, codes = draw(random, variances, n_personas=30, runs=3)
        components = level_components(scores, codes, FACETS).components
        for name, truth in variances.items():
            covered[name] += components[name].ci_low <= truth <= components[name].ci_high
    for name, count in covered.items():
        assert 0.90 * draws <= count, (name, count)


def test_estimates_are_unbiased_where_answers_are_missing():
    variances = {"llm": 0.2, "persona": 0.4, "llm:persona": 0.3, "run": 0.5}
    random = np.random.default_rng(12)
    found = []
    for _ in range(40):
        scores, codes = draw(random, variances, n_personas=20, runs=3, n_items=20)
        holed = np.where(random.random(scores.shape) < 0.25, np.nan, scores)
        found.append(
            [component.estimate_raw for component in level_components(holed, codes, FACETS).components.values()]
        )
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - list(variances.values())) < 3.5 * error).all()


def test_respondents_asked_unequally_often_equal_the_moment_equations():
    random = np.random.default_rng(13)
    persona = np.repeat(np.arange(7), [2, 5, 1, 3, 8, 2, 4])
    scores = random.normal(size=(25, 3)) + random.normal(size=(7, 3))[persona]
    found = level_covariances(scores, persona[:, None], ["persona"], ["persona"], level_effects([Facet("persona")]))
    sizes = np.bincount(persona)
    means = means_by_group(scores, persona, 7)
    deviations, spread = scores - means[persona], means - scores.mean(axis=0)
    run = deviations.T @ deviations / (25 - 7)
    n0 = (25 - (sizes**2).sum() / 25) / 6  # of runs per respondent, weighted
    np.testing.assert_allclose(found["run"], run, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["respondent"], ((spread.T * sizes) @ spread / 6 - run) / n0, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["persona"], found["respondent"], rtol=0, atol=1e-12)


def test_runs_are_pooled_over_the_cells_where_both_items_are_there():
    scores = np.array([[1.0, 1], [3, 2], [2, np.nan], [4, np.nan], [5, 3], [9, 7]])
    found = level_covariances(scores, np.array([[0], [0], [1], [1], [2], [2]]), ["persona"], ["persona"], [])
    np.testing.assert_allclose(found["run"], [[4, 4.5], [4.5, 4.25]], rtol=0, atol=1e-12)


def test_respondents_without_answers_are_left_out_of_split_runs():
    random = np.random.default_rng(14)
    respondent, run = (axis.ravel() for axis in np.indices((12, 4)))
    scores = random.normal(size=(48, 2)) + random.normal(size=(12, 2))[respondent]
    holed = scores.copy()
    holed[respondent == 3, 1] = np.nan
    rest = respondent != 3
    without = split_runs(scores[rest], respondent[rest], run[rest] % 2 == 1)
    found = split_runs(holed, respondent, run % 2 == 1)
    assert found[1, 1] == pytest.approx(without[1, 1], abs=1e-12)
    assert found[0, 0] == pytest.approx(split_runs(scores, respondent, run % 2 == 1)[0, 0], abs=1e-12)
    with pytest.raises(NotEstimableError, match="fewer than 3 respondents have both odd and even runs"):
        split_runs(scores[:8], respondent[:8], run[:8] % 2 == 1)


def test_an_item_that_cannot_be_split_is_undefined_and_spoils_no_other():
    scores, codes = draw(
        np.random.default_rng(15), dict.fromkeys(("llm", "persona", "llm:persona", "run"), 0.5), 3, 5, 2, 2
    )
    alone = level_components(scores[:, :1], codes, FACETS)
    scores[codes[:, 0] > 0, 1] = np.nan
    by_item = level_components(scores, codes, FACETS).by_item
    for name, values in by_item.items():
        assert values[0] == pytest.approx(alone.by_item[name][0], abs=1e-12)
        assert np.isnan(values[1])


def test_ratio_is_run_over_both_persona_components():
    random = np.random.default_rng(16)
    scores, codes = draw(random, {"llm": 0.2, "persona": 0.4, "llm:persona": 0.3, "run": 0.5}, n_personas=20, runs=3)
    split = level_components(scores, codes, FACETS)
    part = {name: component.estimate for name, component in split.components.items()}
    expected = part["run"] / (part["persona"] + part["llm:persona"])
    assert split.run_to_persona.estimate == pytest.approx(expected, abs=1e-12)
    assert split.run_to_persona.ci_low < expected < split.run_to_persona.ci_high


def test_intervals_of_runs_and_cells_take_off_the_variance_of_their_own_cells():
    random = np.random.default_rng(17)
    scores, codes = draw(random, {"llm": 0, "persona": 0, "llm:persona": 1, "run": 0.2}, 6, 9, 3, 4)
    components = level_components(scores, codes, FACETS).components
    sums = sums_of_scores(scores, codes, ["llm", "persona"])
    replicates = leave_one_out(
        sums,
        level_effects(FACETS),
        ["llm", "persona"],
        lambda solution: np.stack([values.mean(axis=1) for values in solution.values()], axis=1),
    )
    own = cell_variance(sums, "persona")
    for i, name, variance in ((2, "llm:persona", own.full_cell), (3, "run", own.residual)):
        one = Replicates({facet: rows[:, i] for facet, rows in replicates.by_facet.items()})
        ends = interval(np.array(components[name].estimate_raw), one, cell_variance=np.asarray(variance))
        assert (components[name].ci_low, components[name].ci_high) == pytest.approx(ends, abs=1e-12)


def test_ratio_of_one_is_not_called_different_and_far_from_one_is():
    found = {}
    for persona in (0.25, 4.0):
        random = np.random.default_rng(18)
        scores, codes = draw(random, {"llm": 0.2, "persona": persona, "llm:persona": 0.25, "run": 0.5}, n_items=20)
        found[persona] = level_components(scores, codes, FACETS).run_to_persona.p_equal_one
    assert found[0.25] > 0.1
    assert found[4.0] < 1e-3


def test_p_value_that_the_ratio_is_one_is_that_of_the_jackknifed_difference():
    random = np.random.default_rng(19)
    persona = np.repeat(np.arange(9), 4)
    scores = random.normal(size=(36, 5)) + random.normal(size=(9, 5))[persona]
    split = level_components(scores, persona[:, None], [Facet("persona")])
    part = {name: c.estimate_raw for name, c in split.components.items()}
    left_out = []
    for level in range(9):
        rest = persona != level
        own = level_components(scores[rest], persona[rest][:, None], [Facet("persona")]).components
        left_out.append(own["run"].estimate_raw - own["persona"].estimate_raw)
    variance = 8 / 9 * ((left_out - np.mean(left_out)) ** 2).sum()
    t = (part["run"] - part["persona"]) / np.sqrt(variance)
    assert split.run_to_persona.p_equal_one == pytest.approx(2 * scipy.stats.t.sf(abs(t), 8), abs=1e-12)


@pytest.mark.parametrize(("ratio", "outside"), [(0.05, 0.95), (0.5, 0.5), (4.0, 0.0)])
def test_interval_of_the_ratio_holds_what_the_test_does_not_reject(ratio, outside):
    random = np.random.default_rng(20)
    persona = np.repeat(np.arange(12), 4)
    excluded = covered = 0
    for _ in range(100):
        scores = np.sqrt(ratio) * random.normal(size=(48, 8)) + random.normal(size=(12, 8))[persona]
        found = level_components(scores, persona[:, None], [Facet("persona")]).run_to_persona
        high = np.inf if np.isnan(found.ci_high) else found.ci_high
        assert (found.ci_low <= 1 <= high) == (found.p_equal_one >= 0.05)
        excluded += not found.ci_low <= 1 <= high
        covered += found.ci_low <= ratio <= high
    assert covered >= 88
    assert excluded >= 100 * outside


def placebo_world(random, spread, n_placebo=8):
    """Split 20 personas and some placebo personas of 6 llms, whose variances are 1 and ``spread``."""
    sets = []
    for n, variance in ((20, 1.0), (n_placebo, spread)):
        scores, codes = draw(random, {"llm": 0.2, "persona": variance, "llm:persona": 0.3, "run": 0.5}, 6, n, 3, 10)
        sets.append(level_components(scores, codes, FACETS).persona)
    return sets


def test_personas_exceed_placebo_personas_that_differ_less_and_no_others():
    random = np.random.default_rng(20)
    less, same = (placebo_world(random, spread) for spread in (0.05, 1.0))
    assert less[0].excess_over(less[1], same_llms=True).p_above_zero < 0.001
    assert same[0].excess_over(same[1], same_llms=True).p_above_zero > 0.05
    excess = less[0].excess_over(less[1], same_llms=True)
    assert excess.estimate == pytest.approx(less[0].estimate - less[1].estimate, abs=1e-12)
    assert excess.ci_low < excess.estimate < excess.ci_high


def test_excess_over_a_placebo_that_does_as_much_is_seldom_found():
    random = np.random.default_rng(21)
    found = [
        mine.excess_over(theirs, same_llms=True) for mine, theirs in (placebo_world(random, 1.0) for _ in range(120))
    ]
    assert np.mean([excess.p_above_zero < 0.05 for excess in found]) < 0.1
    assert np.mean([excess.ci_low <= 0 <= excess.ci_high for excess in found]) > 0.9


def test_three_placebo_personas_are_too_few_to_compare_with():
    personas, placebo = placebo_world(np.random.default_rng(22), 0.1, n_placebo=3)
    assert personas.excess_over(placebo, same_llms=True) is None
