"""The analysis of real and planted answers says what is known of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from persona_big5.analysis import analyze_table
from persona_big5.analysis.wide import factor_wide
from persona_big5.factors.congruence import tucker_phi
from persona_big5.store.longtable import read_long, read_table, with_ends


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


HARM = [
    "callousness", "dishonesty", "operational_specificity", "overconfidence", "recklessness", "sarcasm", "sycophancy",
    "toxicity",
]  # fmt: skip


@pytest.fixture(scope="module")
def option_orders(shared):
    """214 llms, 44 items of a Big Five form, two option orders as runs; the ends of the scale are not in the file."""
    folder = shared / "real" / "pwp_bfillm"
    frame = with_ends(read_long(folder / "long.csv.gz", {"option_order": "context"}), 1, 5)
    frame = frame[frame["scale"] != "social-desirability"]
    missing = frame["score"].isna().groupby(frame["llm"]).mean()
    return analyze_table(frame[frame["llm"].isin(missing.index[missing <= 0.5])]).document


def test_llms_answer_a_big_five_form_by_one_general_factor_and_by_agreeing(option_orders):
    assert option_orders["data"]["n_llms"] == 214
    verdict = option_orders["verdict"]
    assert verdict["code"] == "general_factor"
    assert "the second component is acquiescence" in verdict["text"]
    named = next(reason for reason in verdict["reasons"] if reason.startswith("component 2"))
    assert float(named.split("phi ")[1].split()[0]) == pytest.approx(0.93, abs=0.01)
    first = next(reason for reason in verdict["reasons"] if reason.startswith("first component"))
    assert float(first.split("points: phi ")[1]) == pytest.approx(0.86, abs=0.01)
    assert option_orders["style"]["all"]["r_positive_negative"] == pytest.approx(0.25, abs=0.01)
    shares = {
        name: part["share"] for name, part in option_orders["variance"]["g_study"]["all_items"]["effects"].items()
    }
    assert shares["llm"] == pytest.approx(0.025, abs=0.003)
    assert shares["item"] == pytest.approx(0.540, abs=0.01)
    assert shares["llm:item"] == pytest.approx(0.227, abs=0.01)
    assert shares["run"] + shares["residual"] == pytest.approx(0.207, abs=0.01)
    assert option_orders["variance"]["by_level"]["llm"]["share"] == pytest.approx(0.55, abs=0.01)


def test_structure_of_a_big_five_form_without_agreeing(option_orders):
    before, after = (option_orders["retention"][level] for level in ("respondent", "respondent_without_style"))
    assert before["parallel_analysis"] == 3
    assert 0.15 < before["eigenvalues"][1] / 44 < 0.25
    assert after["eigenvalues"][1] < 0.5 * before["eigenvalues"][1]
    assert option_orders["retention"]["respondent"]["halves"] is not None


def test_run_noise_hides_structure_of_judged_behaviour(shared):
    path = shared / "real" / "em_roles_traits" / "wide_responses.csv.gz"
    mapping = {"persona": "role", "variant": "dataset", "context": "question_id"}
    retention = analyze_table(read_long(path, mapping, items=HARM), draws=20).document["retention"]
    assert retention["pooled"]["eigenvalues"][:3] == pytest.approx([2.58, 1.22, 0.99], abs=0.02)
    assert retention["means"]["eigenvalues"][:3] == pytest.approx([4.94, 1.19, 0.90], abs=0.01)
    assert retention["means"]["n"] == 32
    rows = read_table(path)[HARM].dropna()
    assert factor_wide(rows, draws=20).document()["retention"]["eigenvalues"][0] == pytest.approx(2.58, abs=0.005)
