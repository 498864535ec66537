"""Every mistake a user can make, each with one message: what was seen, where, and what to do.

Commands print the message without a traceback and exit with 2. Anything else that is raised is a bug and keeps its
traceback.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class PersonaBig5Error(Exception):
    """A mistake the user can mend; the message says what was seen, where, and what to do."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a file, shown as ``file:line: path: text``.

    ``line`` counts from 1; ``path`` is the place inside the file and may be empty.
    """

    file: str
    line: int
    path: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: "
        return f"{where}{self.path}: {self.text}" if self.path else f"{where}{self.text}"


class SpecError(PersonaBig5Error):
    """A questionnaire, persona, context or study file is wrong; carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DataError(PersonaBig5Error):
    """A table of answers cannot be used as it is (missing columns, duplicate keys, text where numbers belong)."""


class StoreError(PersonaBig5Error):
    """The database cannot be opened, is in use by another process, or is no database of this program."""


class AccessError(PersonaBig5Error):
    """An llm cannot be asked: wrong key, unreachable endpoint, unknown name. Never carries the key itself."""


class NotEstimableError(PersonaBig5Error):
    """The data cannot answer what is asked of them: one run, one respondent, factors that are not identified."""
