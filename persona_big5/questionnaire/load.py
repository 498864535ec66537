"""A questionnaire's file turned into a checked questionnaire."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from persona_big5.errors import SpecError
from persona_big5.questionnaire.library import locate
from persona_big5.questionnaire.model import ITEM, LETTERS, OPTIONS, Item, Questionnaire, ResponseScale
from persona_big5.questionnaire.options import wrong_options
from persona_big5.specfile import SpecFile, did_you_mean, open_spec

if TYPE_CHECKING:
    from pathlib import Path


def load_questionnaire(reference: str, relative_to: Path) -> Questionnaire:
    """Load a shipped questionnaire by its id, or a file by its path from the folder ``relative_to``.

    Raises
    ------
    PersonaBig5Error
        When nothing has that id or path.
    SpecError
        With every problem of the file: those of its form, ids and texts that clash, unknown scales and response
        scales, options that do not fit how their item is answered, and wordings that do not place the item.
    """
    return read_questionnaire(locate("questionnaires", reference, relative_to))


def read_questionnaire(path: Path) -> Questionnaire:
    """Load the questionnaire in a file; raises SpecError with every problem, as `load_questionnaire` does."""
    spec = open_spec(path)
    questionnaire = spec.read(Questionnaire)
    _check_items(spec)
    _check_options(spec)
    _check_wordings(spec)
    _check_norms(spec)
    if questionnaire is None or spec.problems:
        raise SpecError(spec.problems)
    return questionnaire


def _check_items(spec: SpecFile) -> None:
    sections = {"scale": "scales", "response_scale": "response_scales"}
    declared = {field: _names(spec, section) for field, section in sections.items()}
    ids: dict[str, int] = {}
    asked: dict[tuple[str, str], int] = {}
    for index, item in spec.entries("items"):
        for field, known in declared.items():
            if known and item[field] not in known:
                text = f"no {field.replace('_', ' ')} '{item[field]}' is declared in this file"
                spec.problem(("items", index, field), text + did_you_mean(item[field], known))
        if ids.setdefault(item["id"], index) != index:
            line = spec.line_of(("items", ids[item["id"]]))
            spec.problem(("items", index, "id"), f"the id '{item['id']}' is taken by the item on line {line}")
        question = (item["text"].strip(), item["response_scale"], *(one["text"] for one in item.get("options", ())))
        if asked.setdefault(question, index) != index:
            line = spec.line_of(("items", asked[question]))
            spec.problem(("items", index, "text"), f"the same text and response scale as the item on line {line}")


def _check_options(spec: SpecFile) -> None:
    """Items have the options that the kind of their response scale asks for, told apart and scored."""
    kinds = {name: ResponseScale.model_validate(scale).kind for name, scale in spec.entries("response_scales")}
    scales = _names(spec, "scales")
    for index, item in spec.entries("items"):
        if kind := kinds.get(item["response_scale"]):
            for place, text in wrong_options(Item.model_validate(item), kind, scales):
                spec.problem(("items", index, *place), text)


def _check_wordings(spec: SpecFile) -> None:
    first: dict[str, str] = {}
    for key, template in spec.entries("wordings"):
        place = ("wordings", key)
        if ITEM not in template:
            spec.problem(place, "a wording must say where the item goes: {item} is missing")
        for placeholder in (ITEM, OPTIONS, LETTERS):
            if template.count(placeholder) > 1:
                spec.problem(place, f"{placeholder} stands more than once")
        if OPTIONS in template and LETTERS in template:
            spec.problem(place, "the options are listed once: with {options} or with {letters}")
        rest = re.sub("|".join(map(re.escape, (ITEM, OPTIONS, LETTERS))), "", template)
        if "{" in rest or "}" in rest:
            spec.problem(place, "braces may hold only {item}, {options} and {letters}")
        earlier = first.setdefault(template.strip(), key)
        if earlier != key:
            spec.problem(place, f"the same text as wording '{earlier}'")


def _check_norms(spec: SpecFile) -> None:
    scales = _names(spec, "scales")
    first: dict[tuple[str, str], int] = {}
    for index, norm in spec.entries("norms"):
        if norm["scale"] not in scales:
            hint = did_you_mean(norm["scale"], scales)
            spec.problem(("norms", index, "scale"), f"no scale '{norm['scale']}' is declared in this file{hint}")
        group = norm["scale"], norm.get("group", "all")
        if first.setdefault(group, index) != index:
            line = spec.line_of(("norms", first[group]))
            spec.problem(("norms", index), f"the norm of this scale and group is given on line {line} already")


def _names(spec: SpecFile, section: str) -> list[str]:
    """Names that a section declares, wrong entries included: what refers to those is right."""
    declared = spec.data.get(section) if isinstance(spec.data, dict) else None
    return list(declared) if isinstance(declared, dict) else []
