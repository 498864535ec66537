"""Levels, the worlds they are compared with, and the rules that choose among them, on designs worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from planted_tables import long_table

from persona_big5.analysis import analyze_table
from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.levels import LevelEstimator
from persona_big5.analysis.null import _wishart, null_world, planted_world, square_root
from persona_big5.analysis.strength import strength

N_LLMS, N_PERSONAS, RUNS, N_ITEMS = 3, 10, 2, 6


def estimated(frame, sessions="shared"):
    answers = lay_out(frame, sessions=sessions)
    estimator = LevelEstimator.of(answers)
    return answers, estimator, estimator.matrices(answers.scores)


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(1)
    scores = (
        random.normal(size=(N_LLMS, 1, 1, N_ITEMS))
        + random.normal(size=(1, N_PERSONAS, 1, N_ITEMS))
        + random.normal(size=(N_LLMS, N_PERSONAS, 1, N_ITEMS))
        + random.normal(size=(N_LLMS, N_PERSONAS, RUNS, 1))
        + random.normal(size=(N_LLMS, N_PERSONAS, RUNS, N_ITEMS))
    )
    return long_table(scores.reshape(-1, N_ITEMS), N_LLMS, N_PERSONAS, RUNS)


def test_units_of_a_level(frame):
    _, estimator, _ = estimated(frame)
    counts = {level: estimator.n_units(level) for level in ("pooled", "run", "means", "split_run", "llm", "persona")}
    assert counts == {"pooled": 60, "run": 60, "means": 30, "split_run": 30, "llm": 3, "persona": 10}
    assert estimator.n_units("llm:persona") == 30
    assert estimator.reasons == {"variant": "is no facet of these data", "context": "is no facet of these data"}


def test_runs_per_respondent_are_weighted_where_respondents_were_asked_unequally_often(frame):
    assert estimated(frame)[1].runs_per_respondent() == pytest.approx(RUNS, abs=1e-12)
    person = frame["llm"] + frame["persona"]
    unequal = frame[(frame["run"] != "1") | person.isin(person.unique()[::3])]
    sizes = unequal.groupby(["llm", "persona"])["run"].nunique().to_numpy()
    n, total = len(sizes), sizes.sum()
    expected = (total - (sizes**2).sum() / total) / (n - 1)
    assert estimated(unequal)[1].runs_per_respondent() == pytest.approx(expected, abs=1e-12)
    assert 1 < expected < RUNS


def test_reliability_of_a_level_is_its_share_of_the_variance_between_its_means(frame):
    _, estimator, matrices = estimated(frame)
    found = estimator.reliability(matrices)
    kept = {name: np.maximum(values, 0) for name, values in estimator.variances().items()}
    llm, persona, both, run = (kept[name] for name in ("llm", "persona", "llm:persona", "residual"))
    expected = {
        "llm": llm / (llm + both / N_PERSONAS + run / (N_PERSONAS * RUNS)),
        "persona": persona / (persona + both / N_LLMS + run / (N_LLMS * RUNS)),
        "llm:persona": both / (both + run / RUNS),
        "respondent": np.diag(matrices["respondent"]) / np.diag(matrices["means"]),
        "split_run": np.diag(matrices["split_run"]) / np.diag(matrices["means"]),
    }
    assert set(found) == set(expected)
    for level, reliability in expected.items():
        np.testing.assert_allclose(found[level], reliability, rtol=0, atol=1e-12, err_msg=level)


def test_split_run_halves_are_odd_and_even_runs():
    random = np.random.default_rng(2)
    scores = random.normal(size=(2, 8, 4, 3))
    answers, _, matrices = estimated(long_table(scores.reshape(-1, 3), 2, 8, 4))
    halves = answers.scores.reshape(16, 2, 2, 3).mean(axis=1)
    cross = np.cov(halves[:, 0].T, halves[:, 1].T)[:3, 3:]
    np.testing.assert_allclose(matrices["split_run"], (cross + cross.T) / 2, rtol=0, atol=1e-12)


def test_null_world_has_the_variances_of_the_data_and_no_correlations(frame):
    answers, estimator, matrices = estimated(frame)
    world = null_world(answers, estimator, matrices)
    variances = strength(answers, estimator, estimator.variances(), np.ones(len(answers.scores))).variances
    for effect, (level, size, factor) in zip(estimator.effects, world.effects, strict=True):
        expected = np.diag(variances[effect.name])
        assert (size >= 0).all()
        np.testing.assert_allclose(factor @ factor.T, expected, rtol=0, atol=1e-12)
        assert len(np.unique(level)) == estimator.n_units(effect.name)
    np.testing.assert_allclose(world.run @ world.run.T, matrices["run"], rtol=0, atol=1e-12)


def test_null_world_of_isolated_sessions_has_no_mood(frame):
    answers, estimator, matrices = estimated(frame, sessions="isolated")
    world = null_world(answers, estimator, matrices)
    np.testing.assert_allclose(world.run @ world.run.T, np.diag(np.diag(matrices["run"])), rtol=0, atol=1e-12)


def test_rows_of_a_world_are_whole_halves_of_cells_and_single_runs_where_an_answer_is_missing(frame):
    gone = np.random.default_rng(3).random(len(frame)) < 0.02
    answers, estimator, matrices = estimated(frame.assign(score=frame["score"].mask(gone)))
    rows = null_world(answers, estimator, matrices).rows
    holed = np.isnan(answers.scores)
    assert gone.sum() == holed.sum() > 0
    assert (rows.cells.present < 1).sum() == holed.sum()
    assert rows.cells.weight.sum() == len(answers.scores)
    np.testing.assert_array_equal(rows.cells.counts, estimator.rows.cells.counts)


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("runs", [2, 7])
def test_drawn_worlds_have_the_components_they_are_drawn_from(missing, runs):
    random = np.random.default_rng(5)
    persona, mood = random.normal(size=(1, N_PERSONAS, 1, 3)), random.normal(size=(N_LLMS, N_PERSONAS, runs, 1))
    scores = (persona + mood + 0.7 * random.normal(size=(N_LLMS, N_PERSONAS, runs, 3))).reshape(-1, 3)
    scores[random.random(scores.shape) < missing] = np.nan
    answers, estimator, matrices = estimated(long_table(scores, N_LLMS, N_PERSONAS, runs))
    world = null_world(answers, estimator, matrices)
    draws = [world.draw(estimator, ["persona", "respondent", "split_run", "run"], random) for _ in range(300)]
    noise = [{"run": world.draw_runs(estimator, random)} for _ in range(300)]
    variances = {name: np.maximum(values, 0) for name, values in estimator.variances().items()}
    for level, truth, found in (
        ("persona", np.diag(variances["persona"]), draws),
        ("run", matrices["run"], draws),
        ("run", np.diag(np.diag(matrices["run"])), noise),
    ):
        values = np.array([draw[level] for draw in found])
        error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
        assert (np.abs(values.mean(axis=0) - truth) < 4 * error).all(), level
    difference = np.array([draw["split_run"] - draw["respondent"] for draw in draws])
    assert (np.abs(difference.mean(axis=0)) < 4 * difference.std(axis=0) / np.sqrt(len(draws))).all()


def test_products_within_are_drawn_as_one_by_one():
    random = np.random.default_rng(6)
    for freedom in (3, 40):
        drawn = np.array([_wishart(freedom, 5, random) for _ in range(4000)])
        np.testing.assert_allclose(drawn.mean(axis=0), freedom * np.eye(5), atol=0.1 * np.sqrt(freedom))
        variance = freedom * (np.eye(5) + np.ones((5, 5)))
        np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=0.15)


def test_planted_world_correlates_items_of_a_factor_by_their_loadings(frame):
    answers, estimator, matrices = estimated(frame)
    world = planted_world(answers, estimator, matrices, n_factors=2, loading=0.7)
    _, _, factor = world.effects[0]
    sd = np.sqrt(np.maximum(estimator.variances()[estimator.effects[0].name], 0))
    same = np.arange(N_ITEMS)[:, None] % 2 == np.arange(N_ITEMS) % 2
    expected = np.where(same, 0.49, 0.0) + 0.51 * np.eye(N_ITEMS)
    np.testing.assert_allclose(factor @ factor.T, expected * np.outer(sd, sd), rtol=0, atol=1e-12)


def test_square_root_leaves_negative_eigenvalues_out():
    np.testing.assert_allclose(square_root(np.diag([4.0, -1.0])) @ square_root(np.diag([4.0, -1.0])).T, np.diag([4, 0]))


def traits(random, loadings, n_llms, n_personas, runs, *, mood=0.0, noise=0.5):
    """Scores of respondents whose traits have these loadings, in raw direction, the rest of each item its own."""
    n_items, k = loadings.shape
    persistent = random.normal(size=(n_llms, n_personas, 1, k)) @ loadings.T
    persistent = persistent + 0.4 * random.normal(size=(n_llms, n_personas, 1, n_items))
    moody = mood * random.normal(size=(n_llms, n_personas, runs, 1))
    scores = persistent + moody + noise * random.normal(size=(n_llms, n_personas, runs, n_items))
    return long_table(scores.reshape(-1, n_items), n_llms, n_personas, runs)


KEYS = np.tile([1.0, -1.0], 6)
ONE = KEYS[:, None] * np.ones((12, 1))
TWO = KEYS[:, None] * np.kron(np.eye(2), np.ones((6, 1)))
ALIKE = np.array([[1.0, 0.0], [0.2, np.sqrt(0.96)]])
"""Two traits, correlated .2."""


def off_diagonal(matrix):
    return np.sqrt((matrix**2).sum() - (np.diag(matrix) ** 2).sum())


@pytest.mark.parametrize(("mood", "level"), [(0.0, None), (1.0, "respondent")])
def test_run_noise_in_the_means_decides_for_the_corrected_matrix(mood, level):
    frame = traits(np.random.default_rng(6), TWO, 2, 30, 3, mood=mood, noise=1.2)
    _, _, matrices = estimated(frame)
    found = analyze_table(frame, levels=("respondent",), draws=20).document["recommended_level"]
    noise = off_diagonal(matrices["run"]) / 3 / off_diagonal(matrices["means"])
    assert (noise > 0.1) == (level is not None)
    assert f"run noise makes up {noise:.0%} of the off-diagonal" in found["reason"]
    if level:
        assert found["level"] == level
        assert found["reason"].endswith("more than 10 %): it must be removed")
    else:
        congruences = found["reason"].split("means ")[-1].split(", corrected ")
        means, corrected = map(float, congruences)
        assert 0.9 < min(means, corrected) <= max(means, corrected) <= 1
        assert means != corrected
        assert found["level"] == ("respondent" if corrected > means else "means")


def test_few_personas_leave_no_halves_to_compare():
    frame = traits(np.random.default_rng(7), TWO, 7, 7, 3)
    found = analyze_table(frame, levels=("respondent",), draws=20).document["recommended_level"]
    assert found["level"] == "means"
    assert found["reason"].endswith("no halves could be compared: means")


def verdict(frame):
    return analyze_table(frame, levels=("respondent",), draws=20).document["verdict"]


def test_one_trait_is_a_general_factor():
    found = verdict(traits(np.random.default_rng(8), ONE, 2, 30, 3))
    assert found["code"] == "general_factor"


def test_one_trait_of_some_items_is_a_general_factor_too():
    found = verdict(traits(np.random.default_rng(8), ONE * (np.arange(12) < 6)[:, None], 2, 40, 3))
    assert "1 of 12 eigenvalues" in found["reasons"][2]
    assert float(found["reasons"][-1].split("each scale points: phi ")[1]) < 0.85
    assert found["code"] == "general_factor"


def test_one_dominant_trait_of_two_is_a_general_factor():
    weak = np.column_stack([ONE[:, 0], np.repeat([0.42, -0.42], 6) * KEYS])
    found = verdict(traits(np.random.default_rng(9), weak, 2, 40, 3))
    assert "2 of 12 eigenvalues" in found["reasons"][2]
    assert found["code"] == "general_factor"


def test_two_traits_that_go_together_a_little_are_two():
    found = verdict(traits(np.random.default_rng(10), TWO @ ALIKE, 2, 40, 3))
    assert found["code"] == "persona_structure"
    compared = next(reason for reason in found["reasons"] if reason.startswith("first component"))
    assert float(compared.split("each scale points: phi ")[1]) >= 0.85


def test_agreement_is_not_told_from_content_where_nothing_is_reversed():
    frame = traits(np.random.default_rng(11), np.abs(ONE), 2, 30, 3).assign(keyed=1)
    found = verdict(frame)
    assert found["code"] == "general_factor"
    assert any("no item is reversed" in reason for reason in found["reasons"])


def test_data_that_would_show_some_of_five_factors_but_not_all_decide_nothing():
    random = np.random.default_rng(1)
    scores = 0.8 * random.normal(size=(1, 60, 1, 20)) + random.normal(size=(1, 60, 3, 20))
    found = verdict(long_table(scores.reshape(-1, 20), 1, 60, 3))
    assert found["code"] == "not_decidable"
    power = int(found["reasons"][-1].split("found in ")[1].split("%")[0])
    assert 0 < power < 50
