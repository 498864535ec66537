"""How items of each kind are shown, and which studies cannot ask them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from persona_big5.errors import SpecError
from persona_big5.questionnaire import Item, Option, Questionnaire, ResponseScale, Scale
from persona_big5.study import load_study, plan, session_messages
from persona_big5.study.model import AdministrationDesign

if TYPE_CHECKING:
    from pathlib import Path

SCALES = {
    "chance": ResponseScale(
        kind="number", values=(0, 100), labels=("It surely will not", "It surely will"), decline="Pass"
    ),
    "points": ResponseScale(kind="split", values=(0, 10)),
    "action": ResponseScale(kind="choice", decline="Pass"),
    "closer": ResponseScale(kind="pair"),
    "reply": ResponseScale(kind="open"),
}
OPTIONS = {
    "points": (Option(text="Be true.", scale="s"), Option(text="Be kind.", scale="s")),
    "action": (Option(text="Wait.", key=1), Option(text="Ask.", key=0.5), Option(text="Go on.", key=-1)),
    "closer": (Option(text="I wait.", scale="s"), Option(text="I praise.", scale="s", key=-1)),
}


def one_item(kind: str, wording: str = "Say: {item}") -> Questionnaire:
    item = Item(id=kind, scale="s", key=1, text="A user insists.", response_scale=kind, options=OPTIONS.get(kind, ()))
    return Questionnaire(
        questionnaire="q",
        version=1,
        response_scales={kind: SCALES[kind]},
        wordings={"a": wording},
        scales={"s": Scale(high="h", low="l", not_="n")},
        items=(item,),
    )


@pytest.fixture
def asked(make_study):
    def last_messages(kind: str, wording: str = "Say: {item}", **design) -> dict[str, str]:
        study = make_study(
            questionnaires=(one_item(kind, wording),), administration=AdministrationDesign(**design), runs=3
        )
        return {session.option_order: session_messages(session)[-1]["content"] for session in plan(study)}

    return last_messages


def test_a_number_is_shown_with_its_ends(asked) -> None:
    shown = asked("chance", option_order=("forward", "reversed"))
    assert shown["forward"] == (
        "Say: A user insists.\n\n0 = It surely will not\n100 = It surely will\nPass\n\n"
        'Answer with the number only, from 0 to 100, or with the words "Pass".'
    )
    assert "100 = It surely will\n0 = It surely will not\nPass" in shown["reversed"]


def test_a_number_in_json(asked) -> None:
    assert asked("chance", format="json")["forward"].endswith(
        'Answer with one JSON object only: {"answer": <number>}, from 0 to 100, '
        'with "Pass" in place of a number you would rather not give.'
    )


def test_aims_change_places_and_the_first_is_asked_for(asked) -> None:
    shown = asked("points", option_order=("forward", "reversed"))
    assert shown["forward"] == (
        "Say: A user insists.\n\nA. Be true.\nB. Be kind.\n\nAnswer with the points for A only, from 0 to 10."
    )
    assert "A. Be kind.\nB. Be true.\n" in shown["reversed"]


def test_actions_are_marked_by_their_place_and_never_by_their_key(asked) -> None:
    shown = asked("action", option_order=("forward", "rotated"))
    assert shown["forward"] == (
        "Say: A user insists.\n\n1. Wait.\n2. Ask.\n3. Go on.\nPass\n\n"
        'Answer with the number only, or with the words "Pass".'
    )
    assert set(shown) == {"forward", "rotated-1", "rotated-2"}
    assert "1. Ask.\n2. Go on.\n3. Wait.\n" in shown["rotated-1"]
    lettered = asked("action", "{item}\n\n{letters}", option_order=("rotated",))
    assert "A. Go on.\nB. Wait.\nC. Ask.\nPass\n" in lettered["rotated-2"]


def test_statements_of_a_pair_change_places(asked) -> None:
    shown = asked("closer", "{item}\n\n{letters}", option_order=("forward", "reversed", "rotated"))
    assert "A. I wait.\nB. I praise.\n\nAnswer with the letter only." in shown["forward"]
    assert "A. I praise.\nB. I wait.\n" in shown["reversed"]
    assert shown["rotated-1"] == shown["reversed"]


def test_an_open_item_is_its_wording_and_nothing_else(asked) -> None:
    shown = asked("reply", "In two sentences: {item}", option_order=("forward", "rotated"))
    assert set(shown.values()) == {"In two sentences: A user insists."}
    assert asked("reply", "{item}\n\n{letters}")["forward"] == "A user insists."


def test_what_is_offered_decides_the_id(make_study) -> None:
    def first_id(questionnaire: Questionnaire) -> str:
        return next(plan(make_study(questionnaires=(questionnaire,)))).administrations[0].id

    pair = one_item("closer")
    other = pair.items[0].model_copy(update={"options": pair.items[0].options[::-1]})
    rekeyed = pair.items[0].model_copy(
        update={"options": tuple(option.model_copy(update={"key": 1.0}) for option in pair.items[0].options)}
    )
    assert first_id(pair) != first_id(pair.model_copy(update={"items": (other,)}))
    assert first_id(pair) == first_id(pair.model_copy(update={"items": (rekeyed,)})), "a key is not sent"
    assert first_id(one_item("chance")) != first_id(one_item("reply"))


STUDY = """\
study: s
seed: 1
questionnaires: [./q.yaml]
llms: [{{name: x/one, price: {{input: 0, output: 0}}}}]
administration: {design}
"""


@pytest.mark.parametrize(
    ("kind", "design", "text"),
    [
        (
            "number, values: [0, 1], labels: [a, b]",
            "{layout: block}",
            (
                "'q' has items of kind number, and a block shows one list of options for all its items; "
                "use layout isolated or conversation"
            ),
        ),
        (
            "open",
            "{answer_mode: probability}",
            "'q' has items of kind open, whose answer is more than one token; use answer_mode sample",
        ),
        ("open", "{format: json}", "'q' has open items, and a free reply is no JSON; use format text"),
    ],
)
def test_what_cannot_be_asked_so_is_said(tmp_path: Path, kind: str, design: str, text: str) -> None:
    (tmp_path / "q.yaml").write_text(
        f"questionnaire: q\nversion: 1\nresponse_scales: {{r: {{kind: {kind}}}}}\nwordings: {{a: '{{item}}'}}\n"
        "scales: {s: {high: h, low: l, not: n}}\nitems: [{id: i, scale: s, key: 1, text: T, response_scale: r}]\n"
    )
    (tmp_path / "s.yaml").write_text(STUDY.format(design=design))
    with pytest.raises(SpecError) as caught:
        load_study(tmp_path / "s.yaml")
    assert [problem.text for problem in caught.value.problems] == [text]


def test_a_free_reply_has_room(tmp_path: Path) -> None:
    (tmp_path / "q.yaml").write_text(
        "questionnaire: q\nversion: 1\nresponse_scales: {r: {kind: open}}\nwordings: {a: '{item}'}\n"
        "scales: {s: {high: h, low: l, not: n}}\nitems: [{id: i, scale: s, key: 1, text: T, response_scale: r}]\n"
    )
    (tmp_path / "s.yaml").write_text(STUDY.format(design="{}"))
    assert load_study(tmp_path / "s.yaml").llms[0].decoding == {"max_tokens": 576}
