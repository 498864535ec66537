"""What is asked in each session, whoever answers and in whatever run: the items, the context, the manner."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import ceil
from typing import TYPE_CHECKING, Any

from persona_big5.study.draws import canonical
from persona_big5.study.messages import MESSAGE_FORMAT, ROTATED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from persona_big5.questionnaire.model import Item, Questionnaire, ResponseScale
    from persona_big5.study.fraction import Fraction
    from persona_big5.study.model import AdministrationDesign, Context, Manner, Study

NO_OCCASION = ""
OCCASIONS = ("start", "middle", "end")
"""When an anchor is asked: of a run's pass over the study or, in a conversation, of the conversation."""


@dataclass(frozen=True, slots=True)
class AskedItem:
    """An item with its options; ``identity`` is what an id hashes of them."""

    item: Item
    scale: ResponseScale
    identity: str

    @property
    def n_options(self) -> int:
        """How many options there are to be put in an order; none of an open item."""
        return len(self.item.options or self.scale.values)


@dataclass(frozen=True, slots=True)
class Call:
    """One session of a pass through a questionnaire.

    One item, the block of number ``block`` to be dealt from the ``items``, or a conversation over all of them.
    ``group`` and ``start`` say which manners a fraction deals to it.
    """

    items: tuple[AskedItem, ...]
    block: int
    occasion: str
    group: int
    start: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """A call in a context and a manner; ``identity`` is what an id hashes of these, by (option order, occasion)."""

    questionnaire: Questionnaire
    call: Call
    context: Context
    manner: Manner
    identity: dict[tuple[str, str], str]

    def is_dealt(self, fraction: Fraction, run: int) -> bool:
        """Whether a fraction of the design has this sheet in a run."""
        return fraction.manner(self.questionnaire.id, self.call.group, self.call.start, run) == self.manner


def sheets(study: Study, fraction: Fraction | None) -> Iterator[Sheet]:
    """Yield every sheet of the crossed design; ``fraction`` says where the items start."""
    design = study.administration
    for questionnaire in study.questionnaires:
        calls = list(_calls(questionnaire, design, fraction))
        for context, manner in product(study.contexts, design.manners):
            identity = _identities(questionnaire, context, manner, design)
            for call in calls:
                yield Sheet(questionnaire, call, context, manner, identity)


def whole(data: Any) -> Any:  # noqa: ANN401  (settings are plain data of any shape)
    """Return the data with whole numbers as integers: temperature 1 and 1.0 are the same setting."""
    match data:
        case float() if data.is_integer():
            return int(data)
        case dict():
            return {key: whole(value) for key, value in data.items()}
        case list() | tuple():
            return [whole(value) for value in data]
        case _:
            return data


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
        most = max(_asked(questionnaire, item).n_options for item in questionnaire.items)
        orders += [f"{ROTATED}{places}" for places in range(1, max(most, 2))]
    return {
        (order, occasion): canonical({**situation, "option_order": order, "occasion": occasion})
        for order, occasion in product(orders, (NO_OCCASION, *OCCASIONS))
    }


def _calls(questionnaire: Questionnaire, design: AdministrationDesign, fraction: Fraction | None) -> Iterator[Call]:
    """Each session of one pass through a questionnaire; anchors of isolated items and blocks at every occasion."""
    items = [_asked(questionnaire, item) for item in questionnaire.items]
    if design.layout == "conversation":
        yield Call(tuple(items), block=0, occasion=NO_OCCASION, group=0, start=0)
        return
    starts = {} if fraction is None else fraction.starts(questionnaire)
    for occasion in (NO_OCCASION, *OCCASIONS):
        asked = [one for one in items if (one.item.id in design.anchors) == (occasion != NO_OCCASION)]
        if design.layout == "isolated":
            for one in asked:
                yield Call((one,), 0, occasion, *starts.get(one.item.id, (0, 0)))
        else:
            yield from _blocks(questionnaire, tuple(asked), occasion, design)


def _blocks(
    questionnaire: Questionnaire, items: tuple[AskedItem, ...], occasion: str, design: AdministrationDesign
) -> Iterator[Call]:
    # One list of options is shown for a whole block, so only items that share a response scale share a block.
    for group, name in enumerate(questionnaire.response_scales):
        sharing = tuple(item for item in items if item.item.response_scale == name)
        for block in range(ceil(len(sharing) / design.block_size)):
            # Each manner shuffles anew: only in one manner do the blocks of a run hold every item once.
            start = block if design.item_order == "fixed" else 0
            yield Call(sharing, block, occasion, group, start)


def _asked(questionnaire: Questionnaire, item: Item) -> AskedItem:
    scale = questionnaire.response_scales[item.response_scale]
    asked = {"item": item.text, "values": whole(scale.values), "labels": scale.labels, "decline": scale.decline}
    if scale.kind != "options":
        asked |= {"kind": scale.kind, "options": [option.text for option in item.options]}
    return AskedItem(item, scale, canonical(asked))
