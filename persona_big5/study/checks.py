"""What must hold between the parts of a study; every breach becomes a problem of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persona_big5.specfile import did_you_mean
from persona_big5.study.model import SET_BY_THE_PROGRAM, TOKEN_LIMITS, AdministrationDesign, Persona

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from persona_big5.questionnaire.model import AnswerKind, Questionnaire
    from persona_big5.specfile import Place, SpecFile
    from persona_big5.study.model import Context


def check_ids_differ(spec: SpecFile, key: str) -> None:
    """Entries of the top-level list ``key`` differ in their ids (an llm without one is known by its name)."""
    first: dict[str, int] = {}
    for index, entry in spec.entries(key):
        name = entry.get("id", entry.get("name"))
        earlier = first.setdefault(name, index)
        if earlier != index:
            where = f"{key}[{earlier}] (line {spec.line_of((key, earlier))})"
            spec.problem((key, index, "id"), f"the id '{name}' is taken by {where}; give another `id:`")


def check_told_apart(
    spec: SpecFile, place: Place, one: Persona | Context, earlier: Sequence[Persona] | Sequence[Context]
) -> None:
    """No two personas, and no two contexts, of a study share their id or all that is sent of them."""
    kind = "persona" if isinstance(one, Persona) else "context"
    for other in earlier:
        if other.id == one.id:
            spec.problem(place, f"the {kind} '{one.id}' stands twice")
        elif _sent(other) == _sent(one):
            spec.problem(
                place, f"the {kind} '{one.id}' says the same as '{other.id}', so it is the same; leave one out"
            )


def check_paraphrase(spec: SpecFile, place: Place, one: Persona | Context, known: Collection[str]) -> None:
    """Refuse a paraphrase of a persona that is not ``known``: no id of the library's or the study's personas."""
    if isinstance(one, Persona) and one.paraphrase_of is not None and one.paraphrase_of not in known:
        hint = did_you_mean(one.paraphrase_of, known)
        spec.problem(place, f"the persona '{one.id}' is a paraphrase of '{one.paraphrase_of}', which is unknown{hint}")


def check_wordings(spec: SpecFile, questionnaires: Sequence[Questionnaire]) -> None:
    """Every wording of the study is declared in every questionnaire."""
    design = _design(spec)
    for index, wording in enumerate(design.wording if design else ()):
        for questionnaire in questionnaires:
            if wording not in questionnaire.wordings:
                hint = did_you_mean(wording, questionnaire.wordings)
                text = f"the questionnaire '{questionnaire.id}' has no wording '{wording}'{hint}"
                spec.problem(("administration", "wording", index), text)


def check_anchors(spec: SpecFile, questionnaires: Sequence[Questionnaire]) -> None:
    """Every anchor is an item of the study."""
    design = _design(spec)
    items = {item.id for questionnaire in questionnaires for item in questionnaire.items}
    for index, anchor in enumerate(design.anchors if design else ()):
        if anchor not in items:
            text = f"no item of the study's questionnaires is named '{anchor}'{did_you_mean(anchor, items)}"
            spec.problem(("administration", "anchors", index), text)


def check_can_be_asked(spec: SpecFile) -> None:
    """Probabilities are those of the first token of a reply, so that token must be the answer."""
    design = _design(spec)
    if design is None or design.answer_mode != "probability":
        return
    for field, level, levels, reason in (
        ("layout", "block", (design.layout,), "one reply holds many answers; use isolated or conversation"),
        ("format", "json", design.format, "a reply begins with a brace; use text"),
        ("reasoning", "on", design.reasoning, 'a reply begins with a thought; use "off"'),
    ):
        if level in levels:
            text = f"`answer_mode: probability` reads the first token of a reply, and with {field} {level} {reason}"
            spec.problem(("administration", field), text)


def check_kinds(spec: SpecFile, questionnaires: Sequence[Questionnaire]) -> None:
    """Every item can be answered in the way in which it is asked."""
    design = _design(spec)
    if design is None:
        return
    for index, questionnaire in enumerate(questionnaires):
        kinds = {questionnaire.response_scales[item.response_scale].kind for item in questionnaire.items}
        for text in _cannot_be_asked(design, kinds):
            spec.problem(("questionnaires", index), f"'{questionnaire.id}' {text}")


def _cannot_be_asked(design: AdministrationDesign, kinds: Collection[AnswerKind]) -> Iterator[str]:
    own = sorted({*kinds} - {"options"})
    if design.layout == "block" and own:
        yield (
            f"has items of kind {', '.join(own)}, and a block shows one list of options for all its items; "
            "use layout isolated or conversation"
        )
    spoken = sorted({*kinds} & {"number", "split", "open"})
    if design.answer_mode == "probability" and spoken:
        yield f"has items of kind {', '.join(spoken)}, whose answer is more than one token; use answer_mode sample"
    if "json" in design.format and "open" in kinds:
        yield "has open items, and a free reply is no JSON; use format text"


def check_token_limits(spec: SpecFile) -> None:
    """Limits of tokens are numbers above 0 and not undone by what is sent beside them: limits of cost rest on them."""
    kept = SET_BY_THE_PROGRAM | TOKEN_LIMITS | {"seed"}
    for index, llm in spec.entries("llms"):
        levels = llm.get("reasoning", {}).items()
        for place, settings in [
            (("decoding",), llm.get("decoding", {})),
            *((("reasoning", on), own) for on, own in levels),
        ]:
            where = ("llms", index, *place)
            for name in sorted(TOKEN_LIMITS & settings.keys()):
                if type(settings[name]) is not int or settings[name] < 1:
                    text = f"a limit of tokens is a whole number, 1 or more, but is {settings[name]!r}"
                    spec.problem((*where, name), text)
            beside = settings.get("extra_body")
            if taken := sorted(kept & beside.keys()) if isinstance(beside, dict) else []:
                text = (
                    f"`{taken[0]}` in extra_body would replace what the program sends; a limit of tokens goes beside it"
                )
                spec.problem((*where, "extra_body"), text)


def check_items_differ(spec: SpecFile, questionnaires: Sequence[Questionnaire]) -> None:
    """No two items, of whatever questionnaires, are asked the same: the same text, options and wording."""
    design = _design(spec)
    wordings = design.wording if design else ()
    first: dict[object, str] = {}
    for index, questionnaire in enumerate(questionnaires):
        templates = [questionnaire.wordings[name] for name in wordings if name in questionnaire.wordings]
        for item in questionnaire.items:
            where = f"'{item.id}' of '{questionnaire.id}'"
            for template in templates:
                asked = (item.text, item.options, questionnaire.response_scales[item.response_scale], template)
                earlier = first.setdefault(asked, where)
                if earlier != where:
                    text = f"the item {where} asks the same as {earlier} (text, options, wording); leave one out"
                    spec.problem(("questionnaires", index), text)


def _design(spec: SpecFile) -> AdministrationDesign | None:
    section = spec.sound("administration", {})
    return None if section is None else AdministrationDesign.model_validate(section)


def _sent(one: Persona | Context) -> object:
    return one.text if isinstance(one, Persona) else one.turns
