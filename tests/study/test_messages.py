from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persona_big5.questionnaire import Item, Questionnaire, ResponseScale, Scale
from persona_big5.study import block_label, plan, session_messages, shown_options
from persona_big5.study.model import AdministrationDesign, Persona


def questions(study) -> dict[tuple[str, str], str]:
    """The user's last message of the first respondent, by first item and option order."""
    first = study.model_copy(update={"llms": study.llms[:1], "personas": study.personas[:1], "runs": 1})
    return {
        (session.administrations[0].item.id, session.option_order): session_messages(session)[-1]["content"]
        for session in plan(first)
    }


def test_an_isolated_item_as_it_is_sent(make_study) -> None:
    design = AdministrationDesign(option_order=("forward", "reversed"))
    asked = questions(make_study(administration=design))
    assert asked["q-0", "forward"] == (
        "How well does this fit? Statement 0 of q.\n"
        "\n"
        "1. Disagree\n"
        "2. Neither\n"
        "3. Agree\n"
        "Pass\n"
        "\n"
        'Answer with the number only, or with the words "Pass".'
    )
    assert asked["q-0", "reversed"] == (
        "How well does this fit? Statement 0 of q.\n"
        "\n"
        "3. Agree\n"
        "2. Neither\n"
        "1. Disagree\n"
        "Pass\n"
        "\n"
        'Answer with the number only, or with the words "Pass".'
    )


def test_options_stand_where_the_wording_puts_them_and_values_need_not_be_whole(make_study, make_questionnaire) -> None:
    study = make_study(
        questionnaires=(make_questionnaire("q", 1, n_yes_no=1),), administration=AdministrationDesign(wording=("b",))
    )
    assert questions(study)["q-0", "forward"] == (
        "-0.5. No\n0.5. Yes\n\nYour view of this:\nStatement 0 of q.\n\nAnswer with the number only."
    )


def test_a_block_as_it_is_sent(make_study) -> None:
    design = AdministrationDesign(layout="block", block_size=5, item_order="fixed", wording=("a", "b"))
    study = make_study(administration=design, personas=(Persona(id="none", group="none", text=""),), runs=1)
    by_wording = {session.wording: session_messages(session) for session in plan(study)}
    statements = "".join(f"S{n + 1}. Statement {n} of q.\n" for n in range(5))
    options = "1. Disagree\n2. Neither\n3. Agree\nPass\n"
    answer = (
        'Answer every statement on a line of its own, as S1: <number>, with the number only, or with the words "Pass".'
    )
    assert by_wording["a"] == [
        {"role": "user", "content": f"How well does this fit?\n\n{statements}\n{options}\n{answer}"}
    ]
    assert by_wording["b"] == [{"role": "user", "content": f"{options}\nYour view of this:\n{statements}\n{answer}"}]


def test_json_is_asked_for_as_one_object(make_study) -> None:
    isolated = questions(make_study(administration=AdministrationDesign(format="json")))["q-0", "forward"]
    sentence = isolated.rsplit("\n", 1)[1]
    assert sentence == (
        'Answer with one JSON object only: {"answer": <number>}, '
        'with "Pass" in place of a number you would rather not give.'
    )
    design = AdministrationDesign(format="json", layout="block", block_size=3, item_order="fixed")
    block = questions(make_study(administration=design))["q-3", "forward"]
    assert 'Answer with one JSON object only: {"S1": <number>, "S2": <number>}, with "Pass"' in block


def test_the_persona_is_the_system_message_and_none_has_no_system_message(make_study, bland_context) -> None:
    study = make_study(contexts=(bland_context,))
    for session in plan(study):
        roles = [message["role"] for message in session_messages(session)]
        contents = [message["content"] for message in session_messages(session)]
        if session.persona.id == "none":
            assert roles == ["user", "assistant", "user"]
        else:
            assert roles == ["system", "user", "assistant", "user"]
            assert contents.pop(0) == "You are a poet. {item} {options}"
        assert contents[:2] == ["Hello {item}.", "Good day."]


_LINE = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12) | st.sampled_from(
    ["{item}", "{options}", "\\1", "{0}", "%s", "\\g<item>"]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    texts=st.lists(_LINE, min_size=1, max_size=4, unique=True),
    labels=st.lists(_LINE, min_size=2, max_size=4, unique_by=str.casefold),
    layout=st.sampled_from(["isolated", "block"]),
    option_order=st.sampled_from(["forward", "reversed"]),
    answer_format=st.sampled_from(["text", "json"]),
)
def test_any_text_arrives_as_it_was_written(make_study, texts, labels, layout, option_order, answer_format) -> None:
    quest = Questionnaire(
        questionnaire="q",
        version=1,
        response_scales={"s": ResponseScale(values=tuple(map(float, range(len(labels)))), labels=labels)},
        wordings={"a": "Before. {item}"},
        scales={"calm": Scale(high="h", low="l", not_="n")},
        items=[Item(id=f"i{n}", scale="calm", key=1, text=text, response_scale="s") for n, text in enumerate(texts)],
    )
    design = AdministrationDesign(layout=layout, block_size=4, option_order=(option_order,), format=answer_format)
    for session in plan(make_study(questionnaires=(quest,), administration=design)):
        lines = session_messages(session)[-1]["content"].split("\n")
        options = [f"{int(value)}. {label}" for value, label in shown_options(session, session.administrations[0])]
        shown = list(enumerate(labels)) if option_order == "forward" else list(enumerate(labels))[::-1]
        assert options == [f"{n}. {label}" for n, label in shown]
        assert lines[-2 - len(options) : -2] == options
        if layout == "block":
            statements = [f"{block_label(one.position)}. {one.item.text}" for one in session.administrations]
            assert lines[: 3 + len(statements)] == ["Before.", "", *statements, ""]
        else:
            assert lines[0] == f"Before. {session.administrations[0].item.text}"
        assert json.loads(json.dumps(session_messages(session))) == session_messages(session)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("forward", [(1.0, "Disagree"), (2.0, "Neither"), (3.0, "Agree"), (None, "Pass")]),
        ("reversed", [(3.0, "Agree"), (2.0, "Neither"), (1.0, "Disagree"), (None, "Pass")]),
    ],
)
def test_the_way_out_is_last_under_every_order(make_study, order, expected) -> None:
    session = next(plan(make_study(administration=AdministrationDesign(option_order=(order,)))))
    assert shown_options(session, session.administrations[0]) == expected


@pytest.mark.parametrize(
    ("order", "options"),
    [("forward", "A. Disagree\nB. Neither\nC. Agree\nPass"), ("reversed", "A. Agree\nB. Neither\nC. Disagree\nPass")],
)
def test_letters_mark_the_places_and_not_the_labels(make_study, make_questionnaire, order, options) -> None:
    lettered = make_questionnaire("q", 3).model_copy(update={"wordings": {"a": "{letters}\n\nAbout you: {item}"}})

    def asked(**design) -> str:
        design = AdministrationDesign(option_order=(order,), item_order="fixed", **design)
        return questions(make_study(questionnaires=(lettered,), administration=design))["q-0", order]

    way_out = 'or with the words "Pass".'
    assert asked() == f"{options}\n\nAbout you: Statement 0 of q.\n\nAnswer with the letter only, {way_out}"
    assert asked(layout="block", block_size=2).endswith(f"as S1: <letter>, with the letter only, {way_out}")
    assert '{"answer": "<letter>"}, with "Pass" in place of a letter' in asked(format="json")
