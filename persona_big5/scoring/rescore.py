"""Stored replies read again with the present parser: scores are derived, and can be derived again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from persona_big5.scoring.parse import PARSER_VERSION, parse_reply
from persona_big5.store import exchanges, open_for_writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from persona_big5.store import Answer


@dataclass(frozen=True, slots=True)
class RescoreSummary:
    """What reading again came to: replies and answers read, and how many answers differ from before."""

    replies: int
    answers: int
    changed: int

    def __str__(self) -> str:
        return (
            f"{self.replies:,} replies read again with parser version {PARSER_VERSION}: "
            f"{self.changed:,} of {self.answers:,} answers changed"
        )


def rescore(db_path: str | PathLike[str]) -> RescoreSummary:
    """Read every stored reply again and replace the answers; replies themselves are never changed.

    Raises
    ------
    StoreError
        The database is missing, in use by another writing command, or none of this program.
    """
    counts = {"replies": 0, "answers": 0}

    def reread() -> Iterator[Answer]:
        for session, exchange in exchanges(db_path):
            answers = parse_reply(exchange, session)
            counts["replies"] += 1
            counts["answers"] += len(answers)
            yield from answers

    with open_for_writing(db_path, "rescore") as store:
        changed = store.replace_answers(reread())
    return RescoreSummary(counts["replies"], counts["answers"], changed)
