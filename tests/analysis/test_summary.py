"""The page of terminal: every finding in plain language, and a reason where there is none."""

from __future__ import annotations

import numpy as np
from planted_tables import long_table

from persona_big5.analysis import analyze_table


def test_a_level_without_votes_gives_its_reason():
    scores = np.random.default_rng(1).integers(1, 6, (2 * 4 * 2, 3)).astype(float)
    found = analyze_table(long_table(scores, 2, 4, 2), draws=20)
    unvoted = [
        level for level, entry in found.document["retention"].items() if entry and entry["parallel_analysis"] is None
    ]
    assert unvoted
    page = found.summary()
    for level in {"pooled", "means", "respondent", "run"} & set(unvoted):
        assert found.document["reasons"][f"retention.{level}.parallel_analysis"] in page
