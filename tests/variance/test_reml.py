"""REML estimates against lme4, against balanced closed forms, and at their limits."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_big5.errors import NotEstimableError
from persona_big5.variance import parse_facets, variance_components
from persona_big5.variance.design import Effect, crossing, identified_effects
from persona_big5.variance.reml import _System, reml
from persona_big5.variance.sums import add_up
from persona_big5.variance.tables import codes_of

CELL_RUNS = "item,run/model:persona"


def sums_of(table, columns, score):
    y = table[[score]].to_numpy(float)
    return add_up(codes_of(table, columns), columns, np.ones_like(y), y, None)


def effects_of(*names):
    return [Effect(name, frozenset(name.split(":"))) for name in names]


def sai_flat(shared):
    sai = pd.read_csv(shared / "reference" / "data" / "sai.csv")
    keys = json.loads((shared / "reference" / "data" / "sai_keys.json").read_text())
    signs = {item.removeprefix("-"): item.startswith("-") for listed in keys.values() for item in listed}
    long = sai[sai["study"] == "FLAT"].melt(["study", "time", "id"], list(signs), "item", "y").dropna()
    long["y"] = np.where(long["item"].map(signs), 5 - long["y"], long["y"])
    times = long.groupby("id")["time"].nunique()
    return long[long["id"].isin(times[times == 3].index)]


SETS = {
    "Dyestuff": ("Yield", ["Batch"]),
    "Pastes": ("strength", ["batch", "sample"]),
    "Penicillin": ("diameter", ["plate", "sample"]),
    "Gleser": ("y", ["person", "item", "judge", "person:item", "person:judge", "item:judge"]),
    "VerbAgg": ("y", ["id", "item"]),
    "InstEval_sub": ("y", ["s", "d"]),
    "sai_FLAT": ("y", ["id", "time", "item", "id:time", "id:item", "time:item"]),
}


@pytest.mark.parametrize("name", SETS)
def test_estimates_equal_those_of_lmer(shared, name):
    score, effects = SETS[name]
    table = sai_flat(shared) if name == "sai_FLAT" else pd.read_csv(shared / "reference" / "data" / f"{name}.csv")
    lmer = json.loads((shared / "reference" / "ref" / "gtheory" / f"{name}.json").read_text())["lmer"]
    columns = sorted({column for effect in effects for column in effect.split(":")})
    found = reml(sums_of(table, columns, score), effects_of(*effects))
    expected = {effect.replace("Residual", "residual"): v for effect, v in lmer["variance_components"].items()}
    assert found.components == pytest.approx(expected, rel=2e-3, abs=1e-9)
    assert found.deviance == pytest.approx(lmer["reml_deviance"], abs=1e-5)


def test_department_beside_students_and_lecturers_equals_lmer(shared):
    table = pd.read_csv(shared / "reference" / "data" / "InstEval_sub.csv")
    lmer = json.loads((shared / "reference" / "ref" / "gtheory" / "InstEval_sub.json").read_text())["lmer_dept"]
    found = reml(sums_of(table, ["s", "d", "dept"], "y"), effects_of("s", "d", "dept"))
    expected = {effect.replace("Residual", "residual"): v for effect, v in lmer["variance_components"].items()}
    assert found.components == pytest.approx(expected, rel=2e-3)
    assert found.deviance == pytest.approx(lmer["reml_deviance"], abs=1e-5)


@pytest.mark.parametrize("name", ["sim_gstudy", "sim_gstudy_unbalanced"])
def test_runs_within_cells_crossed_with_items_equal_lmer(shared, name):
    table = pd.read_csv(shared / "reference" / "data" / f"{name}.csv.gz")
    lmer = json.loads((shared / "reference" / "ref" / "gtheory" / f"{name}.json").read_text())["lmer"]
    study = variance_components(table, ["model", "persona"], parse_facets(CELL_RUNS), score="y", method="reml")
    expected = {effect.replace("Residual", "residual"): v for effect, v in lmer["variance_components"].items()}
    assert {name: c.estimate_raw for name, c in study.effects.items()} == pytest.approx(expected, rel=2e-3)


def test_negative_component_is_on_the_boundary_as_lmer_has_it(shared):
    reference = json.loads((shared / "reference" / "ref" / "two_level" / "gstudy_factor1_scale.json").read_text())
    wide = pd.read_csv(shared / "reference" / "data" / "sim_two_level.csv.gz")
    signs = {key.removeprefix("-"): key.startswith("-") for key in reference["keyed_items"]}
    long = wide.melt(["model", "persona", "run"], list(signs), "item", "y")
    long["y"] = np.where(long["item"].map(signs), 6 - long["y"], long["y"])
    study = variance_components(long, ["model", "persona"], parse_facets(CELL_RUNS), score="y", method="reml")
    expected = {
        name.replace("cellrun", "run:(model:persona)").replace("Residual", "residual"): value
        for name, value in reference["variance_components"].items()
    }
    assert study.effects["run:(model:persona)"].estimate_raw == 0
    assert {name: c.estimate_raw for name, c in study.effects.items()} == pytest.approx(expected, rel=2e-3)
    moments = variance_components(long, ["model", "persona"], parse_facets(CELL_RUNS), score="y")
    assert moments.effects["run:(model:persona)"].estimate_raw < -0.04


def random_table(seed, drop=0.3):
    random = np.random.default_rng(seed)
    a, b, c = (axis.ravel() for axis in np.indices((5, 6, 3)))
    y = random.normal(size=5)[a] + random.normal(size=6)[b] + 0.7 * random.normal(size=30)[a * 6 + b]
    table = pd.DataFrame({"a": a, "b": b, "c": c, "y": y + 0.5 * random.normal(size=90) + 40})
    return table[random.random(90) >= drop]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), ratios=st.lists(st.floats(0.05, 4), min_size=3, max_size=3))
def test_deviance_is_that_of_the_dense_likelihood_and_its_gradient_its_slope(seed, ratios):
    table = random_table(seed)
    effects = effects_of("a", "b", "a:b")
    system = _System.of(sums_of(table, ["a", "b"], "y"), effects)
    ratios = np.array(ratios)
    value, gradient = system.deviance(ratios)
    y, n = table["y"].to_numpy(), len(table)
    V = np.eye(n)
    for ratio, codes in zip(ratios, (table["a"], table["b"], table["a"] * 6 + table["b"]), strict=True):
        V += ratio**2 * (codes.to_numpy()[:, None] == codes.to_numpy())
    inverse, one = np.linalg.inv(V), np.ones(n)
    weight = one @ inverse @ one
    residual = y - (one @ inverse @ y) / weight
    squares = residual @ inverse @ residual
    dense = np.linalg.slogdet(V)[1] + np.log(weight) + (n - 1) * (1 + np.log(2 * np.pi * squares / (n - 1)))
    assert value == pytest.approx(dense, abs=1e-8)
    slope = scipy.optimize.approx_fprime(ratios, lambda x: system.deviance(x)[0], 1e-6)
    np.testing.assert_allclose(gradient, slope, rtol=1e-3, atol=1e-3)


def test_balanced_components_are_those_of_expected_mean_squares():
    table = random_table(3, drop=0)
    moments = variance_components(table, ["a"], parse_facets("b"), score="y")
    found = variance_components(table, ["a"], parse_facets("b"), score="y", method="reml")
    assert min(component.estimate_raw for component in moments.effects.values()) > 0
    for name, component in found.effects.items():
        assert component.estimate_raw == pytest.approx(moments.effects[name].estimate_raw, rel=1e-4)


def test_intervals_are_the_jackknife_s_about_the_estimate():
    table = random_table(4)
    moments = variance_components(table, ["a"], parse_facets("b"), score="y").effects
    found = variance_components(table, ["a"], parse_facets("b"), score="y", method="reml").effects
    for name, component in found.items():
        width = moments[name].ci_high_raw - moments[name].ci_low_raw
        assert component.ci_high_raw - component.ci_low_raw == pytest.approx(width, rel=1e-12)
        assert (component.ci_high_raw + component.ci_low_raw) / 2 == pytest.approx(component.estimate_raw, abs=1e-12)


def test_too_large_a_design_is_refused_with_its_size():
    random = np.random.default_rng(1)
    a, b = random.integers(0, 4000, size=(2, 40_000))
    table = pd.DataFrame({"a": a, "b": b, "y": random.normal(size=40_000)})
    with pytest.raises(NotEstimableError, match=r"8000 levels of 2 effects are too many for REML \(4001 levels remain"):
        reml(sums_of(table, ["a", "b"], "y"), effects_of("a", "b"))


@pytest.mark.parametrize("constant", [0.0, 2.1])
def test_constant_scores_leave_nothing_to_estimate(constant):
    table = random_table(5).assign(y=constant)
    with pytest.raises(NotEstimableError, match="do not vary"):
        reml(sums_of(table, ["a", "b"], "y"), effects_of("a", "b", "a:b"))


def test_answers_that_never_differ_leave_no_residual():
    table = random_table(5, drop=0)
    table["y"] = table.groupby(["a", "b"])["y"].transform("mean")
    with pytest.raises(NotEstimableError, match="no variance is left for the residual"):
        reml(sums_of(table, ["a", "b"], "y"), effects_of("a", "b", "a:b"))


def test_large_means_cost_no_digits():
    table = random_table(6)
    near, far = (
        variance_components(table.assign(y=table["y"] + shift), ["a"], parse_facets("b"), score="y", method="reml")
        for shift in (0.0, 1e6)
    )
    for name, component in near.effects.items():
        assert far.effects[name].estimate_raw == pytest.approx(component.estimate_raw, rel=1e-3, abs=1e-6)


def test_effects_of_a_nested_design_are_identified_before_they_are_estimated():
    table = random_table(7)
    effects = crossing(parse_facets("a,b"))
    sums = sums_of(table, ["a", "b"], "y")
    kept = identified_effects(effects, sums.grouping, n_observations=len(table)).effects
    assert list(reml(sums, kept).components) == ["a", "b", "a:b", "residual"]
