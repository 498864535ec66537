"""`reliability`: what it says of planted and of real scales, and the reason of everything it cannot say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from planted_tables import long_table

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.document import write_out
from persona_big5.analysis.reliability import reliability_entries
from persona_big5.analysis.shares import g_studies
from persona_big5.store.longtable import read_long
from persona_big5.validity.reliability import alpha_of

COEFFICIENTS = ("alpha", "omega_total", "omega_hierarchical", "split_half")
KEYS = np.where(np.arange(16) % 2 == 0, 1.0, -1.0)


def entries(frame, frame_of_waves=None, **given):
    answers = lay_out(frame)
    found = reliability_entries(answers, g_studies(answers), frame_of_waves, **given)
    written = write_out({"reliability": found})
    return written["reliability"], written["reasons"]


def planted(n_llms=4, n_personas=40, runs=3, *, noise=0.8, day=0.0, seed=1):
    """Two traits of 8 items, half of them reversed; traits of persona and llm x persona, SD 1 together."""
    random = np.random.default_rng(seed)
    trait = np.sqrt(0.5) * (random.normal(size=(1, n_personas, 1, 2)) + random.normal(size=(n_llms, n_personas, 1, 2)))
    trait = trait + day * random.normal(size=(n_llms, n_personas, runs, 2))
    of_item = np.where(np.arange(16) % 4 < 2, 0, 1)
    scores = 3 + trait[..., of_item] * KEYS + 0.7 * random.normal(size=(n_llms, n_personas, 1, 16))
    scores = scores + noise * random.normal(size=(n_llms, n_personas, runs, 16))
    return long_table(scores.reshape(-1, 16), n_llms, n_personas, runs)


def test_planted_reliabilities_lie_in_their_intervals():
    found, reasons = entries(planted(n_personas=150, noise=0.8, day=0.4))
    item_error = 0.49 + 0.64 / 3
    true = 1 + 0.16 / 3
    expected = alpha_of(true + item_error * np.eye(8))
    for scale in found.values():
        for name in COEFFICIENTS:
            low, high = scale[f"{name}_ci"]
            assert low <= scale[name] <= high
        assert scale["alpha"] == pytest.approx(expected, abs=0.04)
        assert scale["omega_total"] >= scale["omega_hierarchical"]
        assert scale["split_half"] == pytest.approx(scale["alpha"], abs=0.01)
        assert scale["split_half_range"]["n_splits"] == 35
        one_run = (1 + 0.49 / 8) / (1 + 0.49 / 8 + 0.16 + 0.64 / 8)
        assert scale["icc"]["single"] == pytest.approx(one_run, abs=0.04)
        assert scale["retest_runs"]["r"] == pytest.approx(scale["icc"]["single"], abs=0.02)
        assert scale["retest_runs"]["n_pairs"] == 3
        low, high = scale["icc"]["single_ci"]
        assert low <= scale["icc"]["single"] <= high
        assert (scale["n_items"], scale["n_reversed"]) == (8, 4)
        assert scale["r_positive_negative"] < -0.7
        assert scale["multilevel"]["change"] == pytest.approx(0.16 / (0.16 + 0.64 / 8), abs=0.12)
    assert {reason.rsplit(".", 1)[1] for reason in reasons} == {"ordinal_alpha", "retest_waves"}
    assert "more than 20" in reasons["reliability.one.ordinal_alpha"]


def test_options_have_an_ordinal_alpha_above_alpha_of_the_same_answers():
    frame = planted(runs=1)
    frame["score"] = np.where(frame["score"] > 4, 5.0, np.where(frame["score"] > 3.5, 4.0, 1.0))
    found, reasons = entries(frame)
    for name, scale in found.items():
        assert scale["ordinal_alpha"] > scale["alpha"] > 0.6
        assert reasons[f"reliability.{name}.retest_runs"] == "one run per respondent"
        assert "repeated scores" in reasons[f"reliability.{name}.icc"]


def test_waves_are_compared_with_placebo_personas_left_out():
    first = planted(seed=2)
    later = first.assign(wave="2", score=first["score"] + 0.5 * first["keyed"])
    placebo = later.assign(persona="paraphrase", persona_group="placebo", wave="3").drop_duplicates(
        ["llm", "item_id", "run"]
    )
    frame = pd.concat([first, later], ignore_index=True)
    found, _ = entries(frame, pd.concat([frame, placebo], ignore_index=True))
    for scale in found.values():
        waves = scale["retest_waves"]
        assert (waves["waves"], waves["n_pairs"], waves["n_respondents"]) == (["1", "2"], 1, 160)
        assert waves["r"] == pytest.approx(1)
        assert 0.7 < waves["icc_agreement"] < 1  # all respondents rose by .5


def test_one_item_one_llm_and_one_respondent():
    frame = planted()
    one = frame[frame["item_id"].isin(["i0", "i2", "i3", "i6", "i7"])]
    found, reasons = entries(one)
    assert found["one"]["alpha"] is None
    assert reasons["reliability.one.alpha"] == "alpha needs at least two items; there is 1"
    assert reasons["reliability.one.omega_total_ci"] == "omega needs at least three items; there are 1"
    assert reasons["reliability.two.omega_hierarchical"] == "a general factor takes at least 6 items"
    alone, why = entries(frame[(frame["llm"] == "llm-0") & (frame["persona"] == "p0")])
    assert alone["one"]["alpha"] is None
    assert why["reliability.one.alpha"]
    assert why["reliability.one.icc"].endswith("there are 3 scores of 1")
    few = frame[frame["persona"].isin(["p0", "p1", "p2"])]
    found, reasons = entries(few[few["llm"] != "llm-3"])
    assert found["one"]["alpha"] is not None
    assert "at least 4 levels" in reasons["reliability.one.alpha_ci"]


def test_duplicated_and_missing_items_are_answered():
    frame = planted()
    wide = frame.pivot_table(index=["llm", "persona", "run"], columns="item_id", values="score")
    twice = frame["item_id"].isin(["i4", "i8", "i12"])
    copied = frame.copy()
    key = list(zip(frame["llm"], frame["persona"], frame["run"], strict=True))
    copied.loc[twice, "score"] = [wide.loc[k, "i0"] for k, t in zip(key, twice, strict=True) if t]
    copied.loc[np.random.default_rng(1).random(len(frame)) < 0.3, "score"] = np.nan
    found, reasons = entries(copied)
    assert found["one"]["alpha"] is not None
    assert all(reason for reason in reasons.values())


def test_published_alphas_of_real_answers(shared):
    table = read_long(shared / "real" / "personallm_bfi" / "long.csv.gz")
    found, _ = entries(table[table["scale"].isin(["Agreeableness", "Neuroticism"])])
    assert len(found) == 2
    for scale in found.values():
        assert 0.86 <= scale["alpha"] <= scale["omega_total"] <= 1
        assert scale["alpha_ci"][0] > 0.75
        assert scale["r_positive_negative"] < -0.85
        assert scale["icc"]["mean"] > 0.9


def test_the_same_seed_gives_the_same_entry():
    frame = planted(n_personas=50)
    assert entries(frame, seed=4) == entries(frame, seed=4)
