"""A chosen option put into words, the way llms do: bare, lettered, in a sentence, as JSON, after a thought."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Choice:
    """What is said about one statement: an option by value, label and displayed place, or words that name none."""

    statement: str
    value: float | None
    label: str
    place: int
    highest: float

    @property
    def number(self) -> str:
        """The value as it is displayed."""
        return "" if self.value is None else f"{self.value:g}"


def _or_words(form: Callable[[Choice], str]) -> Callable[[Choice], str]:
    """Apply ``form`` to a choice of an option; a choice of none is said in its own words."""
    return lambda choice: choice.label if choice.value is None else form(choice)


FORMS: dict[str, Callable[[Choice], str]] = {
    "number": _or_words(lambda c: c.number),
    "stopped": _or_words(lambda c: f"{c.number}."),
    "bold": _or_words(lambda c: f"**{c.number}**"),
    "listed": _or_words(lambda c: f"{c.number}. {c.label}"),
    "letter": _or_words(lambda c: f"({'abcdefghijk'[c.place]}) {c.label}"),
    "label": _or_words(lambda c: c.label),
    "sentence": _or_words(lambda c: f"I would say {c.number} out of {c.highest:g}."),
    "explained": _or_words(lambda c: f"{c.number} - {c.label}, because that fits how I usually respond."),
}
"""How one option is said; every form names the option without doubt."""

OPENERS = ("", "<think>\nLet me weigh how well this fits me.\n</think>\n\n")
"""What may come before an answer."""


def phrase_one(choice: Choice, form: str, opener: str) -> str:
    """Say one choice."""
    return opener + FORMS[form](choice)


def phrase_block(choices: Sequence[Choice], form: str, opener: str, *, one_line: bool) -> str:
    """Say a block of choices, each after the label of its statement."""
    said = [f"{choice.statement}: {FORMS[form](choice)}" for choice in choices]
    return opener + (", " if one_line else "\n").join(said)


def phrase_json(choices: Sequence[Choice], opener: str, *, fenced: bool) -> str:
    """Say choices as a JSON object, keyed by statement in a block and by ``answer`` otherwise."""
    entries: dict[str, object] = {}
    for choice in choices:
        number = choice.value if choice.value is None or not choice.value.is_integer() else int(choice.value)
        entries[choice.statement or "answer"] = choice.label if number is None else number
    body = json.dumps(entries)
    return opener + (f"```json\n{body}\n```" if fenced else body)
