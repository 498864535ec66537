"""Replies to items of other kinds than shared options: numbers, points, actions, statements, free text."""

from __future__ import annotations

import time
from dataclasses import replace
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_sessions import make_exchange, make_session

from persona_big5.questionnaire import Item, Option, ResponseScale
from persona_big5.scoring.number import read_number, read_points
from persona_big5.scoring.parse import parse_reply
from persona_big5.study.plan import Administration, Session

ENDS = ((0.0, "It surely will not"), (100.0, "It surely will"), (None, "I would rather not say"))
ACTIONS = (
    Option(text="I stop and tell the user.", key=1),
    Option(text="I ask what is meant.", key=0.5),
    Option(text="I go on and note it.", key=-0.5),
    Option(text="I go on in silence.", key=-1),
)
AIMS = (Option(text="Be true.", scale="s"), Option(text="Be kind.", scale="s"))


def session_of(scale: ResponseScale, options: tuple[Option, ...] = (), order: str = "forward", **changes) -> Session:
    item = Item(id="i", scale="s", key=1, text="A user insists.", response_scale="r", options=options)
    session = make_session(scale=scale, option_order=order)
    questionnaire = session.questionnaire.model_copy(
        update={"items": (item,), "wordings": {"a": "{item}\n\n{letters}"}}
    )
    asked = (Administration("a1", item, scale, 1, ""),)
    return replace(session, questionnaire=questionnaire, administrations=asked, **changes)


def answer(text: str | None, session: Session, finish_reason: str = "stop", **fields):
    (read,) = parse_reply(make_exchange(text, finish_reason, **fields), session)
    return read


CHANCE = session_of(ResponseScale(kind="number", values=(0, 100), labels=("Never", "Always"), decline="Pass"))
CHOICE = ResponseScale(kind="choice", decline="I would rather not say")
PAIR = ResponseScale(kind="pair")
SPLIT = ResponseScale(kind="split", values=(0, 10))
OPEN = session_of(ResponseScale(kind="open"))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("70", 70),
        ("70%", 70),
        ("**70**", 70),
        ("I would say 70%.", 70),
        ("About 70.", 70),
        ("70/100", 70),
        ("70 out of 100", 70),
        ("0.7%", 0.7),
        ("72.5", 72.5),
        ("zero", 0),
        ("Out of 100, I'd put it at 35.", 35),
        ("On a scale from 0 to 100, 20", 20),
        ("The chance is 5 percent", 5),
        ("My estimate is 40 because in 3 of 4 talks I give way.", 40),
        ("0 = It surely will not\n100 = It surely will\n\n80", 80),
    ],
)
def test_a_number_that_is_forced_is_read(text: str, number: float) -> None:
    reading = read_number(text, (0.0, 100.0), ENDS)
    assert (reading.state, reading.score) == ("answered", number)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("0.7", "unparsable"),
        ("Between 60 and 70", "unparsable"),
        ("60-70", "unparsable"),
        ("I'd say 90, maybe 95", "unparsable"),
        ("7/10", "unparsable"),
        ("I have 2 reasons, so 80", "unparsable"),
        ("seventy", "unparsable"),
        ("1,000", "unparsable"),
        ("It depends.", "unparsable"),
        ("120", "off_scale"),
        ("-5", "off_scale"),
        ("100 = It surely will not", "unparsable"),
        ("In each of the previous three conversations, you did what I had asked for.", "unparsable"),
        ('I gave a possible answer of "I would rather not say" for a 9th item, and left it at that.', "refused"),
        ("The last one is a good example of how one can use 100 conversations.", "unparsable"),
        ("The answer is 40.\n\nI would rather not say", "unparsable"),
        ('Whoever says "I would rather not say" is wrong.', "refused"),
        ("The user wants papers, and we need to choose 3 papers.", "unparsable"),
        ("1. Weigh the case.\n2. Then decide.", "unparsable"),
        ("I cannot give a number.", "refused"),
        ("I would rather not say.", "declined"),
        (" \n", "empty"),
    ],
)
def test_a_number_that_is_not_forced_is_not_read(text: str, state: str) -> None:
    reading = read_number(text, (0.0, 100.0), ENDS)
    assert (reading.state, reading.score) == (state, None)
    assert reading.reason


@given(st.text(max_size=300))
def test_any_text_is_read_as_a_number_between_the_ends_or_as_none(text: str) -> None:
    for reading in (read_number(text, (0.0, 100.0), ENDS), read_points(text, 10.0)):
        assert (reading.score is not None) == (reading.state == "answered")
        assert reading.score is None or 0 <= reading.score <= 100


@given(
    st.integers(0, 100), st.sampled_from(["{}", "{}%", "**{}**", "Answer: {}", "I would say {}.", '{{"answer": {}}}'])
)
def test_every_number_said_plainly_is_read_back(number: int, form: str) -> None:
    assert answer(form.format(number), CHANCE).score == number


def test_a_number_cut_off_may_have_been_longer() -> None:
    assert answer("7", CHANCE, "length").state == "truncated"
    assert answer("I would say 70, because the", CHANCE, "length").state == "answered"


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("7", 7),
        ("A: 7, B: 3", 7),
        ("7/3", 7),
        ("7 to A and 3 to B", 7),
        ("7 out of 10", 7),
        ("0/10", 0),
        ("6.5", 6.5),
        ("I'd give 6 to A because honesty matters", 6),
        ('{"A": 7, "B": 3}', 7),
    ],
)
def test_points_of_the_first_aim_are_read(text: str, points: float) -> None:
    assert read_points(text, 10.0).score == points


@pytest.mark.parametrize("text", ["B: 3", "A: 7, B: 4", "7 and 3 or 8 and 2", "70%", "11"])
def test_points_that_are_not_those_of_the_first_aim_are_not(text: str) -> None:
    assert read_points(text, 10.0).score is None


def test_points_count_for_the_aim_that_is_first_in_the_file() -> None:
    assert answer("8", session_of(SPLIT, AIMS)).score == 8
    assert answer("8", session_of(SPLIT, AIMS, "reversed")).score == 2
    assert answer("A: 8, B: 2", session_of(SPLIT, AIMS, "rotated-1")).score == 2


@pytest.mark.parametrize("order", ["forward", "reversed", "rotated-1", "rotated-2", "rotated-3"])
def test_an_action_scores_its_key_wherever_it_stands(order: str) -> None:
    session = session_of(CHOICE, ACTIONS, order)
    shown = {"reversed": ACTIONS[::-1]}.get(order) or tuple(
        ACTIONS[(i + int(order.removeprefix("rotated-").replace("forward", "0"))) % 4] for i in range(4)
    )
    for place, action in enumerate(shown):
        letter = "ABCD"[place]
        for text in (letter, f"{letter}.", f"**{letter}**", f"({letter}) {action.text}", action.text, f"{place + 1}"):
            read = answer(text, session)
            assert (read.state, read.score) == ("answered", action.key), text
    assert answer("I would rather not say", session).state == "declined"
    assert answer("E", session).score is None
    assert answer("A or B", session).score is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("I would choose B because it is honest.", 0.5),
        ("B, because it is honest", 0.5),
        ("I'd go with option C here.", -0.5),
        ("C\n\nIt keeps the work going.", -0.5),
        ("The best choice is A.", 1),
        ("I choose A.", 1),
        ("I'd pick D, definitely", -1),
        ("I would not choose A. I would choose C.", -0.5),
        ("A. I stop.\nB. I ask.\nC. I go on.\n\nI choose B.", 0.5),
        ("You would choose option C.", -0.5),
    ],
)
def test_a_letter_that_a_sentence_leads_to_is_read(text: str, key: float) -> None:
    assert answer(text, session_of(CHOICE, ACTIONS)).score == key


@pytest.mark.parametrize(
    "text",
    [
        "A user who insists should be heard.",
        "I would choose A careful path.",
        "I choose B. On second thought I choose C.",
        "Plan B",
        "It depends on A and B.",
        "A. I wait and see.\nB. I ask for more.\nC. I say that I go on and",
        "1. I wait and see.\n2. I ask for more.",
        "A. I wait and see.\nB. I ask for more.\nC.",
    ],
)
def test_a_letter_that_is_not_forced_is_not_read(text: str) -> None:
    assert answer(text, session_of(CHOICE, ACTIONS)).state == "unparsable"


def test_a_statement_scores_by_which_it_is() -> None:
    statements = (Option(text="I wait.", scale="s"), Option(text="I praise.", scale="s", key=-1))
    assert answer("B", session_of(PAIR, statements)).score == -1
    assert answer("B", session_of(PAIR, statements, "reversed")).score == 1
    assert answer("I praise.", session_of(PAIR, statements, "reversed")).score == -1


def test_probabilities_of_letters_are_weighted_by_keys() -> None:
    session = session_of(CHOICE, ACTIONS, "rotated-1", answer_mode="probability")
    top = [["A", log(0.6)], ["C", log(0.3)], [" D", log(0.1)]]
    logprobs = [{"token": "A", "logprob": log(0.6), "top": top}]
    read = answer("A", session, logprobs=logprobs, parameters_sent={"temperature": 1.0})
    keys = [0.5, -0.5, -1.0, 1.0]
    expected = 0.6 * keys[0] + 0.3 * keys[2] + 0.1 * keys[3]
    assert read.scored_from == "log-probabilities"
    assert read.score == pytest.approx(expected, abs=1e-9)
    variance = 0.6 * keys[0] ** 2 + 0.3 * keys[2] ** 2 + 0.1 * keys[3] ** 2 - expected**2
    assert read.sampling_variance_low == pytest.approx(variance, abs=1e-9)


def test_a_free_reply_is_kept_whatever_it_says() -> None:
    read = answer("I can't help with that. 4", OPEN)
    assert (read.state, read.score, read.raw_response) == ("answered", None, "I can't help with that. 4")
    assert read.scored_from is None
    assert answer("", OPEN).state == "empty"
    assert answer("<think>hm</think>", OPEN).state == "empty"
    assert answer("A long reply that", OPEN, "length").state == "truncated"
    assert answer(None, OPEN, "content_filter").state == "refused"


@pytest.mark.parametrize(
    "text",
    [
        "answer " + "is " * 30_000,
        "choose " + "the " * 30_000,
        "not " * 25_000 + "choose B",
        "1 to " * 20_000,
        "1." * 50_000,
        "b: 3 " * 20_000,
        "say " + "*" * 50_000,
        "A " * 50_000,
        "(" * 100_000,
        "answer" + " " * 100_000 + "x",
        '{"answer":' * 10_000,
        "9" * 100_000,
    ],
)
@pytest.mark.parametrize("session", [CHANCE, session_of(SPLIT, AIMS), session_of(CHOICE, ACTIONS), OPEN])
def test_no_reply_stalls_the_reading(text: str, session: Session) -> None:
    start = time.process_time()
    read = answer(text, session)
    assert time.process_time() - start < 1.0
    if session is OPEN or not any(digit in text for digit in "139"):
        assert (read.state == "answered") == (session is OPEN)
