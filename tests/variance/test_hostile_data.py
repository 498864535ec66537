"""Tables that break formulas: an answer or a clear error, never a silent NaN or a warning."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_big5.errors import DataError, NotEstimableError, PersonaBig5Error
from persona_big5.variance import decision_study, group_sums, level_components, parse_facets, variance_components
from persona_big5.variance.design import Facet
from persona_big5.variance.moments import ALIASED

FACETS = (Facet("llm"), Facet("persona"))


def world(seed=0, n_llms=5, n_personas=6, runs=3, n_items=4):
    random = np.random.default_rng(seed)
    llm, persona, _ = (axis.ravel() for axis in np.indices((n_llms, n_personas, runs)))
    scores = random.normal(size=(n_llms, n_items))[llm] + random.normal(size=(n_personas, n_items))[persona]
    return scores + random.normal(size=scores.shape), np.column_stack([llm, persona])


def finite(split):
    return all(np.isfinite(component.estimate_raw) for component in split.components.values())


def test_more_items_than_rows():
    scores, codes = world(runs=2, n_items=200)
    split = level_components(scores, codes, FACETS)
    assert finite(split)
    assert len(split.by_item["persona"]) == 200


def test_items_that_are_constant_have_no_variance_and_the_others_keep_theirs():
    scores, codes = world()
    scores[:, 2] = 3.0
    by_item = level_components(scores, codes, FACETS).by_item
    alone = level_components(scores[:, :2], codes, FACETS).by_item
    for name, values in by_item.items():
        assert values[2] == pytest.approx(0, abs=1e-12)
        np.testing.assert_allclose(values[:2], alone[name], rtol=0, atol=1e-12)


def test_all_constant_is_no_variance_no_share_and_no_reliability():
    _, codes = world()
    split = level_components(np.full((len(codes), 3), 2.0), codes, FACETS)
    assert all(component.estimate == 0 for component in split.components.values())
    assert all(np.isnan(component.share) for component in split.components.values())
    assert "never differ" in split.run_reason
    assert (split.run_to_persona, "run" in split.components) == (None, True)


def test_one_respondent_one_row_and_no_answer_are_refused_in_words():
    scores, codes = world()
    one = (codes == 0).all(axis=1)
    split = level_components(scores[one], codes[one], FACETS)
    assert list(split.components) == ["run"]
    assert {"llm", "persona", "llm:persona"} == set(split.dropped)
    for rows in (slice(0, 1), slice(0, 0)):
        with pytest.raises(NotEstimableError, match="fewer than two answers"):
            level_components(scores[rows], codes[rows], FACETS)
    with pytest.raises(NotEstimableError, match="fewer than two answers"):
        level_components(np.full_like(scores, np.nan), codes, FACETS)


def test_an_item_that_nobody_answered_is_named_and_left_out_of_averages():
    scores, codes = world()
    scores[:, 1] = np.nan
    split = level_components(scores, codes, FACETS)
    rest = level_components(scores[:, [0, 2, 3]], codes, FACETS)
    assert split.undefined_items == (1,)
    for name, component in split.components.items():
        assert component.estimate_raw == pytest.approx(rest.components[name].estimate_raw, abs=1e-12)
        assert component.ci_high == pytest.approx(rest.components[name].ci_high, abs=1e-12)


def test_large_offsets_cost_no_more_than_their_digits():
    scores, codes = world()
    near, far = (level_components(scores + shift, codes, FACETS) for shift in (0.0, 1e9))
    for name, component in near.components.items():
        assert far.components[name].estimate_raw == pytest.approx(component.estimate_raw, abs=1e-5)


def test_zeros_and_ones_duplicates_and_perfect_correlations_are_answers_like_others():
    scores, codes = world()
    binary = (scores > 0).astype(float)
    assert finite(level_components(binary, codes, FACETS))
    twice = level_components(np.column_stack([scores, scores]), codes, FACETS)
    for name, component in level_components(scores, codes, FACETS).components.items():
        assert twice.components[name].estimate_raw == pytest.approx(component.estimate_raw, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(0, 40),
    missing=st.floats(0, 1),
    kind=st.sampled_from(["normal", "binary", "constant"]),
)
def test_any_subset_of_answers_is_estimated_or_refused(seed, rows, missing, kind):
    scores, codes = world(seed)
    random = np.random.default_rng(seed)
    if kind != "normal":
        scores = (scores > 0) * (1.0 if kind == "binary" else 0.0) + 7
    kept = random.choice(len(scores), rows, replace=False)
    holed = np.where(random.random(scores.shape) < missing, np.nan, scores)[kept]
    try:
        split = level_components(holed, codes[kept], FACETS)
    except PersonaBig5Error:
        return  # anything else, a warning too, fails
    assert finite(split)
    assert len(split.undefined_items) < scores.shape[1]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(0, 30), method=st.sampled_from(["moments", "reml"]))
def test_any_small_table_has_a_g_study_or_a_reason(seed, rows, method):
    random = np.random.default_rng(seed)
    table = pd.DataFrame(random.integers(0, 4, size=(rows, 4)), columns=["p", "item", "run", "score"])
    try:
        study = variance_components(table, ["p"], parse_facets("item,run/p"), method=method)
    except PersonaBig5Error:
        return
    assert all(np.isfinite(component.estimate_raw) for component in study.effects.values())
    assert decision_study(study, {"item": (1, 5), "run": (1, 2)}).grid


def test_confounded_effects_are_named_and_the_others_estimated():
    square = [(a, b, (a + b) % 5) for a in range(5) for b in range(5)]
    random = np.random.default_rng(1)
    table = pd.DataFrame(square, columns=["p", "item", "form"])
    table["score"] = random.normal(size=5)[table["p"]] + random.normal(size=25)
    study = variance_components(table, ["p"], parse_facets("item,form"))
    assert list(study.effects) == ["p", "item", "form", "residual"]
    assert all("residual" in why for why in study.dropped.values())


def test_an_effect_that_follows_from_others_is_named_not_solved_for():
    random = np.random.default_rng(2)
    groups = pd.DataFrame({"p": [0, 0, 1, 1, 2, 2], "q": [0, 1, 1, 2, 2, 0]})
    table = pd.concat([groups] * 4, ignore_index=True)
    table["score"] = random.normal(size=len(table))
    study = variance_components(table, ["p"], parse_facets("q"))
    assert all(np.isfinite(component.estimate_raw) for component in study.effects.values())
    aliased = [name for name, why in study.dropped.items() if why == ALIASED]
    assert set(study.effects) | set(aliased) | set(study.dropped) >= {"p", "q", "p:q", "residual"}


def test_scores_that_are_no_numbers_or_have_no_end_are_refused():
    table = pd.DataFrame({"p": ["a", "b", "b"], "score": [1.0, 2.0, np.inf]})
    with pytest.raises(DataError, match="infinite"):
        variance_components(table, ["p"], ())
    with pytest.raises(DataError, match="holds what is no number"):
        variance_components(table.assign(score=["one", "2", "3"]), ["p"], ())
    with pytest.raises(DataError, match="holds no score"):
        variance_components(table.assign(score=np.nan), ["p"], ())
    with pytest.raises(DataError, match="'p' has 1 missing"):
        variance_components(table.assign(p=["a", None, "b"], score=1.0), ["p"], ())


def test_group_sums_with_empty_groups_count_them_as_nothing():
    random = np.random.default_rng(3)
    table = pd.DataFrame({"p": np.repeat(np.arange(6), 4), "score": random.normal(size=24)})
    sums = group_sums(table, ["p"])
    empty = pd.DataFrame({"p": [9], "n": [0], "sum": [0.0], "sum_of_squares": [0.0]})
    expected = variance_components(table, ["p"], ()).effects
    found = variance_components(pd.concat([sums, empty], ignore_index=True), ["p"], ()).effects
    for name, component in expected.items():
        assert found[name].estimate_raw == pytest.approx(component.estimate_raw, abs=1e-12)
        assert found[name].ci_high == pytest.approx(component.ci_high, abs=1e-12)
