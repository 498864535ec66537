"""A study's YAML turned into a resolved study: every id, group and path replaced by what it names, every clash found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from persona_big5.errors import PersonaBig5Error, SpecError
from persona_big5.questionnaire.library import is_path, locate, shipped
from persona_big5.questionnaire.load import load_questionnaire
from persona_big5.specfile import SpecFile, did_you_mean, open_spec
from persona_big5.study.model import (
    AdministrationDesign,
    Context,
    ContextFile,
    Llm,
    Persona,
    PersonaFile,
    Study,
    StudyFile,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from persona_big5.questionnaire.library import Kind
    from persona_big5.questionnaire.model import Questionnaire
    from persona_big5.specfile import Place

    Named = TypeVar("Named", Persona, Context)

GROUP = "group:"
TOKENS_AROUND_ANSWERS = 64
TOKENS_PER_BLOCK_ITEM = 16


def load_study(path: Path | str) -> Study:
    """Load a study and all it names.

    Parameters
    ----------
    path
        The study's YAML file. Questionnaires, personas and contexts are shipped ids, or paths from the folder of this file;
        ``group:NAME`` stands for every shipped persona of that group.

    Returns
    -------
    Study
        Resolved: nothing else is needed to run or to keep it. Each llm's ``decoding`` holds a limit of tokens
        (`default_max_tokens` where the file gives none), so that a cost can be bounded.

    Raises
    ------
    SpecError
        With every problem of the study and of the files it names.
    """
    spec = open_spec(Path(path))
    entry = spec.read(StudyFile)
    base = Path(path).parent
    questionnaires = _questionnaires(spec, base)
    personas = _named(spec, "personas", base, read_personas)
    contexts = _named(spec, "contexts", base, read_contexts)
    _check_ids_differ(spec, "llms")
    _check_design(spec, questionnaires, contexts)
    if entry is not None and not spec.problems:
        _check_items_differ(spec, questionnaires, entry.administration)
    if entry is None or spec.problems:
        raise SpecError(spec.problems)
    return Study(
        study=entry.study,
        seed=entry.seed,
        questionnaires=tuple(questionnaires),
        personas=tuple(personas),
        contexts=tuple(contexts),
        runs=entry.runs,
        llms=tuple(_with_token_limit(llm, entry.administration) for llm in entry.llms),
        administration=entry.administration,
        max_cost=entry.max_cost,
    )


def default_max_tokens(design: AdministrationDesign) -> int:
    """Return the limit of reply tokens for an llm whose decoding gives none.

    A number needs 2 tokens, an answer in a sentence or a polite refusal about 40: 64 lets both end (a reply that is cut off counts as
    truncated) and keeps a talkative llm cheap. A block adds 16 for each statement: its label, the number and the option's words.
    """
    return TOKENS_AROUND_ANSWERS + (TOKENS_PER_BLOCK_ITEM * design.block_size if design.layout == "block" else 0)


def read_personas(path: Path) -> list[Persona]:
    """Read a file of personas; raises SpecError with every problem."""
    spec = open_spec(path)
    file = spec.read(PersonaFile)
    _check_ids_differ(spec, "personas")
    if file is None or spec.problems:
        raise SpecError(spec.problems)
    return list(file.personas)


def read_contexts(path: Path) -> list[Context]:
    """Read a file of contexts; raises SpecError with every problem."""
    spec = open_spec(path)
    file = spec.read(ContextFile)
    _check_ids_differ(spec, "contexts")
    if file is None or spec.problems:
        raise SpecError(spec.problems)
    return list(file.contexts)


def _questionnaires(spec: SpecFile, base: Path) -> list[Questionnaire]:
    """Questionnaires of the study, in its order; what cannot be loaded becomes problems."""
    loaded: dict[str, Questionnaire] = {}
    for index, reference in enumerate(spec.sound("questionnaires") or ()):
        place = ("questionnaires", index)
        try:
            questionnaire = load_questionnaire(reference, base)
        except SpecError as error:
            spec.problems.extend(error.problems)
        except PersonaBig5Error as error:
            spec.problem(place, str(error))
        else:
            if questionnaire.id in loaded:
                spec.problem(place, f"the questionnaire '{questionnaire.id}' stands twice")
            loaded[questionnaire.id] = questionnaire
    return list(loaded.values())


def _named(
    spec: SpecFile, kind: Literal["personas", "contexts"], base: Path, read: Callable[[Path], list[Named]]
) -> list[Named]:
    """Personas or contexts of the study, in its order; what cannot be found becomes problems."""
    library: list[Named] = []
    for path in shipped(kind):
        try:
            library.extend(read(path))
        except SpecError as error:
            spec.problems.extend(error.problems)
    named: list[Named] = []
    for index, reference in enumerate(spec.sound(kind, StudyFile.model_fields[kind].default) or ()):
        place = (kind, index)
        try:
            found = _find(reference, library, kind, base, read)
        except SpecError as error:
            spec.problems.extend(error.problems)
        except PersonaBig5Error as error:
            spec.problem(place, str(error))
        else:
            for one in found:
                _check_new(spec, place, one, named)
            named.extend(found)
    return named


def _find(
    reference: str, library: Sequence[Named], kind: Kind, base: Path, read: Callable[[Path], list[Named]]
) -> list[Named]:
    if is_path(reference):
        return read(locate(kind, reference, base))
    if reference.startswith(GROUP):
        group = reference.removeprefix(GROUP)
        found = [one for one in library if getattr(one, "group", None) == group]
        known: set[str] = {one.group for one in library if isinstance(one, Persona)}
    else:
        found = [one for one in library if one.id == reference]
        known = {one.id for one in library}
    if not found:
        what = f"group '{group}'" if reference.startswith(GROUP) else f"{kind.removesuffix('s')} '{reference}'"
        raise PersonaBig5Error(
            f"no shipped {what}{did_you_mean(reference.removeprefix(GROUP), known)} (a file of your own is named by its path, as ./mine.yaml)"
        )
    return found


def _check_new(spec: SpecFile, place: Place, one: Persona | Context, earlier: Sequence[Persona | Context]) -> None:
    kind = "persona" if isinstance(one, Persona) else "context"
    if any(one.id == other.id for other in earlier):
        spec.problem(place, f"the {kind} '{one.id}' stands twice")
    elif same := [other.id for other in earlier if _sent(one) == _sent(other)]:
        spec.problem(
            place, f"the {kind} '{one.id}' says the same as '{same[0]}': they could not be told apart; leave one out"
        )


def _sent(one: Persona | Context) -> object:
    return one.text if isinstance(one, Persona) else (one.mode, one.turns)


def _check_ids_differ(spec: SpecFile, kind: str) -> None:
    """Entries of a top-level list must differ in their ids (an llm without one is known by its name)."""
    first: dict[str, int] = {}
    for index, one in enumerate(spec.sound(kind) or ()):
        name = one.get("id", one.get("name"))
        earlier = first.setdefault(name, index)
        if earlier != index:
            spec.problem(
                (kind, index, "id"),
                f"the id '{name}' is taken by {kind}[{earlier}] (line {spec.line_of((kind, earlier))}); give another `id:`",
            )


def _check_design(spec: SpecFile, questionnaires: Sequence[Questionnaire], contexts: Sequence[Context]) -> None:
    """What the questionnaires do not hold, and what this version cannot do yet."""
    section = spec.sound("administration", {})
    if section is not None:
        design = AdministrationDesign.model_validate(section)
        for index, wording in enumerate(design.wording):
            for questionnaire in questionnaires:
                if wording not in questionnaire.wordings:
                    hint = did_you_mean(wording, questionnaire.wordings)
                    spec.problem(
                        ("administration", "wording", index),
                        f"the questionnaire '{questionnaire.id}' has no wording '{wording}'{hint}",
                    )
        for field, value, refusal in _NOT_YET:
            if getattr(design, field) == value:
                spec.problem(("administration", field), refusal)
        if design.anchors:
            spec.problem(
                ("administration", "anchors"),
                "anchors (items repeated at start, middle and end) cannot be asked yet; leave the list empty",
            )
    for index, llm in enumerate(spec.sound("llms") or ()):
        if llm.get("interface") == "completion":
            spec.problem(
                ("llms", index, "interface"),
                "interface: completion (llms without a chat template) cannot be asked yet; use chat",
            )
    for context in contexts:
        if context.mode == "live":
            spec.problem(
                ("contexts",),
                f"the context '{context.id}' is live; live contexts cannot be asked yet, only canned ones",
            )


_NOT_YET = (
    ("layout", "conversation", "layout: conversation cannot be asked yet; use isolated or block"),
    ("answer_mode", "probability", "answer_mode: probability cannot be asked yet; use sample"),
    ("reasoning", "on", 'reasoning: "on" cannot be asked yet; use "off"'),
)


def _check_items_differ(spec: SpecFile, questionnaires: Sequence[Questionnaire], design: AdministrationDesign) -> None:
    """Isolated items with the same text, options and wording are one and the same call, whatever questionnaire they stand in."""
    if design.layout != "isolated":
        return
    first: dict[object, str] = {}
    for index, questionnaire in enumerate(questionnaires):
        for item in questionnaire.items:
            where = f"'{item.id}' of '{questionnaire.id}'"
            for wording in design.wording:
                asked = (item.text, questionnaire.response_scales[item.response_scale], questionnaire.wordings[wording])
                earlier = first.setdefault(asked, where)
                if earlier != where:
                    spec.problem(
                        ("questionnaires", index),
                        f"the item {where} asks the same as {earlier} (text, options, wording); leave one out",
                    )


def _with_token_limit(llm: Llm, design: AdministrationDesign) -> Llm:
    if {"max_tokens", "max_completion_tokens"} & llm.decoding.keys():
        return llm
    return llm.model_copy(update={"decoding": {**llm.decoding, "max_tokens": default_max_tokens(design)}})
