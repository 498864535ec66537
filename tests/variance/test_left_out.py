"""Levels left out all at once give what a table without their rows gives; blocks of rows what the whole gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_big5.errors import DataError
from persona_big5.variance import groups
from persona_big5.variance.design import Effect, Facet, crossing, identified_effects
from persona_big5.variance.groups import Grouping, all_distinct, distinct_rows
from persona_big5.variance.moments import moment_equations, without_each_level
from persona_big5.variance.sums import add_up, sums_of_scores
from persona_big5.variance.tables import runs_by_items

CELL = ["a", "b"]


def table(seed, sizes=(4, 5, 3), drop=0.2):
    random = np.random.default_rng(seed)
    codes = np.stack([axis.ravel() for axis in np.indices(sizes)], axis=1)
    kept = random.random(len(codes)) >= drop
    kept[: len(codes) // 2] = True
    codes = codes[kept]
    scores = random.normal(size=(4, 2))[codes[:, 0]] + random.normal(size=(5, 2))[codes[:, 1]]
    return codes, scores + random.normal(size=(len(codes), 2))


def holed(scores, seed, share):
    return np.where(np.random.default_rng(seed).random(scores.shape) < share, np.nan, scores)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), drop=st.floats(0, 0.3), missing=st.sampled_from([0.0, 0.15]))
def test_each_level_left_out_equals_the_table_without_it(seed, drop, missing):
    codes, scores = table(seed, drop=drop)
    scores = holed(scores, seed, missing)
    effects = crossing([Facet("a"), Facet("b")])
    at_once = without_each_level(sums_of_scores(scores, codes[:, :2], CELL), effects, CELL)
    for column, facet in enumerate(CELL):
        for level in range(codes[:, column].max() + 1):
            rest = codes[:, column] != level
            alone = moment_equations(sums_of_scores(scores[rest], codes[rest, :2], CELL), effects)
            np.testing.assert_allclose(at_once[facet].matrix[:, :, level], alone.matrix, rtol=0, atol=1e-9)
            np.testing.assert_allclose(at_once[facet].sums[:, level], alone.sums, rtol=0, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_items_left_out_of_runs_that_share_a_session(seed):
    codes, scores = table(seed, sizes=(4, 5, 6), drop=0.1)
    runs = np.random.default_rng(seed).integers(0, 2, len(codes))
    design = [Facet("a"), Facet("b"), Facet("item")]
    effects = [*crossing(design), Effect("run", frozenset({"a", "b", "run"}))]
    columns = ["a", "b", "item", "run"]
    y = scores[:, :1]
    sums = add_up(np.column_stack([codes, runs]), columns, np.ones_like(y), y, None)
    kept = identified_effects(effects, sums.grouping, n_observations=len(y)).effects
    for facet in ("a", "b", "item"):
        at_once = without_each_level(sums, kept, [facet])[facet]
        for level in range(codes[:, columns.index(facet)].max() + 1):
            rest = sums.grouping.levels[:, columns.index(facet)] != level
            own = add_up(sums.grouping.levels[rest], columns, sums.n[rest], sums.totals[rest], None)
            alone = moment_equations(own, kept)
            np.testing.assert_allclose(at_once.matrix[:, :, level], alone.matrix, rtol=0, atol=1e-9)
            np.testing.assert_allclose(at_once.sums[:, level], alone.sums, rtol=0, atol=1e-9)


@pytest.mark.parametrize("block", [1, 7])
def test_rows_worked_on_in_blocks_give_the_same(monkeypatch, block):
    codes, scores = table(3)
    sums = sums_of_scores(scores[:, :1], codes, ["a", "b", "c"])
    effects = crossing([Facet("a"), Facet("b")])
    whole = without_each_level(sums, effects, ["b"])["b"]
    monkeypatch.setattr(groups, "BLOCK", block)
    monkeypatch.setattr("persona_big5.variance.margins.BLOCK", block)
    sums = sums_of_scores(scores[:, :1], codes, ["a", "b", "c"])
    blocked = without_each_level(sums, effects, ["b"])["b"]
    np.testing.assert_allclose(blocked.matrix, whole.matrix, rtol=0, atol=1e-12)
    np.testing.assert_allclose(blocked.sums, whole.sums, rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    codes=st.lists(st.tuples(*[st.integers(0, 6)] * 3), max_size=40),
    marks=st.sampled_from([0, 1 << 25]),
    spread=st.sampled_from([1, 10**7]),
)
def test_distinct_rows_are_those_of_a_set_in_order(codes, marks, spread):
    rows = np.array(codes, dtype=np.int64).reshape(-1, 3) * spread
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "MOST_MARKS", marks)
        number, levels = distinct_rows(rows)
        distinct = all_distinct(rows)
    assert [tuple(level) for level in levels] == sorted(set(map(tuple, rows)))
    np.testing.assert_array_equal(levels[number], rows)
    assert distinct == (len(levels) == len(rows))


def test_groupings_of_nothing_and_of_no_column():
    assert [len(part) for part in distinct_rows(np.zeros((0, 2), dtype=int))] == [0, 0]
    assert distinct_rows(np.zeros((3, 0), dtype=int))[1].shape == (1, 0)
    assert len(Grouping(["a"], np.array([[1], [2]])).coarser([]).grouping) == 1


def test_runs_by_items_lays_a_long_table_out():
    frame = pd.DataFrame({"p": list("yyxx"), "run": [1, 1, 1, 1], "item": list("abab"), "score": [1.0, 2, 3, np.nan]})
    frame["p"] = frame["p"].astype("category")
    frame["item"] = frame["item"].astype("category")
    scores, codes = runs_by_items(frame, ["p", "run"], "item")
    np.testing.assert_array_equal(scores, [[3, np.nan], [1, 2]])
    np.testing.assert_array_equal(codes, [[0, 0], [1, 0]])
    with pytest.raises(DataError, match="several scores for one item"):
        runs_by_items(pd.concat([frame, frame]), ["p", "run"], "item")
