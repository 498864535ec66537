"""Runs of one respondent in two heaps, in tables whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from planted_tables import long_table

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.document import Missing, write_out
from persona_big5.analysis.mixtures import mixtures_entry

PERSONAS, RUNS, ITEMS = 30, 40, 8
KEYED = np.where(np.arange(ITEMS) % 2 == 0, 1, -1)


def likert(latent):
    """Keyed latent scores to raw answers 1 to 5."""
    return np.clip(np.rint(3 + KEYED * latent), 1, 5)


def world(random, two_personas=0, runs=RUNS):
    """``two_personas`` of the personas are one of two characters in each run, in scale one only."""
    persona = 0.5 * random.normal(size=(1, PERSONAS, 1, ITEMS))
    which = np.where(random.random((1, PERSONAS, runs, 1)) < 0.5, -1.2, 1.2)
    of_scale_one = np.arange(ITEMS) % 4 < 2
    shift = which * of_scale_one * (np.arange(PERSONAS) < two_personas)[None, :, None, None]
    latent = persona + shift + 0.6 * random.normal(size=(1, PERSONAS, runs, ITEMS))
    return long_table(likert(latent).reshape(-1, ITEMS), 1, PERSONAS, runs)


def test_two_characters_are_found_and_named_where_they_are():
    found = mixtures_entry(lay_out(world(np.random.default_rng(1), two_personas=6)), draws=499)
    flagged = [row for row in found["composites"] if row["flagged"]]
    assert found["n_tested"] == 2 * PERSONAS
    assert found["flagged"] == len(flagged)
    assert {row["persona"] for row in flagged} <= {f"p{i}" for i in range(6)}
    assert {row["scale"] for row in flagged} == {"one"}
    assert len(flagged) >= 5
    assert all(row["means"][0] < 3 < row["means"][1] for row in flagged)
    document = write_out({"mixtures": found})
    assert document["reasons"] == {}


def test_one_character_is_not_called_two():
    found = [mixtures_entry(lay_out(world(np.random.default_rng(seed))), draws=199)["flagged"] for seed in (2, 3, 4)]
    assert sum(found) <= 1


def test_below_forty_runs_it_cannot_be_decided():
    found = mixtures_entry(lay_out(world(np.random.default_rng(5), two_personas=6, runs=10)))
    assert isinstance(found, Missing)
    assert found.reason.startswith("cannot be decided: at most 10 runs")


def test_option_orders_are_told_apart_and_make_no_second_persona():
    """An llm that takes a place in the list answers in two heaps, one by order: no second persona."""
    frame = world(np.random.default_rng(6), runs=80)
    run = frame["run"].astype(int)
    frame["option_order"] = np.where(run % 2 == 0, "forward", "reversed")
    shift = np.where(run % 2 == 0, -1, 1) * frame["keyed"]
    frame["score"] = np.clip(frame["score"] + shift, 1, 5)
    found = mixtures_entry(lay_out(frame), draws=199)
    assert found["n_tested"] == 2 * 2 * PERSONAS
    assert found["flagged"] <= 1


def test_missing_answers_make_other_numbers_of_runs_and_answers_without_change_are_left_out():
    frame = world(np.random.default_rng(7), runs=42)
    lost = (frame["persona"] == "p1") & (frame["run"].astype(int) < 1) & (frame["item_id"] == "i0")
    steady = frame["persona"] == "p2"
    few = (frame["persona"] == "p3") & (frame["run"].astype(int) >= 5)
    frame.loc[lost, "score"] = np.nan
    frame.loc[steady, "score"] = 3.0
    frame.loc[few, "score"] = np.nan
    found = mixtures_entry(lay_out(frame), draws=199)
    assert found["n_tested"] == 2 * (PERSONAS - 2)
    assert found["n_too_few_runs"] == 2


@pytest.mark.parametrize("known", [True, False])
def test_answers_of_yes_and_no_are_no_mixture(known):
    random = np.random.default_rng(8)
    frame = long_table((random.random((20 * 40, 4)) < 0.4).astype(float), 1, 20, 40)
    frame[["score_min", "score_max"]] = (0.0, 1.0) if known else (np.nan, np.nan)
    found = mixtures_entry(lay_out(frame), draws=199)
    assert found["flagged"] == 0


def test_a_survey_of_many_is_sampled_in_so_many_words(monkeypatch):
    monkeypatch.setattr("persona_big5.analysis.mixtures.MOST_COMPOSITES", 10)
    found = mixtures_entry(lay_out(world(np.random.default_rng(9))), draws=199)
    assert found["n_tested"] == 10
    assert found["warnings"] == ["a random sample of 10 of 60 composites is tested"]
