"""What is asked: items, response scales, scales, questionnaires, as immutable objects checked at construction."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator


def _identifier(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name):
        raise ValueError("an id is 1 to 80 letters, digits, '.', '_' or '-' and starts with a letter or digit")
    return name


ITEM, OPTIONS, LETTERS = "{item}", "{options}", "{letters}"
"""What a wording may hold: where the item goes, and the options, marked by their values or by letters from the top."""

Identifier = Annotated[str, AfterValidator(_identifier)]
Text = Annotated[str, StringConstraints(strip_whitespace=True)]
"""Text that is sent to an llm; blank space around it is layout of the file and is dropped."""


class Spec(BaseModel):
    """Base of everything a user writes in YAML: immutable, no unknown fields, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, strict=True)


class ResponseScale(Spec):
    """Ordered options with values and labels; ``decline`` may be offered beside them and is no part of the order."""

    values: tuple[float, ...] = Field(min_length=2, strict=False)
    labels: tuple[Text, ...] = Field(min_length=2, strict=False)
    decline: Text | None = None

    @model_validator(mode="after")
    def _options_are_ordered(self) -> Self:
        if len(self.values) != len(self.labels):
            raise ValueError(f"{len(self.values)} values but {len(self.labels)} labels")
        if any(b <= a for a, b in zip(self.values, self.values[1:], strict=False)):
            raise ValueError("values must increase from the lowest option to the highest")
        shown = [*self.labels, *([] if self.decline is None else [self.decline])]
        if any(not label or "\n" in label for label in shown):
            raise ValueError("a label must be one line of text")
        if len({label.casefold() for label in shown}) < len(shown):
            raise ValueError("two options have the same label (capitals do not count)")
        return self

    @property
    def minimum(self) -> float:
        """Lowest value of the scale."""
        return self.values[0]

    @property
    def maximum(self) -> float:
        """Highest value of the scale."""
        return self.values[-1]


class Scale(Spec):
    """What a set of items measures: its two poles, and what it is not."""

    high: str
    low: str
    not_: str = Field(alias="not")


class Item(Spec):
    """One statement; ``key`` is +1 when agreement speaks for the high pole of its scale, -1 when against it."""

    id: Identifier
    scale: Identifier
    key: Literal[1, -1]
    text: Text = Field(min_length=1)
    response_scale: Identifier
    desirability: int | None = Field(default=None, ge=1, le=5)
    countable: bool = False
    version: int = Field(default=1, ge=1)


class Norm(Spec):
    """How a group of people scored on a scale: mean, standard deviation and number of people.

    ``score`` says what of a person's keyed answers was taken: their ``mean`` over the scale's items, or their ``sum``.
    """

    scale: Identifier
    group: str = "all"
    mean: float
    sd: float = Field(gt=0)
    n: int = Field(ge=2)
    score: Literal["mean", "sum"] = "mean"


class Questionnaire(Spec):
    """Named, versioned set of scales and items with the wordings in which they are asked."""

    questionnaire: Identifier
    version: int = Field(ge=1)
    licence: str | None = None
    citation: str | None = None
    response_scales: dict[Identifier, ResponseScale] = Field(min_length=1)
    wordings: dict[Identifier, Text] = Field(min_length=1)
    scales: dict[Identifier, Scale] = Field(min_length=1)
    items: tuple[Item, ...] = Field(min_length=1, strict=False)
    norms: tuple[Norm, ...] = Field(default=(), strict=False)

    @property
    def id(self) -> str:
        """The questionnaire's id."""
        return self.questionnaire
