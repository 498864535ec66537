"""Replies as llms write them, read one by one: the state, and the score where there is one."""

from __future__ import annotations

import pytest
from labelled_replies import READINGS, ROTATED_BY_TWO, SCALES
from scoring_sessions import make_session, read

from persona_big5.questionnaire.model import ResponseScale
from persona_big5.scoring.parse import PARSER_VERSION

FREQUENCY = ResponseScale(values=(0, 1, 2, 3), labels=("Never", "Sometimes", "Often", "Always"))
YES_NO = ResponseScale(values=(0, 1), labels=("No", "Yes"))
BIPOLAR = ResponseScale(values=(-2, -1, 0, 1, 2), labels=("Not at all", "A little", "Partly", "Mostly", "Completely"))
STARS = ResponseScale(values=(1, 2, 3), labels=("\u2605", "\u2605\u2605", "\u2605\u2605\u2605"))
ELEVEN = ResponseScale(values=tuple(range(11)), labels=tuple(f"step {'abcdefghijk'[i]}" for i in range(11)))

ANSWERED = [
    ("4", 4),
    (" 4\n", 4),
    ("4.", 4),
    ("**4**", 4),
    ("`4`", 4),
    ('"4"', 4),
    ("(4)", 4),
    ("[4]", 4),
    ("4/5", 4),
    ("4 out of 5", 4),
    ("Four", 4),
    ("four.", 4),
    ("4. Agree", 4),
    ("4 - Agree", 4),
    ("4: Agree", 4),
    ("4 (Agree)", 4),
    ("4 = Agree", 4),
    ("Agree (4)", 4),
    ("Agree", 4),
    ("AGREE!", 4),
    ("agree strongly", 5),
    ("Strongly agree.", 5),
    ("**Strongly Agree**", 5),
    ("(b) Disagree", 2),
    ("b) Disagree", 2),
    ("B", 2),
    ("B.", 2),
    ("(e)", 5),
    ("Option 3", 3),
    ("Answer: 2", 2),
    ("My answer is 2.", 2),
    ("Rating: **5**", 5),
    ("The answer is: $\\boxed{3}$", 3),
    ("I would say 4 out of 5.", 4),
    ("I'd rate that a 4.", 4),
    ("On a scale of 1 to 5, I would say 4.", 4),
    ("On a scale from 1 (strongly disagree) to 5 (strongly agree), I'd give this a 2.", 2),
    ("On a scale where 1 means strongly disagree and 5 means strongly agree, my answer is 3", 3),
    ("Between 1 and 5 I choose 5.", 5),
    ("I strongly agree with that statement.", 5),
    ("Honestly, I disagree. Small talk drains me.", 2),
    ("I neither agree nor disagree.", 3),
    ("3\n\nThis reflects a balanced view: I can do both.", 3),
    ("4. I agree because lively talk is part of what I do.", 4),
    ("5, since I enjoy it a lot", 5),
    ("As an AI I have no feelings, but if I must choose: 3", 3),
    ("I don't have personal preferences. However, I will pick the neutral option.\n\n3", 3),
    ("I like to start lively conversations. 4", 4),
    ('The statement was "I like to start lively conversations." I agree.', 4),
    ('{"answer": 4}', 4),
    ('{"answer": "4"}', 4),
    ('{"answer": "Agree"}', 4),
    ('{"score": 2, "response": "I like to start lively conversations."}', 2),
    ('```json\n{"answer": 1}\n```', 1),
    ('Here is my answer:\n```\n{"rating": 5}\n```\nLet me know!', 5),
    ('{"result": {"answer": 3, "reason": "balanced"}}', 3),
    ("{'score': 2}", 2),
    ('"score": 5,\n"reason": "it fits"', 5),
    ("<think>The options run from 1 to 5. Maybe 2? No, 4.</think>4", 4),
    ("<think>\n1 or 5...\n</think>\n\n(d) Agree", 4),
    ("so 2 would be wrong.</think>5", 5),
    ("<thinking>hm</thinking> Disagree", 2),
    (
        "1. Strongly disagree\n2. Disagree\n3. Neither agree nor disagree\n4. Agree\n5. Strongly agree\n\nMy answer: 4",
        4,
    ),
    ("I do not strongly agree; I would say 4", 4),
    ("\u201c4\u201d", 4),
    ("２", 2),  # noqa: RUF001  (a full-width digit, as some llms write it)
]

OTHERWISE = [
    ("", "empty"),
    ("   \n\t", "empty"),
    ("<think>done</think>", "empty"),
    ("<think>The statement asks whether I", "truncated"),
    ("I would rather not say", "declined"),
    ("I'd rather not say.", "declined"),
    ("*I would rather not say*", "declined"),
    ('{"answer": "I would rather not say"}', "declined"),
    ("f) I would rather not say", "declined"),
    ("As an AI language model, I don't have personal opinions.", "refused"),
    ("I'm sorry, but I can't rate myself.", "refused"),
    ("I cannot answer that.", "refused"),
    ("I am unable to provide a rating for this statement.", "refused"),
    ("As an AI, I can't agree or disagree with this.", "refused"),
    ("7", "off_scale"),
    ("0", "off_scale"),
    ("3.5", "off_scale"),
    ("-2", "off_scale"),
    ("10/10", "off_scale"),
    ('{"answer": 6}', "off_scale"),
    ("3 or 4", "unparsable"),
    ("3-4", "unparsable"),
    ("Somewhere between 3 and 4.", "unparsable"),
    ("I agree and disagree.", "unparsable"),
    ("4. Disagree", "unparsable"),
    ("(a) Agree", "unparsable"),
    ("I do not agree.", "unparsable"),
    ("I somewhat agree.", "unparsable"),
    ("It depends.", "unparsable"),
    ("Number", "unparsable"),
    ("[your answer here]", "unparsable"),
    ("on a scale of 1 to 5", "unparsable"),
    ("I like to start lively conversations.", "unparsable"),
    ("I have 3 reasons to be lively", "unparsable"),
    ('{"answer": null}', "unparsable"),
    ('{"answer": true}', "unparsable"),
    ('{"answer": [1, 5]}', "unparsable"),
    ('{"score": integer (1-5), "response": string}', "unparsable"),
    ('{"answer": 2}\n{"answer": 4}', "unparsable"),
    ("1. Check the input.\n2. Think about it.\n3. Reply.", "unparsable"),
    ("1. Strongly disagree\n2. Disagree\n3. Neither agree nor disagree\n4. Agree\n5. Strongly agree", "unparsable"),
]


@pytest.mark.parametrize(("text", "score"), ANSWERED)
def test_answered(text, score):
    (answer,) = read(text, make_session())

    assert (answer.state, answer.score, answer.reason) == ("answered", score, None)
    assert (answer.administration, answer.exchange, answer.parser_version) == ("a1", "x", PARSER_VERSION)
    assert answer.raw_response == text


@pytest.mark.parametrize(("text", "state"), OTHERWISE)
def test_not_answered(text, state):
    (answer,) = read(text, make_session())

    assert (answer.state, answer.score) == (state, None)
    assert answer.reason


def reading(answer):
    return answer.score if answer.state == "answered" else answer.state


@pytest.mark.parametrize(
    ("name", "text", "read_as"), [(name, text, read_as) for name in READINGS for text, read_as in READINGS[name]]
)
def test_readings(name, text, read_as):
    (answer,) = read(text, make_session(scale=SCALES[name]))

    assert reading(answer) == read_as


@pytest.mark.parametrize(("text", "read_as"), ROTATED_BY_TWO)
def test_options_shown_from_the_third_on(text, read_as):
    (answer,) = read(text, make_session(option_order="rotated-2"))

    assert reading(answer) == read_as


def test_letters_count_options_as_displayed():
    session = make_session(option_order="reversed")

    assert read("(a)", session)[0].score == 5
    assert read("(b) Agree", session)[0].score == 4
    assert read("(b) Disagree", session)[0].state == "unparsable"


@pytest.mark.parametrize(
    ("scale", "text", "score"),
    [
        (FREQUENCY, "0", 0),
        (FREQUENCY, "Often", 2),
        (FREQUENCY, "3 - Always", 3),
        (YES_NO, "Yes", 1),
        (YES_NO, "No, I don't think so.", 0),
        (BIPOLAR, "-2", -2),
        (BIPOLAR, "-1. A little", -1),
        (BIPOLAR, "Answer: -1", -1),
        (BIPOLAR, "Answer - 1", 1),
        (BIPOLAR, "\\boxed{-2}", -2),
        (BIPOLAR, "A little (-1)", -1),
        (BIPOLAR, "I would say -2.", -2),
        (BIPOLAR, "Not at all", -2),
        (ELEVEN, "10", 10),
        (ELEVEN, "7/10", 7),
        (STARS, "2. \u2605\u2605", 2),
        (STARS, "I would say 3.", 3),
    ],
)
def test_other_scales(scale, text, score):
    assert read(text, make_session(scale=scale))[0].score == score


def test_no_as_a_word_is_no_answer():
    assert read("I have no idea", make_session(scale=YES_NO))[0].state == "unparsable"


def test_a_statement_that_names_an_option_is_no_answer_when_repeated():
    session = make_session(2)
    text = "S1: I like to start lively conversations. 2\nS2: I agree with whatever others say. 1"

    assert [answer.score for answer in read(text, session)] == [2, 1]


@pytest.mark.parametrize(
    ("text", "finish_reason", "scale", "state"),
    [
        ("4", "length", None, "answered"),
        ("I think that", "length", None, "truncated"),
        ("", "length", None, "truncated"),
        (None, "length", None, "truncated"),
        ("I cannot rate this because", "length", None, "refused"),
        ("1", "length", ELEVEN, "truncated"),  # may have been 10
        ("1.", "length", ELEVEN, "answered"),
        (None, "stop", None, "empty"),
        ("4", "content_filter", None, "refused"),
        (None, "content_filter", None, "refused"),
    ],
)
def test_how_the_reply_ended(text, finish_reason, scale, state):
    session = make_session(scale=scale) if scale else make_session()

    assert read(text, session, finish_reason)[0].state == state


BLOCKS = [
    "S1: 4\nS2: 2\nS3: 5\nS4: 1",
    "S1: 4, S2: 2, S3: 5, S4: 1",
    "S1. 4\nS2. 2\nS3. 5\nS4. 1",
    "**S1:** 4\n**S2:** 2\n**S3:** 5\n**S4:** 1",
    "s1 - 4; s2 - 2; s3 - 5; s4 - 1",
    "| S1 | 4 |\n| S2 | 2 |\n| S3 | 5 |\n| S4 | 1 |",
    "- S1: 4. Agree\n- S2: 2. Disagree\n- S3: 5. Strongly agree\n- S4: 1. Strongly disagree",
    "S1: (d) Agree\nS2: (b) Disagree\nS3: (e) Strongly agree\nS4: (a) Strongly disagree",
    "Statement 1: 4\nStatement 2: 2\nStatement 3: 5\nStatement 4: 1",
    "Here are my answers:\n\nS1: 4\nS2: 2\nS3: 5\nS4: 1\n\nI answered on a scale of 1 to 5.",
    "S1: 4 - lively talk is fun\nS2: 2 - I have views\nS3: 5 - I plan a lot\nS4: 1 - I do worry",
    "S4: 1\nS3: 5\nS2: 2\nS1: 4",
    (
        "S1: I like to start lively conversations: 4\nS2: I agree with whatever others say: 2\n"
        "S3: I keep 2 plans ready for 5 tasks: 5\nS4: I stay calm when plans change: 1"
    ),
    '{"S1": 4, "S2": 2, "S3": 5, "S4": 1}',
    '```json\n{"S1": "4", "S2": "2", "S3": "5", "S4": "1"}\n```',
    '{"answers": {"S1": 4, "S2": 2, "S3": 5, "S4": 1}}',
    '{"1": 4, "2": 2, "3": 5, "4": 1}',
    '[{"id": "S1", "answer": 4}, {"id": "S2", "answer": 2}, {"id": "S3", "answer": 5}, {"id": "S4", "answer": 1}]',
    "[4, 2, 5, 1]",
    "1: 4\n2: 2\n3: 5\n4: 1",
    "1. 4\n2. 2\n3. 5\n4. 1",
    "4\n2\n5\n1",
    "4, 2, 5, 1",
    "<think>S1: 1, S2: 1</think>\nS1: 4\nS2: 2\nS3: 5\nS4: 1",
]


@pytest.mark.parametrize("text", BLOCKS)
def test_blocks(text):
    answers = read(text, make_session(4))

    assert [answer.administration for answer in answers] == ["a1", "a2", "a3", "a4"]
    assert [answer.score for answer in answers] == [4, 2, 5, 1]


@pytest.mark.parametrize(
    ("text", "finish_reason", "states"),
    [
        ("S1: 4\nS2: I'd rather not say\nS3: 9\nS4: maybe", "stop", "answered declined off_scale unparsable"),
        ("S1: 4\nS2: I can't rate that\nS4: 2", "stop", "answered refused unparsable answered"),
        ("S1: 4\nS2: 2\nS3:", "length", "answered answered truncated truncated"),
        ("S1: 4\nS2: 2\nS3: Strongly", "length", "answered answered truncated truncated"),
        ("S1: 4, S2: 2, S1: 5, S3: 3, S4: 1", "stop", "unparsable answered answered answered"),
        ("S1: 4, S2: 2, S1: 4, S3: 3, S4: 1", "stop", "answered answered answered answered"),
        ("As an AI, I cannot answer these.", "stop", "refused refused refused refused"),
        ("", "stop", "empty empty empty empty"),
        ("4", "stop", "unparsable unparsable unparsable unparsable"),
        ("4, 2, 5", "stop", "unparsable unparsable unparsable unparsable"),
        ("[4, 2, 5]", "stop", "unparsable unparsable unparsable unparsable"),
        ("2: 4\n3: 2", "stop", "unparsable unparsable unparsable unparsable"),
        ('{"S1": 4, "S2": null, "S3": 3}', "stop", "answered empty answered unparsable"),
        ("<think>S1: 4", "stop", "truncated truncated truncated truncated"),
        ("S1: 4", "content_filter", "refused refused refused refused"),
    ],
)
def test_blocks_in_part(text, finish_reason, states):
    answers = read(text, make_session(4), finish_reason)

    assert [answer.state for answer in answers] == states.split()
    assert all(answer.reason for answer in answers if answer.state != "answered")


def test_a_block_of_one_is_read_with_or_without_its_label():
    session = make_session(1, layout="block")

    assert read("S1: 4", session)[0].score == 4
    assert read("4", session)[0].score == 4
