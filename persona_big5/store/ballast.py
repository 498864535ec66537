"""Room on the disk held back, so that replies already paid for can be kept when somebody has filled it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 4 * 2**20
"""Bytes held back: hundreds of replies in flight, a few KB each."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def says_full(error: BaseException) -> bool:
    """Tell whether an error, of the operating system or of DuckDB, means that there is no room on the disk."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return any(os.strerror(code) in str(error) for code in _FULL)


class Ballast:
    """A file beside the database that only takes up room, until that is needed."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".ballast")

    def take(self) -> bool:
        """Take up the room; False, and nothing is taken, when there is too little.

        Raises
        ------
        OSError
            The file cannot be written for another reason.
        """
        try:
            with self._path.open("wb") as file:
                file.write(os.urandom(SIZE))  # a file of zeros would take no room on a disk that compresses
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.give_back()
            if says_full(error):
                return False
            raise
        return True

    def give_back(self) -> bool:
        """Give back the room; False when there was none."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True
