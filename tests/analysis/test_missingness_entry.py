"""Refusals that depend on the answer: who refuses is found, and the truth is within the bounds."""

from __future__ import annotations

import numpy as np
import pytest
from planted_tables import long_table

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.document import Missing, write_out
from persona_big5.analysis.missingness import missingness_entry
from persona_big5.store.longtable import read_long
from persona_big5.variance.levels import level_components

LLMS, PERSONAS, RUNS, ITEMS = 4, 20, 3, 8
KEYED = np.where(np.arange(ITEMS) % 2 == 0, 1, -1)


def world(random, *, refusing=0.5, runs=RUNS):
    """Likert answers; what is keyed low is refused with probability ``refusing``, by llm-0 twice as often."""
    trait = random.normal(size=(LLMS, PERSONAS, 1, ITEMS))
    latent = trait + 0.5 * random.normal(size=(LLMS, PERSONAS, runs, ITEMS))
    scores = np.clip(np.rint(3 + KEYED * latent), 1, 5)
    chance = refusing * (KEYED * (scores - 3) < -0.5) * np.where(np.arange(LLMS) == 0, 1.0, 0.5)[:, None, None, None]
    refused = random.random(scores.shape) < chance
    full = long_table(scores.reshape(-1, ITEMS), LLMS, PERSONAS, runs)
    gone = refused.reshape(-1, ITEMS).ravel()
    seen = full.assign(score=np.where(gone, np.nan, full["score"]), state=np.where(gone, "refused", "answered"))
    return full, seen


@pytest.fixture
def random():
    return np.random.default_rng(70)


def test_the_truth_is_within_the_bounds_and_complete_cases_are_not_the_truth(random):
    full, seen = world(random)
    found = missingness_entry(seen)
    answers = lay_out(full)
    keyed = answers.keyed_scores
    for row in found["scale_means"]["by_llm"]:
        own = answers.code("llm") == answers.levels["llm"].index(row["llm"])
        for scale, bounds in row["scales"].items():
            true = keyed[own][:, answers.items.members(scale)].mean()
            assert bounds["least"] <= true <= bounds["most"]
            assert bounds["least"] <= bounds["complete"] <= bounds["most"]
            assert bounds["complete"] > true + 0.05  # low answers are refused
    assert len(found["scale_means"]["by_respondent"]) == LLMS * PERSONAS
    scores = answers.respondent_means(keyed) @ np.abs(answers.items.weights).T
    r, true = found["scale_correlations"], np.corrcoef(scores, rowvar=False)[0, 1]
    assert r["least"][0][1] <= true <= r["most"][0][1]
    assert r["least"][0][1] <= r["complete"][0][1] <= r["most"][0][1]
    split = level_components(answers.scores, answers.facet_codes, answers.facets)
    for effect, row in found["variance_shares"].items():
        assert row["least"] <= split.components[effect].share <= row["most"]
    assert set(found["variance_shares"]) == set(split.components)


def test_who_refuses_and_what_is_found(random):
    """Respondents of low trait refuse any item, those of llm-0 more than others."""
    trait = random.normal(size=(LLMS, PERSONAS, 1, 1))
    scores = np.clip(np.rint(3 + KEYED * (trait + 0.7 * random.normal(size=(LLMS, PERSONAS, RUNS, ITEMS)))), 1, 5)
    chance = np.where(trait < 0, 0.4, 0.05) + 0.3 * (np.arange(LLMS) == 0)[:, None, None, None]
    gone = (random.random(scores.shape) < chance).ravel()
    full = long_table(scores.reshape(-1, ITEMS), LLMS, PERSONAS, RUNS)
    seen = full.assign(score=full["score"].where(~gone), state=np.where(gone, "declined", "answered"))
    found = missingness_entry(seen)
    components = found["refusal"]["components"]
    assert components["llm"]["estimate"] == pytest.approx(0.3**2 / 4, rel=0.3)
    assert {"llm", "persona", "item", "llm:persona", "llm:item", "persona:item", "run"} <= set(components)
    for correlation in found["refusal"]["correlations"].values():
        assert correlation["ci_low"] < correlation["estimate"] < -0.4
        assert correlation["estimate"] < correlation["ci_high"]
        assert correlation["n"] == LLMS * PERSONAS
    by_llm = seen[gone].groupby("llm").size()
    assert by_llm.idxmax() == "llm-0"
    assert all(sum(shares.values()) == pytest.approx(1) for shares in found["states"]["by_item"].values())
    assert found["share_refused"] == found["share_missing"] == pytest.approx(gone.mean())
    first = found["states"]["by_respondent"][0]
    own = (seen["llm"] == first["llm"]) & (seen["persona"] == first["persona"])
    assert first["states"]["declined"] == pytest.approx(gone[own].mean())
    assert found["text"].startswith(f"{gone.mean():.2%} of the 1,920 answers asked for are missing")
    assert write_out({"missingness_bounds": found})["reasons"] == {}


def test_refusals_that_depend_on_nothing_correlate_with_nothing(random):
    full, _ = world(random)
    gone = random.random(len(full)) < 0.1
    seen = full.assign(score=full["score"].where(~gone), state=np.where(gone, "declined", "answered"))
    found = missingness_entry(seen)["refusal"]
    assert found["components"]["llm"]["estimate_raw"] == pytest.approx(0, abs=0.005)
    assert found["components"]["item"]["estimate_raw"] == pytest.approx(0, abs=0.005)
    assert all(one["ci_low"] < 0 < one["ci_high"] for one in found["correlations"].values())


def test_what_was_not_asked_is_not_missing_and_other_failures_are_no_refusals(random):
    full, _ = world(random)
    state = np.full(len(full), "answered", dtype=object)
    state[:100] = "not_asked"
    state[100:120] = "truncated"
    found = missingness_entry(full.assign(state=state, score=full["score"].where(state == "answered")))
    assert found["n_asked"] == len(full) - 100
    assert found["share_missing"] == pytest.approx(20 / (len(full) - 100))
    assert found["share_refused"] == 0
    assert found["refusal"]["components"] == Missing("nobody refuses anything")
    assert isinstance(found["refusal"]["correlations"], Missing)


def test_without_ends_there_are_no_bounds_and_without_gaps_no_entry(random):
    full, seen = world(random)
    open_ended = missingness_entry(seen.assign(score_max=np.nan))
    for key in ("scale_means", "scale_correlations", "variance_shares"):
        assert "ends of the response scales are not known" in open_ended[key].reason
    assert "nothing can be said" in open_ended["text"]
    known = missingness_entry(seen)
    assert open_ended["share_missing"] == known["share_missing"]
    for scale, found in open_ended["refusal"]["correlations"].items():
        assert found["n"] == known["refusal"]["correlations"][scale]["n"]
        assert found["estimate"] == pytest.approx(known["refusal"]["correlations"][scale]["estimate"], abs=0.15)
    assert "nothing to bound" in missingness_entry(full).reason


def test_items_and_respondents_without_any_answer_are_bounded_by_the_whole_scale(random):
    _, seen = world(random)
    silent = (seen["item_id"] == "i0") | ((seen["llm"] == "llm-1") & (seen["persona"] == "p3"))
    seen.loc[silent, ["score", "state"]] = [np.nan, "refused"]
    found = missingness_entry(seen)
    row = next(r for r in found["scale_means"]["by_respondent"] if (r["llm"], r["persona"]) == ("llm-1", "p3"))
    assert row["scales"]["one"]["complete"] == Missing("no answer")
    assert (row["scales"]["one"]["least"], row["scales"]["one"]["most"]) == (1, 5)
    assert found["states"]["by_item"]["i0"] == {"refused": 1.0}


def test_unequal_scales_are_compared_in_widths(random):
    _, seen = world(random)
    wide = seen["item_id"] == "i0"
    stretched = seen.assign(
        score=seen["score"].where(~wide, (seen["score"] - 1) * 25),
        score_min=np.where(wide, 0.0, 1.0),
        score_max=np.where(wide, 100.0, 5.0),
    )
    plain, found = missingness_entry(seen), missingness_entry(stretched)
    for before, after in zip(plain["scale_means"]["by_llm"], found["scale_means"]["by_llm"], strict=True):
        assert after["scales"]["one"]["most"] == pytest.approx((before["scales"]["one"]["most"] - 1) / 4)


@pytest.mark.parametrize(
    ("llms", "personas", "runs", "items"), [(1, 1, 1, 2), (1, 1, 5, 2), (1, 5, 1, 1), (3, 1, 2, 40), (2, 2, 1, 3)]
)
def test_small_tables_get_an_answer_or_a_reason(random, llms, personas, runs, items):
    scores = random.integers(1, 6, size=(llms * personas * runs, items)).astype(float)
    scores[0, 0] = np.nan
    found = missingness_entry(long_table(scores, llms, personas, runs))
    if not isinstance(found, Missing):
        assert set(write_out({"m": found})["m"]) == set(found)


def test_answers_of_two_hundred_llms(shared):
    """3 % are missing, of llms that can hardly answer: enough to leave the share of llms open by several points."""
    frame = read_long(shared / "real" / "pwp_bfillm" / "long.csv.gz", {"option_order": "context"})
    found = missingness_entry(frame.assign(score_min=1.0, score_max=5.0))
    assert found["share_missing"] == pytest.approx(0.032, abs=0.001)
    for row in found["variance_shares"].values():
        assert row["least"] <= row["complete"] + 1e-9 <= row["most"] + 1e-9
    assert found["variance_shares"]["llm"]["most"] - found["variance_shares"]["llm"]["least"] > 0.01
    assert found["text"].startswith("3.")
