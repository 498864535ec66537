"""Anchors asked at the start, in the middle and at the end of a conversation: one asking is analysed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from persona_big5.analysis import analyze_table

LLMS, PERSONAS, RUNS, ITEMS, ANCHORS = 2, 14, 2, 8, 3
OCCASIONS = ("start", "middle", "end")


def with_anchors(random, *, drift=(0.0, 0.0, 0.0), personas=PERSONAS):
    """Items 0 to 2 are anchors (item 1 reversed), asked three times in each conversation; ``drift`` is keyed."""
    cell = random.normal(size=(LLMS, personas, 1, ITEMS))
    scores = 4 + cell + 0.4 * random.normal(size=(LLMS, personas, RUNS, ITEMS))
    llm, persona, run, item = (axis.ravel() for axis in np.indices(scores.shape))
    table = pd.DataFrame(
        {
            "llm": np.char.add("llm-", llm.astype(str)),
            "persona": np.char.add("p", persona.astype(str)),
            "item_id": np.char.add("i", item.astype(str)),
            "run": run.astype(str),
            "session": [f"{a}-{b}-{c}" for a, b, c in zip(llm, persona, run, strict=True)],
            "layout": "conversation",
            "scale": np.where(item % 2 == 0, "even", "odd"),
            "keyed": np.where(item % 2 == 0, 1, -1),
            "score_min": 1.0,
            "score_max": 7.0,
            "occasion": "",
            "score": scores.ravel(),
        }
    )
    anchor = table["item_id"].isin([f"i{number}" for number in range(ANCHORS)])
    asked = [
        table[anchor].assign(
            occasion=occasion,
            score=lambda rows, shift=shift: rows["score"] + shift * rows["keyed"] + 0.2 * random.normal(size=len(rows)),
        )
        for occasion, shift in zip(OCCASIONS, drift, strict=True)
    ]
    return pd.concat([table[~anchor], *asked], ignore_index=True)


def found_in(frame):
    return analyze_table(frame, draws=20, levels=("respondent",)).document


@pytest.fixture
def random():
    return np.random.default_rng(40)


def test_planted_drift_is_recovered_in_keyed_direction(random):
    drift = found_in(with_anchors(random, drift=(0.0, 0.3, 0.6)))["drift"]
    assert (drift["unit"], drift["occasions"]) == ("persona", list(OCCASIONS))
    for scale, n_items in (("even", 2), ("odd", 1), ("all", 3)):
        found = drift["scales"][scale]
        assert (found["n_items"], found["n_units"]) == (n_items, PERSONAS)
        assert found["n_askings"] == n_items * LLMS * PERSONAS * RUNS
        assert found["change"]["middle"]["ci_low"] < 0.3 < found["change"]["middle"]["ci_high"]
        assert found["change"]["end"]["estimate"] == pytest.approx(0.6, abs=0.1)
        assert found["mean"]["end"]["estimate"] - found["mean"]["start"]["estimate"] == pytest.approx(
            found["change"]["end"]["estimate"]
        )
        assert found["df"] == [2, PERSONAS - 2]
        assert found["p"] < 1e-4


def test_no_drift_is_found_where_there_is_none(random):
    assert found_in(with_anchors(random))["drift"]["scales"]["all"]["p"] > 0.05


def test_an_anchor_is_analysed_once_beside_the_other_items_of_its_run(random):
    """As if the anchors had been asked at the start only: no runs of their own, no item dropped."""
    frame = with_anchors(random, drift=(0.0, 2.0, 2.0))
    found = found_in(frame)
    once = found_in(frame[frame["occasion"].isin(["", "start"])].assign(occasion=""))
    assert found["variance"] == once["variance"]
    assert found["factors"] == once["factors"]
    assert found["data"]["runs_per_cell"]["max"] == RUNS
    assert any(
        warning == "anchors (i0, i1, i2) are analysed as first asked; 336 later askings serve `drift` only"
        for warning in found["data"]["warnings"]
    )
    assert once["drift"] is None
    assert "no item was asked at several occasions" in once["reasons"]["drift"]


def test_surveys_in_which_every_item_has_occasions_keep_them_as_runs(random):
    frame = with_anchors(random)
    frame = frame[frame["occasion"] != ""]
    found = found_in(frame)
    assert found["data"]["runs_per_cell"]["max"] == RUNS * len(OCCASIONS)
    assert found["drift"]["scales"]["all"]["n_items"] == ANCHORS


def test_askings_without_an_answer_at_every_occasion_are_left_out(random):
    frame = with_anchors(random, drift=(0.0, 0.3, 0.6))
    frame.loc[(frame["occasion"] == "end") & (frame["persona"] == "p3"), "score"] = np.nan
    found = found_in(frame)["drift"]["scales"]["all"]
    assert (found["n_units"], found["n_askings"]) == (PERSONAS - 1, ANCHORS * LLMS * (PERSONAS - 1) * RUNS)


def test_few_personas_and_unknown_ends_leave_drift_open(random):
    frame = with_anchors(random, personas=3)
    assert "fewer than 4 personas" in found_in(frame)["reasons"]["drift"]
    frame = with_anchors(random).assign(score_max=np.nan)
    assert "ends of the response scales" in found_in(frame)["reasons"]["drift"]
