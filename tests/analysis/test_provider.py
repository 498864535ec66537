"""What the providers did stands among the warnings of an analysis made from a study database."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace

import numpy as np
from planted_tables import long_table

from persona_big5.analysis import analyze_table, provider
from persona_big5.analysis.provider import provider_notes, study_table
from persona_big5.store import import_answers
from persona_big5.store.coverage import Identity
from persona_big5.store.longtable import as_long


def status(**told):
    silent = {"changed": (), "dropped_parameters": {}, "reasoned_though_off": {}, "lost": {}}
    return SimpleNamespace(**{**silent, **told})


def test_a_provider_that_did_as_asked_is_not_mentioned():
    assert provider_notes(status()) == []


def test_a_model_that_changed_is_named_with_its_times():
    day = [datetime(2026, 11, number, 9, 30) for number in (1, 2, 3)]  # noqa: DTZ001  (the store's times are UTC)
    changed = (
        Identity("one", "none", "m-2026", None, 10, day[0], day[1]),
        Identity("one", "none", "m-2026b", "fp_7", 1200, day[1], day[2]),
        Identity("two", "tuned", None, "fp_1", 3, day[0], day[0]),
        Identity("two", "tuned", None, None, 4, day[1], day[1]),
    )
    first, second = provider_notes(status(changed=changed))
    assert first == (
        "the model behind one / none changed during the study (m-2026, 10 replies from 2026-11-01 09:30 to 2026-11-02 "
        "09:30 UTC; m-2026b fp_7, 1,200 replies from 2026-11-02 09:30 to 2026-11-03 09:30 UTC)"
    )
    assert "two / tuned" in second
    assert "no name, 4 replies" in second


def test_what_was_dropped_thought_and_lost_is_said():
    notes = provider_notes(
        status(
            dropped_parameters={"one": ("seed", "top_p")},
            reasoned_though_off={"two": 1234},
            lost={"timed_out": 2, "dropped": 1},
        )
    )
    assert [note.split(":")[0] for note in notes] == [
        "one does not take seed, top_p",
        "reasoning is off, but these llms reasoned in some replies",
        "replies lost in transit (2 timed out, 1 dropped)",
    ]
    assert notes[1].endswith(": two (1,234)")


def test_a_study_database_brings_what_its_provider_did_into_the_warnings(tmp_path, monkeypatch):
    frame = long_table(np.random.default_rng(1).normal(3, 1, (24, 4)), 2, 6, 2).drop(columns=["state", "session"])
    import_answers(as_long(frame), tmp_path / "s.duckdb", "answers.csv")
    assert study_table(tmp_path / "s.duckdb").attrs["notes"] == []
    monkeypatch.setattr(provider, "status", lambda path: status(lost={"dropped": 3}))
    found = analyze_table(study_table(tmp_path / "s.duckdb"), draws=20, levels=("respondent",)).document
    assert "replies lost in transit (3 dropped)" in found["data"]["warnings"][0]
