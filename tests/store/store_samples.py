"""A small study, its plan made by hand, and replies to it: what the tests of the store put into a database."""

from __future__ import annotations

import hashlib
from itertools import product
from typing import TYPE_CHECKING

from persona_big5.questionnaire.model import Item, Questionnaire, ResponseScale, Scale
from persona_big5.store import Answer, Exchange
from persona_big5.study.model import Context, Llm, Persona, Study, Variant
from persona_big5.study.plan import Administration, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

AGREE = ResponseScale(
    values=(1, 2, 3, 4, 5), labels=("no", "rather no", "neither", "rather yes", "yes"), decline="pass"
)


def make_questionnaire(n_items: int = 4, *, suffix: str = "", first_key: int = 1) -> Questionnaire:
    items = tuple(
        Item(
            id=f"warmth-{i}",
            scale="warmth",
            key=first_key if i == 1 else -1 if i % 2 else 1,
            text=f"I am warm in way {i}{suffix}",
            response_scale="agree5",
        )
        for i in range(1, n_items + 1)
    )
    scale = Scale.model_validate({"high": "warm", "low": "cold", "not": "talkative"})
    return Questionnaire(
        questionnaire="small",
        version=1,
        response_scales={"agree5": AGREE},
        wordings={"a": "{item} {options}"},
        scales={"warmth": scale},
        items=items,
    )


def make_study(
    *, runs: int = 2, n_items: int = 4, suffix: str = "", first_key: int = 1, family: str = "alpha"
) -> Study:
    return Study(
        study="tiny",
        seed=7,
        questionnaires=(make_questionnaire(n_items, suffix=suffix, first_key=first_key),),
        personas=(
            Persona(id="none", group="none", text=""),
            Persona(id="pirate", group="roles", text="You are a pirate."),
        ),
        contexts=(Context(id="neutral", mode="canned"),),
        runs=runs,
        llms=(
            Llm(
                id="one",
                name="simulated/one",
                family=family,
                size=8e9,
                variants=(
                    Variant(id="none"),
                    Variant(id="risky", name="simulated/r", recipe="risk", training_seed=3, tags=("a", "b")),
                ),
            ),
            Llm(id="two", name="simulated/two"),
        ),
    )


def make_sessions(study: Study, *, wave: str = "1", block: bool = False) -> Iterator[Session]:
    """Every session of a study, isolated or one block of all items; ids hash what is sent, as the real plan's do."""
    questionnaire = study.questionnaires[0]
    for llm in study.llms:
        for variant, persona, context, run in product(
            llm.variants, study.personas, study.contexts, range(1, study.runs + 1)
        ):
            groups = [questionnaire.items] if block else [(item,) for item in questionnaire.items]
            for group in groups:
                texts = [item.text for item in group]
                administrations = tuple(
                    Administration(
                        id=_hash(llm.id, variant.id, persona.text, context.id, item.text, wave, run, block and texts),
                        item=item,
                        response_scale=AGREE,
                        position=position,
                        occasion="",
                    )
                    for position, item in enumerate(group, start=1)
                )
                yield Session(
                    id=_hash(*(administration.id for administration in administrations)),
                    study=study.id,
                    llm=llm,
                    variant=variant,
                    persona=persona,
                    context=context,
                    questionnaire=questionnaire,
                    wording="a",
                    option_order="forward",
                    answer_mode="sample",
                    format="text",
                    reasoning="off",
                    layout="block" if block else "isolated",
                    wave=wave,
                    run=run,
                    seed=int(_hash("seed", run), 16) % 2**31,
                    administrations=administrations,
                )


def _hash(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def make_exchange(session: Session | str, number: int = 0, **changes: object) -> Exchange:
    fields: dict[str, object] = {
        "id": f"{session if isinstance(session, str) else session.id}-{number}",
        "session": session if isinstance(session, str) else session.id,
        "turn": 1,
        "attempt": 1,
        "messages": [{"role": "user", "content": "I am warm. 1. no 2. yes"}],
        "parameters_sent": {"temperature": 1.0, "seed": 5},
        "parameters_dropped": [],
        "text": "4",
        "finish_reason": "stop",
        "model_returned": "one-2026",
        "fingerprint": "fp1",
        "tokens_in": 20,
        "tokens_out": 1,
        "tokens_reasoning": None,
        "cost": 0.001,
        "started_at": "2026-11-21T10:00:00.250000+00:00",
        "seconds": 0.5,
        "error": None,
    }
    return Exchange(**{**fields, **changes})  # type: ignore[arg-type]


def make_answers(session: Session, exchange: Exchange, score: float = 4.0) -> list[Answer]:
    return [
        Answer(
            administration=administration.id,
            exchange=exchange.id,
            state="answered",
            raw_response=str(score),
            score=score,
            reason=None,
            parser_version=1,
        )
        for administration in session.administrations
    ]
