"""Replies read in mode probability: from the probabilities of their first token, or from their text with the reason."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scoring_sessions import make_exchange, make_session

from persona_big5.scoring.parse import parse_reply
from persona_big5.store.records import FROM_LOG_PROBABILITIES
from persona_big5.study.model import Context, Turn

SENT = {"temperature": 1.0, "max_tokens": 16, "seed": 7, "logprobs": True, "top_logprobs": 20}
FOUR = [{"token": "4", "logprob": math.log(0.75), "top": [["4", math.log(0.75)], ["2", math.log(0.25)]]}]
SESSION = replace(make_session(), answer_mode="probability")


def answer(text="4", session=SESSION, finish_reason="stop", **fields):
    exchange = make_exchange(text, finish_reason, **{"parameters_sent": SENT, "logprobs": FOUR, **fields})
    return parse_reply(exchange, session)[0]


def variance(answered):
    return answered.sampling_variance_low, answered.sampling_variance_high


def test_scored_from_log_probabilities():
    scored = answer()

    assert (scored.state, scored.score, scored.scored_from) == ("answered", pytest.approx(3.5), "log-probabilities")
    assert scored.reason is None
    assert scored.option_mass == pytest.approx(1.0)
    assert scored.option_entropy == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert (scored.score_low, scored.score_high) == (scored.score, scored.score)
    assert variance(scored) == pytest.approx((0.75, 0.75))
    assert scored.raw_response == "4"


@pytest.mark.parametrize("text", ["I would rather not say", "I cannot rate this.", "Hm", ""])
def test_whatever_the_reply_goes_on_to_say(text):
    assert answer(text).score == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("text", "logprobs", "state", "score", "reason"),
    [
        ("4", None, "answered", 4, "no log-probabilities came with the reply, so the reply is read"),
        ("4", [{"token": "4"}], "answered", 4, "the log-probabilities cannot be read, so the reply is read"),
        (
            "As an AI, I cannot answer that.",
            [{"token": "As", "logprob": math.log(0.8), "top": [["As", math.log(0.8)], ["4", math.log(0.2)]]}],
            "refused",
            None,
            (
                "only 0.20 of the probability is seen on options, so the reply is read: "
                "the reply declines in its own words"
            ),
        ),
    ],
)
def test_fall_back_to_the_reply(text, logprobs, state, score, reason):
    read = answer(text, logprobs=logprobs)

    assert (read.state, read.score, read.reason) == (state, score, reason)
    assert read.scored_from == ("reply" if state == "answered" else None)
    assert all(getattr(read, name) is None for name in FROM_LOG_PROBABILITIES)


def test_a_filtered_reply_is_refused():
    for read in (answer("4", finish_reason="content_filter"), answer(None, failure="filtered")):
        assert (read.state, read.score, read.scored_from) == ("refused", None, None)


def test_sampled_answers_take_no_notice_of_log_probabilities():
    read = answer(session=make_session())

    assert (read.score, read.scored_from, read.option_mass) == (4, "reply", None)


@pytest.mark.parametrize(
    ("sent", "low", "high"),
    [
        ({**SENT, "temperature": 0}, 0.0, 0.0),
        ({**SENT, "temperature": 0.5}, 0.36, 0.36),
        ({**SENT, "top_p": 0.7}, 0.0, 0.0),
        ({"max_tokens": 16}, 0.0, 4.0),  # the endpoint's own temperature
        ({**SENT, "temperature": "hot"}, 0.0, 4.0),
        ({**SENT, "temperature": True}, 0.0, 4.0),
        ({**SENT, "top_p": None}, 0.0, 4.0),
        ({**SENT, "min_p": 0.3}, 0.0, 4.0),
        ({**SENT, "extra_body": {"top_k": 1}}, 0.0, 4.0),
    ],
)
def test_the_variance_of_runs_follows_from_the_settings_sent(sent, low, high):
    scored = answer(parameters_sent=sent)

    assert scored.score == pytest.approx(3.5)
    assert variance(scored) == pytest.approx((low, high))


def test_after_something_sampled_the_variance_of_runs_is_not_known():
    conversation = replace(make_session(2), layout="conversation", answer_mode="probability")
    live = Context(id="small-talk", mode="live", turns=(Turn(role="user", text="How are you?"),))

    assert variance(answer(session=conversation)) == pytest.approx((0.75, 0.75))
    assert variance(answer(session=conversation, turn=2)) == (0.0, 4.0)
    assert variance(answer(session=replace(SESSION, context=live), turn=2)) == (0.0, 4.0)
    assert variance(answer(thoughts="Hm, 4?")) == (0.0, 4.0)
    assert variance(answer(tokens_reasoning=12)) == (0.0, 4.0)
    assert answer(session=conversation, turn=2).score == pytest.approx(3.5)
