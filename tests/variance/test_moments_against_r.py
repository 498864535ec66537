"""Variance components against lme4 and expected mean squares, and against a dense computation."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.variance import (
    GCoefficients,
    GStudy,
    decision_study,
    group_sums,
    parse_facets,
    variance_components,
)
from persona_big5.variance.components import Component


def g_study(shared, name, object_columns, facets, score):
    table = shared / "reference" / "data" / name
    reference = json.loads((shared / "reference" / "ref" / "gtheory" / f"{name.split('.')[0]}.json").read_text())
    return variance_components(pd.read_csv(table), object_columns, parse_facets(facets), score=score), reference


def raw(study):
    return {name: component.estimate_raw for name, component in study.effects.items()}


def test_balanced_crossed_design_equals_expected_mean_squares(shared):
    study, reference = g_study(shared, "Gleser.csv", ["person"], "item,judge", "y")
    expected = {
        name.replace("Residual", "residual"): value for name, value in reference["anova_ems_untruncated"].items()
    }
    assert raw(study) == pytest.approx(expected, abs=1e-8)
    assert study.effects["judge"].estimate == 0
    assert study.effects["judge"].estimate_raw == pytest.approx(-0.01414141414, abs=1e-8)


def test_nested_runs_crossed_with_items_equal_expected_mean_squares(shared):
    study, reference = g_study(shared, "sim_gstudy.csv.gz", ["model", "persona"], "item,run/model:persona", "y")
    expected = {
        name.replace("Residual", "residual"): v for name, v in reference["anova_ems"]["variance_run_nested"].items()
    }
    assert set(expected) == set(raw(study))
    assert raw(study) == pytest.approx(expected, abs=1e-8)
    cell = reference["coefficients_at_design_n"]["object_cell_model_x_persona__random_item_run"]
    assert study.coefficients.g_coefficient == pytest.approx(cell["G"], abs=5e-4)
    assert study.coefficients.phi == pytest.approx(cell["Phi"], abs=5e-4)
    assert study.coefficients.sem == pytest.approx(np.sqrt(cell["absolute_error"]), abs=5e-4)


def test_runs_crossed_with_everything_give_all_fifteen_components(shared):
    study, reference = g_study(shared, "sim_gstudy.csv.gz", ["model", "persona"], "item,run", "y")
    expected = reference["anova_ems"]["variance_full_crossed_15"]
    letters = {"model": "m", "persona": "p", "item": "i", "run": "r"}
    found = {
        "".join(letters[column] for column in name.split(":")): value
        for name, value in raw(study).items()
        if name != "residual"
    }
    assert {**found, "mpir": raw(study)["residual"]} == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("objects", "facets", "suffix"),
    [
        (["persona"], "model,item,run/model:persona", "persona"),
        (["model", "persona"], "item,run/model:persona", "cell"),
    ],
)
def test_decision_study_of_unbalanced_data_by_reml_equals_reference_grid(shared, objects, facets, suffix):
    table = pd.read_csv(shared / "reference" / "data" / "sim_gstudy_unbalanced.csv.gz")
    reference = json.loads((shared / "reference" / "ref" / "gtheory" / "sim_gstudy_unbalanced.json").read_text())
    study = variance_components(table, objects, parse_facets(facets), score="y", method="reml")
    items, runs = (sorted({row[f"n_{of}"] for row in reference["d_study_grid"]}) for of in ("items", "runs"))
    grid = decision_study(study, {"item": items, "run": runs}).grid
    assert len(grid) == len(reference["d_study_grid"])
    found = {(row["n_items"], row["n_runs"]): row for row in grid}
    for row in reference["d_study_grid"]:
        mine = found[row["n_items"], row["n_runs"]]
        assert (mine["g"], mine["phi"]) == pytest.approx((row[f"G_{suffix}"], row[f"Phi_{suffix}"]), abs=5e-4)
        assert mine["calls"] == row["n_items"] * row["n_runs"]


def test_error_is_runs_over_runs_and_residual_over_runs_and_items(shared):
    study, _ = g_study(shared, "sim_gstudy.csv.gz", ["model", "persona"], "item,run/model:persona", "y")
    part = {name: component.estimate for name, component in study.effects.items()}
    with_items = sum(part[f"{who}:item"] for who in ("model", "persona", "model:persona"))
    for items, runs in ((5, 1), (12, 3)):
        error = with_items / items + part["run:(model:persona)"] / runs + part["residual"] / (items * runs)
        universe = part["model"] + part["persona"] + part["model:persona"]
        found = study.with_conditions({"item": items, "run": runs})
        assert found.g_coefficient == pytest.approx(universe / (universe + error), abs=1e-12)
        assert found.sem == pytest.approx(np.sqrt(error + part["item"] / items), abs=1e-12)


def test_coefficients_of_judges_and_items_equal_reference(shared):
    table = pd.read_csv(shared / "reference" / "data" / "Gleser.csv")
    reference = json.loads((shared / "reference" / "ref" / "gtheory" / "Gleser.json").read_text())
    study = variance_components(table, ["person"], parse_facets("item,judge"), score="y", method="reml")
    for row in reference["coefficients"]:
        found = study.with_conditions({"item": row["n_items"], "judge": row["n_judges"]})
        assert (found.g_coefficient, found.phi) == pytest.approx((row["G"], row["Phi"]), abs=5e-4)


def test_scale_with_a_negative_component_equals_expected_mean_squares(shared):
    keys = json.loads((shared / "reference" / "ref" / "two_level" / "gstudy_factor1_scale.json").read_text())
    wide = pd.read_csv(shared / "reference" / "data" / "sim_two_level.csv.gz")
    signs = {key.removeprefix("-"): key.startswith("-") for key in keys["keyed_items"]}
    long = wide.melt(["model", "persona", "run"], list(signs), "item", "y")
    long["y"] = np.where(long["item"].map(signs), 6 - long["y"], long["y"])
    study = variance_components(long, ["model", "persona"], parse_facets("item,run/model:persona"), score="y")
    names = ["model", "persona", "item", "run"]
    expected = expected_mean_squares(long.sort_values(names)["y"].to_numpy().reshape(8, 60, 8, 10))
    expected["run:(model:persona)"] = expected.pop("run")
    assert raw(study) == pytest.approx(expected, abs=1e-8)
    assert expected["run:(model:persona)"] < 0


def expected_mean_squares(y):
    """Closed form for model x persona x item with runs (last axis) nested in model x persona, crossed with items."""
    m, p, i, r = y.shape

    def sum_of_squares(*kept):
        gone = tuple(axis for axis in range(4) if axis not in kept)
        means = y.mean(axis=gone, keepdims=True)
        return float((means**2).sum() * np.prod([y.shape[axis] for axis in gone]))

    total = {
        k: sum_of_squares(*k)
        for k in [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2), (0, 1, 3), (0, 1, 2, 3)]
    }
    mean = total[()]
    M, P, J = (total[(k,)] - mean for k in range(3))
    MP, MI, PI = (total[pair] - total[pair[:1]] - total[pair[1:]] + mean for pair in [(0, 1), (0, 2), (1, 2)])
    MPI = total[0, 1, 2] - mean - M - P - J - MP - MI - PI
    R = total[0, 1, 3] - total[0, 1]
    ms = {
        "model": M / (m - 1), "persona": P / (p - 1), "item": J / (i - 1), "mp": MP / (m - 1) / (p - 1),
        "mi": MI / (m - 1) / (i - 1), "pi": PI / (p - 1) / (i - 1), "mpi": MPI / (m - 1) / (p - 1) / (i - 1),
        "run": R / (m * p * (r - 1)),
        "residual": (total[0, 1, 2, 3] - total[0, 1, 2] - R) / (m * p * (i - 1) * (r - 1)),
    }  # fmt: skip
    return {
        "residual": ms["residual"],
        "run": (ms["run"] - ms["residual"]) / i,
        "model:persona:item": (ms["mpi"] - ms["residual"]) / r,
        "model:persona": (ms["mp"] - ms["mpi"] - ms["run"] + ms["residual"]) / (i * r),
        "model:item": (ms["mi"] - ms["mpi"]) / (p * r),
        "persona:item": (ms["pi"] - ms["mpi"]) / (m * r),
        "model": (ms["model"] - ms["mp"] - ms["mi"] + ms["mpi"]) / (p * i * r),
        "persona": (ms["persona"] - ms["mp"] - ms["pi"] + ms["mpi"]) / (m * i * r),
        "item": (ms["item"] - ms["mi"] - ms["pi"] + ms["mpi"]) / (m * p * r),
    }


def test_decision_study_equals_reference_grid(shared):
    study, reference = g_study(shared, "sim_gstudy.csv.gz", ["persona"], "model,item,run/model:persona", "y")
    for row in reference["d_study_grid"]:
        found = study.with_conditions({"item": row["n_items"], "run": row["n_runs"]})
        assert found.g_coefficient == pytest.approx(row["G_persona"], abs=5e-4)
        assert found.phi == pytest.approx(row["Phi_persona"], abs=5e-4)


@pytest.mark.parametrize(
    ("name", "object_columns", "facets", "score", "expected"),
    [
        ("Dyestuff.csv", ["Batch"], "", "Yield", {"Batch": 1764.05, "residual": 2451.25}),
        (
            "Pastes.csv",
            ["batch"],
            "cask/batch",
            "strength",
            {"batch": 1.657309, "cask:(batch)": 8.433667, "residual": 0.678},
        ),
        (
            "Penicillin.csv",
            ["sample"],
            "plate",
            "diameter",
            {"sample": 3.730918, "plate": 0.716908, "residual": 0.302415},
        ),
    ],
)
def test_textbook_data_equal_closed_form(shared, name, object_columns, facets, score, expected):
    study, _ = g_study(shared, name, object_columns, facets, score)
    assert raw(study) == pytest.approx(expected, abs=6e-7)


def test_unbalanced_components_are_close_to_reml(shared):
    study, reference = g_study(
        shared, "sim_gstudy_unbalanced.csv.gz", ["model", "persona"], "item,run/model:persona", "y"
    )
    lmer = {name.replace("Residual", "residual"): v for name, v in reference["lmer"]["variance_components"].items()}
    assert raw(study) == pytest.approx(lmer, abs=0.02 * sum(lmer.values()))


@pytest.mark.parametrize(
    ("name", "object_columns", "facets"), [("VerbAgg.csv", ["id"], "item"), ("sai_FLAT", ["id"], "time,item")]
)
def test_crossed_questionnaire_data_are_close_to_reml(shared, name, object_columns, facets):
    reference = json.loads((shared / "reference" / "ref" / "gtheory" / f"{name.split('.')[0]}.json").read_text())
    if name == "VerbAgg.csv":
        table = pd.read_csv(shared / "reference" / "data" / name)
    else:
        sai = pd.read_csv(shared / "reference" / "data" / "sai.csv")
        keys = json.loads((shared / "reference" / "data" / "sai_keys.json").read_text())
        signs = {item.removeprefix("-"): item.startswith("-") for listed in keys.values() for item in listed}
        long = sai[sai["study"] == "FLAT"].melt(["study", "time", "id"], list(signs), "item", "y")
        table = long.assign(y=np.where(long["item"].map(signs), 5 - long["y"], long["y"]))
        three = table.dropna().groupby("id")["time"].nunique()
        table = table[table["id"].isin(three[three == 3].index)]
    study = variance_components(table, object_columns, parse_facets(facets), score="y")
    lmer = {effect.replace("Residual", "residual"): v for effect, v in reference["lmer"]["variance_components"].items()}
    assert raw(study) == pytest.approx(lmer, abs=0.02 * sum(lmer.values()))


def dense_henderson(y, partitions):
    """Henderson's method I with explicit indicator matrices."""
    designs = [np.ones((len(y), 1)), *(np.eye(codes.max() + 1)[codes] for codes in partitions), np.eye(len(y))]
    projections = [Z @ np.diag(1 / Z.sum(axis=0)) @ Z.T for Z in designs]
    system = np.array([[np.trace(P @ Z @ Z.T) for Z in designs] for P in projections])
    return np.linalg.solve(system, [y @ P @ y for P in projections])[1:]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), drop=st.floats(0, 0.4))
def test_unbalanced_components_equal_dense_computation(seed, drop):
    random = np.random.default_rng(seed)
    a, b, _ = (axis.ravel() for axis in np.indices((4, 5, 3)))
    kept = random.random(len(a)) >= drop
    kept[: 2 * 15] = True
    a, b = a[kept], b[kept]
    y = random.normal(size=4)[a] + random.normal(size=5)[b] + random.normal(size=len(a)) + 3
    study = variance_components(pd.DataFrame({"a": a, "b": b, "y": y}), ["a"], parse_facets("b"), score="y")
    cell = np.unique(a * 5 + b, return_inverse=True)[1]
    np.testing.assert_allclose(list(raw(study).values()), dense_henderson(y, [a, b, cell]), atol=1e-8)


def test_group_sums_give_the_components_of_the_observations(shared):
    table = pd.read_csv(shared / "reference" / "data" / "sim_gstudy_unbalanced.csv.gz")
    facets = parse_facets("item,run/model:persona")
    direct = variance_components(table, ["model", "persona"], facets, score="y")
    summed = group_sums(table, ["model", "persona", "item", "run"], score="y")
    assert raw(variance_components(summed, ["model", "persona"], facets)) == pytest.approx(raw(direct), abs=1e-10)


def test_adding_a_constant_changes_nothing():
    random = np.random.default_rng(5)
    table = pd.DataFrame(
        {"p": np.repeat(np.arange(20), 6), "i": np.tile(np.arange(6), 20), "score": random.normal(size=120)}
    )
    moved = table.assign(score=table["score"] + 1e6)
    facets = parse_facets("i")
    assert raw(variance_components(moved, ["p"], facets)) == pytest.approx(
        raw(variance_components(table, ["p"], facets)), abs=1e-6
    )


def test_effects_that_cannot_be_told_apart_are_named():
    table = pd.DataFrame(
        {"p": [1, 1, 2, 2, 3, 3], "group": ["a", "a", "b", "b", "c", "c"], "score": [1.0, 2, 4, 5, 3, 3]}
    )
    study = variance_components(table, ["p"], parse_facets("group"))
    assert list(study.effects) == ["p", "residual"]
    assert study.dropped["group"] == "its levels are those of p: the two cannot be told apart"


def test_mistakes_say_what_was_seen():
    table = pd.DataFrame({"p": [1, 1, 2], "score": [1.0, 2.0, 3.0]})
    with pytest.raises(DataError, match="no column 'judge'; the table has 'p', 'score'"):
        variance_components(table, ["p"], parse_facets("judge"))
    with pytest.raises(DataError, match="run nested in llm:persona"):
        parse_facets("run/a/b")
    with pytest.raises(NotEstimableError, match="has one level"):
        variance_components(table.assign(p=1), ["p"], ())


def test_repeated_observations_that_no_facet_tells_apart_are_replicates():
    table = pd.DataFrame({"p": list("aabbcc"), "score": [1.0, 3, 5, 7, 3, 5]})
    study = variance_components(table, ["p"], ())
    assert raw(study) == pytest.approx({"p": 3, "residual": 2}, abs=1e-12)
    assert study.n_conditions == {"p": 3, "replicates": 2}
    c = study.coefficients
    assert (c.g_coefficient, c.phi, c.sem) == pytest.approx((0.75, 0.75, 1.0), abs=1e-12)
    assert study.with_conditions({"replicates": 6}).phi == pytest.approx(0.9, abs=1e-12)


def test_cheapest_design_has_the_fewest_calls_and_of_equals_the_highest_phi():
    study = GStudy(
        effects={"p": component(1), "p:item": component(2), "residual": component(1)},
        coefficients=GCoefficients(0.5, 0.5, 1.0),
        n_conditions={"item": 1, "run": 1},
        dropped={},
        columns={name: frozenset(columns) for name, columns in COLUMNS.items()},
        object_columns=frozenset({"p"}),
    )
    decision = decision_study(study, {"item": (6, 12), "run": (1, 2, 3)}, wanted_phi=(0.6, 0.7, 0.99))
    assert decision.cheapest == {
        0.6: {"n_items": 6, "n_runs": 1, "g": pytest.approx(2 / 3), "phi": pytest.approx(2 / 3), "calls": 6},
        0.7: {"n_items": 12, "n_runs": 1, "g": pytest.approx(0.8), "phi": pytest.approx(0.8), "calls": 12},
        0.99: None,
    }
    assert [row["calls"] for row in decision.grid] == [6, 12, 18, 12, 24, 36]


COLUMNS = {"p": ["p"], "p:item": ["p", "item"], "residual": ["p", "item", "run"]}


def component(estimate):
    nan = float("nan")
    return Component(estimate, estimate, nan, nan, nan, nan, nan, nan, nan)


def test_best_design_within_a_budget_has_the_highest_phi_of_those_it_pays_for(shared):
    study, _ = g_study(shared, "sim_gstudy.csv.gz", ["model", "persona"], "item,run/model:persona", "y")
    decision = decision_study(study, {"item": (5, 10, 20), "run": (1, 2)})
    best = decision.best_within(12)
    assert best["calls"] <= 12
    assert best["phi"] == max(row["phi"] for row in decision.grid if row["calls"] <= 12)
    assert decision.best_within(4) is None


def test_cheapest_design_is_the_one_with_fewest_calls(shared):
    study, _ = g_study(shared, "sim_gstudy.csv.gz", ["model", "persona"], "item,run/model:persona", "y")
    decision = decision_study(study, {"item": (5, 10, 20), "run": (1, 2)}, wanted_phi=(0.7, 0.99))
    reached = [row for row in decision.grid if row["phi"] >= 0.7]
    assert decision.cheapest[0.7]["calls"] == min(row["calls"] for row in reached)
    assert decision.cheapest[0.99] is None
