"""The assistant axis' JSON of a role or a trait: system prompts that say the same, and questions to ask.

A role has ``instruction: [{pos}, …]``, a trait ``[{pos, neg}, …]``; ``questions`` is a list, ``eval_prompt`` a judge's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from persona_big5.errors import DataError
from persona_big5.questionnaire.formats.naming import name_of, slug
from persona_big5.questionnaire.formats.published import Published, PublishedPersonas, Remarks
from persona_big5.questionnaire.formats.shape import expect, part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def recognises(data: object) -> bool:
    """Tell whether JSON is a role or a trait."""
    return isinstance(data, dict) and "instruction" in data


def read(path: Path, data: object) -> list[PublishedPersonas]:
    """Read a role as one group of paraphrases, a trait as two: ``<name>-high`` and ``<name>-low``.

    Raises
    ------
    DataError
        A part is missing or of another type, or there is no instruction.
    """
    record = expect(data, dict, str(path))
    remarks = Remarks()
    name = slug(name_of(path), "role")
    instructions = part(record, "instruction", list, str(path))
    listed = [expect(entry, dict, f"{path}: instruction[{i}]") for i, entry in enumerate(instructions)]
    if not listed:
        raise DataError(f"{path}: instruction is empty")
    is_trait = any("neg" in entry for entry in listed)
    groups = {"pos": f"{name}-high", "neg": f"{name}-low"} if is_trait else {"pos": name}
    personas = [one for pole, group in groups.items() for one in _paraphrases(path, listed, pole, group, remarks)]
    questions = part(record, "questions", list, str(path)) if "questions" in record else []
    open_items = tuple(expect(text, str, f"{path}: questions[{i}]").strip() for i, text in enumerate(questions))
    for left in sorted(record.keys() - {"instruction", "questions"}):
        remarks.say(f"{left} is not carried over" + (": write it as a judge's rubric" if left == "eval_prompt" else ""))
    if is_trait:
        remarks.say("no intensity is stated, so the personas have no `pole:`")
    return [PublishedPersonas(name, tuple(personas), open_items, remarks)]


def merged(name: str, parts: Sequence[Published]) -> PublishedPersonas:
    """Put the roles and traits of a folder into one set of personas, with each open item once.

    Raises
    ------
    DataError
        One of the files is no role and no trait.
    """
    remarks = Remarks()
    personas: list[dict[str, Any]] = []
    open_items: dict[str, None] = {}
    for one in parts:
        if not isinstance(one, PublishedPersonas):
            raise DataError(f"{name}: holds the questionnaire {one.name}; import questionnaires file by file")
        personas += one.personas
        open_items |= dict.fromkeys(one.open_items)
        remarks.extend(one.remarks)
    return PublishedPersonas(slug(name, "personas"), tuple(personas), tuple(open_items), remarks)


def _paraphrases(
    path: Path, listed: list[dict[str, Any]], pole: str, group: str, remarks: Remarks
) -> Iterator[dict[str, Any]]:
    """Personas of one group, each but the first a paraphrase of it; an empty or repeated text is left out."""
    seen: set[str] = set()
    for number, entry in enumerate(listed, start=1):
        text = part(entry, pole, str, f"{path}: instruction[{number - 1}]").strip()
        if not text or text in seen:
            remarks.add("instructions left out, as they are empty or repeated", f"{group} {number}")
            continue
        paraphrase = {"paraphrase_of": f"{group}-1"} if seen else {}
        seen.add(text)
        yield {"id": f"{group}-{len(seen)}", "group": group, "text": text, **paraphrase}
