"""Lines of the journal: what goes in comes out, and what a kill or a full disk leaves does no harm."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_samples import make_answers, make_exchange, make_sessions, make_study

from persona_big5.errors import StoreError
from persona_big5.store import Answer, exchanges, open_for_writing, sql
from persona_big5.store.journal import Journal, as_line, read_journal

STUDY = make_study(runs=1, n_items=1)
SESSION = next(make_sessions(STUDY))


def answer(**changes: object) -> Answer:
    fields = {
        "administration": "a",
        "exchange": "e",
        "state": "answered",
        "raw_response": "4",
        "score": 4.0,
        "reason": None,
        "parser_version": 1,
    }
    return Answer(**{**fields, **changes})


@settings(max_examples=4, deadline=None)
@given(st.lists(st.text(), min_size=60, max_size=60))
def test_any_text_comes_back_verbatim_from_the_journal_and_from_the_database(texts: list[str]) -> None:
    with TemporaryDirectory() as folder:
        database = Path(folder) / "s.duckdb"
        sent = [
            make_exchange(SESSION, i, text=text, messages=[{"role": "user", "content": text}])
            for i, text in enumerate(texts)
        ]
        with open_for_writing(database, "test") as store:
            store.register(STUDY, "1", make_sessions(STUDY))
            for exchange in sent:
                store.record(exchange, make_answers(SESSION, exchange))
            query = "SELECT text, messages->0->>'content' FROM exchange ORDER BY split_part(exchange, '-', 2)::INTEGER"
            in_journal = sql(database, query)[1]
            store.merge()
        assert in_journal == sql(database, query)[1] == [(text, text) for text in texts]
        [(session, last)] = exchanges(database)
        assert (session, last) == (SESSION, sent[-1])


@pytest.mark.parametrize(
    "hostile", ["\ud800", "a\udfffb", "\x00", "\x1b[2J", '"}\n{"', "\u2028", "'; DROP TABLE answer; --"]
)
def test_hostile_text_is_stored_as_text(tmp_path: Path, hostile: str) -> None:
    with open_for_writing(tmp_path / "s.duckdb", "test") as store:
        store.record(make_exchange("s", text=hostile), [answer(raw_response=hostile)])
        store.merge()
    expected = hostile.replace("\ud800", "\ufffd").replace("\udfff", "\ufffd")
    assert sql(tmp_path / "s.duckdb", "SELECT text, raw_response FROM exchange, answer")[1] == [(expected, expected)]


def test_numbers_that_fit_no_column_become_null_and_hold_up_nothing(tmp_path: Path) -> None:
    exchange = make_exchange("s", cost=float("nan"), tokens_in=10**30, parameters_sent={"temperature": float("inf")})
    with open_for_writing(tmp_path / "s.duckdb", "test") as store:
        store.record(exchange, [])
        store.merge()
    query = "SELECT cost, tokens_in, parameters_sent FROM exchange"
    assert sql(tmp_path / "s.duckdb", query)[1] == [(None, None, '{"temperature":null}')]


@pytest.mark.parametrize("wrong", [{"state": "unheard"}, {"state": "declined"}])
def test_an_answer_that_contradicts_itself_is_a_bug_told_at_once(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="administration a: state"):
        as_line(make_exchange("s"), [answer(**wrong)])


def test_a_time_that_is_none_is_a_bug_told_at_once() -> None:
    with pytest.raises(ValueError, match="Invalid isoformat string: 'yesterday'"):
        as_line(make_exchange("s", started_at="yesterday"), [])


def test_a_line_is_one_write_and_is_there_before_append_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: writes.append(data) or write(descriptor, data))
    journal = Journal(tmp_path / "s.duckdb")
    line = as_line(make_exchange("s", text="two\nlines"), [answer(), answer(administration="b")])
    journal.append(line)
    assert writes == [line]
    assert line.count(b"\n") == 1
    assert (tmp_path / "s.duckdb.journal").read_bytes() == line


class FullDisk:
    """Takes a few bytes of each write, or none, while a file lies beside the journal that keeps the disk full."""

    def __init__(self, filler: Path, fits: int) -> None:
        self.filler, self.fits, self.write = filler, fits, os.write

    def __call__(self, descriptor: int, data: bytes) -> int:
        if not self.filler.exists():
            return self.write(descriptor, data)
        if not self.fits:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.write(descriptor, data[: self.fits])


@pytest.mark.parametrize("fits", [0, 5])
def test_a_full_disk_leaves_whole_lines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fits: int) -> None:
    journal = Journal(tmp_path / "s.duckdb")
    journal.append(b'{"first": 1}\n')
    (tmp_path / "filler").touch()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", FullDisk(tmp_path / "filler", fits))
        message = r"s\.duckdb\.journal: No space left on device; make room and repeat"
        with pytest.raises(StoreError, match=message):
            journal.append(b'{"second": 2}\n')
        assert journal.disk_is_full
    journal.append(b'{"third": 3}\n')
    assert (tmp_path / "s.duckdb.journal").read_bytes() == b'{"first": 1}\n{"third": 3}\n'


@pytest.mark.parametrize("fits", [0, 5])
def test_a_full_disk_takes_the_lines_in_flight_into_the_room_kept_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fits: int
) -> None:
    ballast = tmp_path / "s.duckdb.ballast"
    journal = Journal(tmp_path / "s.duckdb")
    journal.keep_room()
    assert (ballast.stat().st_size, ballast.stat().st_blocks * 512 >= 4 * 2**20) == (4 * 2**20, True)
    monkeypatch.setattr(os, "write", FullDisk(ballast, fits))
    assert not journal.disk_is_full
    journal.append(b'{"first": 1}\n')
    assert journal.disk_is_full
    assert not ballast.exists()
    journal.append(b'{"second": 2}\n')
    assert (tmp_path / "s.duckdb.journal").read_bytes() == b'{"first": 1}\n{"second": 2}\n'


def test_another_trouble_with_the_disk_is_told_as_it_is_and_keeps_the_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    journal = Journal(tmp_path / "s.duckdb")
    journal.keep_room()
    monkeypatch.setattr(os, "write", broken)
    with pytest.raises(StoreError, match=r"s\.duckdb\.journal: Input/output error$"):
        journal.append(b"{}\n")
    assert (tmp_path / "s.duckdb.ballast").exists()
    assert not journal.disk_is_full


@pytest.mark.parametrize("cut", [1, 2, 60])
def test_a_torn_last_line_is_cut_at_the_last_line_feed(tmp_path: Path, cut: int) -> None:
    database = tmp_path / "s.duckdb"
    with open_for_writing(database, "test"):
        pass
    whole = as_line(make_exchange("s", 1), [answer()])
    torn = as_line(make_exchange("s", 2), [answer(administration="b")])[:-cut]
    database.with_name("s.duckdb.journal").write_bytes(whole + torn)
    assert sql(database, "SELECT exchange FROM exchange")[1] == [("s-1",)]
    with open_for_writing(database, "test") as store:
        store.record(make_exchange("s", 3), [])
    assert sql(database, "SELECT exchange FROM exchange ORDER BY ALL")[1] == [("s-1",), ("s-3",)]
    assert not list(tmp_path.glob("*.journal*"))


@pytest.mark.parametrize(
    "damage", [b"\x00" * 40, b"no json", b'{"exchange": {"id": null}}', b'{"exchange": 3}', b"[]", b"\xff\xfe"]
)
def test_damage_inside_the_journal_is_kept_aside_and_holds_up_nothing(tmp_path: Path, damage: bytes) -> None:
    database = tmp_path / "s.duckdb"
    with open_for_writing(database, "test"):
        pass
    lines = [as_line(make_exchange("s", i), []) for i in (1, 2)]
    database.with_name("s.duckdb.journal").write_bytes(lines[0] + damage + b"\n" + lines[1])
    assert sql(database, "SELECT count(*) FROM exchange")[1] == [(2,)]
    with open_for_writing(database, "test"):
        pass
    assert sql(database, "SELECT count(*) FROM exchange")[1] == [(2,)]
    kept = database.with_name("s.duckdb.journal.unreadable").read_text(encoding="utf-8")
    assert kept == damage.decode("utf-8", "replace") + "\n"


def test_a_reader_between_renaming_and_merging_sees_both_parts_once(tmp_path: Path) -> None:
    database = tmp_path / "s.duckdb"
    journal = Journal(database)
    journal.append(b"1\n")
    assert journal.set_aside()
    assert not journal.set_aside()
    journal.append(b"2\n")
    assert list(read_journal(database)) == [["1"], ["2"]]
    Path(f"{database}.journal").unlink()
    os.link(f"{database}.journal.merging", f"{database}.journal")
    assert list(read_journal(database)) == [["1"]]


def test_no_line_holds_more_than_the_records(tmp_path: Path) -> None:
    record = json.loads(as_line(make_exchange("s"), [answer()]))
    assert set(record) == {"exchange", "answers"}
    assert set(record["exchange"]) == set(make_exchange("s").__dataclass_fields__)
