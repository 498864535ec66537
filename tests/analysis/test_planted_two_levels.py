"""Five planted factors between cells, two within runs: found with run noise removed, whatever the seed of the null."""

from __future__ import annotations

import json

import numpy as np
import pytest

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.levels import LevelEstimator
from persona_big5.analysis.null import null_world
from persona_big5.analysis.structure import choose_variables, descending_eigenvalues, find_structure
from persona_big5.factors.congruence import align
from persona_big5.factors.parallel import parallel_analysis
from persona_big5.store.longtable import read_long


@pytest.fixture(scope="module")
def planted(shared):
    data = shared / "reference" / "data"
    answers = lay_out(read_long(data / "sim_two_level.csv.gz"))
    estimator = LevelEstimator.of(answers)
    truth = json.loads((data / "sim_two_level_truth.json").read_text())
    return answers, estimator, estimator.matrices(answers.scores), np.array(truth["lambda_between"])


def test_five_factors_with_twenty_of_twenty_nulls(planted):
    answers, estimator, matrices, _ = planted
    variables = choose_variables(
        "respondent",
        answers.items,
        matrices["respondent"],
        estimator.n_units("respondent"),
        estimator.reliability(matrices)["respondent"],
    )
    eigenvalues = descending_eigenvalues(variables.correlations(matrices["respondent"]))
    world = null_world(answers, estimator, matrices)
    counts = []
    for seed in range(20):
        draws = (
            world.draw(estimator, ["respondent"], random)["respondent"]
            for random in np.random.default_rng(seed).spawn(100)
        )
        null = np.array([descending_eigenvalues(variables.correlations(drawn)) for drawn in draws])
        counts.append(parallel_analysis(eigenvalues, null).n_factors)
    assert counts == [5] * 20


OF_R = {
    "respondent": (5, [0.992, 0.987, 0.989, 0.990, 0.992]),
    "means": (6, [0.98, 0.97, 0.92, 0.99, 0.93]),
    "pooled": (7, [0.84, 0.85, 0.56, 0.98, 0.49]),
}
"""Number of factors by parallel analysis, and congruence of five factors with the planted ones, by R's psych."""


@pytest.mark.parametrize("level", OF_R)
def test_only_without_run_noise_are_they_the_planted_ones(planted, level):
    answers, estimator, matrices, truth = planted
    found = find_structure(answers, estimator, matrices, levels=(level,), n_factors=5, seed=1)[level]
    expected, phi = OF_R[level]
    assert found.parallel.n_factors == expected
    np.testing.assert_allclose(align(found.solution.loadings, truth).phi, phi, rtol=0, atol=0.006)
    assert (min(phi) >= 0.985) == (level == "respondent")
