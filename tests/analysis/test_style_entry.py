"""`style`: the acquiescence factor, desirability, infrequent answers and antonyms of whole tables."""

from __future__ import annotations

import numpy as np
import pytest
from planted_tables import long_table

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.document import write_out
from persona_big5.analysis.position import option_places
from persona_big5.analysis.scales import style_entries
from persona_big5.store.longtable import read_long

ITEMS = 16
KEYS = np.where(np.arange(ITEMS) % 2 == 0, 1.0, -1.0)
RATINGS = np.tile([5.0, 2.0, 4.0, 1.0, 1.0, 4.0, 2.0, 5.0], 2)
"""Of either scale, and of either direction in it, as many items that look good as that look bad."""


def entries(frame, *, expected_scores=False):
    answers = lay_out(frame)
    places = option_places(answers, noise_free=False) if answers.ends_known else None
    found = style_entries(answers, places, expected_scores=expected_scores, frame=frame)
    written = write_out({"style": found})
    return written["style"], written["reasons"]


def planted(*, n_personas=40, agreeing=0.0, virtue=0.0, seed=1):
    """Ask 4 llms x n personas x 3 runs 16 items of two scales on seven options."""
    random = np.random.default_rng(seed)
    shape = (4, n_personas, 1)
    traits = random.normal(size=(*shape, 2))[..., np.where(np.arange(ITEMS) % 4 < 2, 0, 1)]
    latent = 0.8 * traits * KEYS + agreeing * random.normal(size=(*shape, 1))
    latent = latent + virtue * np.abs(random.normal(size=(*shape, 1))) * (RATINGS - 3) / 2
    latent = latent + 0.4 * random.normal(size=(4, n_personas, 3, ITEMS))
    scores = np.clip(np.round(4 + latent), 1, 7)
    frame = long_table(scores.reshape(-1, ITEMS), 4, n_personas, 3)
    return frame.assign(score_max=7.0, desirability=np.tile(RATINGS, len(frame) // ITEMS))


@pytest.mark.parametrize("agreeing", [0.0, 0.6])
def test_planted_agreeing_is_a_factor_and_makes_opposites_agree(agreeing):
    found, reasons = entries(planted(n_personas=200, agreeing=agreeing))
    factor, opposites = found["all"]["factor"], found["all"]["inconsistency"]
    assert factor["variance"] == pytest.approx(agreeing**2, abs=0.06)
    assert factor["mean_loading"] == pytest.approx(np.sqrt(max(factor["share_of_variance"], 0)), abs=0.03)
    assert factor["srmr"] < 0.06
    assert (factor["srmr_without"] > 0.1) == (agreeing > 0)
    assert opposites["n_pairs"] == 8
    assert (opposites["ratio"] > 0.6) == (agreeing > 0)
    assert found["one"]["inconsistency"]["n_pairs"] == 4
    assert set(found["one"]) >= {"acquiescence", "extremity", "position_bias", "r_positive_negative", "desirability"}
    assert all(path.split(".")[2] == "position_bias" for path in reasons)


def test_planted_virtue_is_seen_in_the_index():
    virtuous, nobody = entries(planted(virtue=1.0))[0], entries(planted())[0]
    assert virtuous["all"]["desirability"]["mean"] > 0.4
    assert nobody["all"]["desirability"]["mean"] == pytest.approx(0, abs=0.1)
    assert virtuous["all"]["desirability"]["n_items"] == ITEMS
    assert abs(nobody["one"]["desirability"]) < 0.25


def test_respondents_with_infrequent_answers_are_named():
    frame = planted()
    odd = (frame["llm"] == "llm-2") & (frame["persona"] == "p7")
    frame.loc[~odd, "score"] = frame.loc[~odd, "score"].clip(3, 5)
    frame.loc[odd, "score"] = np.where(np.arange(odd.sum()) % 2 == 0, 1.0, 7.0)
    found, _ = entries(frame)
    first = found["all"]["infrequency"]["highest"][0]
    assert first == {"llm": "llm-2", "variant": "none", "persona": "p7", "share": 1.0}
    assert found["all"]["infrequency"]["mean"] < 0.02
    assert found["all"]["infrequency"]["at_random"] == pytest.approx(0.25)  # one of four options anybody chose


def test_what_cannot_be_said_has_its_reason():
    frame = planted().drop(columns="desirability")
    _, reasons = entries(frame.assign(keyed=1), expected_scores=True)
    assert reasons["style.all.desirability"] == "the table has no column desirability"
    assert "cannot be told from content" in reasons["style.all.factor"]
    assert "no pair of opposite items" in reasons["style.one.inconsistency"]
    assert "no option was chosen" in reasons["style.one.infrequency"]
    alone, why = entries(planted().query("llm == 'llm-0' and persona == 'p0'"))
    assert alone["all"]["factor"] is None
    assert why["style.all.factor"]
    assert why["style.one.desirability"] == "fewer than 3 respondents, or scores that do not vary"
    assert "at least two respondents" in why["style.all.infrequency"]
    assert entries(planted().assign(score_min=np.nan))[0] is None


def test_holes_and_one_run_are_no_obstacle():
    frame = planted(agreeing=0.5)
    frame.loc[np.random.default_rng(1).random(len(frame)) < 0.4, "score"] = np.nan
    found, _ = entries(frame[frame["run"] == "0"])
    assert found["all"]["factor"]["variance"] > 0.1
    assert found["all"]["inconsistency"]["n_pairs"] == 8


def test_acquiescence_of_real_llms(shared):
    """44 items asked of 214 llms: half of them agree with everything more than others do."""
    table = read_long(shared / "real" / "pwp_bfillm" / "long.csv.gz", {"option_order": "context"})
    table = table[table["scale"] != "social-desirability"]
    answered = table["score"].notna().groupby(table["llm"]).mean()
    table = table[table["llm"].map(answered).astype(float) > 0.5].assign(score_min=1.0, score_max=5.0)
    found, _ = entries(table)
    assert found["all"]["r_positive_negative"] == pytest.approx(0.25, abs=0.01)
    assert 0.1 < found["all"]["factor"]["share_of_variance"] < 0.25
    assert found["all"]["factor"]["srmr"] < found["all"]["factor"]["srmr_without"]
    assert found["all"]["inconsistency"]["ratio"] < 1
