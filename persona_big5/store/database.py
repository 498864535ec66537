"""The DuckDB file: creating it, bringing it up to date, and taking turns with whoever else has it open."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import duckdb

from persona_big5.errors import StoreError
from persona_big5.store.ballast import says_full
from persona_big5.store.migrations import MIGRATIONS, migrate, schema_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from persona_big5.store.migrations import Migration

PATIENCE = 30.0
"""Seconds to wait for somebody else who has the database open; our own merges take a fraction of one."""

_RETRY_AFTER = 0.02
_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,  # nothing is fetched from the network
    "autoload_known_extensions": False,
    "allow_persistent_secrets": False,  # nor is what the user's own DuckDB may know
    "python_enable_replacements": False,  # a name in a query is a table, never a variable of ours
}


class BusyError(StoreError):
    """Somebody else has the database open just now."""


@contextmanager
def attached(path: Path, *, read_only: bool, wait: float = PATIENCE) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to an empty in-memory DuckDB with the file attached as ``store``; let go of the file at the end.

    The file is attached, never opened as the main database, so that settings and views of a connection stay its own.

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
    give_up_at = time.monotonic() + wait
    with _turn(path, read_only=read_only, give_up_at=give_up_at), empty_database() as connection:
        _attach(connection, path, read_only=read_only, give_up_at=give_up_at)
        yield connection


@contextmanager
def failing_with(message: str) -> Iterator[None]:
    """Turn failures to write, for want of room on the disk or of memory, into an error that begins with a message.

    Raises
    ------
    StoreError
        Writing failed.
    """
    try:
        yield
    except (duckdb.Error, OSError) as error:
        if not (isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException) or says_full(error)):
            raise
        advice = "; make room on the disk and repeat the command" if says_full(error) else ""
        raise StoreError(f"{message}: {error}{advice}") from error


@contextmanager
def _turn(path: Path, *, read_only: bool, give_up_at: float) -> Iterator[None]:
    """Hold a lock of our own on the file, shared by readers.

    DuckDB's lock belongs to the process: a second reader in the same process gives it up for the first when it closes
    the file, and a writer could come between. This lock belongs to each opening.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY if read_only else os.O_RDWR)
    except FileNotFoundError as error:
        raise StoreError(f"{path} does not exist; `persona-big5 run STUDY.yaml --db {path}` creates it") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}") from error
    try:
        while True:
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_SH if read_only else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                _wait_or_give_up(path, "another command of persona-big5 has it open", give_up_at, error)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def empty_database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to a DuckDB in memory that keeps to itself."""
    with closing(duckdb.connect(":memory:", config=_CONFIGURATION)) as connection:
        connection.execute("SET enable_progress_bar = false")  # it would print to standard output
        yield connection


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool, give_up_at: float) -> None:
    mode = "READ_ONLY" if read_only else "READ_WRITE"
    while True:
        try:
            connection.execute(f"ATTACH $1 AS store (TYPE duckdb, {mode})", [str(path)])
        except duckdb.Error as error:
            # DuckDB's advice after the first line is about its own shell.
            seen = str(error).splitlines()[0].split(" However,")[0]
            if "Could not set lock" not in seen and "Unique file handle conflict" not in seen:
                raise StoreError(f"{path} cannot be opened as a database of persona-big5: {seen}") from error
            _wait_or_give_up(path, f"another program has it open: {seen}", give_up_at, error)
        else:
            return


def _wait_or_give_up(path: Path, reason: str, give_up_at: float, error: Exception) -> None:
    if time.monotonic() >= give_up_at:
        raise BusyError(f"{path} is in use ({reason}); close it there or wait, then repeat the command") from error
    time.sleep(_RETRY_AFTER)


def create(path: Path) -> None:
    """Create an empty database of the present schema. It appears under its name complete, or not at all."""
    unfinished = path.with_name(path.name + ".creating")
    for left_by_a_kill in (unfinished, unfinished.with_name(unfinished.name + ".wal")):
        left_by_a_kill.unlink(missing_ok=True)
    with failing_with(f"{path} could not be created"), empty_database() as connection:
        connection.execute("ATTACH $1 AS store (TYPE duckdb)", [str(unfinished)])
        migrate(connection, 0, MIGRATIONS)
        connection.execute("CHECKPOINT store")  # closing would do it, but hide that there was no room
    unfinished.rename(path)


def bring_up_to_date(path: Path, migrations: Sequence[Migration], *, wait: float = PATIENCE) -> None:
    """Apply the migrations that the database at ``path`` lacks; ``wait`` is in seconds.

    Raises
    ------
    StoreError
        It was made by another program or by a newer version of this one, or is in use.
    """
    told = f"{path} could not be brought up to date"
    with failing_with(told), attached(path, read_only=False, wait=wait) as connection:
        migrate(connection, schema_version(connection, path, migrations), migrations)
