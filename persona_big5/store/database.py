"""The DuckDB file: creating it, bringing it up to date, and taking turns with whoever else has it open."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from persona_big5.errors import StoreError
from persona_big5.store.migrations import MIGRATIONS, migrate, schema_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from persona_big5.store.migrations import Migration

PATIENCE = 30.0
"""Seconds to wait for another process that has the database open; our own merges take a fraction of one."""

_RETRY_AFTER = 0.05


class BusyError(StoreError):
    """Somebody else has the database open just now."""


@contextmanager
def attached(path: Path, *, read_only: bool, wait: float = PATIENCE) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to an empty in-memory DuckDB with the file attached as ``store``, and let go of the file at the end.

    The file is attached, never opened as the main database: so settings and views of a connection stay its own.

    Parameters
    ----------
    path
        An existing database.
    read_only
        A reader shuts out the writer and a writer everybody, so neither keeps the connection longer than it must.
    wait
        Seconds to wait while somebody else has it.

    Raises
    ------
    BusyError
        It is still in use after ``wait`` seconds.
    StoreError
        The file is missing or is no DuckDB database.
    """
    if not path.exists():
        raise StoreError(f"{path} does not exist: `persona-big5 run STUDY.yaml --db {path}` creates it")
    connection = duckdb.connect(
        ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    try:
        _attach(connection, path, read_only=read_only, wait=wait)
        yield connection
    finally:
        connection.close()


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool, wait: float) -> None:
    mode = "READ_ONLY" if read_only else "READ_WRITE"
    give_up_at = time.monotonic() + wait
    while True:
        try:
            connection.execute(f"ATTACH $1 AS store (TYPE duckdb, {mode})", [str(path)])
        except duckdb.Error as error:
            if not _is_busy(error):
                raise StoreError(f"{path} cannot be opened as a DuckDB database: {_first_line(error)}") from error
            if time.monotonic() >= give_up_at:
                raise BusyError(
                    f"{path} is open in another program: {_first_line(error)} Close it there, then repeat the command"
                ) from error
            time.sleep(_RETRY_AFTER)
        else:
            return


def _is_busy(error: duckdb.Error) -> bool:
    return "Could not set lock" in str(error) or "Unique file handle conflict" in str(error)


def _first_line(error: duckdb.Error) -> str:
    """Reduce DuckDB's message to what happened, without its advice, which does not hold here."""
    return str(error).splitlines()[0].split(" However,")[0]


def create(path: Path) -> None:
    """Create an empty database of the present schema. It appears under its name complete, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".creating")
    for left_by_a_kill in (unfinished, unfinished.with_name(unfinished.name + ".wal")):
        left_by_a_kill.unlink(missing_ok=True)
    with closing(duckdb.connect(":memory:")) as connection:
        connection.execute("ATTACH $1 AS store (TYPE duckdb)", [str(unfinished)])
        migrate(connection, 0, MIGRATIONS)
    unfinished.rename(path)


def bring_up_to_date(path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Apply the migrations that the database at ``path`` lacks; refuse one that is not ours or is newer."""
    with attached(path, read_only=False) as connection:
        migrate(connection, schema_version(connection, path, migrations), migrations)
