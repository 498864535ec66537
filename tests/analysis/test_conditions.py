"""Contexts, ladders, waves and occasions in tables whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from persona_big5.analysis.conditions import control_of, ladders
from persona_big5.analysis.document import Missing, write_out
from persona_big5.analysis.occasions import drift_entry
from persona_big5.store.longtable import as_long, read_long

LLMS, PERSONAS, RUNS, ITEMS = 4, 12, 3, 6
KEYED = np.where(np.arange(ITEMS) % 2 == 0, 1, -1)
SCALES = np.array(["a", "b", "c"])[np.arange(ITEMS) // 2]


def world(random, conditions, *, column="context", kept=None, shift=None, own=0.0, noise=0.4):
    """Respondents of persona p0 (the default) to p11 in several conditions.

    ``kept`` is the share of a persona's difference from the default that is left in each condition, ``shift`` what all
    gain in scale a, ``own`` the SD of what a respondent has in one condition only.
    """
    k = len(conditions)
    kept, shift = np.ones(k) if kept is None else np.array(kept), np.zeros(k) if shift is None else np.array(shift)
    default = random.normal(size=(LLMS, 1, 1, 1, ITEMS))
    character = np.repeat(random.normal(size=(LLMS, PERSONAS, 1, 1, ITEMS // 2)), 2, axis=-1)
    character[:, 0] = 0
    latent = default + character * kept[None, None, :, None, None]
    latent = latent + (shift[:, None] * (SCALES == "a"))[None, None, :, None]
    latent = latent + own * random.normal(size=(LLMS, PERSONAS, k, 1, ITEMS))
    scores = 3 + KEYED * (latent + noise * random.normal(size=(LLMS, PERSONAS, k, RUNS, ITEMS)))
    llm, persona, condition, run, item = (axis.ravel() for axis in np.indices(scores.shape))
    table = pd.DataFrame(
        {
            "llm": np.char.add("llm-", llm.astype(str)),
            "persona": np.where(persona == 0, "default", np.char.add("p", persona.astype(str))),
            "item_id": np.char.add("i", item.astype(str)),
            "run": run.astype(str),
            column: np.array(conditions)[condition],
            "scale": SCALES[item],
            "keyed": KEYED[item],
            "score_min": -7.0,
            "score_max": 13.0,
            "score": scores.ravel(),
        }
    )
    return as_long(table)


@pytest.fixture
def random():
    return np.random.default_rng(80)


def reasons_of(found):
    return write_out({"drift": found})["reasons"]


def test_names_of_contexts_say_what_they_are():
    contexts = ["neutral", "push-1", "push-2", "control-push-1", "control", "talk", "half-1", "zero-0", "zero-3"]
    assert control_of("push-1", contexts) == "control-push-1"
    assert control_of("push-2", contexts) == control_of("talk", contexts) == "control"
    assert control_of("neutral", contexts) is None
    assert control_of("control-push-1", contexts) is None
    assert control_of("talk", ["neutral", "talk"]) is None
    assert ladders(contexts) == {"push": {0.0: "neutral", 1.0: "push-1", 2.0: "push-2"}}
    assert ladders(["push-0", "push-2", "push-10"]) == {"push": {0.0: "push-0", 2.0: "push-2", 10.0: "push-10"}}


def test_stability_and_change_between_contexts(random):
    found = drift_entry(world(random, ["neutral", "calm", "storm"], shift=[0, 0, 1], own=0.1))
    assert found["scales"]["all"] == Missing("no item was asked at several occasions (anchors)")
    stability = found["stability"]["context"]
    assert (stability["first"], set(stability["later"])) == ("neutral", {"calm", "storm"})
    storm = stability["later"]["storm"]["scales"]
    assert storm["a"]["change"]["ci_low"] < 1 < storm["a"]["change"]["ci_high"]
    assert storm["b"]["change"]["ci_low"] < 0 < storm["b"]["change"]["ci_high"]
    assert storm["a"]["rank_order"]["pearson"]["estimate"] > 0.9
    assert storm["a"]["change"]["sem"] == pytest.approx(0.4 * np.sqrt(2 / RUNS / 2), rel=0.15)
    assert storm["a"]["change"]["reliably_up"] > 0.7
    calm = stability["later"]["calm"]
    assert calm["scales"]["a"]["change"]["reliably_up"] < 0.15
    assert calm["profile"]["distinctive"]["estimate"] > 0.8
    assert isinstance(found["stability"]["wave"], Missing)
    assert "drift.against_control" in reasons_of(found)
    assert "no context 'control'" in found["against_control"].reason


def test_what_a_bland_conversation_does_is_taken_off(random):
    conditions = ["neutral", "control-storm", "storm"]
    found = drift_entry(world(random, conditions, shift=[0, 0.6, 1.0], own=0.05))
    own = found["against_control"]["storm"]
    assert own["control"] == "control-storm"
    assert own["scales"]["a"]["ci_low"] < 0.4 < own["scales"]["a"]["ci_high"]
    assert set(found["against_control"]) == {"storm"}


def test_planted_stickiness_is_recovered_on_a_ladder(random):
    rungs = ["neutral", "push-1", "push-2", "push-4"]
    kept = [1.0, 0.8, 0.5, 0.1]
    found = drift_entry(world(random, rungs, kept=kept, shift=[0, 0.1, 0.2, 0.4], noise=1.0))
    ladder = found["ladders"]["push"]
    assert ladder["rungs"] == rungs
    sticky = ladder["stickiness"]
    area = np.trapezoid(kept, [0, 1, 2, 4]) / 4
    assert sticky["noise_removed"]
    assert (sticky["default"], sticky["n"]) == ("default", LLMS * (PERSONAS - 1))
    assert sticky["ci_low"] < area < sticky["ci_high"]
    assert sticky["retention"] == pytest.approx(kept, abs=0.12)
    assert ladder["scales"]["a"]["difference"].reason.startswith("no context 'control'")


def test_slope_on_a_ladder_is_held_against_that_of_the_controls(random):
    rungs = ["neutral", "push-1", "push-2", "control-push-1", "control-push-2"]
    found = drift_entry(world(random, rungs, shift=[0, 0.5, 1.0, 0.3, 0.6], own=0.05))
    slopes = found["ladders"]["push"]["scales"]["a"]
    assert slopes["slope"]["estimate"] == pytest.approx(0.5, abs=0.06)
    assert slopes["slope_of_control"]["estimate"] == pytest.approx(0.3, abs=0.06)
    assert slopes["difference"]["ci_low"] < 0.2 < slopes["difference"]["ci_high"]


def test_waves_are_compared_within_contexts(random):
    frame = world(random, ["1", "2"], column="wave", shift=[0, 0.5])
    twice = pd.concat([frame.assign(context=context) for context in ("neutral", "talk")], ignore_index=True)
    later = drift_entry(twice)["stability"]["wave"]["later"]["2"]["scales"]["a"]
    assert later["change"]["estimate"] == pytest.approx(0.5, abs=0.1)
    assert later["change"]["n"] == LLMS * PERSONAS


def test_what_a_context_did_fades_with_its_half_life(random):
    occasions = ["start", "middle", "end"]
    left = 1.5 * 0.5 ** (np.array([0, 0.5, 1]) / 0.4)
    names, shift = [], []
    for context, gain in (("neutral", np.zeros(3)), ("control", np.zeros(3)), ("storm", left)):
        names += [f"{context}@{occasion}" for occasion in occasions]
        shift += gain.tolist()
    frame = world(random, names, shift=shift, own=0.05)
    split = frame["context"].astype(str).str.split("@", expand=True)
    frame = frame.assign(context=split[0], occasion=split[1])
    found = drift_entry(frame)
    course = found["course"]["storm"]
    assert (course["compared_with"], course["length_matched"]) == ("control", True)
    own = course["scales"]["a"]
    assert own["half_life"]["ci_low"] < 0.4 < own["half_life"]["ci_high"]
    assert own["half_life"]["estimate"] == pytest.approx(0.4, abs=0.12)
    assert own["difference"]["ci_high"] < 0
    assert "nothing to return from" in course["scales"]["b"]["half_life"].reason
    assert found["stability"]["occasion"]["first"] == "start"
    assert found["stickiness"]["area"] == pytest.approx(1, abs=0.1)
    assert set(found["scales"]) == {"a", "b", "c", "all"}


def test_single_runs_have_no_standard_error(random):
    frame = world(random, ["neutral", "talk"])
    found = drift_entry(frame[frame["run"] == "0"])
    change = found["stability"]["context"]["later"]["talk"]["scales"]["a"]["change"]
    assert isinstance(change["sem"], Missing)
    assert isinstance(change["estimate"], float)


@pytest.mark.parametrize("kept", [["default"], ["default", "p1"], ["p1", "p2", "p3"]])
def test_few_respondents_get_an_answer_or_a_reason(random, kept):
    frame = world(random, ["neutral", "push-1", "push-2"])
    found = drift_entry(frame[frame["persona"].isin(kept) & (frame["llm"] == "llm-0")])
    assert set(reasons_of(found)) >= {"drift.ladders.push.stickiness"}


def test_missing_answers_and_constant_items_are_left_out(random):
    frame = world(random, ["neutral", "talk"])
    gone = (frame["context"] == "talk") & (frame["persona"] == "p3") & (frame["item_id"] == "i0")
    frame.loc[gone, "score"] = np.nan
    frame.loc[frame["item_id"] == "i5", "score"] = 3.0
    found = drift_entry(frame)["stability"]["context"]["later"]["talk"]
    assert found["scales"]["a"]["change"]["n"] == LLMS * (PERSONAS - 1)
    assert found["scales"]["c"]["change"]["n"] == LLMS * PERSONAS
    nothing = drift_entry(frame.assign(score=3.0))
    assert isinstance(nothing["stability"]["context"] if isinstance(nothing, dict) else nothing, Missing)


def test_orders_of_options_keep_the_ranks_of_two_hundred_llms(shared):
    """Correlations of the scales of 214 llms between the two orders, .86 to .93 by means over whatever was answered."""
    frame = read_long(shared / "real" / "pwp_bfillm" / "long.csv.gz").assign(score_min=1.0, score_max=5.0)
    unanswered = frame["score"].isna().groupby(frame["llm"].astype(str)).mean()
    kept = frame["llm"].astype(str).isin(unanswered.index[unanswered <= 0.5]) & (
        frame["scale"] != "social-desirability"
    )
    found = drift_entry(frame[kept])["stability"]["context"]
    assert (found["first"], found["n_respondents"]) == ("asc", 214)
    scales = found["later"]["desc"]["scales"]
    ranks = {scale: one["rank_order"]["pearson"]["estimate"] for scale, one in scales.items()}
    assert min(ranks.values()) == pytest.approx(0.86, abs=0.015)
    assert max(ranks.values()) == pytest.approx(0.93, abs=0.005)
    assert scales["Neuroticism"]["change"]["ci_high"] < 0
