"""The analysis of real and planted answers says what is known of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from persona_big5.analysis import analyze_table
from persona_big5.factors.congruence import tucker_phi
from persona_big5.store.longtable import read_long


@pytest.fixture(scope="module")
def personas(shared):
    return analyze_table(read_long(shared / "real" / "personallm_bfi" / "long.csv.gz"))


@pytest.fixture(scope="module")
def planted(shared):
    return analyze_table(read_long(shared / "reference" / "data" / "sim_two_level.csv.gz"))


def test_big_five_personas_have_five_dimensions(personas):
    found = personas.document
    assert found["retention"]["respondent"]["parallel_analysis"] == 5
    assert found["verdict"]["code"] == "persona_structure"
    shares = {name: component["share"] for name, component in found["variance"]["by_level"].items()}
    assert shares == pytest.approx({"llm": 0.060, "persona": 0.527, "llm:persona": 0.237, "run": 0.176}, abs=0.005)
    ratio = found["variance"]["run_to_persona_ratio"]
    assert ratio["estimate"] == pytest.approx(0.176 / (0.527 + 0.237), abs=0.01)
    assert min(scale["alpha"] for scale in found["reliability"].values()) >= 0.86
    assert all(scale["r_positive_negative"] < -0.85 for scale in found["reliability"].values())
    within = {
        one["llm"]: one["persona_variance"] / (one["persona_variance"] + one["run_variance"])
        for one in found["variance"]["by_llm"]
    }
    assert within == pytest.approx({"gpt-3.5-turbo-0613": 0.773, "gpt-4-0613": 0.834}, abs=0.001)


def test_planted_structure_is_found_only_without_run_noise(planted, shared):
    found = planted.document
    counts = {
        level: found["retention"][level]["parallel_analysis"] for level in ("pooled", "means", "respondent", "run")
    }
    assert counts == {"pooled": 7, "means": 6, "respondent": 5, "run": 2}
    truth = np.array(
        json.loads((shared / "reference" / "data" / "sim_two_level_truth.json").read_text())["lambda_between"]
    )
    loadings = np.array(list(found["factors"]["respondent"]["loadings"].values()))
    assert (np.abs(tucker_phi(loadings, truth)).max(axis=0) >= 0.98).all()
    pooled = np.array(list(found["factors"]["pooled"]["loadings"].values()))
    assert np.abs(tucker_phi(pooled, truth)).max(axis=0).min() < 0.8
    assert found["recommended_level"]["level"] == "respondent"


def nulls(value, path=""):
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from nulls(part, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from nulls(part, f"{path}[{i}]")


def test_every_null_has_a_reason_and_every_reason_a_null(personas):
    document = {key: value for key, value in personas.document.items() if key != "reasons"}
    assert sorted(nulls(document)) == sorted(personas.document["reasons"])


CONTRACT = (
    "schema_version", "provenance", "verdict", "data", "variance", "decision", "correlations", "factorability",
    "retention", "factors", "recommended_level", "scores", "reliability", "style", "probability", "replication",
    "confirmatory",
    "prediction", "change", "missingness_bounds", "semantic", "mtmm", "invariance", "drift", "axis", "mixtures",
    "reasons",
)  # fmt: skip
LEVELS = {"pooled", "means", "respondent", "split_run", "run", "llm", "variant", "persona", "llm:persona", "context"}


def test_written_analysis_is_strict_json_with_every_key(personas, tmp_path):
    personas.write(tmp_path)
    text = (tmp_path / "analysis.json").read_text()
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert set(document) == set(CONTRACT)
    assert set(document["correlations"]) == LEVELS
    for part in ("factorability", "retention", "factors"):
        assert set(document[part]) == {*LEVELS, "respondent_without_style"}
    tables = {path.stem for path in tmp_path.glob("*.parquet")}
    assert tables == {
        "long",
        "respondent_items",
        "respondent_scales",
        "components_by_item",
        "loadings",
        "item_correlations",
        "factor_scores",
    }


def test_the_same_seed_gives_the_same_analysis(shared, personas):
    again = analyze_table(read_long(shared / "real" / "personallm_bfi" / "long.csv.gz"))
    assert again.document == personas.document


def test_half_a_million_real_answers(shared):
    found = analyze_table(read_long(shared / "real" / "mfq_base" / "long.csv.gz"), draws=20).document
    shares = {name: component["share"] for name, component in found["variance"]["by_level"].items()}
    assert shares == pytest.approx({"llm": 0.244, "persona": 0.373, "llm:persona": 0.269, "run": 0.114}, abs=0.005)
    assert any("context is constant within every llm" in warning for warning in found["data"]["warnings"])
    of_llm = {one["llm"]: (one["robustness"], one["susceptibility"]) for one in found["variance"]["by_llm"]}
    assert of_llm["gpt-4o"] == pytest.approx((9.751, 0.793), abs=6e-4)
    assert found["style"] is None
    assert found["data"]["states"] == {"answered": 539_752, "missing": 248}
