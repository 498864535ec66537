"""A study unrolled: every session to be held and, in it, every administration with the id that names it for good."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from itertools import product
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from persona_big5.study.messages import MESSAGE_FORMAT, ROTATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from persona_big5.questionnaire.model import Item, Questionnaire, ResponseScale
    from persona_big5.study.model import AdministrationDesign, Context, Llm, Manner, Persona, Study, Variant

Thing = TypeVar("Thing")

NO_OCCASION = ""


@dataclass(frozen=True, slots=True)
class Administration:
    """One planned asking of one item.

    ``id`` hashes all that decides what is sent; ``position`` counts from 1 in its session; ``occasion`` is ``""``
    unless the item is an anchor, asked repeatedly.
    """

    id: str
    item: Item
    response_scale: ResponseScale
    position: int
    occasion: str


@dataclass(frozen=True, slots=True)
class Session:
    """Items asked together: an isolated item, a block in one call, or a conversation.

    ``seed`` (31 bits) is sent with the request where the provider takes one; it derives from the study's seed, the
    respondent, the session, the run and the wave. ``option_order`` is ``forward``, ``reversed`` or ``rotated-K`` (the
    first K options come last).
    """

    id: str
    study: str
    llm: Llm
    variant: Variant
    persona: Persona
    context: Context
    questionnaire: Questionnaire
    wording: str
    option_order: str
    answer_mode: str
    format: str
    reasoning: str
    layout: str
    wave: str
    run: int
    seed: int
    administrations: tuple[Administration, ...]


@dataclass(frozen=True, slots=True)
class _Respondent:
    """``identity`` is what an id hashes of the respondent, for each level of reasoning."""

    llm: Llm
    variant: Variant
    persona: Persona
    identity: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Question:
    """An item with its options; ``identity`` is what an id hashes of them."""

    item: Item
    scale: ResponseScale
    identity: str


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What is asked in one session, whoever answers.

    One question, the block of number ``block`` dealt from the ``questions``, or a conversation over all of them.
    ``identity`` is what an id hashes of the situation, for each (option order, occasion).
    """

    questionnaire: Questionnaire
    questions: tuple[_Question, ...]
    block: int
    context: Context
    manner: Manner
    identity: dict[tuple[str, str], str]


def plan(study: Study, wave: str = "1") -> Iterator[Session]:
    """Yield every session of a study, one at a time.

    Order: run by run; within a run the sheets (item, block or conversation, context, manner of asking) in random order,
    and each is put to all respondents in random order before the next. So every llm is due at every moment, and what
    drifts during the survey falls on all respondents alike. The order is the same each time, decides nothing of what is
    asked, and takes memory for the sheets and the respondents, not for their product.

    Ids: an administration's id hashes all that decides what is sent, with occasion, run and wave, and nothing else (not
    the address, price or limits of an llm, nor the ids of personas, contexts and items). In a block it hashes the texts
    of the block's items in their order, in a conversation those of all its items and their options. Random choices
    (which items share a block, in what order; by how many places options are rotated; a request's seed) come from the
    study's seed, the respondent, the session, the run and the wave. So more runs, llms, personas or questionnaires, or
    another isolated item, change no id that was there before.
    """
    sheets = list(_sheets(study))
    respondents = list(_respondents(study))
    for run in range(1, study.runs + 1):
        order = Random(_number(study.seed, "order", run, wave))  # noqa: S311  (no secret depends on it)
        for sheet in _shuffled(sheets, order):
            for respondent in _shuffled(respondents, order):
                yield _session(study, respondent, sheet, run, wave)


def _respondents(study: Study) -> Iterator[_Respondent]:
    for llm in study.llms:
        for variant, persona in product(llm.variants, study.personas):
            sent = {"llm": llm.id, "name": llm.name, "interface": llm.interface, "persona": persona.text}
            identity: dict[str, str] = {}
            for level in study.administration.reasoning:
                settings = {"decoding": _whole(llm.parameters(level)), "variant": [variant.id, variant.name]}
                identity[level] = _canonical({**sent, **settings})
            yield _Respondent(llm, variant, persona, identity)


def _sheets(study: Study) -> Iterator[_Sheet]:
    design = study.administration
    for questionnaire in study.questionnaires:
        calls = list(_calls(questionnaire, design))
        for context, manner in product(study.contexts, design.manners):
            identity = _identities(questionnaire, context, manner, design)
            for questions, block in calls:
                yield _Sheet(questionnaire, questions, block, context, manner, identity)


def _identities(
    questionnaire: Questionnaire, context: Context, manner: Manner, design: AdministrationDesign
) -> dict[tuple[str, str], str]:
    situation = {
        "context": [[turn.role, turn.text] for turn in context.turns],
        "wording": questionnaire.wordings[manner.wording],
        "answer_mode": design.answer_mode,
        "format": manner.format,
        "reasoning": manner.reasoning,
        "message_format": MESSAGE_FORMAT,
    }
    orders = [manner.option_order]
    if manner.option_order == "rotated":
        most = max(len(scale.values) for scale in questionnaire.response_scales.values())
        orders += [f"{ROTATED}{places}" for places in range(1, most)]
    return {
        (order, occasion): _canonical({**situation, "option_order": order, "occasion": occasion})
        for order, occasion in product(orders, (NO_OCCASION,))
    }


def _calls(questionnaire: Questionnaire, design: AdministrationDesign) -> Iterator[tuple[tuple[_Question, ...], int]]:
    """Each session of one pass through a questionnaire: (questions to deal from, number of the block among them)."""
    questions = [_question(item, questionnaire.response_scales[item.response_scale]) for item in questionnaire.items]
    match design.layout:
        case "isolated":
            yield from (((question,), 0) for question in questions)
        case "conversation":
            yield tuple(questions), 0
        case "block":
            # One list of options is shown for a whole block, so only items that share a response scale share a block.
            for name in questionnaire.response_scales:
                sharing = tuple(question for question in questions if question.item.response_scale == name)
                yield from ((sharing, block) for block in range(ceil(len(sharing) / design.block_size)))


def _question(item: Item, scale: ResponseScale) -> _Question:
    asked = {"item": item.text, "values": _whole(scale.values), "labels": scale.labels, "decline": scale.decline}
    return _Question(item, scale, _canonical(asked))


def _session(study: Study, respondent: _Respondent, sheet: _Sheet, run: int, wave: str) -> Session:
    design, manner = study.administration, sheet.manner
    answering = respondent.identity[manner.reasoning]
    asking = f"{answering},{sheet.identity[manner.option_order, NO_OCCASION]},{_canonical([run, wave])}"
    questions = _dealt(study, sheet, asking)
    option_order = manner.option_order
    if option_order == "rotated":
        option_order = f"{ROTATED}{_places(study, answering, sheet, questions, run)}"
        asking = f"{answering},{sheet.identity[option_order, NO_OCCASION]},{_canonical([run, wave])}"
    together = _together(design.layout, questions)
    administrations = tuple(
        Administration(
            _hash(f"[{asking},{together},{question.identity}]"), question.item, question.scale, position, NO_OCCASION
        )
        for position, question in enumerate(questions, start=1)
    )
    session_id = _hash(_canonical([administration.id for administration in administrations]))
    return Session(
        id=session_id,
        study=study.id,
        llm=respondent.llm,
        variant=respondent.variant,
        persona=respondent.persona,
        context=sheet.context,
        questionnaire=sheet.questionnaire,
        wording=manner.wording,
        option_order=option_order,
        answer_mode=design.answer_mode,
        format=manner.format,
        reasoning=manner.reasoning,
        layout=design.layout,
        wave=wave,
        run=run,
        seed=_number(study.seed, "request", session_id) % 2**31,
        administrations=administrations,
    )


def _dealt(study: Study, sheet: _Sheet, asking: str) -> tuple[_Question, ...]:
    """Return the questions of a session in their order."""
    design, questions = study.administration, sheet.questions
    if design.layout == "isolated":
        return questions
    if design.item_order == "shuffled":
        dealing = Random(_number(study.seed, "deal", sheet.questionnaire.id, asking))  # noqa: S311
        questions = tuple(_shuffled(questions, dealing))
    if design.layout == "block":
        questions = questions[sheet.block * design.block_size :][: design.block_size]
    return questions


def _places(study: Study, answering: str, sheet: _Sheet, questions: Sequence[_Question], run: int) -> int:
    """Return by how many places a session's options are rotated: another number in each of n - 1 runs for n options."""
    first = sheet.questions[0]
    what = first.identity if study.administration.layout == "isolated" else [first.item.response_scale, sheet.block]
    situation = sheet.identity[sheet.manner.option_order, NO_OCCASION]
    base = _number(study.seed, "rotation", sheet.questionnaire.id, answering, situation, what)
    return 1 + (base + run - 1) % (max(len(question.scale.values) for question in questions) - 1)


def _together(layout: str, questions: Sequence[_Question]) -> str:
    """Return what an id hashes of the items that share a session."""
    match layout:
        case "block":
            return _canonical([question.item.text for question in questions])
        case "conversation":
            # Items of other response scales stand in the history with their options.
            return _canonical({"conversation": _hash(",".join(question.identity for question in questions))})
        case _:
            return "null"


def _shuffled(things: Sequence[Thing], order: Random) -> list[Thing]:
    """Return the things in random order; only ``random()`` is promised to stay the same in later Pythons."""
    return sorted(things, key=lambda _: order.random())


def _number(*names: object) -> int:
    """Return a number of 63 bits that depends on all the names and nothing else."""
    return int(_hash(_canonical(names))[:16], 16) >> 1


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _canonical(data: object) -> str:
    """Return the one JSON text of some data: keys sorted, no blanks."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _whole(data: Any) -> Any:  # noqa: ANN401  (settings are plain data of any shape)
    """Return the data with whole numbers as integers: temperature 1 and 1.0 are the same setting."""
    match data:
        case float() if data.is_integer():
            return int(data)
        case dict():
            return {key: _whole(value) for key, value in data.items()}
        case list() | tuple():
            return [_whole(value) for value in data]
        case _:
            return data
