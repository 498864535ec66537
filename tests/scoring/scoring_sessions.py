"""Sessions made by hand, so that the parser is tested without studies."""

from __future__ import annotations

from persona_big5.questionnaire.model import Item, Questionnaire, ResponseScale, Scale
from persona_big5.scoring.parse import parse_reply
from persona_big5.store import Answer, Exchange
from persona_big5.study.model import Context, Llm, Persona, Variant
from persona_big5.study.plan import Administration, Session

AGREE = ResponseScale(
    values=(1, 2, 3, 4, 5),
    labels=("Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree"),
    decline="I would rather not say",
)
STATEMENTS = (
    "I like to start lively conversations.",
    "I agree with whatever others say.",
    "I keep 2 plans ready for 5 tasks.",
    "I stay calm when plans change.",
)


def make_session(
    n_items: int = 1,
    *,
    scale: ResponseScale = AGREE,
    option_order: str = "forward",
    layout: str | None = None,
    reply_format: str = "text",
) -> Session:
    texts = [STATEMENTS[i] if i < len(STATEMENTS) else f"I have habit number {i}." for i in range(n_items)]
    items = tuple(
        Item(id=f"i{i}", scale="s", key=1, text=text, response_scale="r") for i, text in enumerate(texts, start=1)
    )
    questionnaire = Questionnaire(
        questionnaire="q",
        version=1,
        response_scales={"r": scale},
        wordings={"a": "Does this describe you?\n\n{item}"},
        scales={"s": Scale(high="h", low="l", not_="n")},
        items=items,
    )
    return Session(
        id="session",
        study="study",
        llm=Llm(id="m", name="simulated/m"),
        variant=Variant(id="none"),
        persona=Persona(id="none", group="none", text=""),
        context=Context(id="neutral", mode="canned"),
        questionnaire=questionnaire,
        wording="a",
        option_order=option_order,
        answer_mode="sample",
        format=reply_format,
        reasoning="off",
        layout=layout or ("isolated" if n_items == 1 else "block"),
        wave="1",
        run=1,
        seed=1,
        administrations=tuple(Administration(f"a{i}", item, scale, i, "") for i, item in enumerate(items, start=1)),
    )


def make_exchange(text: str | None, finish_reason: str | None = "stop", **fields: object) -> Exchange:
    """Make the exchange of a session's first turn that brought this reply."""
    blank = dict.fromkeys(name for name in Exchange.__dataclass_fields__)
    known = {"id": "x", "session": "session", "turn": 1, "attempt": 1, "text": text, "finish_reason": finish_reason}
    return Exchange(**{**blank, "parameters_sent": {}, "parameters_dropped": [], **known, **fields})


def read(text: str | None, session: Session, finish_reason: str | None = "stop") -> list[Answer]:
    """Read a reply to a session of one turn."""
    return parse_reply(make_exchange(text, finish_reason), session)
