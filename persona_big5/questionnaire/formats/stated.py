"""Response options as a prompt states them in prose: numbers with words, or only from where to where."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = r"(?<![\w.])(-?\d{1,3})"
_STANDS_FOR = r"['\"]?\s*(?:denotes|means|represents|indicates|to indicate|stands for|for|is|=|:|\()\s*"
_LABEL = r"[\"'“]?([^\n,;|.\"”()]{1,80}?)[\"'”]?"
_END = rf"\s*(?=[,;|.)\n]|\b(?:and|to)\s+['\"]?{_NUMBER}|$)"
_LABELLED = re.compile(_NUMBER + _STANDS_FOR + _LABEL + _END)
_RANGE = re.compile(rf"\b(?:from|between|numbers?|scale of)\s+{_NUMBER}\s*(?:to|and|-)\s*{_NUMBER}")
_MOST_OPTIONS = 101


@dataclass(frozen=True, slots=True)
class Options:
    """Ordered options: values increase, each with its label."""

    values: tuple[float, ...]
    labels: tuple[str, ...]


AGREE = Options(
    (1, 2, 3, 4, 5), ("Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree")
)
"""What stands in where a source names no options."""

YES_NO = Options((0, 1), ("No", "Yes"))


def stated_options(text: str) -> Options | None:
    """Find the options that a prompt states.

    Reads ``1 = Agree``, ``1: Agree``, ``1 (agree)``, ``1 denotes "agree"``, ``1 for Agree`` and the like, and ranges
    such as ``from 1 to 7``. Whole numbers between two labelled ones are options too and are labelled by themselves.
    None where the text states neither two labels nor a range, or gives a number two labels.

    Examples
    --------
    >>> stated_options("1 denotes strongly disagree and 4 denotes strongly agree.")
    Options(values=(1.0, 2.0, 3.0, 4.0), labels=('strongly disagree', '2', '3', 'strongly agree'))
    """
    labels: dict[int, str] = {}
    for found in _LABELLED.finditer(text):
        value, label = int(found[1]), found[2].strip()
        if label and labels.setdefault(value, label).casefold() != label.casefold():
            return None
    ends = [int(end) for found in _RANGE.finditer(text) for end in found.groups()]
    numbers = [*labels] if len(labels) > 1 else ends
    if not numbers or not 1 <= max(numbers) - min(numbers) < _MOST_OPTIONS:
        return None
    values = range(min(numbers), max(numbers) + 1)
    shown = [labels.get(value, str(value)) for value in values]
    if len({label.casefold() for label in shown}) < len(shown):
        return None
    return Options(tuple(float(value) for value in values), tuple(shown))


def from_labels(labels: str) -> Options:
    """Options numbered from 1 with these labels, separated by bars: ``"Disagree|Agree"``."""
    names = tuple(label.strip() for label in labels.split("|"))
    return Options(tuple(float(value) for value in range(1, len(names) + 1)), names)
