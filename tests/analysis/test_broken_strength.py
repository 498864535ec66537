"""Worlds without any structure in which a few personas, or llms, move answers far more than the others."""

from __future__ import annotations

import numpy as np
import pytest
from planted_tables import long_table

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.levels import LevelEstimator
from persona_big5.analysis.strength import strength
from persona_big5.analysis.structure import find_structure

LLMS, PERSONAS, RUNS, ITEMS = 6, 24, 3, 20
WORLDS = 8


def unequal_world(random, *, of_llms, of_personas, factors=0):
    """Runs x items: every level has a size of its own, items are independent unless there are factors."""
    loadings = 0.8 * (np.arange(ITEMS) % max(factors, 1) == np.arange(factors)[:, None])
    unique = np.sqrt(1 - (loadings**2).sum(axis=0))

    def effect(*levels):
        return random.normal(size=(*levels, factors)) @ loadings + unique * random.normal(size=(*levels, ITEMS))

    size = np.exp(of_llms * random.normal(size=(LLMS, 1, 1))) * np.exp(of_personas * random.normal(size=(PERSONAS, 1)))
    moved = size * (0.8 * effect(1, PERSONAS) + 0.6 * effect(LLMS, PERSONAS)) + 0.4 * effect(LLMS, 1)
    scores = moved[:, :, None] + random.normal(size=(LLMS, PERSONAS, RUNS, ITEMS))
    return scores.reshape(-1, ITEMS), size


def laid_out(scores):
    answers = lay_out(long_table(scores, LLMS, PERSONAS, RUNS))
    return answers, LevelEstimator.of(answers)


def n_factors(scores, seed):
    answers, estimator = laid_out(scores)
    matrices = estimator.matrices(answers.scores)
    found = find_structure(answers, estimator, matrices, levels=["respondent"], draws=60, seed=seed)
    return found["respondent"].parallel.n_factors


@pytest.mark.parametrize(("of_llms", "of_personas"), [(0.0, 0.8), (0.7, 0.0)])
def test_a_few_strong_personas_or_llms_are_no_dimensions(of_llms, of_personas):
    found = []
    for seed in range(WORLDS):
        scores, _ = unequal_world(np.random.default_rng([seed, 3]), of_llms=of_llms, of_personas=of_personas)
        found.append(n_factors(scores, seed))
    assert np.mean(np.array(found) == 0) >= 0.75, found


@pytest.mark.parametrize(("of_llms", "of_personas"), [(0.0, 0.0), (0.0, 0.5), (0.5, 0.0)])
def test_dimensions_are_found_beside_unequal_strength(of_llms, of_personas):
    scores, _ = unequal_world(np.random.default_rng(5), of_llms=of_llms, of_personas=of_personas, factors=2)
    assert n_factors(scores, 0) == 2


def strength_in(scores):
    answers, estimator = laid_out(scores)
    return answers, strength(answers, estimator, estimator.variances(), np.ones(len(answers.scores)))


def test_strength_of_personas_and_of_llms_is_recovered():
    scores, size = unequal_world(np.random.default_rng(1), of_llms=0.0, of_personas=0.8)
    answers, found = strength_in(scores)
    planted = size[0, [int(name.removeprefix("p")) for name in answers.levels["persona"]], 0]
    assert np.corrcoef(planted, found.of_level["persona"])[0, 1] > 0.9
    scores, size = unequal_world(np.random.default_rng(2), of_llms=0.7, of_personas=0.0)
    answers, found = strength_in(scores)
    of_llm = found.following[np.unique(answers.code("llm"), return_index=True)[1]]
    np.testing.assert_allclose(of_llm, size[:, 0, 0] / size.mean(), atol=0.2)


def test_equal_levels_are_taken_as_equal():
    scores, _ = unequal_world(np.random.default_rng(6), of_llms=0.0, of_personas=0.0)
    _, found = strength_in(scores)
    assert found.of_level["persona"].std() < 0.2
    assert found.of_level["llm:persona"].std() < 0.2
    assert np.ptp(found.following) < 0.3
