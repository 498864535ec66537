"""A small study as objects, to be changed one part at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from persona_big5.questionnaire import Item, Questionnaire, ResponseScale, Scale
from persona_big5.study import Study
from persona_big5.study.model import AdministrationDesign, Context, Llm, Persona, Turn, Variant

if TYPE_CHECKING:
    from collections.abc import Callable

AGREE = ResponseScale(values=(1, 2, 3), labels=("Disagree", "Neither", "Agree"), decline="Pass")
YES_NO = ResponseScale(values=(-0.5, 0.5), labels=("No", "Yes"))


def questionnaire(name: str, n_items: int, n_yes_no: int = 0) -> Questionnaire:
    items = [
        Item(
            id=f"{name}-{n}",
            scale="calm",
            key=1 if n % 2 else -1,
            text=f"Statement {n} of {name}.",
            response_scale="agree" if n < n_items - n_yes_no else "yes-no",
        )
        for n in range(n_items)
    ]
    return Questionnaire(
        questionnaire=name,
        version=1,
        response_scales={"agree": AGREE, "yes-no": YES_NO},
        wordings={"a": "How well does this fit? {item}", "b": "{options}\n\nYour view of this:\n{item}"},
        scales={"calm": Scale(high="calm", low="tense", not_="bored")},
        items=items,
    )


def base_parts() -> dict[str, Any]:
    return {
        "study": "small",
        "seed": 7,
        "questionnaires": (questionnaire("q", 5),),
        "personas": (
            Persona(id="none", group="none", text=""),
            Persona(id="poet", group="helper", text="You are a poet. {item} {options}"),
        ),
        "contexts": (Context(id="neutral", mode="canned"),),
        "runs": 2,
        "llms": (
            Llm(id="one", name="x/one", decoding={"temperature": 1.0, "max_tokens": 64}),
            Llm(
                id="two",
                name="x/two",
                decoding={"max_tokens": 64},
                variants=(Variant(id="none"), Variant(id="tuned", name="x/two-tuned")),
            ),
        ),
        "administration": AdministrationDesign(),
    }


@pytest.fixture
def make_study() -> Callable[..., Study]:
    """A function from changed parts of the small study to the study."""

    def make(**changes: Any) -> Study:
        return Study(**{**base_parts(), **changes})

    return make


@pytest.fixture
def bland_context() -> Context:
    turns = (Turn(role="user", text="Hello {item}."), Turn(role="assistant", text="Good day."))
    return Context(id="bland", mode="canned", turns=turns)


@pytest.fixture
def make_questionnaire() -> Callable[..., Questionnaire]:
    return questionnaire
