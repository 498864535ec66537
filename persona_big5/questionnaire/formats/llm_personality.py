"""LLMPersonality's JSON: one questionnaire in several languages, each in several rephrased versions.

``{BFI: {questions: {En: {scales: {"1": label}, v1: {statements: {"1": text}}}}, reverse, categories}}``
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from persona_big5.errors import DataError
from persona_big5.questionnaire.formats.published import PublishedItem, PublishedQuestionnaire, Remarks
from persona_big5.questionnaire.formats.shape import expect, part
from persona_big5.questionnaire.formats.stated import Options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def recognises(data: object) -> bool:
    """Tell whether JSON is such a file: questionnaires by name, with ``questions`` by language."""
    if not isinstance(data, dict) or not data:
        return False
    first = next(iter(data.values()))
    return isinstance(first, dict) and {"questions", "categories"} <= first.keys()


def read(path: Path, data: object) -> list[PublishedQuestionnaire]:
    """Read every language and version as a questionnaire of its own, named ``<name>-<language>-<version>``."""
    return list(_each(expect(data, dict, str(path)), path))


def _each(data: dict[str, Any], path: Path) -> Iterator[PublishedQuestionnaire]:
    for name, entry in data.items():
        place = f"{path}: {name}"
        record = expect(entry, dict, place)
        reverse = {str(number) for number in part(record, "reverse", list, place)}
        scales = _scales(record, place)
        for language, spoken in part(record, "questions", dict, place).items():
            here = f"{place}.questions.{language}"
            asked = expect(spoken, dict, here)
            options = options_by_value(part(asked, "scales", dict, here), f"{here}.scales")
            versions = [key for key, value in asked.items() if isinstance(value, dict) and "statements" in value]
            for version in versions:
                remarks = Remarks()
                if asked.get("system_prompt"):
                    remarks.say("the system prompt is not carried over: write it as a persona")
                items = []
                for number, text in part(asked[version], "statements", dict, f"{here}.{version}").items():
                    if number not in scales:
                        remarks.add("items left out, as no scale scores them", number)
                        continue
                    statement = expect(text, str, f"{here}.{version}.statements.{number}")
                    items.append(PublishedItem(number, scales[number], -1 if number in reverse else 1, statement))
                yield PublishedQuestionnaire(f"{name}-{language}-{version}", tuple(items), options, remarks=remarks)


def _scales(record: dict[str, Any], place: str) -> dict[str, str]:
    scales: dict[str, str] = {}
    for i, entry in enumerate(part(record, "categories", list, place)):
        here = f"{place}.categories[{i}]"
        category = expect(entry, dict, here)
        scale = part(category, "cat_name", str, here)
        for number in map(str, part(category, "cat_questions", list, here)):
            if scales.setdefault(number, scale) != scale:
                raise DataError(f"{here}: item {number} is scored on {scales[number]} already")
    return scales


def options_by_value(labels: dict[str, Any], place: str) -> Options:
    """Return the options of an object {"1": label, …}, in the order of their values."""
    try:
        pairs = sorted((float(value), expect(label, str, f"{place}.{value}")) for value, label in labels.items())
    except ValueError as error:
        raise DataError(f"{place}: an option's value is no number ({error})") from error
    return Options(tuple(value for value, _ in pairs), tuple(label for _, label in pairs))
