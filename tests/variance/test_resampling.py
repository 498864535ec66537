from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from persona_big5.variance import resampling as module
from persona_big5.variance.cells import Cells, CovarianceEquations
from persona_big5.variance.covariance import means_by_group, pairwise_covariance
from persona_big5.variance.design import RESIDUAL, Effect, Facet, identified_effects
from persona_big5.variance.groups import distinct_rows
from persona_big5.variance.levels import level_effects
from persona_big5.variance.resampling import draw_counts, leave_out_counts, resampled_covariances

COLUMNS = ("a", "b", "c")
UNITS = ("a", "b")
EFFECTS = ("a", "b", "a:b", "c", "a:c", "b:c")
CROSSED = tuple(Facet(column) for column in COLUMNS)
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
    """Every level as it is computed for the answers themselves."""
    cells = Cells.of(np.isfinite(scores), codes, COLUMNS)
    respondents, levels = distinct_rows(codes[:, :2])
    statistics = cells.statistics(scores)
    of_respondents = CovarianceEquations.of(cells, [Effect("respondent", frozenset(UNITS))]).solve(statistics)
    return {
        "pooled": pairwise_covariance(scores),
        "means": pairwise_covariance(means_by_group(scores, respondents, len(levels))),
        "respondent": of_respondents["respondent"],
        "run": of_respondents[RESIDUAL],
        **CovarianceEquations.of(cells, effects).solve(statistics),
    }


def identified(scores, codes, facets=CROSSED):
    cells = Cells.of(np.isfinite(scores), codes, COLUMNS)
    n = len(cells.grouping) if cells.asked_once else len(scores)
    return identified_effects(level_effects(facets), cells.grouping, n_observations=n).effects


def resampled(scores, codes, effects, counts, levels=LEVELS, units=UNITS):
    return resampled_covariances(
        scores, codes, COLUMNS, respondent_columns=units, effects=effects, counts=counts, levels=levels
    )


def drawn(codes, draws, seed=1):
    return draw_counts(codes, COLUMNS, UNITS, draws, np.random.default_rng(seed))


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
    effects = identified(scores, codes)
    counts = drawn(codes, 3, seed)
    before, module._NUMBERS_AT_ONCE = module._NUMBERS_AT_ONCE, at_once  # a monkeypatch is per test, not per example
    try:
        found = resampled(scores, codes, effects, counts)
    finally:
        module._NUMBERS_AT_ONCE = before
    for draw in range(3):
        rows = repeated(scores, codes, {column: count[draw] for column, count in counts.items()})
        expected = of_rows(*rows, effects)
        for level in LEVELS:
            np.testing.assert_allclose(found[level][draw], expected[level], rtol=0, atol=1e-9, err_msg=level)


@pytest.mark.parametrize(("missing", "runs"), [(0.0, 2), (0.2, 2), (0.1, 1)])
def test_leaving_a_level_out_is_a_resample_too(missing, runs):
    scores, codes = world(1, missing=missing, runs=runs)
    effects = identified(scores, codes)
    levels = [level for level in LEVELS if runs > 1 or level not in ("respondent", "run")]
    levels = [level for level in levels if level in {effect.name for effect in effects} or level not in EFFECTS]
    found = resampled(scores, codes, effects, leave_out_counts(codes, COLUMNS, ["b"]), levels)
    for left_out in range(6):
        kept = codes[:, 1] != left_out
        expected = of_rows(scores[kept], codes[kept], effects)
        for level in levels:
            np.testing.assert_allclose(found[level][left_out], expected[level], rtol=0, atol=1e-9, err_msg=level)


def test_a_nested_column_goes_with_the_one_it_is_nested_in():
    """Column c is nested in a: it is not resampled itself, but its effect is there, and respondents are a, b and c."""
    scores, codes = world(2, sizes=(5, 6, 2), missing=0.1)
    effects = identified(scores, codes, [Facet("a"), Facet("c", ("a",), label="c"), Facet("b")])
    counts = drawn(codes, 2)
    names = [effect.name for effect in effects]
    found = resampled(scores, codes, effects, counts, names, units=COLUMNS)
    assert "c" in names
    for draw in range(2):
        rows = repeated(scores, codes, {column: count[draw] for column, count in counts.items()})
        expected = of_rows(*rows, effects)
        for name in names:
            np.testing.assert_allclose(found[name][draw], expected[name], rtol=0, atol=1e-9, err_msg=name)


def test_an_incomplete_design_is_resampled_as_it_is():
    scores, codes = world(3, sizes=(6, 8, 1), runs=3)
    kept = np.random.default_rng(3).random(len(scores)) < 0.6
    scores, codes = scores[kept], codes[kept]
    effects = identified(scores, codes, [Facet("a"), Facet("b")])
    counts = drawn(codes, 4)
    levels = ("pooled", "means", "respondent", "run", "a", "b", "a:b")
    found = resampled(scores, codes, effects, counts, levels)
    for draw in range(4):
        rows = repeated(scores, codes, {column: count[draw] for column, count in counts.items()})
        expected = of_rows(*rows, effects)
        for level in levels:
            np.testing.assert_allclose(found[level][draw], expected[level], rtol=0, atol=1e-9, err_msg=level)


def test_columns_with_fewer_than_four_levels_are_not_resampled():
    _, codes = world(4, sizes=(3, 9, 1))
    counts = drawn(codes, 500)
    assert list(counts) == ["b"]
    assert counts["b"].shape == (500, 9)
    np.testing.assert_array_equal(counts["b"].sum(axis=1), 9)
    np.testing.assert_allclose(counts["b"].mean(axis=0), 1, rtol=0, atol=0.2)
    assert draw_counts(codes, COLUMNS, ["a"], 5, np.random.default_rng(1)) == {}


def test_levels_that_are_not_there_are_not_drawn():
    _, codes = world(5, sizes=(7, 4, 1))
    counts = drawn(codes[codes[:, 0] != 3], 50)["a"]
    assert counts.shape == (50, 7)
    assert (counts[:, 3] == 0).all()
    np.testing.assert_array_equal(counts.sum(axis=1), 6)


def test_levels_that_are_there_are_left_out_one_by_one():
    _, codes = world(6, sizes=(3, 5, 1))
    counts = leave_out_counts(codes[codes[:, 1] != 2], COLUMNS, UNITS)
    assert list(counts) == ["b"]
    np.testing.assert_array_equal(counts["b"][:, [0, 1, 3, 4]], 1 - np.eye(4))


def test_too_few_answers_are_undefined_without_a_warning():
    scores, codes = world(6)
    effects = identified(scores, codes)
    scores[:, 0] = np.nan
    scores[1:, 1] = np.nan
    counts = {"a": np.array([[0.0, 0, 0, 0, 0], [5, 0, 0, 0, 0], [1, 1, 1, 1, 1]])}
    found = resampled(scores, codes, effects, counts)
    for matrices in found.values():
        assert np.isnan(matrices[:, 0]).all()
        assert np.isnan(matrices[0]).all()
        assert np.isnan(matrices[2, 1, 1])
    assert np.isfinite(found["respondent"][2, 2:, 2:]).all()
    np.testing.assert_array_equal(found["pooled"][1, 1, 1], 0.0)  # five copies of the one answer


def test_five_hundred_resamples_of_eighteen_hundred_respondents_take_two_seconds():
    """18 x 100 respondents, 30 items, missing answers: every level at once."""
    scores, codes = world(7, sizes=(18, 100, 1), runs=3, items=30, missing=0.001)
    effects = identified(scores, codes, [Facet("a"), Facet("b")])
    counts = drawn(codes, 500)
    with threadpool_limits(1):
        began = time.process_time()
        found = resampled(scores, codes, effects, counts, ("means", "respondent", "run", "a", "b", "a:b"))
        taken = time.process_time() - began
    assert taken < 4
    assert all(np.isfinite(matrices).all() for matrices in found.values())
