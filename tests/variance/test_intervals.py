"""Intervals over the levels of facets, against what textbooks give where they give it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from persona_big5.variance.components import component_table, shares
from persona_big5.variance.design import Effect
from persona_big5.variance.jackknife import Replicates, cell_variance, interval, leave_one_out, resampled_facets
from persona_big5.variance.sums import sums_of_scores


def leave_outs_of_mean(values):
    return (values.sum() - values) / (len(values) - 1)


def test_one_facet_gives_the_usual_interval_of_a_mean():
    values = np.random.default_rng(1).normal(size=9)
    found = interval(values.mean(), Replicates({"persona": leave_outs_of_mean(values)}))
    expected = scipy.stats.t.interval(0.95, 8, values.mean(), scipy.stats.sem(values))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_variances_of_two_facets_add_up_with_satterthwaite_degrees_of_freedom():
    random = np.random.default_rng(2)
    llm, persona = random.normal(size=5), 0.6 * random.normal(size=12)
    both = Replicates({"llm": leave_outs_of_mean(llm), "persona": leave_outs_of_mean(persona)})
    v = np.array([llm.var(ddof=1) / 5, persona.var(ddof=1) / 12])
    df = v.sum() ** 2 / (v[0] ** 2 / 4 + v[1] ** 2 / 11)
    half = scipy.stats.t.ppf(0.975, df) * np.sqrt(v.sum())
    np.testing.assert_allclose(interval(np.array(3.0), both), (3 - half, 3 + half), rtol=0, atol=1e-12)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_variance_of_cells_is_taken_off_once_but_never_below_either_facet(share):
    random = np.random.default_rng(3)
    llm, persona = random.normal(size=6), random.normal(size=8)
    both = Replicates({"llm": leave_outs_of_mean(llm), "persona": leave_outs_of_mean(persona)})
    v = np.array([llm.var(ddof=1) / 6, persona.var(ddof=1) / 8])
    df = v.sum() ** 2 / (v[0] ** 2 / 5 + v[1] ** 2 / 7)
    low, high = interval(np.array(0.0), both, cell_variance=np.asarray(share * v.sum()))
    expected = max((1 - share) * v.sum(), v.max())
    assert high == pytest.approx(scipy.stats.t.ppf(0.975, df) * np.sqrt(expected), abs=1e-12)
    assert low == -high


def test_nothing_resampled_is_no_interval():
    low, high = interval(np.zeros(2), Replicates({}))
    assert np.isnan([low, high]).all()


def test_facets_with_fewer_than_four_levels_are_not_resampled():
    llm, persona = (axis.ravel() for axis in np.indices((3, 4)))
    sums = sums_of_scores(np.arange(12.0)[:, None], np.column_stack([llm, persona]), ["llm", "persona"])
    assert resampled_facets(sums, ["llm", "persona"]) == ["persona"]


def test_leaving_a_level_out_is_estimating_without_its_rows():
    random = np.random.default_rng(4)
    persona = np.repeat(np.arange(5), 3)
    scores = random.normal(size=(15, 1)) + random.normal(size=(5, 1))[persona]
    effects = [Effect("persona", frozenset({"persona"}))]
    sums = sums_of_scores(scores, persona[:, None], ["persona"])
    found = leave_one_out(sums, effects, ["persona"], lambda s: np.stack([v[:, 0] for v in s.values()], axis=1))
    for level in range(5):
        kept = scores[persona != level].reshape(4, 3)
        within = kept.var(axis=1, ddof=1).mean()
        np.testing.assert_allclose(
            found.by_facet["persona"][level], [kept.mean(axis=1).var(ddof=1) - within / 3, within], rtol=0, atol=1e-12
        )


def test_variance_that_belongs_to_cells_is_that_of_their_own_contributions():
    random = np.random.default_rng(5)
    n_llms, n_personas, runs, n_items = 4, 6, 3, 2
    scores = random.normal(size=(n_llms, n_personas, runs, n_items)) + random.normal(
        size=(n_llms, n_personas, 1, n_items)
    )
    llm, persona, _ = (axis.ravel() for axis in np.indices((n_llms, n_personas, runs)))
    cells = sums_of_scores(scores.reshape(-1, n_items), np.column_stack([llm, persona]), ["llm", "persona"])
    found = cell_variance(cells, "persona")
    within, means = scores.var(axis=2, ddof=1), scores.mean(axis=2)
    own = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + means.mean(axis=(0, 1))
    contribution = own**2 / ((1 - 1 / n_llms) * (1 - 1 / n_personas)) - within / runs
    n_cells = n_llms * n_personas
    assert found.full_cell == pytest.approx(contribution.mean(axis=2).var(ddof=1) / n_cells, abs=1e-12)
    assert found.residual == pytest.approx(within.mean(axis=2).var(ddof=1) / n_cells, abs=1e-12)


def test_shares_are_of_what_is_left_after_truncation():
    np.testing.assert_allclose(shares(np.array([3.0, -1.0, 1.0])), [0.75, 0.0, 0.25], rtol=0, atol=0)
    assert np.isnan(shares(np.array([-1.0, 0.0]))).all()


def test_component_keeps_its_raw_estimate_and_loses_the_interval_that_nothing_supports():
    leave_outs = np.array([[-0.2, 1.0], [0.0, 1.2], [-0.1, 0.9], [0.1, 1.1]])
    table = component_table(
        ["llm", "run"],
        np.array([-0.1, 1.0]),
        Replicates({"persona": leave_outs}),
        cell_variance={},
        without_interval=["llm"],
    )
    assert (table["llm"].estimate, table["llm"].estimate_raw, table["llm"].share) == (0.0, -0.1, 0.0)
    assert np.isnan([table["llm"].ci_low, table["llm"].ci_high, table["llm"].share_ci_high]).all()
    low, high = interval(np.array(1.0), Replicates({"persona": leave_outs[:, 1]}))
    assert (table["run"].ci_low, table["run"].ci_high) == pytest.approx((float(low), float(high)), abs=1e-12)
