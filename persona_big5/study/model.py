"""Who is asked, how often, in which situations: llms, variants, personas, contexts and the study that crosses them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from persona_big5.questionnaire.model import Identifier, Questionnaire, Spec

NO_PERSONA = "none"
NO_VARIANT = "none"
NEUTRAL_CONTEXT = "neutral"


class Price(Spec):
    """USD per million tokens."""

    input: float = Field(ge=0, strict=False)
    output: float = Field(ge=0, strict=False)


class Limits(Spec):
    """How hard an llm's endpoint may be pressed; ``timeout`` is in seconds per call."""

    concurrency: int = Field(default=16, ge=1)
    rpm: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)
    timeout: float = Field(default=60.0, gt=0, strict=False)


class Variant(Spec):
    """A fine-tune of an llm; ``none`` is the unmodified llm."""

    id: Identifier
    name: str | None = None
    recipe: str | None = None
    training_seed: int | None = None
    tags: tuple[str, ...] = Field(default=(), strict=False)


class Llm(Spec):
    """A language model as litellm names it, plus endpoint and decoding settings; ``id`` defaults to the name."""

    id: str
    name: str
    api_base: str | None = None
    api_key_env: str | None = None
    family: str | None = None
    size: float | None = Field(default=None, gt=0, strict=False)
    decoding: dict[str, Any] = Field(default_factory=dict)
    price: Price | None = None
    limits: Limits = Limits()
    interface: Literal["chat", "completion"] = "chat"
    variants: tuple[Variant, ...] = Field(default=(Variant(id=NO_VARIANT),), strict=False)


class Pole(Spec):
    """The pole of a scale that a persona is written to embody."""

    scale: Identifier
    direction: Literal["high", "low"]
    intensity: Literal["mild", "strong"]


class Persona(Spec):
    """A system prompt with an id and a group; an empty text means no system prompt at all."""

    id: Identifier
    group: Identifier
    text: str
    paraphrase_of: Identifier | None = None
    pole: Pole | None = None
    check: str | None = None


class Turn(Spec):
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    text: str


class Context(Spec):
    """The conversation that precedes the item."""

    id: Identifier
    mode: Literal["canned", "live"]
    turns: tuple[Turn, ...] = Field(default=(), strict=False)


class AdministrationDesign(Spec):
    """How items are put: the facets of administration that a study crosses."""

    layout: Literal["isolated", "block", "conversation"] = "isolated"
    block_size: int = Field(default=10, ge=2)
    answer_mode: Literal["sample", "probability"] = "sample"
    wording: tuple[str, ...] = Field(default=("a",), min_length=1, strict=False)
    option_order: tuple[Literal["forward", "reversed"], ...] = Field(default=("forward",), min_length=1, strict=False)
    item_order: Literal["fixed", "shuffled"] = "shuffled"
    format: Literal["text", "json"] = "text"
    reasoning: Literal["off", "on"] = "off"
    anchors: tuple[str, ...] = Field(default=(), strict=False)


class Study(Spec):
    """A resolved study: every id replaced by the object it names, so that nothing outside is needed to run or keep it."""

    study: Identifier
    seed: int
    questionnaires: tuple[Questionnaire, ...] = Field(min_length=1)
    personas: tuple[Persona, ...] = Field(min_length=1)
    contexts: tuple[Context, ...] = Field(min_length=1)
    runs: int = Field(ge=1)
    llms: tuple[Llm, ...] = Field(min_length=1)
    administration: AdministrationDesign = AdministrationDesign()
    max_cost: float | None = Field(default=None, gt=0)

    @property
    def id(self) -> str:
        """The study's id."""
        return self.study
