"""Each llm on its own and placebo personas as the null, from long tables of planted numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from planted_tables import long_table

from persona_big5.analysis.answers import is_placebo, lay_out
from persona_big5.analysis.document import Missing, write_out
from persona_big5.analysis.shares import by_llm_entries, g_studies, placebo_entry, variance_by_level
from persona_big5.variance import parse_facets, variance_components

N_LLMS, N_PERSONAS, RUNS, N_ITEMS = 5, 12, 4, 8


def scores(seed=0, persona_sd=1.0, run_sd=0.7):
    random = np.random.default_rng(seed)
    persona = persona_sd * random.normal(size=(1, N_PERSONAS, 1, N_ITEMS))
    both = 0.4 * random.normal(size=(N_LLMS, N_PERSONAS, 1, N_ITEMS))
    noise = run_sd * random.normal(size=(N_LLMS, N_PERSONAS, RUNS, N_ITEMS))
    return (3 + persona + both + noise).reshape(-1, N_ITEMS)


@pytest.fixture(scope="module")
def frame():
    return long_table(scores(), N_LLMS, N_PERSONAS, RUNS)


def test_g_study_of_each_llm_is_that_of_its_rows_alone(frame):
    entries = by_llm_entries(lay_out(frame))
    assert [entry["llm"] for entry in entries] == [f"llm-{i}" for i in range(N_LLMS)]
    for entry in entries:
        own = frame[(frame["llm"] == entry["llm"]) & (frame["scale"] == "one")]
        keyed = own.assign(score=np.where(own["keyed"] > 0, own["score"], 6 - own["score"]))
        alone = variance_components(keyed, ["persona"], parse_facets("item_id,run/persona")).coefficients
        found = entry["g_study"]["one"]
        assert found == pytest.approx(
            {"g_coefficient": alone.g_coefficient, "phi": alone.phi, "sem": alone.sem}, abs=1e-10
        )


def test_ratio_of_each_llm_has_an_interval_and_a_test_that_it_is_one(frame):
    answers = lay_out(frame)
    for entry in by_llm_entries(answers):
        own = variance_by_level(lay_out(frame[frame["llm"] == entry["llm"]])).run_to_persona
        assert entry["ratio"] == pytest.approx(entry["run_variance"] / entry["persona_variance"], abs=1e-12)
        assert entry["ratio_ci_low"] < entry["ratio"] < entry["ratio_ci_high"]
        assert entry["ratio_p_equal_one"] == pytest.approx(own.p_equal_one, abs=1e-10)
    assert all(entry["ratio_p_equal_one"] < 0.05 for entry in by_llm_entries(answers))


def test_what_an_llm_s_rows_cannot_tell_is_null_with_its_reason(frame):
    once = frame[frame["run"] == "0"]
    written = write_out({"by_llm": by_llm_entries(lay_out(once))})
    assert written["by_llm"][0]["ratio"] is None
    assert "no repeated runs" in written["reasons"]["by_llm[0].ratio_ci_low"]
    single = frame[frame["persona"] == "p0"]
    (entry, *_) = by_llm_entries(lay_out(single))
    assert entry["g_study"]["one"] == Missing("one respondent: no object of measurement")


def test_levels_of_reversed_items_without_ends_are_not_said_per_llm(frame):
    entry = by_llm_entries(lay_out(frame.assign(score_min=np.nan, score_max=np.nan)))[0]["g_study"]["one"]
    assert isinstance(entry["phi"], Missing)
    assert isinstance(entry["sem"], Missing)
    known = by_llm_entries(lay_out(frame))[0]["g_study"]["one"]
    assert entry["g_coefficient"] == pytest.approx(known["g_coefficient"], abs=1e-10)


def with_placebo(frame, spread):
    """The table with personas p0 ... p5 as paraphrases whose answers differ by ``spread`` of what they did."""
    placebo = frame["persona"].isin([f"p{i}" for i in range(6)])
    shrunk = 3 + spread * (frame["score"] - 3)
    return frame.assign(
        score=frame["score"].where(~placebo, shrunk), persona_group=np.where(placebo, "placebo", "role")
    )


def entry_of(frame):
    everyone, answers = lay_out(frame), lay_out(frame[~is_placebo(frame)])
    return placebo_entry(frame, everyone, answers, variance_by_level(answers))


def test_personas_exceed_paraphrases_that_hardly_differ(frame):
    found = entry_of(with_placebo(frame, 0.05))
    assert found["excess"]["p_above_zero"] < 0.01
    assert found["excess"]["ci_low"] < found["excess"]["estimate"] < found["excess"]["ci_high"]
    assert found["persona_variance"] < 0.05
    assert json.dumps(write_out({"placebo": found}), allow_nan=False)


def test_paraphrases_that_differ_as_much_are_not_exceeded(frame):
    assert entry_of(with_placebo(frame, 1.0))["excess"]["p_above_zero"] > 0.05


def test_without_enough_paraphrases_the_comparison_has_a_reason(frame):
    marked = with_placebo(frame, 0.1)
    three = marked[~marked["persona"].isin(["p3", "p4", "p5"])]
    assert "fewer than 4" in entry_of(three)["excess"].reason
    assert "fewer than two personas" in entry_of(frame.assign(persona_group="role")).reason


def test_intervals_and_coefficients_of_a_scale_are_those_of_the_library(frame):
    study, _ = g_studies(lay_out(frame))["two"]
    own = frame[frame["scale"] == "two"]
    keyed = own.assign(score=np.where(own["keyed"] > 0, own["score"], 6 - own["score"]))
    direct = variance_components(keyed, ["llm", "persona"], parse_facets("item_id,run/llm:persona"))
    assert study.coefficients.phi == pytest.approx(direct.coefficients.phi, abs=1e-10)
    for name in ("llm", "persona", "residual"):
        assert study.effects[name].ci_high_raw == pytest.approx(direct.effects[name].ci_high_raw, abs=1e-10)
