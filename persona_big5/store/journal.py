"""The journal: one JSON line per exchange with the answers read from it, beside the database until it is merged.

New lines go to ``<database>.journal``. A merge sets that file aside as ``<database>.journal.merging`` by renaming it,
puts its lines into the database, and drops it. A process killed in between leaves files whose lines are merged again:
ids are keys, so nothing doubles.
"""

from __future__ import annotations

import errno
import json
import os
import re
import threading
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from persona_big5.errors import StoreError
from persona_big5.store.ballast import Ballast, says_full
from persona_big5.store.records import Answer, Exchange, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from io import BufferedReader
    from pathlib import Path

_EXCHANGE_FIELDS = tuple(Exchange.__dataclass_fields__)
_ANSWER_FIELDS = tuple(Answer.__dataclass_fields__)
_STATES = frozenset(get_args(State))
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINES_AT_ONCE = 1000
_CHARACTERS_AT_ONCE = 4_000_000


def as_line(exchange: Exchange, answers: Sequence[Answer]) -> bytes:
    r"""Write an exchange and its answers as one line of JSON, ending in a line feed.

    Lone surrogates, which no UTF-8 text can hold, become U+FFFD; numbers that JSON does not know become null.

    Raises
    ------
    ValueError
        An answer has an unknown state, or a score without being answered; or ``started_at`` is no ISO 8601 time.
    """
    datetime.fromisoformat(exchange.started_at)
    for answer in answers:
        if answer.state not in _STATES or (answer.score is not None and answer.state != "answered"):
            raise ValueError(
                f"administration {answer.administration}: state {answer.state!r} with score {answer.score}"
            )
    record = {
        "exchange": {name: getattr(exchange, name) for name in _EXCHANGE_FIELDS},
        "answers": [{name: getattr(answer, name) for name in _ANSWER_FIELDS} for answer in answers],
    }
    try:
        return _encode(record)
    except ValueError:  # UnicodeEncodeError is one
        return _encode(_storable(record))


def _encode(record: object) -> bytes:
    return (json.dumps(record, ensure_ascii=False, allow_nan=False, default=str) + "\n").encode()


def _storable(value: object) -> object:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {_storable(key): _storable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(entry) for entry in value]
    return value


class Journal:
    """The writer's side. ``append`` may be called from any thread; the other methods from one at a time."""

    def __init__(self, database: Path) -> None:
        self._path, self._aside = journal_paths(database)
        self._appending = threading.Lock()
        self._descriptor: int | None = None
        self._size = 0
        self._ballast = Ballast(database)
        self.disk_is_full = False

    def keep_room(self) -> None:
        """Hold back room for the lines that come when the disk is full; it is full already where there is none."""
        try:
            self.disk_is_full = not self._ballast.take()
        except OSError as error:
            raise StoreError(f"cannot write beside {self._path}: {error.strerror}") from error

    def give_back_room(self) -> None:
        """Give back the room: nothing more will be appended."""
        self._ballast.give_back()

    def append(self, line: bytes) -> None:
        """Write one line at the end, with one ``write``; on a full disk into the room kept for that.

        Raises
        ------
        StoreError
            The line could not be written whole (there is no room left at all); the journal is as before.
        """
        with self._appending:
            try:
                try:
                    self._write(line)
                except OSError as error:
                    if not says_full(error):
                        raise
                    self.disk_is_full = True
                    if not self._ballast.give_back():
                        raise
                    self._write(line)
            except OSError as error:
                advice = "; make room and repeat the command" if says_full(error) else ""
                raise StoreError(f"cannot write to {self._path}: {error.strerror}{advice}") from error

    def _write(self, line: bytes) -> None:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o644)
            self._size = 0
        written = os.write(self._descriptor, line)
        if written < len(line):
            os.ftruncate(self._descriptor, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += written

    def sync(self) -> None:
        """Have the operating system put on disk what was appended."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)

    @property
    def is_aside(self) -> bool:
        """Whether lines set aside earlier wait to be merged."""
        return self._aside.exists()

    def set_aside(self) -> bool:
        """Set the lines so far aside for a merge; False when there are none."""
        with self._appending:
            if not self._path.exists():
                return False
            self._path.rename(self._aside)
            descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.fsync(descriptor)
            os.close(descriptor)
        return True

    def aside(self) -> Iterator[list[str]]:
        """Lines set aside, in batches."""
        with self._aside.open("rb") as file:
            yield from _batches(_complete_lines(file))

    def keep_unreadable(self, lines: Iterable[str]) -> None:
        """Keep complete lines that are no records, which only damage of the file can cause, in a file of their own."""
        with self._path.with_name(self._path.name + ".unreadable").open("a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)

    def drop_aside(self) -> None:
        """Forget the lines set aside, once they are in the database."""
        self._aside.unlink()


def journal_paths(database: Path) -> tuple[Path, Path]:
    """Where the journal is, and where the part that is being merged."""
    return database.with_name(database.name + ".journal"), database.with_name(database.name + ".journal.merging")


def read_journal(database: Path) -> Iterator[list[str]]:
    """Complete lines that are not merged yet, oldest first, in batches; call it with the database open for reading.

    While it is open no merge can end, so the part set aside stays. The journal is opened before that part: a renaming
    in between makes both the same file, which is read once, but never hides a line.
    """
    files: dict[tuple[int, int], BufferedReader] = {}
    for path in journal_paths(database):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        status = os.fstat(file.fileno())
        if (status.st_dev, status.st_ino) in files:
            file.close()
        else:
            files[status.st_dev, status.st_ino] = file
    try:
        for file in reversed(files.values()):
            yield from _batches(_complete_lines(file))
    finally:
        for file in files.values():
            file.close()


def _complete_lines(file: BufferedReader) -> Iterator[str]:
    """Lines that end in a line feed: the last write of a killed process may have been cut."""
    for line in file:
        if not line.endswith(b"\n"):
            return
        yield line[:-1].decode("utf-8", "replace")


def _batches(lines: Iterator[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    length = 0
    for line in lines:
        batch.append(line)
        length += len(line)
        if len(batch) == _LINES_AT_ONCE or length >= _CHARACTERS_AT_ONCE:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch
