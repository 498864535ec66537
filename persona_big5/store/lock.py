"""One writing command at a time: a lock beside the database that the operating system holds while its process lives."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from persona_big5.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def writer_lock(database: Path, command: str) -> Iterator[None]:
    """Hold ``<database>.lock``. The file stays behind, the lock does not, not even after a kill.

    Raises
    ------
    StoreError
        Another writing command holds it; the message names its process and command.
    """
    if database.is_dir():
        raise StoreError(f"{database} cannot be opened as a database: it is a folder; name a file in it")
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(database.with_name(database.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"cannot write beside {database}: {error.strerror}: {error.filename}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid, _, holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").partition(" ")
            who = f"process {pid} ({holder.strip()})" if holder else "another process"
            raise StoreError(f"{who} is writing to {database}; wait for it or stop it") from error
        with suppress(OSError):  # on a full disk the holder stays without a name
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()} {command}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
