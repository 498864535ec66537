"""The axis to the default persona in tables whose truth is known, and in answers of real llms."""

from __future__ import annotations

import numpy as np
import pytest
from planted_tables import long_table

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.axis import axis_entry
from persona_big5.analysis.document import Missing, write_out
from persona_big5.analysis.levels import LevelEstimator
from persona_big5.analysis.structure import find_structure
from persona_big5.store.longtable import read_long

LLMS, PERSONAS, RUNS, ITEMS = 5, 30, 4, 8
KEYED = np.where(np.arange(ITEMS) % 2 == 0, 1, -1)
OF_ONE = np.arange(ITEMS) % 4 < 2


def world(random, *, away=1.5, runs=RUNS, noise=0.6):
    """Personas differ in trait one (SD 1) and trait two (SD .5); persona p0 is ``away`` in trait one."""
    one = random.normal(size=PERSONAS)
    one[0] = one[1:].mean() + away
    two = 0.5 * random.normal(size=PERSONAS)
    two[0] = two[1:].mean()
    latent = np.where(OF_ONE, one[:, None], two[:, None])[None, :, None]
    latent = latent + 0.3 * random.normal(size=(LLMS, PERSONAS, 1, ITEMS))
    scores = 3 + KEYED * (latent + noise * random.normal(size=(LLMS, PERSONAS, runs, ITEMS)))
    frame = long_table(scores.reshape(-1, ITEMS), LLMS, PERSONAS, runs)
    return frame.assign(persona=frame["persona"].replace({"p0": "default", "p1": "none"}))


def entry_of(frame, level="respondent"):
    answers = lay_out(frame)
    estimator = LevelEstimator.of(answers)
    matrices = estimator.matrices(answers.scores)
    structures = find_structure(answers, estimator, matrices, levels=("respondent",), draws=20)
    return axis_entry(answers, structures, matrices, level)


@pytest.fixture
def random():
    return np.random.default_rng(60)


def test_planted_axis_is_recovered(random):
    found = entry_of(world(random))
    assert (found["default"], found["n_roles"], found["n_llms"]) == ("default", PERSONAS - 2, LLMS)
    assert found["noise_removed"]
    assert found["warnings"] == []
    scales = found["overall"]["scales"]
    assert found["overall"]["direction"]["one"] == pytest.approx(1, abs=0.05)
    assert scales["share_of_variance"]["ci_low"] < 1 / 1.25 < scales["share_of_variance"]["ci_high"]
    assert scales["distance"]["estimate"] == pytest.approx(1.5 / np.sqrt(2), rel=0.1)
    assert scales["angle_with_first_component"]["estimate"] < 15
    assert scales["components_for_70_percent"]["estimate"] == 1
    correlations = found["overall"]["factors"]["correlations"]
    assert np.abs(correlations).max() > 0.9
    assert len(found["by_llm"]) == LLMS
    assert all(0.5 < row["scales"]["share_of_variance"]["estimate"] <= 1 for row in found["by_llm"])
    assert len(found["distances"]) == LLMS * (PERSONAS - 2)


def test_noise_is_known_and_taken_off(random):
    calm, noisy = world(random, noise=0.0), world(np.random.default_rng(60), noise=1.5)
    found = entry_of(noisy)
    true = {(row["llm"], row["persona"]): row["items"]["distance"] for row in _quiet(calm)["distances"]}
    error = [row["items"]["distance"] - true[row["llm"], row["persona"]] for row in found["distances"]]
    assert abs(np.mean(error)) < 0.1  # .4 if noise were left in
    sems = [row["items"]["sem"] for row in found["distances"]]
    assert np.sqrt(np.mean(np.square(sems))) == pytest.approx(1.5 * np.sqrt(2 / RUNS / ITEMS), rel=0.1)


def _quiet(frame):
    answers = lay_out(frame)
    return axis_entry(answers, {}, {}, None)


def test_every_null_has_its_reason_and_one_run_is_said(random):
    frame = world(random, runs=1)
    found = _quiet(frame)
    assert not found["noise_removed"]
    assert any("distances are too large" in warning for warning in found["warnings"])
    document = write_out({"axis": found})
    assert document["axis"]["distances"][0]["scales"]["sem"] is None
    assert document["reasons"]["axis.distances[0].scales.sem"].startswith("answers without repetition")
    assert "no level is recommended" in document["reasons"]["axis.overall.factors"]


def test_missing_answers_leave_items_and_respondents_out_by_name(random):
    frame = world(random)
    refused = (frame["persona"] == "default") & (frame["llm"] == "llm-2") & (frame["item_id"] == "i3")
    silent = (frame["persona"] == "p5") & (frame["llm"] == "llm-1") & (frame["item_id"] == "i2")
    frame.loc[refused | silent, "score"] = np.nan
    found = _quiet(frame)
    assert "items that a default persona never answered are left out: i3" in found["warnings"]
    assert "1 respondents that never answered some item are left out" in found["warnings"]
    assert len(found["distances"]) == LLMS * (PERSONAS - 2) - 1


def test_none_serves_where_there_is_no_default_and_without_either_there_is_no_axis(random):
    frame = world(random)
    found = _quiet(frame[frame["persona"] != "default"])
    assert (found["default"], found["n_roles"]) == ("none", PERSONAS - 2)
    nobody = _quiet(frame[~frame["persona"].isin(["default", "none"])])
    assert isinstance(nobody, Missing)
    assert "no persona 'default' or 'none'" in nobody.reason


@pytest.mark.parametrize("kept", [["default"], ["default", "p3", "p4"], ["default", "p2", "p3", "p4"]])
def test_few_personas_get_an_answer_or_a_reason(random, kept):
    frame = world(random)
    found = _quiet(frame[frame["persona"].isin(kept)])
    if len(kept) < 4:
        assert isinstance(found, Missing)
    else:
        assert isinstance(found["overall"]["scales"]["distance"]["ci_low"], float)
        assert isinstance(found["by_llm"][0]["scales"]["distance"]["ci_low"], Missing)


def test_one_item_and_one_llm(random):
    frame = world(random)
    found = _quiet(frame[(frame["item_id"] == "i0") & (frame["llm"] == "llm-0")])
    assert found["overall"]["items"]["share_of_variance"]["estimate"] == pytest.approx(1)
    assert found["overall"]["items"]["angle_with_first_component"]["estimate"] == pytest.approx(0)


def test_real_personas_have_no_default_but_any_would_do(shared):
    """32 personas that cross five traits: as seen from one corner, no direction holds much of the variance."""
    frame = read_long(shared / "real" / "personallm_bfi" / "long.csv.gz")
    assert isinstance(_quiet(frame), Missing)
    corner = min(frame["persona"].astype(str).unique())
    frame["persona"] = frame["persona"].astype(str).replace({corner: "default"})
    found = _quiet(frame)
    scales = found["overall"]["scales"]
    assert scales["share_of_variance"]["estimate"] == pytest.approx(0.2, abs=0.1)
    assert scales["components_for_70_percent"]["estimate"] == 4
