"""Registering plans, recording answers, merging the journal, and what opening refuses."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import duckdb
import pytest
from store_samples import make_answers, make_exchange, make_sessions, make_study

from persona_big5.errors import StoreError
from persona_big5.store import OPEN_STATES, Answer, connect_reading, exchanges, open_for_writing, sql, studies, writing
from persona_big5.store.database import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from persona_big5.study.model import Study
    from persona_big5.study.plan import Session

COUNTS = """
SELECT (SELECT count(*) FROM administration), (SELECT count(*) FROM exchange),
       (SELECT count(*) FROM exchange_administration), (SELECT count(*) FROM answer)
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "results" / "tiny" / "study.duckdb"


def fill(database: Path, study: Study, sessions: list[Session], wave: str = "1", n_answered: int | None = None) -> None:
    with open_for_writing(database, "run") as store:
        store.register(study, wave, sessions)
        settled = store.settled()
        for session in sessions[:n_answered]:
            if session.administrations[0].id not in settled:
                exchange = make_exchange(session)
                store.record(exchange, make_answers(session, exchange))


def test_registering_twice_changes_nothing(database: Path) -> None:
    study = make_study()
    sessions = list(make_sessions(study))
    fill(database, study, sessions)
    tables = ("study", "wave", "llm", "variant", "persona", "context", "item", "wording", "administration")
    count = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables)
    before = dict(sql(database, count)[1])
    assert before == dict(zip(tables, (1, 1, 2, 3, 2, 1, 4, 1, 48), strict=True))
    fill(database, study, sessions)
    assert dict(sql(database, count)[1]) == before
    assert sql(database, COUNTS)[1] == [(48, 48, 48, 48)]


def test_a_plan_is_taken_as_a_stream(database: Path) -> None:
    study = make_study(runs=3)
    taken = []

    def stream() -> Iterator[Session]:
        for session in make_sessions(study):
            taken.append(session.id)
            yield session

    with open_for_writing(database, "run") as store:
        store.register(study, "1", stream())
    assert len(taken) == 72
    assert sql(database, "SELECT count(*), count(DISTINCT session) FROM administration")[1] == [(72, 72)]
    assert not list(database.parent.glob("*.spill"))


def test_more_runs_keep_what_is_answered_and_open_only_the_new_cells(database: Path) -> None:
    fill(database, make_study(runs=2), list(make_sessions(make_study(runs=2))))
    more = list(make_sessions(make_study(runs=3)))
    with open_for_writing(database, "run") as store:
        store.register(make_study(runs=3), "1", more)
        settled = store.settled()
    opened = [a for session in more for a in session.administrations if a.id not in settled]
    assert len(opened) == 24
    assert sql(database, "SELECT state, count(*) FROM long GROUP BY ALL ORDER BY ALL")[1] == [
        ("answered", 48),
        ("not_asked", 24),
    ]
    assert [study.runs for study in studies(database)] == [3]


def test_an_edited_text_supersedes_and_its_return_brings_the_answers_back(database: Path) -> None:
    old, new = make_study(), make_study(suffix=" indeed")
    fill(database, old, list(make_sessions(old)))
    fill(database, new, list(make_sessions(new)), n_answered=0)
    states = "SELECT state, count(*) FROM long GROUP BY ALL"
    assert sql(database, states)[1] == [("not_asked", 48)]
    assert sql(database, COUNTS)[1] == [(96, 48, 48, 48)]
    fill(database, old, list(make_sessions(old)), n_answered=0)
    assert sql(database, states)[1] == [("answered", 48)]
    assert studies(database) == [old]


def test_a_key_or_attribute_changed_later_holds_for_stored_answers(database: Path) -> None:
    fill(database, make_study(first_key=1), list(make_sessions(make_study(first_key=1))))
    changed = make_study(first_key=-1, family="beta")
    fill(database, changed, list(make_sessions(changed)))
    assert sql(database, COUNTS)[1] == [(48, 48, 48, 48)]
    query = "SELECT DISTINCT keyed, family FROM long WHERE item_id = 'warmth-1' AND llm = 'one'"
    assert sql(database, query)[1] == [(-1, "beta")]
    assert {session.administrations[0].item.key for session, _ in exchanges(database)} == {-1, 1}
    assert {
        s.administrations[0].item.key for s, _ in exchanges(database) if s.administrations[0].item.id == "warmth-1"
    } == {-1}


def test_another_wave_is_asked_beside_the_first(database: Path) -> None:
    study = make_study()
    for wave in ("1", "2"):
        fill(database, study, list(make_sessions(study, wave=wave)), wave)
    assert sql(database, "SELECT wave, count(*) FROM long WHERE state = 'answered' GROUP BY ALL ORDER BY ALL")[1] == [
        ("1", 48),
        ("2", 48),
    ]
    assert sql(database, "SELECT wave FROM wave ORDER BY ALL")[1] == [("1",), ("2",)]


def test_a_plan_that_asks_one_cell_twice_is_refused_and_nothing_of_it_kept(database: Path) -> None:
    study = make_study()
    both = [*make_sessions(study), *make_sessions(make_study(suffix=" again"))]
    with (
        open_for_writing(database, "run") as store,
        pytest.raises(StoreError, match=r"same cell twice \(llm one, .*item_id warmth"),
    ):
        store.register(study, "1", both)
    assert sql(database, COUNTS)[1] == [(0, 0, 0, 0)]


def test_a_block_settles_all_its_items_with_one_exchange(database: Path) -> None:
    study = make_study(runs=1)
    sessions = list(make_sessions(study, block=True))
    fill(database, study, sessions, n_answered=2)
    assert sql(database, COUNTS)[1] == [(24, 2, 8, 8)]
    found = list(exchanges(database))
    assert {session.id for session, _ in found} == {session.id for session in sessions[:2]}
    assert [session for session, _ in found if session.id == sessions[0].id] == [sessions[0]]


def test_failed_and_unasked_stay_open_and_a_later_answer_replaces_the_failure(database: Path) -> None:
    study = make_study(runs=1)
    first, second, *_ = make_sessions(study)
    administration = first.administrations[0].id
    with open_for_writing(database, "run") as store:
        store.register(study, "1", make_sessions(study))
        failed = make_exchange(first, 1, text=None, error="500")
        store.record(failed, [Answer(administration, failed.id, "failed", None, None, "500", 1)])
        declined = make_exchange(second, 1, text="pass")
        store.record(declined, [Answer(second.administrations[0].id, declined.id, "declined", "pass", None, None, 1)])
        assert store.settled() == {second.administrations[0].id}
        store.merge()
        good = make_exchange(first, 2)
        store.record(good, make_answers(first, good))
        assert store.settled() == {second.administrations[0].id, administration}
        store.merge()
    query = "SELECT state, exchange, score FROM answer ORDER BY state"
    assert sql(database, query)[1] == [("answered", good.id, 4.0), ("declined", declined.id, None)]
    assert frozenset({"failed", "not_asked"}) == OPEN_STATES


@pytest.mark.parametrize("killed_at", ["renamed", "committed"])
def test_a_kill_inside_a_merge_is_mended_by_the_next_command(
    database: Path, killed_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study(runs=1)
    sessions = list(make_sessions(study))

    class KilledError(BaseException):
        pass

    def die(*_: object) -> None:
        raise KilledError

    fill(database, study, sessions, n_answered=0)
    if killed_at == "renamed":
        monkeypatch.setattr(writing, "merge_staged", die)
    else:
        monkeypatch.setattr("persona_big5.store.journal.Journal.drop_aside", die)
    with pytest.raises(KilledError):
        fill(database, study, sessions, n_answered=1)
    monkeypatch.undo()
    assert [path.name for path in database.parent.glob("*.journal*")] == ["study.duckdb.journal.merging"]
    assert sql(database, COUNTS)[1] == [(24, 1, 1, 1)]
    with open_for_writing(database, "run") as store:
        exchange = make_exchange(sessions[1])
        store.record(exchange, make_answers(sessions[1], exchange))
        assert sql(database, COUNTS)[1] == [(24, 2, 2, 2)]
    assert sql(database, COUNTS)[1] == [(24, 2, 2, 2)]
    assert not list(database.parent.glob("*.journal*"))


def test_a_merge_that_meets_a_reader_waits_for_its_next_turn(database: Path) -> None:
    study = make_study(runs=1)
    first, second, *_ = make_sessions(study)
    with open_for_writing(database, "run") as store:
        store.register(study, "1", make_sessions(study))
        with connect_reading(database) as reading:
            for session in (first, second):
                exchange = make_exchange(session)
                store.record(exchange, make_answers(session, exchange))
                with pytest.raises(BusyError, match="another command of persona-big5 has it open"):
                    store.merge()
            assert reading.execute("SELECT count(*) FROM answer").fetchall() == [(0,)]
            assert sql(database, "SELECT count(*) FROM answer")[1] == [(2,)]
        store.merge()
        assert not list(database.parent.glob("*.journal*"))


def test_a_reader_that_stays_leaves_the_journal_to_the_next_command(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "PATIENCE", 0.1)
    study = make_study(runs=1)
    session = next(make_sessions(study))
    with open_for_writing(database, "run") as store:
        store.register(study, "1", make_sessions(study))
        exchange = make_exchange(session)
        store.record(exchange, make_answers(session, exchange))
        reader = connect_reading(database)
        reader.__enter__()
    reader.__exit__(None, None, None)
    assert [path.name for path in database.parent.glob("*.journal*")] == ["study.duckdb.journal.merging"]
    assert sql(database, COUNTS)[1] == [(24, 1, 1, 1)]
    with open_for_writing(database, "run") as store:
        assert store.settled() == {session.administrations[0].id}
    assert not list(database.parent.glob("*.journal*"))


def test_a_merge_without_room_on_the_disk_is_told_and_loses_nothing(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study(runs=1)

    def no_room(_: object) -> None:
        raise duckdb.IOException("No space left on device")

    monkeypatch.setattr(writing, "merge_staged", no_room)
    with pytest.raises(StoreError, match=r"could not be merged\. Nothing is lost: .*: No space left on device"):
        fill(database, study, list(make_sessions(study)), n_answered=2)
    monkeypatch.undo()
    assert sql(database, COUNTS)[1] == [(24, 2, 2, 2)]
    with open_for_writing(database, "run") as store:
        assert len(store.settled()) == 2


def test_one_of_two_readers_leaving_does_not_let_a_writer_in(database: Path) -> None:
    with open_for_writing(database, "run") as store:
        store.record(make_exchange("s"), [])
        with connect_reading(database):
            with connect_reading(database):
                pass
            with pytest.raises(BusyError):
                store.merge()
            code = (
                "import sys; from pathlib import Path; from persona_big5.store.database import attached\n"
                "with attached(Path(sys.argv[1]), read_only=False, wait=0): pass"
            )
            other = subprocess.run([sys.executable, "-c", code, database], capture_output=True, text=True, check=False)
            assert "BusyError" in other.stderr


def test_the_journal_is_merged_in_the_background(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_SYNC_EVERY", 0.01)
    monkeypatch.setattr(writing, "_MERGE_EVERY", 0.01)
    with open_for_writing(database, "run") as store:
        store.record(make_exchange("s"), [])
        give_up_at = time.monotonic() + 20
        while list(database.parent.glob("*.journal*")) and time.monotonic() < give_up_at:
            time.sleep(0.01)
        assert not list(database.parent.glob("*.journal*"))
    assert sql(database, "SELECT exchange FROM exchange")[1] == [("s-0",)]


def test_replies_read_again_replace_the_answers_read_from_them(database: Path) -> None:
    study = make_study(runs=1)
    sessions = list(make_sessions(study))
    fill(database, study, sessions, n_answered=3)
    with open_for_writing(database, "rescore") as store:
        again = (answer for session, exchange in exchanges(database) for answer in make_answers(session, exchange, 4.0))
        assert store.replace_answers(again) == 0
        lower = (answer for session, exchange in exchanges(database) for answer in make_answers(session, exchange, 2.0))
        assert store.replace_answers(lower) == 3
        strange = Answer(sessions[0].administrations[0].id, "another exchange", "answered", "1", 1.0, None, 9)
        assert store.replace_answers([strange]) == 0
    assert sql(database, "SELECT score, count(*) FROM answer GROUP BY ALL")[1] == [(2.0, 3)]


def test_a_file_of_another_kind_is_refused(database: Path) -> None:
    database.parent.mkdir(parents=True)
    for content in (b"", b"SQLite format 3\x00" + b"\x00" * 4096, b"llm,score\n", b"\x00" * 20000):
        database.write_bytes(content)
        with (
            pytest.raises(StoreError, match="cannot be opened as a database of persona-big5"),
            open_for_writing(database, "run"),
        ):
            pytest.fail("opened")
        assert database.read_bytes() == content
    database.unlink()
    with duckdb.connect(str(database)) as other:
        other.execute("CREATE TABLE answer (score DOUBLE)")
    for attempt in (lambda: open_for_writing(database, "run").__enter__(), lambda: sql(database, "SELECT 1")):
        with pytest.raises(StoreError, match="a DuckDB database, but not one of persona-big5: name another file"):
            attempt()
    with pytest.raises(StoreError, match="it is a folder; name a"), open_for_writing(database.parent, "run"):
        pytest.fail("opened a folder")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match="cannot write beside"),
        open_for_writing(tmp_path / "file" / "s.duckdb", "run"),
    ):
        pytest.fail("opened")


def test_a_database_open_in_another_program_is_refused_and_the_program_named(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_PATIENCE_AT_START", 0.1)
    with open_for_writing(database, "run"):
        pass
    before = database.read_bytes()
    code = f"import duckdb; c = duckdb.connect({str(database)!r}, read_only=True); print('open', flush=True); input()"
    shell = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        refusal = rf"in use \(another program has it open: .*PID {shell.pid}\).*; close it there"
        with pytest.raises(StoreError, match=refusal), open_for_writing(database, "run"):
            pytest.fail("opened")
        shell.communicate("\n")
    assert database.read_bytes() == before


def test_a_lock_left_by_a_dead_process_is_no_obstacle(database: Path) -> None:
    database.parent.mkdir(parents=True)
    database.with_name("study.duckdb.lock").write_text("1 run\n")
    with open_for_writing(database, "run") as store:
        assert store.settled() == set()


def test_what_an_interrupted_creation_left_is_no_obstacle(database: Path) -> None:
    database.parent.mkdir(parents=True)
    database.with_name("study.duckdb.creating").write_bytes(b"half")
    database.with_name("study.duckdb.creating.wal").write_bytes(b"half")
    with open_for_writing(database, "run") as store:
        assert store.settled() == set()
    assert {path.name for path in database.parent.iterdir()} == {"study.duckdb", "study.duckdb.lock"}
