"""Every null has a reason of its own, and what cannot be an answer is named."""

from __future__ import annotations

import numpy as np
import pytest
from planted_tables import long_table

from persona_big5.analysis import analyze_table

LLMS, PERSONAS, RUNS, ITEMS = 4, 8, 2, 8


def frame(seed=0):
    random = np.random.default_rng(seed)
    moved = random.normal(size=(LLMS, PERSONAS, 1, ITEMS)) + random.normal(size=(1, PERSONAS, 1, ITEMS))
    latent = moved + 0.7 * random.normal(size=(LLMS, PERSONAS, RUNS, ITEMS))
    likert = 1.0 + np.digitize(latent, [-1.5, -0.5, 0.5, 1.5])
    return long_table(likert.reshape(-1, ITEMS), LLMS, PERSONAS, RUNS)


def document(table):
    return analyze_table(table, levels=["respondent"], draws=20).document


def test_scores_outside_the_scale_are_named():
    table = frame()
    table.loc[3, "score"] = 99.0
    named = [warning for warning in document(table)["data"]["warnings"] if "outside the response scale" in warning]
    assert len(named) == 1
    assert named[0].startswith("1 scores lie outside the response scale of their item; one of them, 99, is of i3 (1 to")
    assert not [warning for warning in document(frame())["data"]["warnings"] if "outside" in warning]


@pytest.mark.parametrize(
    ("change", "key", "reason"),
    [
        (lambda table: table[table["run"] == "0"], "robustness", "every cell was asked once"),
        (lambda table: table[table["persona"] == "p1"], "susceptibility", "one persona answered every item"),
    ],
)
def test_robustness_that_is_null_says_why(change, key, reason):
    found = document(change(frame()))
    assert found["variance"]["by_llm"][0][key] is None
    assert reason in found["reasons"][f"variance.by_llm[0].{key}"]


def test_correlations_that_are_null_say_why():
    table = frame()
    of_two = table["scale"] == "two"
    alone = table[~of_two | (table["item_id"] == "i2")]
    found = document(alone)
    assert found["correlations"]["respondent"]["disattenuated"]["matrix"][1][1] is None
    why = {path: reason for path, reason in found["reasons"].items() if path.startswith("correlations.")}
    assert "single item" in why["correlations.respondent.disattenuated.matrix[1][1]"]
    assert "not defined for these data" not in why.values()
