"""A study unrolled: every session to be held and, in it, every administration with the id that names it for good."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from itertools import product
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from persona_big5.study.messages import MESSAGE_FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from persona_big5.questionnaire.model import Item, Questionnaire, ResponseScale
    from persona_big5.study.model import AdministrationDesign, Context, Llm, Persona, Study, Variant

Thing = TypeVar("Thing")

NO_OCCASION = ""


@dataclass(frozen=True, slots=True)
class Administration:
    """One planned asking of one item.

    ``id`` hashes all that decides what is sent; ``position`` counts from 1 in its session; ``occasion`` is ``""`` unless
    the item is an anchor, asked repeatedly.
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
    llm: Llm
    variant: Variant
    persona: Persona
    identity: str


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What is asked in one call, whoever answers: one item, or the block of that number dealt from ``items``."""

    questionnaire: Questionnaire
    items: tuple[Item, ...]
    block: int
    context: Context
    wording: str
    option_order: str
    identity: str


def plan(study: Study, wave: str = "1") -> Iterator[Session]:
    """Yield every session of a study, one at a time.

    Order: run by run; within a run the sheets (item or block, context, wording, option order) in random order, and each
    is put to all respondents in random order before the next. So every llm is due at every moment, and what drifts
    during the survey falls on all respondents alike. The order is the same each time, decides nothing of what is asked,
    and takes memory for the sheets and the respondents, not for their product.

    Ids: an administration's id hashes all that decides what is sent, with occasion, run and wave, and nothing else (not
    the address, price or limits of an llm, nor the ids of personas, contexts and items). Random choices (which items
    share a block, in what order; a request's seed) come from the study's seed, the respondent, the session, the run and
    the wave. So more runs, llms, personas or questionnaires, or another isolated item, change no id that was there
    before.
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
            sent = {"llm": llm.id, "name": llm.name, "decoding": _whole(llm.decoding), "interface": llm.interface}
            identity = _canonical({**sent, "variant": [variant.id, variant.name], "persona": persona.text})
            yield _Respondent(llm, variant, persona, identity)


def _sheets(study: Study) -> Iterator[_Sheet]:
    design = study.administration
    for questionnaire in study.questionnaires:
        for context, wording, option_order in product(study.contexts, design.wording, design.option_order):
            identity = _canonical(
                {
                    "context": [[turn.role, turn.text] for turn in context.turns],
                    "wording": questionnaire.wordings[wording],
                    "option_order": option_order,
                    "answer_mode": design.answer_mode,
                    "format": design.format,
                    "reasoning": design.reasoning,
                    "occasion": NO_OCCASION,
                    "message_format": MESSAGE_FORMAT,
                }
            )
            for items, block in _calls(questionnaire, design):
                yield _Sheet(questionnaire, items, block, context, wording, option_order, identity)


def _calls(questionnaire: Questionnaire, design: AdministrationDesign) -> Iterator[tuple[tuple[Item, ...], int]]:
    """Each call of one pass through a questionnaire: (items to deal from, number of the block among them)."""
    if design.layout == "isolated":
        yield from (((item,), 0) for item in questionnaire.items)
        return
    # One list of options is shown for a whole block, so only items that share a response scale share a block.
    for name in questionnaire.response_scales:
        items = tuple(item for item in questionnaire.items if item.response_scale == name)
        yield from ((items, block) for block in range(ceil(len(items) / design.block_size)))


def _session(study: Study, respondent: _Respondent, sheet: _Sheet, run: int, wave: str) -> Session:
    design = study.administration
    asking = f"{respondent.identity},{sheet.identity},{_canonical([run, wave])}"
    items = sheet.items
    if design.layout == "block":
        if design.item_order == "shuffled":
            dealing = Random(_number(study.seed, "deal", sheet.questionnaire.id, asking))  # noqa: S311
            items = tuple(_shuffled(items, dealing))
        items = items[sheet.block * design.block_size :][: design.block_size]
    together = _canonical([item.text for item in items]) if design.layout == "block" else "null"
    administrations = tuple(
        _administration(
            item, sheet.questionnaire.response_scales[item.response_scale], position, f"{asking},{together}"
        )
        for position, item in enumerate(items, start=1)
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
        wording=sheet.wording,
        option_order=sheet.option_order,
        answer_mode=design.answer_mode,
        format=design.format,
        reasoning=design.reasoning,
        layout=design.layout,
        wave=wave,
        run=run,
        seed=_number(study.seed, "request", session_id) % 2**31,
        administrations=administrations,
    )


def _administration(item: Item, scale: ResponseScale, position: int, asking: str) -> Administration:
    asked = _canonical(
        {"item": item.text, "values": _whole(scale.values), "labels": scale.labels, "decline": scale.decline}
    )
    return Administration(_hash(f"[{asking},{asked}]"), item, scale, position, NO_OCCASION)


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
