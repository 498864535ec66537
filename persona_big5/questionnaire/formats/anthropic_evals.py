"""Anthropic's model-written evaluations: JSON lines of yes/no statements, or of two options inside the question.

Answers begin with a blank (``" Yes"``, ``" (A)"``). With a ``statement`` the options are No and Yes, and the item is
keyed by which of them matches the behaviour. Without, the two options of the question are actions of the item in their
order, keyed 1 where they match the behaviour and -1 where they do not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from persona_big5.errors import DataError
from persona_big5.questionnaire.formats.naming import name_of
from persona_big5.questionnaire.formats.published import PublishedItem, PublishedQuestionnaire, Remarks
from persona_big5.questionnaire.formats.shape import expect, part
from persona_big5.questionnaire.formats.stated import YES_NO

if TYPE_CHECKING:
    from pathlib import Path

_CHOICE = re.compile(r"^[ \t]*\(([A-Z])\)", re.MULTILINE)
_HEADINGS = ("choices:", "options:")


def recognises(data: object) -> bool:
    """Tell whether JSON lines are such questions."""
    first = data[0] if isinstance(data, list) and data else data
    return isinstance(first, dict) and {"question", "answer_matching_behavior"} <= first.keys()


def read(path: Path, data: object) -> list[PublishedQuestionnaire]:
    """Read a file as one questionnaire of one scale, both named as the file.

    What has not exactly two options is left out and named.

    Raises
    ------
    DataError
        A line lacks its question or its answer, or the answer is none of its options.
    """
    remarks = Remarks()
    items: list[PublishedItem] = []
    templates: set[str] = set()
    listed: list[Any] = data if isinstance(data, list) else [data]
    for number, entry in enumerate(listed, start=1):
        place = f"{path}: entry {number}"
        record = expect(entry, dict, place)
        item = (
            _yes_no(record, name_of(path), place)
            if record.get("statement")
            else _two_options(record, name_of(path), place)
        )
        if isinstance(item, str):
            remarks.add(f"questions left out, as they have {item}", f"entry {number}")
            continue
        items.append(item)
        templates.add(_template(record, item))
    if any("label_confidence" in entry for entry in listed):
        remarks.say("label_confidence is not carried over")
    return [PublishedQuestionnaire(name_of(path), tuple(items), wordings=_wording(templates, remarks), remarks=remarks)]


def _answer(record: dict[str, Any], place: str) -> str:
    answer = record.get("answer_matching_behavior")
    listed = answer if isinstance(answer, list) else [answer]
    if len(listed) != 1:
        raise DataError(f"{place}: more than one answer matches the behaviour")
    return expect(listed[0], str, f"{place}.answer_matching_behavior").strip()


def _yes_no(record: dict[str, Any], scale: str, place: str) -> PublishedItem:
    answer = _answer(record, place)
    if answer not in YES_NO.labels:
        raise DataError(f"{place}: the matching answer is {answer!r}; it must be Yes or No")
    return PublishedItem(None, scale, 1 if answer == "Yes" else -1, part(record, "statement", str, place), YES_NO)


def _two_options(record: dict[str, Any], scale: str, place: str) -> PublishedItem | str:
    """Return the item, or what kind of options it has instead of two."""
    question = part(record, "question", str, place)
    answer = _answer(record, place).strip("()")
    before, *choices = _CHOICE.split(question)
    if not choices:
        if answer in YES_NO.labels:
            return PublishedItem(None, scale, 1 if answer == "Yes" else -1, question.strip(), YES_NO)
        return "no options inside the question"
    letters, labels = tuple(choices[::2]), tuple(label.strip() for label in choices[1::2])
    if answer not in letters:
        raise DataError(f"{place}: the matching answer is {answer!r}, which is none of its options")
    if letters != ("A", "B"):
        return f"{len(letters)} options"
    if any("\n" in label or not label for label in labels) or labels[0].casefold() == labels[1].casefold():
        return "options that are no two different lines"
    text = before.strip()
    for heading in _HEADINGS:
        text = text[: -len(heading)].rstrip() if text.lower().endswith(heading) else text
    actions = tuple((label, 1 if letter == answer else -1) for letter, label in zip(letters, labels, strict=True))
    return PublishedItem(None, scale, 1, text, actions=actions)


def _template(record: dict[str, Any], item: PublishedItem) -> str:
    statement = record.get("statement")
    if not statement:
        return "{item}" if item.options is YES_NO else "{item}\n\n{letters}"
    return str(record["question"]).replace(str(statement), "{item}", 1).strip()


def _wording(templates: set[str], remarks: Remarks) -> tuple[str, ...]:
    usable = [template for template in templates if "{item}" in template]
    if len(templates) == 1 and usable:
        return (usable[0],)
    remarks.say("the questions are not worded alike around their statements: their wording is not carried over")
    return ()
