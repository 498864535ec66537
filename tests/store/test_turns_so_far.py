"""Sessions of several turns: what resumes them, what is read again, and which replies are repeated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from store_samples import make_answers, make_exchange, make_sessions, make_study

from persona_big5.store import Answer, Exchange, Store, exchanges, open_for_writing, sql, status

if TYPE_CHECKING:
    from pathlib import Path

    from persona_big5.study.plan import Session

STUDY = make_study(runs=1)
SESSIONS = list(make_sessions(STUDY, block=True))  # of four administrations, each asked in a turn of its own


def turn_answer(session: Session, turn: int, exchange: Exchange, score: float = 4.0) -> list[Answer]:
    return [make_answers(session, exchange, score)[turn - 1]]


def say(store: Store, session: Session, turn: int, text: str | None, number: int = 0, **changes: object) -> Exchange:
    """Record a reply to one turn; readable ones answer its administration."""
    exchange = make_exchange(session, 10 * turn + number, turn=turn, text=text, **changes)
    store.record(exchange, turn_answer(session, turn, exchange) if exchange.error is None else [])
    return exchange


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "s.duckdb"
    with open_for_writing(path, "run") as store:
        store.register(STUDY, "1", SESSIONS)
    return path


@pytest.mark.parametrize("merged", [False, True])
def test_an_unsettled_session_gives_its_replies_up_to_the_first_turn_missing(database: Path, *, merged: bool) -> None:
    begun, gap, lost, settled, untouched, filtered = SESSIONS
    with open_for_writing(database, "run") as store:
        for turn in (1, 2):
            say(store, begun, turn, f"<think>hm</think>{turn}")
        for turn in (1, 2, 4):
            say(store, gap, turn, f"{turn}")
        say(store, lost, 1, None, error="timed out", failure="timed_out")
        for turn in (1, 2, 3, 4):
            say(store, settled, turn, "4")
        say(store, filtered, 1, "fine")
        kept = make_exchange(filtered, 20, turn=2, text=None, error="content filter", failure="filtered")
        refused = replace(turn_answer(filtered, 2, kept)[0], state="refused", score=None)
        store.record(kept, [refused])
        if merged:
            store.merge()
        assert store.turns_so_far() == {
            begun.id: ("<think>hm</think>1", "<think>hm</think>2"),
            gap.id: ("1", "2"),
            filtered.id: ("fine", ""),
        }
    assert untouched.id not in {session.id for session, _ in exchanges(database)}


def test_of_a_turn_asked_twice_the_last_reply_counts(database: Path) -> None:
    session = SESSIONS[0]
    with open_for_writing(database, "run") as store:
        say(store, session, 1, "second", 1, attempt=1, started_at="2026-11-21T11:00:00+00:00")
        say(store, session, 1, "first", 2, attempt=3, started_at="2026-11-21T10:00:00+00:00")
        say(store, session, 2, "early", 1, attempt=1)
        say(store, session, 2, "late", 2, attempt=2)
        say(store, session, 2, "half a rep", 3, attempt=3, error="cut", failure="dropped")
        assert store.turns_so_far() == {session.id: ("second", "late")}


def test_superseded_sessions_are_not_taken_up_again(database: Path) -> None:
    with open_for_writing(database, "run") as store:
        say(store, SESSIONS[0], 1, "4")
        edited = make_study(runs=1, suffix=" indeed")
        store.register(edited, "1", make_sessions(edited, block=True))
        assert store.turns_so_far() == {}


def test_every_turn_with_answers_is_read_again_and_a_live_turn_is_not(database: Path) -> None:
    session = SESSIONS[0]
    with open_for_writing(database, "run") as store:
        store.record(make_exchange(session, 10, turn=1, text="a live turn"), [])
        for turn in (2, 3):
            say(store, session, turn, f"{turn}")
        say(store, session, 4, "torn", error="cut", failure="dropped")
        torn = make_exchange(session, 41, turn=4, text="tor", error="cut", failure="dropped")
        store.record(torn, [replace(turn_answer(session, 4, torn)[0], state="failed", score=None)])
    found = list(exchanges(database))
    assert sorted((exchange.turn, exchange.text) for _, exchange in found) == [(2, "2"), (3, "3")]
    assert [session for session, _ in found] == [session, session]
    with open_for_writing(database, "rescore") as store:
        again = (answer for session, exchange in found for answer in turn_answer(session, exchange.turn, exchange, 2.0))
        assert store.replace_answers(again) == 2
    by_position = "SELECT position, score FROM long WHERE state = 'answered' ORDER BY position"
    assert sql(database, by_position)[1] == [(2, 2.0), (3, 2.0)]


def test_live_turns_are_not_repeated_replies_and_their_repetitions_are(database: Path) -> None:
    session, other, *_ = SESSIONS
    with open_for_writing(database, "run") as store:
        store.record(make_exchange(session, 10, turn=1, text="live", cost=0.5), [])
        say(store, session, 2, "4", cost=0.25)
        found = status(database)
        assert (found.repeated_replies, found.failed_attempts, found.wasted_cost) == (0, 0, 0.0)
        store.record(make_exchange(session, 11, turn=1, text="live again", cost=0.125), [])
        store.record(make_exchange(session, 21, turn=2, text="5", cost=0.0625), [])
        say(store, other, 1, "4", cost=1.0)
        store.merge()
    found = status(database)
    assert (found.repeated_replies, found.failed_attempts, found.wasted_cost) == (2, 0, 0.125 + 0.0625)
