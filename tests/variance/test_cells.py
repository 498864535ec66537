"""Covariance components of all pairs by matrix products: Henderson's method I, and unbiased whatever is missing."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_big5.variance.cells import Cells, CovarianceEquations
from persona_big5.variance.design import Effect, Facet
from persona_big5.variance.levels import level_effects
from persona_big5.variance.moments import moment_equations
from persona_big5.variance.sums import sums_of_scores
from persona_big5.variance.tables import codes_of

COLUMNS = ["llm", "persona"]
EFFECTS = level_effects([Facet("llm"), Facet("persona")])
RESPONDENT = [Effect("respondent", frozenset(COLUMNS))]


def crossed(n_llms, n_personas, runs):
    llm, persona, _ = np.indices((n_llms, n_personas, runs))
    return np.column_stack([llm.ravel(), persona.ravel()])


def solved(scores, codes, effects=EFFECTS):
    cells = Cells.of(np.isfinite(scores), codes, COLUMNS)
    return CovarianceEquations.of(cells, effects).solve(cells.statistics(scores))


def test_planted_two_levels_agree_with_r(shared):
    frame = pd.read_csv(shared / "reference" / "data" / "sim_two_level.csv.gz")
    reference = json.loads((shared / "reference" / "ref" / "two_level" / "covariance_components.json").read_text())
    items = [column for column in frame.columns if column.startswith("i")]
    codes = codes_of(frame, ["model", "persona"])
    scores = frame[items].to_numpy(dtype=float)
    nested, parts = solved(scores, codes, RESPONDENT), solved(scores, codes)
    for name, found in (
        ("S_between_corrected", nested["respondent"]),
        ("S_within", nested["residual"]),
        ("persona_component", parts["persona"]),
        ("model_component", parts["llm"]),
        ("persona_x_model_component", parts["llm:persona"]),
    ):
        expected = np.array(reference[name]["data"]).reshape(len(items), len(items))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8, err_msg=name)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.1, 0.5]), offset=st.sampled_from([0.0, 1e6]))
def test_the_diagonal_is_the_variance_components(seed, missing, offset):
    random = np.random.default_rng(seed)
    codes = crossed(4, 6, 3)
    scores = random.normal(size=(len(codes), 5)) + random.normal(size=(4, 5))[codes[:, 0]] + offset
    scores[random.random(scores.shape) < missing] = np.nan
    found = solved(scores, codes)
    alone = moment_equations(sums_of_scores(scores, codes, COLUMNS), EFFECTS).solve()
    for name, variances in alone.items():
        np.testing.assert_allclose(np.diag(found[name]), variances, rtol=0, atol=1e-7)
        np.testing.assert_array_equal(found[name], found[name].T)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), drop=st.floats(0, 0.3))
def test_off_the_diagonal_is_half_of_what_the_variance_of_a_sum_exceeds_those_of_its_items(seed, drop):
    random = np.random.default_rng(seed)
    codes = crossed(4, 6, 3)
    codes = codes[(random.random(len(codes)) >= drop) | (np.arange(len(codes)) < 36)]
    scores = random.normal(size=(len(codes), 4)) + random.normal(size=(4, 4))[codes[:, 0]]
    found = solved(scores, codes)
    sums = scores[:, :, None] + scores[:, None, :]
    of_sums = moment_equations(sums_of_scores(sums.reshape(-1, 16), codes, COLUMNS), EFFECTS).solve()
    for name, matrix in found.items():
        alone = np.diag(matrix)
        expected = (of_sums[name].reshape(4, 4) - alone[:, None] - alone) / 2
        np.testing.assert_allclose(matrix, expected, rtol=0, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("numbers", [1, 500])
def test_cells_laid_out_a_chunk_at_a_time_give_the_same(monkeypatch, numbers):
    random = np.random.default_rng(4)
    codes = crossed(4, 6, 3)
    scores = np.where(random.random((len(codes), 5)) < 0.2, np.nan, random.normal(size=(len(codes), 5)))
    whole = solved(scores, codes)
    monkeypatch.setattr("persona_big5.variance.cells._CHUNK", numbers)
    for name, matrix in solved(scores, codes).items():
        np.testing.assert_allclose(matrix, whole[name], rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("once", [False, True])
def test_components_are_unbiased_whatever_is_missing(once):
    random = np.random.default_rng(1)
    codes = crossed(5, 8, 1 if once else 3)
    gone = random.random((len(codes), 2)) < np.linspace(0.0, 0.5, len(codes))[:, None]
    truth = {"llm": 0.5, "persona": -0.3, "llm:persona": 0.0, "residual": 0.6}
    effects = EFFECTS[:2] if once else EFFECTS
    root = {name: np.linalg.cholesky([[1.0, r], [r, 1.0]]).T for name, r in truth.items()}
    cells = Cells.of(~gone, codes, COLUMNS)
    equations = CovarianceEquations.of(cells, effects)
    found = []
    for _ in range(1500):
        scores = random.normal(size=(5, 2))[codes[:, 0]] @ root["llm"]
        scores += random.normal(size=(8, 2))[codes[:, 1]] @ root["persona"]
        scores += random.normal(size=(len(codes), 2)) @ root["residual"]
        if not once:
            scores += (random.normal(size=(40, 2)) @ root["llm:persona"])[codes[:, 0] * 8 + codes[:, 1]]
        parts = equations.solve(cells.statistics(np.where(gone, np.nan, scores)))
        found.append([parts[name][0, 1] for name in equations.names])
    error = np.std(found, axis=0) / np.sqrt(len(found))
    expected = [truth[name] for name in equations.names]
    assert (np.abs(np.mean(found, axis=0) - expected) < 4 * error + 0.01).all()
    assert error.max() < 0.02


def test_rows_that_stand_for_several_runs_say_the_same():
    random = np.random.default_rng(2)
    codes = crossed(3, 7, 4)
    scores = random.normal(size=(len(codes), 4))
    cells = Cells.of(np.isfinite(scores), codes, COLUMNS)
    equations = CovarianceEquations.of(cells, EFFECTS)
    pairs = scores.reshape(-1, 2, 4)
    left = (pairs - pairs.mean(axis=1, keepdims=True)).reshape(-1, 4)
    merged = Cells.of(np.ones((len(pairs), 4), dtype=bool), codes[::2], COLUMNS, np.full(len(pairs), 2.0))
    one_by_one = equations.solve(cells.statistics(scores))
    together = equations.solve(merged.statistics(pairs.mean(axis=1), left.T @ left))
    for name, matrix in one_by_one.items():
        np.testing.assert_allclose(together[name], matrix, rtol=0, atol=1e-12)


def test_pairs_that_nobody_was_asked_twice_are_undefined():
    random = np.random.default_rng(3)
    codes = crossed(2, 6, 2)
    scores = random.normal(size=(len(codes), 3))
    scores[::2, 0] = scores[1::2, 1] = np.nan
    found = solved(scores, codes, RESPONDENT)["residual"]
    assert np.isnan(found[0, 1])
    assert np.isnan(found[0, 0])
    assert np.isfinite(found[2, 2])
