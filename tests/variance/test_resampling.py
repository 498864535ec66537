from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from persona_big5.variance import resampling as module
from persona_big5.variance.covariance import (
    effect_covariance,
    means_by_group,
    pairwise_covariance,
    pooled_covariance,
    respondent_covariance,
    run_covariance,
)
from persona_big5.variance.design import Facet, identified_effects
from persona_big5.variance.groups import cross_sums, distinct_rows
from persona_big5.variance.levels import level_effects
from persona_big5.variance.moments import moment_equations
from persona_big5.variance.resampling import draw_counts, resampled_covariances

COLUMNS = ("a", "b", "c")
UNITS = ("a", "b")
EFFECTS = ("a", "b", "a:b", "c", "a:c", "b:c")
LEVELS = ("pooled", "means", "respondent", "run", *EFFECTS)


def world(seed, sizes=(5, 6, 2), runs=2, items=4, missing=0.0):
    """Rows of a crossed design: scores (N, items) with effects of a, b and a:b, and codes (N, 3)."""
    rng = np.random.default_rng(seed)
    codes = np.stack([axis.ravel() for axis in np.indices((*sizes, runs))], axis=1)[:, :3]
    scores = rng.normal(size=(len(codes), items)) + 3.0
    for columns in ([0], [1], [0, 1]):
        groups, levels = distinct_rows(codes[:, columns])
        scores += rng.normal(size=(len(levels), items))[groups]
    scores[rng.random(scores.shape) < missing] = np.nan
    return scores, codes


def of_rows(scores, codes, effects):
    """Every level by the formulas of variance.covariance."""
    cells = cross_sums(scores, codes, COLUMNS)
    respondents, levels = distinct_rows(codes[:, :2])
    return {
        "pooled": pooled_covariance(cells),
        "means": pairwise_covariance(means_by_group(scores, respondents, len(levels))),
        "respondent": respondent_covariance(cells, UNITS).respondent,
        "run": run_covariance(cells),
        **effect_covariance(moment_equations(cells, effects)),
    }


def identified(scores, codes):
    cells = cross_sums(scores, codes, COLUMNS)
    effects = level_effects([Facet(column) for column in COLUMNS])
    return cells, identified_effects(effects, cells.grouping, n_observations=len(scores)).effects


def repeated(scores, codes, counts):
    """The rows that a resample stands for, every copy of a level under a name of its own."""
    rows, new = [], []
    for row, (a, b, c) in enumerate(codes):
        for i in range(int(counts["a"][a])):
            for j in range(int(counts["b"][b])):
                rows.append(row)
                new.append((a * 100 + i, b * 100 + j, c))
    return scores[rows], np.array(new)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.1]), at_once=st.sampled_from([1000, 4_000_000]))
def test_a_resample_equals_the_table_with_repeated_levels(seed, missing, at_once):
    scores, codes = world(seed, missing=missing)
    cells, effects = identified(scores, codes)
    counts = draw_counts(cells, UNITS, 3, np.random.default_rng(seed))
    before, module._NUMBERS_AT_ONCE = module._NUMBERS_AT_ONCE, at_once  # a monkeypatch is per test, not per example
    try:
        found = resampled_covariances(cells, UNITS, effects, counts, LEVELS)
    finally:
        module._NUMBERS_AT_ONCE = before
    for draw in range(3):
        rows = repeated(scores, codes, {column: count[draw] for column, count in counts.items()})
        for level, expected in of_rows(*rows, effects).items():
            if level in LEVELS:
                np.testing.assert_allclose(found[level][draw], expected, rtol=0, atol=1e-9, err_msg=level)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_leaving_a_level_out_is_a_resample_too(missing):
    scores, codes = world(1, missing=missing)
    cells, effects = identified(scores, codes)
    found = resampled_covariances(cells, UNITS, effects, {"b": 1.0 - np.eye(6)}, LEVELS)
    for level in range(6):
        kept = codes[:, 1] != level
        for name, expected in of_rows(scores[kept], codes[kept], effects).items():
            if name in LEVELS:
                np.testing.assert_allclose(found[name][level], expected, rtol=0, atol=1e-9, err_msg=name)


def test_a_nested_column_goes_with_the_one_it_is_nested_in():
    """Columns a, b, c with c nested in a: c is no column of a respondent that is resampled, but its effect is there."""
    scores, codes = world(2, sizes=(5, 6, 2))
    effects = [*level_effects([Facet("a"), Facet("c", ("a",), label="c"), Facet("b")])]
    cells = cross_sums(scores, codes, COLUMNS)
    kept = identified_effects(effects, cells.grouping, n_observations=len(scores)).effects
    counts = draw_counts(cells, UNITS, 2, np.random.default_rng(1))
    names = [effect.name for effect in kept]
    found = resampled_covariances(cells, COLUMNS, kept, counts, names)
    for draw in range(2):
        rows = repeated(scores, codes, {column: count[draw] for column, count in counts.items()})
        expected = effect_covariance(moment_equations(cross_sums(*rows, COLUMNS), kept))
        for name in names:
            np.testing.assert_allclose(found[name][draw], expected[name], rtol=0, atol=1e-9, err_msg=name)


def test_an_incomplete_design_is_resampled_as_it_is():
    scores, codes = world(3, sizes=(6, 8, 1), runs=3)
    kept = np.random.default_rng(3).random(len(scores)) < 0.6
    scores, codes = scores[kept], codes[kept]
    cells = cross_sums(scores, codes, COLUMNS)
    effects = identified_effects(
        level_effects([Facet("a"), Facet("b")]), cells.grouping, n_observations=len(scores)
    ).effects
    counts = draw_counts(cells, UNITS, 4, np.random.default_rng(1))
    levels = ("pooled", "means", "respondent", "run", "a", "b", "a:b")
    found = resampled_covariances(cells, UNITS, effects, counts, levels)
    for draw in range(4):
        rows = repeated(scores, codes, {column: count[draw] for column, count in counts.items()})
        expected = of_rows(*rows, effects)
        for level in levels:
            np.testing.assert_allclose(found[level][draw], expected[level], rtol=0, atol=1e-9, err_msg=level)


def test_columns_with_fewer_than_four_levels_are_not_resampled():
    scores, codes = world(4, sizes=(3, 9, 1))
    cells = cross_sums(scores, codes, COLUMNS)
    counts = draw_counts(cells, UNITS, 500, np.random.default_rng(1))
    assert list(counts) == ["b"]
    assert counts["b"].shape == (500, 9)
    np.testing.assert_array_equal(counts["b"].sum(axis=1), 9)
    np.testing.assert_allclose(counts["b"].mean(axis=0), 1, rtol=0, atol=0.2)
    assert draw_counts(cells, ("a",), 5, np.random.default_rng(1)) == {}


def test_levels_that_are_not_there_are_not_drawn():
    scores, codes = world(5, sizes=(7, 4, 1))
    kept = codes[:, 0] != 3
    cells = cross_sums(scores[kept], codes[kept], COLUMNS)
    counts = draw_counts(cells, ("a",), 50, np.random.default_rng(1))["a"]
    assert counts.shape == (50, 7)
    assert (counts[:, 3] == 0).all()
    np.testing.assert_array_equal(counts.sum(axis=1), 6)


def test_too_few_answers_are_undefined_without_a_warning():
    scores, codes = world(6, runs=1)
    scores[:, 0] = np.nan
    scores[1:, 1] = np.nan
    cells, effects = identified(scores, codes)
    counts = {"a": np.array([[0.0, 0, 0, 0, 0], [5, 0, 0, 0, 0], [1, 1, 1, 1, 1]])}
    found = resampled_covariances(cells, UNITS, effects, counts, LEVELS)
    assert np.isnan(found["pooled"][0]).all()
    for matrices in found.values():
        assert np.isnan(matrices[:, 0]).all()
        assert np.isnan(matrices[[0, 2], 1]).all()
    assert np.isnan(found["run"]).all()
    np.testing.assert_array_equal(found["pooled"][1, 1, 1], 0.0)  # five copies of the one answer
    assert np.isfinite(found["means"][2, 2:, 2:]).all()


def test_five_hundred_resamples_of_eighteen_hundred_respondents_take_a_second_or_two():
    """18 x 100 respondents, 10 runs, 30 items, missing answers: every level at once."""
    scores, codes = world(7, sizes=(18, 100, 1), runs=3, items=30, missing=0.001)
    cells = cross_sums(scores, codes, COLUMNS)
    effects = identified_effects(
        level_effects([Facet("a"), Facet("b")]), cells.grouping, n_observations=len(scores)
    ).effects
    counts = draw_counts(cells, UNITS, 500, np.random.default_rng(1))
    with threadpool_limits(1):
        began = time.process_time()
        found = resampled_covariances(cells, UNITS, effects, counts, ("means", "respondent", "run", "a", "b", "a:b"))
    assert time.process_time() - began < 3
    assert all(np.isfinite(matrices).all() for matrices in found.values())
