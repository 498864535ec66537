"""Personas held against each other: paraphrases say the same in other words, all others say something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persona_big5.questionnaire.library import is_shipped, shipped
from persona_big5.questionnaire.similarity import near_duplicates, paraphrase_fault
from persona_big5.specfile import open_spec
from persona_big5.study.conditions import read_personas

if TYPE_CHECKING:
    from pathlib import Path

    from persona_big5.errors import Problem


def lint_personas(path: Path) -> list[Problem]:
    """Return what is wrong with the texts of a file's personas, beside each other and the shipped ones.

    A paraphrase must share content with its original without being a copy (`paraphrase_fault`); any two other personas
    must not be near-duplicates. A file of one's own is compared with shipped originals only.

    Raises
    ------
    SpecError
        When the file holds no personas; see `read_personas`.
    """
    spec, own = open_spec(path), read_personas(path)
    library = [one for file in shipped("personas") if not file.samefile(path) for one in read_personas(file)]
    texts = {one.id: one.text for one in (*library, *own)}
    for index, persona in enumerate(own):
        original = texts.get(persona.paraphrase_of or "")
        fault = original and paraphrase_fault(original, persona.text)
        if fault:
            spec.problem(("personas", index, "text"), f"'{persona.id}' {fault}")
    compared = [*(library if is_shipped("personas", path) else []), *own]
    first = len(compared) - len(own)
    for earlier, later, cosine in near_duplicates([one.text for one in compared]):
        one, other = compared[earlier], compared[later]
        if later >= first and (one.paraphrase_of or one.id) != (other.paraphrase_of or other.id):
            text = f"'{other.id}' is nearly '{one.id}' (cosine {cosine:.2f}); write another, or state `paraphrase_of`"
            spec.problem(("personas", later - first, "text"), text)
    return sorted(spec.problems)
