"""Whether llms may be compared on a scale, from long tables in which it is known what differs between them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from planted_tables import long_table

from persona_big5.analysis import invariance
from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.document import Missing, write_out
from persona_big5.analysis.invariance import invariance_entry
from persona_big5.store.longtable import read_long

N_LLMS, N_PERSONAS, RUNS = 3, 150, 2
KEYED = np.tile([1.0, -1.0], 4)
OF_SCALE = np.array([0, 0, 1, 1, 0, 0, 1, 1])  # as long_table deals the items


def world(seed: int, n_personas: int = N_PERSONAS, mean: float = 0.0) -> np.ndarray:
    """Two traits (.8), of which llm 1 has more by ``mean`` (llms, personas, runs, items)."""
    random = np.random.default_rng(seed)
    traits = random.normal(size=(N_LLMS, n_personas, 2))
    traits[1] += mean
    persona = 0.8 * traits[..., OF_SCALE] * KEYED + 0.6 * random.normal(size=(N_LLMS, n_personas, 8))
    return 3 + 0.5 * (persona[:, :, None] + 0.4 * random.normal(size=(N_LLMS, n_personas, RUNS, 8)))


def table(scores: np.ndarray):
    return long_table(scores.reshape(-1, 8), N_LLMS, scores.shape[1], RUNS)


def strict(entry) -> dict:
    return json.loads(json.dumps(write_out({"invariance": entry}), allow_nan=False))


def holding(entry: dict) -> list[bool]:
    return [step["holds"] for step in entry["steps"].values()]


def test_llms_that_measure_alike_may_be_compared():
    said: list[str] = []
    entry = invariance_entry(lay_out(table(world(1, mean=0.7))), progress=said.append)
    written = strict(entry)
    found = written["invariance"]
    assert said
    for part in (found["all_scales"], *found["by_scale"].values()):
        assert part["groups"] == ["llm-0", "llm-1", "llm-2"]
        assert part["n"] == [150, 150, 150]
        assert holding(part)[:3] == [True, True, True]
        assert np.array(part["factor_means"])[1] == pytest.approx(0.7, abs=0.3)
        assert np.array(part["factor_means"])[2] == pytest.approx(0, abs=0.3)
    first = found["all_scales"]["steps"]["configural"]
    assert first["cfi_change"] is None
    assert "none before" in written["reasons"]["invariance.all_scales.steps.configural.cfi_change"]
    assert found["all_scales"]["factors"] == ["one", "two"]
    assert found["all_scales"]["steps"]["metric"]["df_change"] == 2 * (8 - 2)


def test_a_scale_that_means_something_else_in_one_llm_is_found():
    scores = world(2)
    random = np.random.default_rng(2)
    scores[2, :, :, 0] = 3 + 0.4 * random.normal(size=(N_PERSONAS, 1)) + 0.2 * random.normal(size=(N_PERSONAS, RUNS))
    scores[1, :, :, 2] += 0.6
    found = strict(invariance_entry(lay_out(table(scores))))["invariance"]
    assert holding(found["by_scale"]["one"]) == [True, False, False, False]
    assert "loadings differ" in found["by_scale"]["one"]["conclusion"]
    assert holding(found["by_scale"]["two"]) == [True, True, False, False]
    assert "their means may not" in found["by_scale"]["two"]["conclusion"]
    assert found["by_scale"]["two"]["factor_means"] is None


def test_an_llm_with_few_personas_is_left_out_and_named():
    frame = table(world(3))
    few = (frame["llm"] == "llm-1") & ~frame["persona"].isin([f"p{i}" for i in range(6)])
    found = strict(invariance_entry(lay_out(frame[~few])))["invariance"]
    assert found["all_scales"]["groups"] == ["llm-0", "llm-2"]
    (left_out,) = found["all_scales"]["left_out"]
    assert left_out["group"] == "llm-1"
    assert "6 personas with all answers for 8 items" in left_out["reason"]
    assert found["by_scale"]["one"]["n"] == [150, 6, 150]
    assert "6 personas for 4 items in the smallest group" in found["by_scale"]["one"]["warnings"][0]


def test_too_few_personas_for_all_items_leave_single_scales():
    written = strict(invariance_entry(lay_out(table(world(4, n_personas=8)))))
    assert written["invariance"]["all_scales"] is None
    reason = written["reasons"]["invariance.all_scales"]
    assert reason.startswith("0 of 3 llms can be used: 8 personas with all answers for 8 items")
    assert written["invariance"]["by_scale"]["one"]["n"] == [8, 8, 8]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame[frame["persona"].isin(["p0", "p1", "p2"])], "3 personas with all answers for 4 items"),
        (lambda frame: frame[frame["llm"] == "llm-0"], "one llm"),
        (lambda frame: frame.assign(scale=None), "no scale of at least 3 items"),
    ],
)
def test_what_cannot_be_compared_has_a_reason(change, said):
    entry = invariance_entry(lay_out(change(table(world(5)))))
    assert isinstance(entry, Missing)
    assert said in entry.reason
    assert strict(entry)["invariance"] is None


def test_variants_are_groups_of_their_own():
    frame = table(world(6))
    frame["variant"] = np.where(frame["llm"] == "llm-1", "tuned", "none")
    frame["llm"] = frame["llm"].replace("llm-1", "llm-0")
    found = strict(invariance_entry(lay_out(frame)))["invariance"]
    assert found["all_scales"]["groups"] == ["llm-0 none", "llm-0 tuned", "llm-2 none"]


def test_very_many_means_are_compared_on_demand(monkeypatch):
    monkeypatch.setattr(invariance, "MOST_MEANS", 12)
    answers = lay_out(table(world(7)))
    written = strict(invariance_entry(answers))
    assert "8 items of 3 llms: more than 12 means" in written["reasons"]["invariance.all_scales"]
    assert written["invariance"]["by_scale"]["one"]["n"] == [150, 150, 150]
    assert strict(invariance_entry(answers, any_size=True))["invariance"]["all_scales"]["n"] == [150, 150, 150]


def test_big_five_personas_are_too_few_for_the_form_and_do_not_fit_its_scales(shared):
    answers = lay_out(read_long(shared / "real" / "personallm_bfi" / "long.csv.gz"))
    written = strict(invariance_entry(answers))
    assert "32 personas with all answers for 44 items" in written["reasons"]["invariance.all_scales"]
    for scale in written["invariance"]["by_scale"].values():
        assert scale["n"] == [32, 32]
        assert not scale["steps"]["configural"]["holds"]
        assert scale["conclusion"].startswith("the stated factors do not fit in all groups")
        assert "differences may go unseen" in scale["warnings"][0]
