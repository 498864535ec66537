"""What a simulated llm sees: the messages of one request, taken apart into statements and options."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING

from persona_big5.simulation.library import known_value

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPTION = re.compile(r"^(-?\d+(?:\.\d+)?|[A-Z])\. (.+)$")
_STATEMENT = re.compile(r"^(S\d+)\. (.+)$")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request as a respondent understands it.

    ``statements`` pairs a label ("" when there is only one) with a text; ``options`` pairs a value with a label in
    displayed order (a lettered one has its label's value in the shipped scales, else its place); ``frame`` is all the
    rest of the last message, the wording; ``decline`` is the way out, if one is offered. ``said_before`` is what the
    user said in the turns before.
    """

    persona: str
    said_before: tuple[str, ...]
    statements: tuple[tuple[str, str], ...]
    options: tuple[tuple[float, str], ...]
    decline: str | None
    frame: str
    wants_json: bool

    @property
    def is_block(self) -> bool:
        """Whether several statements are asked at once, each with a label."""
        return bool(self.statements) and bool(self.statements[0][0])


def read_prompt(messages: Sequence[dict[str, str]]) -> Prompt:
    """Take the messages of one request apart; the format is that of :mod:`persona_big5.study.messages`."""
    persona = "\n".join(message["content"] for message in messages if message["role"] == "system")
    lines = messages[-1]["content"].split("\n")
    listed = [i for i, line in enumerate(lines) if _OPTION.match(line)]
    options = tuple(_option(*match.groups()) for i in listed if (match := _OPTION.match(lines[i])))
    after = lines[listed[-1] + 1] if listed and listed[-1] + 1 < len(lines) else ""
    statements = tuple((match[1], match[2]) for line in lines if (match := _STATEMENT.match(line)))
    taken = {*listed, *([listed[-1] + 1] if after else [])}
    frame = "\n".join(line for i, line in enumerate(lines) if i not in taken and not _STATEMENT.match(line))
    return Prompt(
        persona=persona,
        said_before=tuple(message["content"] for message in messages[:-1] if message["role"] == "user"),
        statements=statements or (("", frame),),
        options=options,
        decline=after or None,
        frame=frame,
        wants_json="JSON object" in lines[-1],
    )


def _option(mark: str, label: str) -> tuple[float, str]:
    return (known_value(label, ascii_uppercase.index(mark) + 1.0) if mark.isalpha() else float(mark)), label
