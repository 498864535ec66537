"""PsychoBench's JSON: a list of questionnaires, reversed by ``scale - x`` (so ``scale`` is minimum + maximum).

The options stand in the prose of ``prompt``; ``crowd`` holds norms. ``compute_mode`` (AVG or SUM) may stand at the
questionnaire or at each category.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from persona_big5.errors import DataError
from persona_big5.questionnaire.formats.published import (
    PublishedItem,
    PublishedNorm,
    PublishedQuestionnaire,
    Remarks,
)
from persona_big5.questionnaire.formats.shape import expect, part
from persona_big5.questionnaire.formats.stated import stated_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def recognises(data: object) -> bool:
    """Tell whether JSON is one of PsychoBench's questionnaires or a list of them."""
    first = data[0] if isinstance(data, list) and data else data
    return isinstance(first, dict) and {"questions", "categories", "scale"} <= first.keys()


def read(path: Path, data: object) -> list[PublishedQuestionnaire]:
    """Read PsychoBench's questionnaires.

    Raises
    ------
    DataError
        A part is missing or of another type, the prompt states no options, or their ends do not add up to ``scale``.
    """
    listed = data if isinstance(data, list) else [data]
    return [_one(expect(entry, dict, f"{path}: [{i}]"), f"{path}: [{i}]") for i, entry in enumerate(listed)]


def _one(record: dict[str, Any], place: str) -> PublishedQuestionnaire:
    name = part(record, "name", str, place)
    place = f"{place} ({name})"
    prompt = part(record, "prompt", str, place)
    setting = record.get("inner_setting", "")
    options = stated_options(prompt) or stated_options(str(setting))
    if options is None:
        raise DataError(f"{place}: neither prompt nor inner_setting states the options, as in 'from 1 to 5'")
    total = part(record, "scale", float, place)
    if options.values[0] + options.values[-1] != total:
        raise DataError(
            f"{place}: scale is {total:g}, but the options go from {options.values[0]:g} to {options.values[-1]:g} "
            f"(it must be their sum); correct the prompt or the scale"
        )
    remarks = Remarks()
    if setting:
        remarks.say("the system prompt (inner_setting) is not carried over: write it as a persona")
    if unlabelled := [label for label in options.labels if label.lstrip("-").isdigit()]:
        remarks.say(f"the prompt has no words for the options {', '.join(unlabelled)}: their numbers are their labels")
    items, norms = _scored(record, place, remarks)
    return PublishedQuestionnaire(name, items, options, (f"{prompt}\n\n{{item}}",), norms, remarks=remarks)


def _scored(
    record: dict[str, Any], place: str, remarks: Remarks
) -> tuple[tuple[PublishedItem, ...], tuple[PublishedNorm, ...]]:
    """Return the items in the questionnaire's order, each in its first category, and the norms of the categories."""
    questions = part(record, "questions", dict, place)
    reverse = {str(number) for number in part(record, "reverse", list, place)}
    if unknown := sorted(reverse - questions.keys()):
        raise DataError(f"{place}: reverse names the items {', '.join(unknown)}, which questions does not have")
    scales: dict[str, str] = {}
    norms: list[PublishedNorm] = []
    for i, entry in enumerate(part(record, "categories", list, place)):
        here = f"{place}.categories[{i}]"
        category = expect(entry, dict, here)
        scale = part(category, "cat_name", str, here)
        for number in map(str, part(category, "cat_questions", list, here)):
            if number not in questions:
                raise DataError(f"{here}: names the item {number}, which questions does not have")
            if scales.setdefault(number, scale) != scale:
                remarks.add("items scored on a second scale, which is not carried over", f"{number} ({scale})")
        norms.extend(
            _norms(category, scale, str(category.get("compute_mode", record.get("compute_mode", "AVG"))), here)
        )
    items = []
    for number, text in questions.items():
        if number in scales:
            statement = expect(text, str, f"{place}.questions.{number}")
            items.append(PublishedItem(number, scales[number], -1 if number in reverse else 1, statement))
        else:
            remarks.add("items left out, as no scale scores them", number)
    return tuple(items), tuple(norms)


def _norms(category: dict[str, Any], scale: str, mode: str, place: str) -> Iterator[PublishedNorm]:
    score: Literal["mean", "sum"] = "sum" if mode.upper() == "SUM" else "mean"
    for i, entry in enumerate(category.get("crowd", [])):
        here = f"{place}.crowd[{i}]"
        crowd = expect(entry, dict, here)
        mean, sd, n = (
            part(crowd, next((name for name in names if name in crowd), names[0]), float, here)
            for names in (("crowd_sample_mean", "mean"), ("crowd_sample_sd", "std"), ("crowd_sample_num", "n"))
        )
        yield PublishedNorm(scale, str(crowd.get("crowd_name") or "all"), mean, sd, int(n), score)
