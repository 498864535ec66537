"""A study unrolled: every session to be held and, in it, every administration with the id that names it for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from persona_big5.questionnaire.model import Item, Questionnaire, ResponseScale
    from persona_big5.study.model import Context, Llm, Persona, Variant


@dataclass(frozen=True, slots=True)
class Administration:
    """One planned asking of one item. ``id`` hashes all that decides what is sent; ``position`` counts from 1 in its session."""

    id: str
    item: Item
    response_scale: ResponseScale
    position: int


@dataclass(frozen=True, slots=True)
class Session:
    """Items asked together: one call for an isolated item or for a block. The unit that is asked, or asked again, as a whole.

    ``seed`` is sent with the request where the provider takes one; it derives from the study's seed, the respondent, the session,
    the run and the wave. ``option_order`` is ``forward`` or ``reversed``; ``occasion`` is ``""`` unless an anchor is repeated.
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
    occasion: str
    run: int
    seed: int
    administrations: tuple[Administration, ...]
