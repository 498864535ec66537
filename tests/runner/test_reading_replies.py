"""What endpoints send, honest or not: read, or a failure of the right kind; never anything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_big5.runner.reading import read_failure, read_reply
from persona_big5.runner.reply import Failure, Reply

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("choices", "usage", "model", "message", "text", "logprobs", "finish_reason"), JSON),
)


@given(JSON | FIELDS | st.builds(lambda choice: {"choices": [choice]}, FIELDS))
def test_whatever_comes_is_a_reply_or_unreadable(data):
    try:
        reply = read_reply(data)
    except Failure as failure:
        reply = failure

    if isinstance(reply, Failure):
        assert reply.kind == "unreadable"
    else:
        assert isinstance(reply, Reply)
        assert reply.text is None or isinstance(reply.text, str)
        assert reply.tokens_out is None or reply.tokens_out >= 0


def _reply(**message):
    return read_reply({"choices": [{"message": message}]})


def test_text_in_parts_is_put_together_and_a_refusal_is_text():
    parts = [{"type": "text", "text": "I say "}, {"type": "image"}, {"type": "text", "text": "4"}]

    assert _reply(content=parts).text == "I say 4"
    assert _reply(content=None, refusal="I cannot answer that.").text == "I cannot answer that."
    assert _reply(content=None).text is None
    assert _reply(content="").text == ""


def test_thoughts_that_are_billed_but_not_counted_as_output_are_counted():
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 113}
    reply = read_reply({"choices": [{"message": {"content": "4"}}], "usage": usage})

    assert (reply.tokens_in, reply.tokens_out) == (10, 103)


def test_only_the_first_tokens_are_described():
    content = [{"token": str(i), "logprob": -1.0, "top_logprobs": []} for i in range(50)]
    reply = read_reply({"choices": [{"message": {"content": "4"}, "logprobs": {"content": content}}]})

    assert [position["token"] for position in reply.logprobs] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, "slow down", "rate_limited"),
        (429, json.dumps({"error": {"code": "insufficient_quota", "message": "no money"}}), "access"),
        (500, "oops", "server_error"),
        (503, "overloaded", "server_error"),
        (529, "overloaded", "server_error"),
        (408, "too slow", "server_error"),
        (401, "no", "access"),
        (403, "no", "access"),
        (404, "no such model", "access"),
        (400, "bad", "rejected"),
        (422, "bad", "rejected"),
        (302, "", "rejected"),
        (400, json.dumps({"error": {"code": "content_filter", "message": "filtered"}}), "filtered"),
        (400, json.dumps({"error": {"code": "content_policy_violation"}}), "filtered"),
    ],
)
def test_a_status_and_a_body_stand_for_a_kind_of_failure(status, body, kind):
    assert read_failure(status, body, {}, None).kind == kind


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_the_seconds_a_server_asks_for(headers, seconds):
    assert read_failure(429, "", headers, None).retry_after == seconds


def test_a_message_shows_what_the_server_says_without_keys():
    body = json.dumps({"error": {"message": "Incorrect API key provided: sk-proj-abcDEF123456"}})

    assert str(read_failure(401, body, {}, None)) == "401: Incorrect API key provided: [key]"
    assert str(read_failure(500, "<html>oops\x1b[2J</html>", {}, None)) == "500: <html>oops [2J</html>"


def test_log_probabilities_that_are_none_count_as_not_given():
    content = [
        {"token": ["3"], "logprob": -1.0, "top_logprobs": []},
        {"token": "4", "logprob": float("nan"), "top_logprobs": []},
        {"token": "5", "logprob": -0.5, "top_logprobs": [{"token": "5", "logprob": -0.5}, {"token": 6, "logprob": -2}]},
    ]
    reply = read_reply({"choices": [{"message": {"content": "5"}, "logprobs": {"content": content}}]})

    assert reply.logprobs == [{"token": "5", "logprob": -0.5, "top": [["5", -0.5]]}]


def test_a_key_that_an_endpoint_repeats_is_blanked_out():
    with pytest.raises(Failure, match=r"a reply without a choice: .*\[key\]"):
        read_reply({"you_sent": "opaque-secret-9"}, "opaque-secret-9")
