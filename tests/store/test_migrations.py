"""Databases of other versions: older ones are brought up to date, newer ones refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from persona_big5.errors import StoreError
from persona_big5.store import open_for_writing, reading, sql
from persona_big5.store.database import attached, bring_up_to_date
from persona_big5.store.migrations import MIGRATIONS

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

VERSIONS = "SELECT version, name FROM store.persona_big5_migration ORDER BY version"


def add_colour(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("ALTER TABLE llm ADD COLUMN colour VARCHAR DEFAULT 'blue'")


def break_half_way(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("ALTER TABLE llm ADD COLUMN taste VARCHAR")
    raise RuntimeError("half way")


def versions(path: Path) -> list[tuple[int, str]]:
    with attached(path, read_only=True) as connection:
        return connection.execute(VERSIONS).fetchall()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "s.duckdb"
    with open_for_writing(path, "run"), attached(path, read_only=False) as connection:
        connection.execute("INSERT INTO store.llm (study_version, llm) VALUES ('v', 'one')")
    return path


def test_a_migration_is_applied_once_and_recorded(old: Path) -> None:
    assert versions(old) == [(1, "first_schema")]
    for _ in range(2):
        bring_up_to_date(old, (*MIGRATIONS, add_colour))
        assert versions(old) == [(1, "first_schema"), (2, "add_colour")]
    with attached(old, read_only=True) as connection:
        assert connection.execute("SELECT llm, colour FROM store.llm").fetchall() == [("one", "blue")]


def test_a_migration_that_breaks_leaves_the_version_before_it(old: Path) -> None:
    with pytest.raises(RuntimeError, match="half way"):
        bring_up_to_date(old, (*MIGRATIONS, add_colour, break_half_way))
    assert versions(old) == [(1, "first_schema"), (2, "add_colour")]
    with attached(old, read_only=True) as connection:
        columns = [row[0] for row in connection.execute("DESCRIBE store.llm").fetchall()]
    assert columns[-1] == "colour"


def test_a_newer_schema_is_refused_by_readers_and_writers(old: Path) -> None:
    bring_up_to_date(old, (*MIGRATIONS, add_colour))
    message = r"s\.duckdb has schema 2, this persona-big5 knows 1: .*update persona-big5"
    with pytest.raises(StoreError, match=message):
        sql(old, "SELECT 1")
    with pytest.raises(StoreError, match=message), open_for_writing(old, "run"):
        pytest.fail("opened")


def test_a_reader_brings_an_older_database_up_to_date_unless_somebody_writes(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_for_writing(old, "run"):
        monkeypatch.setattr(reading, "MIGRATIONS", (*MIGRATIONS, add_colour))
        with pytest.raises(StoreError, match=r"\(run\) is writing to"):
            sql(old, "SELECT 1")
    assert sql(old, "SELECT colour FROM llm")[1] == [("blue",)]
    assert versions(old)[-1] == (2, "add_colour")
