from __future__ import annotations

import pytest

from persona_big5.study import COMPLETION_STOP, asked_turns, plan, session_messages
from persona_big5.study.model import AdministrationDesign, Context, Llm, Persona, Turn

CONVERSATION = AdministrationDesign(layout="conversation", item_order="fixed")
LIVE = Context(
    id="live", mode="live", turns=(Turn(role="user", text="Who are you?"), Turn(role="user", text="What do you like?"))
)
BASE = Llm(id="base", name="x/base", interface="completion", decoding={"max_tokens": 8})
OPTIONS = '1. Disagree\n2. Neither\n3. Agree\nPass\n\nAnswer with the number only, or with the words "Pass".'
POET = Persona(id="poet", group="helper", text="You are a poet.")


def first_question(n: int) -> str:
    return f"How well does this fit? Statement {n} of q.\n\n{OPTIONS}"


def first_session(study):
    return next(plan(study))


def test_a_conversation_asks_one_item_a_turn_as_an_isolated_item_is_asked(make_study, make_questionnaire) -> None:
    parts = {"questionnaires": (make_questionnaire("q", 5, n_yes_no=2),), "personas": (POET,)}
    session = first_session(make_study(administration=CONVERSATION, **parts))
    turns = asked_turns(session)
    assert [[one.position for one in turn.administrations] for turn in turns] == [[1], [2], [3], [4], [5]]
    isolated = {
        one.administrations[0].item.id: asked_turns(one)[0].text
        for one in plan(make_study(administration=AdministrationDesign(), **parts))
    }
    assert [turn.text for turn in turns] == [isolated[f"q-{n}"] for n in range(5)]
    assert turns[4].text.endswith("-0.5. No\n0.5. Yes\n\nAnswer with the number only.")
    assert session_messages(session, ["3", " \n"]) == [
        {"role": "system", "content": "You are a poet."},
        {"role": "user", "content": first_question(0)},
        {"role": "assistant", "content": "3"},
        {"role": "user", "content": first_question(1)},
        {"role": "assistant", "content": "(no reply)"},
        {"role": "user", "content": first_question(2)},
    ]


@pytest.mark.parametrize("layout", ["isolated", "block", "conversation"])
def test_turns_of_a_live_context_come_first_and_ask_no_item(make_study, layout) -> None:
    design = AdministrationDesign(layout=layout, block_size=3, item_order="fixed")
    session = first_session(make_study(administration=design, contexts=(LIVE,), personas=(POET,)))
    live, asked = asked_turns(session)[:2], asked_turns(session)[2:]
    assert [(turn.text, turn.administrations) for turn in live] == [("Who are you?", ()), ("What do you like?", ())]
    assert tuple(one for turn in asked for one in turn.administrations) == session.administrations
    assert len(asked) == (5 if layout == "conversation" else 1)
    assert [message["content"] for message in session_messages(session)] == ["You are a poet.", "Who are you?"]
    assert session_messages(session, ["A bard.", "Odes."]) == [
        {"role": "system", "content": "You are a poet."},
        {"role": "user", "content": "Who are you?"},
        {"role": "assistant", "content": "A bard."},
        {"role": "user", "content": "What do you like?"},
        {"role": "assistant", "content": "Odes."},
        {"role": "user", "content": asked[0].text},
    ]


def test_an_llm_without_a_chat_template_gets_one_open_transcript(make_study, bland_context) -> None:
    study = make_study(administration=CONVERSATION, llms=(BASE,), personas=(POET,), contexts=(bland_context,))
    session = first_session(study)
    (message,) = session_messages(session, [" 3\n"])
    assert message == {
        "role": "prompt",
        "content": (
            "You are a poet.\n\n"
            "Question: Hello {item}.\nAnswer: Good day.\n\n"
            f"Question: {first_question(0)}\nAnswer: 3\n\n"
            f"Question: {first_question(1)}\nAnswer:"
        ),
    }
    assert message["content"].split("\nAnswer: Good day.")[1].startswith("\n" + COMPLETION_STOP)


@pytest.mark.parametrize("layout", ["isolated", "block", "conversation"])
def test_a_transcript_of_any_layout_holds_what_a_chat_would(make_study, layout) -> None:
    design = AdministrationDesign(layout=layout, block_size=3, item_order="fixed")
    nobody = Persona(id="none", group="none", text="")
    parts = {"administration": design, "contexts": (LIVE,), "personas": (nobody,)}
    chat = first_session(make_study(**parts, llms=(Llm(id="chat", name="x/chat"),)))
    base = first_session(make_study(**parts, llms=(BASE,)))
    replies = ["A bard.", ""]
    spoken = [message["content"] for message in session_messages(chat, replies)]
    (message,) = session_messages(base, replies)
    assert message["content"] == (
        f"Question: {spoken[0]}\nAnswer: A bard.\n\nQuestion: {spoken[2]}\nAnswer: (no reply)\n\n"
        f"Question: {spoken[4]}\nAnswer:"
    )
