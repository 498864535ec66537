"""Personas and contexts: their files, and what a study's references (ids, groups, paths) name among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

from persona_big5.errors import PersonaBig5Error, SpecError
from persona_big5.questionnaire.library import is_path, locate, shipped
from persona_big5.specfile import did_you_mean, open_spec
from persona_big5.study.checks import check_ids_differ, check_paraphrase, check_told_apart
from persona_big5.study.model import Context, ContextFile, Persona, PersonaFile, StudyFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from persona_big5.specfile import Place, SpecFile

Condition = TypeVar("Condition", Persona, Context)

GROUP = "group:"


def read_personas(path: Path) -> list[Persona]:
    """Read a file of personas; raises SpecError with every problem."""
    spec = open_spec(path)
    file = spec.read(PersonaFile)
    check_ids_differ(spec, "personas")
    if file is None or spec.problems:
        raise SpecError(spec.problems)
    return list(file.personas)


def read_contexts(path: Path) -> list[Context]:
    """Read a file of contexts; raises SpecError with every problem."""
    spec = open_spec(path)
    file = spec.read(ContextFile)
    check_ids_differ(spec, "contexts")
    if file is None or spec.problems:
        raise SpecError(spec.problems)
    return list(file.contexts)


def find_conditions(
    spec: SpecFile, kind: Literal["personas", "contexts"], folder: Path, read: Callable[[Path], list[Condition]]
) -> list[Condition]:
    """Return the personas or contexts that a study names, in its order; what is wrong is added to its problems."""
    library: list[Condition] = list(_shipped(spec, kind, read))
    found: list[Condition] = []
    places: list[Place] = []
    for index, reference in spec.entries(kind, StudyFile.model_fields[kind].default):
        try:
            named = read(locate(kind, reference, folder)) if is_path(reference) else _among(library, reference, kind)
        except SpecError as error:
            spec.problems.extend(error.problems)
        except PersonaBig5Error as error:
            spec.problem((kind, index), str(error))
        else:
            for one in named:
                check_told_apart(spec, (kind, index), one, found)
                found.append(one)
                places.append((kind, index))
    known = {one.id for one in (*library, *found)}
    for place, one in zip(places, found, strict=True):
        check_paraphrase(spec, place, one, known)
    return found


def _shipped(
    spec: SpecFile, kind: Literal["personas", "contexts"], read: Callable[[Path], list[Condition]]
) -> Iterator[Condition]:
    for path in shipped(kind):
        try:
            yield from read(path)
        except SpecError as error:
            spec.problems.extend(error.problems)


def _among(library: Sequence[Condition], reference: str, kind: str) -> list[Condition]:
    """Return what an id or a group names among the shipped (contexts have no groups)."""
    grouped = reference.startswith(GROUP)
    name = reference.removeprefix(GROUP)
    names = [str(getattr(one, "group" if grouped else "id", "")) for one in library]
    if found := [one for one, known in zip(library, names, strict=True) if known == name]:
        return found
    what, hint = "group" if grouped else kind.removesuffix("s"), did_you_mean(name, names)
    raise PersonaBig5Error(f"no shipped {what} is named '{name}'{hint} (name your own by its file: ./mine.yaml)")
