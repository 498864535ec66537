"""What is sent, what it costs, and what an exception of litellm stands for: no call leaves this process."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest
from runner_studies import REPLY, fake_endpoint

from persona_big5.errors import AccessError
from persona_big5.runner import door as door_module
from persona_big5.runner.door import open_door
from persona_big5.runner.pace import Pace
from persona_big5.runner.reading import without_secrets
from persona_big5.runner.reply import Failure
from persona_big5.runner.retry import ATTEMPTS, ATTEMPTS_WHEN_LIMITED, wait_before_retry
from persona_big5.study.model import Limits, Llm, Price, Variant

NONE = Variant(id="none")
MESSAGES = [{"role": "system", "content": "You are “calm”."}, {"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def door():
    with open_door() as opened:
        yield opened


def _llm(name, **fields):
    return Llm(id="m", name=name, **fields)


def _session(llm, seed=17, answer_mode="sample", variant=NONE):
    """The part of a session that decides how it is sent."""
    return SimpleNamespace(llm=llm, variant=variant, seed=seed, answer_mode=answer_mode, reasoning="off")


def _prepare(door, llm, **fields):
    return door.prepare(_session(llm, **fields), MESSAGES)


def test_the_seed_and_the_decoding_are_sent(door):
    call = _prepare(door, _llm("hosted_vllm/x", decoding={"temperature": 0.7, "top_k": 40}))

    assert call.parameters == {"temperature": 0.7, "top_k": 40, "seed": 17}
    assert call.dropped == []


@pytest.mark.parametrize(
    ("name", "decoding", "dropped"),
    [
        ("anthropic/claude-3-5-haiku-20241022", {"temperature": 1.0, "logprobs": True}, ["logprobs", "seed"]),
        ("openai/gpt-5-mini", {"temperature": 0.7, "max_tokens": 5}, ["temperature"]),
        ("openai/o3-mini", {"temperature": 1.0, "max_tokens": 5}, []),
    ],
)
def test_what_a_provider_does_not_take_is_left_out_and_named(door, name, decoding, dropped):
    call = _prepare(door, _llm(name, decoding=decoding))

    assert call.dropped == dropped
    assert call.parameters == {key: value for key, value in {**decoding, "seed": 17}.items() if key not in dropped}


def test_a_simulated_llm_takes_what_is_sampled_with_and_does_not_reason(door):
    decoding = {"max_tokens": 5, "temperature": 1.0, "top_p": 0.9, "reasoning_effort": "low"}

    assert _prepare(door, _llm("simulated/oak", decoding=decoding), seed=3).dropped == ["reasoning_effort"]


def test_log_probabilities_are_asked_for_where_they_are_the_answer(door):
    chat = _prepare(door, _llm("hosted_vllm/x", decoding={"top_logprobs": 5}), answer_mode="probability")
    base = _prepare(door, _llm("hosted_vllm/x", interface="completion"), answer_mode="probability")

    assert chat.parameters == {"logprobs": True, "top_logprobs": 5, "seed": 17}
    assert base.parameters == {"logprobs": 20, "stop": ["\nQuestion:"], "seed": 17}


@pytest.mark.parametrize("name", ["hosted_vllm/x", "openai/gpt-4.1-mini", "openai/o3-mini", "together_ai/m/x"])
@pytest.mark.parametrize(
    "decoding",
    [
        {"temperature": 1.0, "max_tokens": 16},
        {
            "top_k": 5,
            "max_tokens": 16,
            "logprobs": True,
            "top_logprobs": 5,
            "extra_body": {"chat": {"thinking": False}},
        },
        {"max_tokens": 10, "reasoning_effort": "low", "stop": ["a"]},
    ],
    ids=["plain", "rich", "reasoning"],
)
def test_both_ways_send_the_same_body_and_read_the_same_reply(name, decoding):
    """Straight to the endpoint, and through litellm's own call."""
    body = json.dumps(REPLY)
    with fake_endpoint(200, body) as (url, seen), open_door() as own_door:
        llm = _llm(name, api_base=url, decoding=decoding)
        call = _prepare(own_door, llm)

        async def both():
            assert own_door._direct(llm, NONE) is not None
            replies = [await own_door.ask(llm, NONE, call)]
            own_door._directs[llm.id, NONE.id] = None
            replies.append(await own_door.ask(llm, NONE, call))
            await own_door.close()
            return replies

        straight, through_litellm = asyncio.run(both())

    assert seen[0].path == seen[1].path == "/v1/chat/completions"
    assert seen[0].body == seen[1].body
    assert straight == through_litellm
    assert (straight.text, straight.thoughts, straight.fingerprint) == ("4", "Let me see.", "fp_1")
    assert (straight.tokens_in, straight.tokens_out, straight.tokens_reasoning) == (20, 3, 2)
    assert straight.logprobs == [{"token": "4", "logprob": -0.1, "top": [["4", -0.1], ["3", -2.5]]}]


def test_a_completion_is_sent_as_one_text():
    reply = {
        "model": "base",
        "choices": [
            {
                "text": " 4",
                "finish_reason": "stop",
                "logprobs": {"tokens": [" 4"], "token_logprobs": [-0.2], "top_logprobs": [{" 4": -0.2, " 5": -1.9}]},
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
    }
    with fake_endpoint(200, json.dumps(reply)) as (url, seen), open_door() as own_door:
        llm = _llm("hosted_vllm/base", api_base=url, interface="completion", decoding={"max_tokens": 4})
        call = own_door.prepare(_session(llm, answer_mode="probability"), [{"role": "prompt", "content": "Question:"}])
        got = asyncio.run(_ask_and_close(own_door, llm, call))

    assert seen[0].path == "/v1/completions"
    expected = {"model": "base", "prompt": "Question:", "stop": ["\nQuestion:"], "logprobs": 20, "max_tokens": 4}
    assert seen[0].body == {**expected, "seed": 17}
    assert (got.text, got.logprobs) == (" 4", [{"token": " 4", "logprob": -0.2, "top": [[" 4", -0.2], [" 5", -1.9]]}])


async def _ask_and_close(own_door, llm, call):
    try:
        return await own_door.ask(llm, NONE, call)
    finally:
        await own_door.close()


def test_a_providers_own_key_never_goes_to_another_address(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own-key-of-the-provider")
    monkeypatch.setenv("OTHER_KEY", "key-for-this-address")
    with fake_endpoint(200, json.dumps(REPLY)) as (url, seen):
        for fields in ({}, {"api_key_env": "OTHER_KEY"}):
            with open_door() as own_door:
                llm = _llm("openai/gpt-4o-mini", api_base=url, **fields)
                asyncio.run(_ask_and_close(own_door, llm, _prepare(own_door, llm)))

    assert [request.authorization for request in seen] == ["", "Bearer key-for-this-address"]


def test_redirections_are_not_followed(monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "key-for-this-address")
    with (
        fake_endpoint(200, json.dumps(REPLY)) as (other, seen_there),
        fake_endpoint(307, "", {"location": f"{other}/chat/completions"}) as (url, _),
        open_door() as own_door,
    ):
        llm = _llm("hosted_vllm/x", api_base=url, api_key_env="OTHER_KEY")
        with pytest.raises(Failure, match="307") as caught:
            asyncio.run(_ask_and_close(own_door, llm, _prepare(own_door, llm)))

    assert caught.value.kind == "rejected"
    assert seen_there == []


def test_an_llm_without_an_address_is_refused(door):
    with pytest.raises(AccessError, match="hosted_vllm/ has no address of its own; give `api_base:`"):
        door.check_access(_llm("hosted_vllm/x"))
    with pytest.raises(AccessError, match="interface completion needs an endpoint"):
        door.check_access(_llm("simulated/oak", interface="completion"))


def test_the_price_is_the_studys_else_the_tables_else_unknown(door):
    priced = _llm("hosted_vllm/x", price=Price(input=2.0, output=8.0))

    assert door.price(priced, NONE) == (2e-6, 8e-6)
    assert door.price(_llm("openai/gpt-4o-mini"), NONE) == (1.5e-07, 6e-07)
    assert door.price(_llm("hosted_vllm/x"), NONE) is None
    assert door.price(_llm("openai/gpt-4o-mini"), Variant(id="t", name="hosted_vllm/tuned")) is None
    assert door.price(_llm("simulated/oak"), NONE) == (0.0, 0.0)


def test_a_hosted_llm_without_a_key_names_the_variable(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with open_door() as own_door, pytest.raises(AccessError, match="export OPENAI_API_KEY"):
        own_door.check_access(_llm("openai/gpt-4o-mini"))
    with open_door() as own_door:
        own_door.check_access(_llm("openai/gpt-4o-mini", api_base="http://127.0.0.1:9/v1"))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("bad key hunter2secret here", "hunter2secret"),
        ("Incorrect API key provided: sk-proj-abcDEF123456", None),
        ("header Authorization: Bearer eyJhbGciOi.J9", None),
        ("the variable's value other-Secret-Value", None),
    ],
)
def test_keys_are_blanked_out_of_messages(monkeypatch, text, key):
    monkeypatch.setenv("SOME_API_KEY", "other-Secret-Value")
    clean = without_secrets(text, key)

    assert "[key]" in clean
    assert not any(secret in clean for secret in ("hunter2", "abcDEF", "eyJ", "other-Secret"))


def test_messages_of_a_server_cannot_drive_the_terminal():
    assert "\x1b" not in without_secrets("oops \x1b[2J", None)


def test_an_exception_is_judged_by_its_causes(door):
    import httpx
    from litellm import exceptions

    def classify(error, cause=None):
        error.__cause__ = cause
        return door_module._classify(error, None).kind

    about = {"llm_provider": "openai", "model": "m"}
    assert classify(exceptions.InternalServerError("x", **about), httpx.ConnectError("refused")) == "unreachable"
    assert classify(exceptions.InternalServerError("x", **about), httpx.ReadError("dropped")) == "server_error"
    assert classify(exceptions.APIError(200, "unreadable", **about)) == "unreadable"
    assert classify(exceptions.Timeout("slow", **about)) == "timed_out"
    assert classify(exceptions.RateLimitError("slow down", **about)) == "rate_limited"
    assert classify(exceptions.RateLimitError("insufficient_quota", **about)) == "access"
    assert classify(exceptions.AuthenticationError("no", **about)) == "access"
    assert classify(exceptions.NotFoundError("no such model", **about)) == "access"
    assert classify(exceptions.BadRequestError("bad", **about)) == "rejected"
    assert classify(exceptions.ContentPolicyViolationError("filtered", **about)) == "filtered"
    assert classify(ValueError("anything")) == "dropped"


def test_waits_grow_and_end():
    waits = [wait_before_retry(Failure("server_error", "x"), attempt) for attempt in range(1, ATTEMPTS + 1)]

    assert waits[-1] is None
    for attempt, wait in enumerate(waits[:-1]):
        assert 0.25 * 2**attempt <= wait <= 0.5 * 2**attempt


def test_a_rate_limit_is_waited_out_far_longer():
    limited = Failure("rate_limited", "x")

    assert wait_before_retry(limited, ATTEMPTS) is not None
    assert wait_before_retry(limited, ATTEMPTS_WHEN_LIMITED) is None
    assert sum(wait_before_retry(limited, attempt) for attempt in range(1, ATTEMPTS_WHEN_LIMITED)) > 300


def test_a_server_that_asks_for_time_gets_it_within_reason():
    assert wait_before_retry(Failure("rate_limited", "x", retry_after=7), 1) == 7
    assert wait_before_retry(Failure("rate_limited", "x", retry_after=86_400), 1) == 60


@pytest.mark.parametrize("kind", ["access", "rejected", "filtered"])
def test_what_would_fail_again_is_not_tried_again(kind):
    assert wait_before_retry(Failure(kind, "x"), 1) is None


def test_turns_are_evenly_spaced(monkeypatch):
    monkeypatch.setattr("persona_big5.runner.pace.time.monotonic", lambda: 100.0)
    by_requests, by_tokens, free = (Pace(Limits(**limits)) for limits in ({"rpm": 120}, {"tpm": 6000}, {}))

    assert [by_requests.delay(10) for _ in range(3)] == [0.0, 0.5, 1.0]
    assert [by_tokens.delay(tokens) for tokens in (100, 50, 10)] == [0.0, 1.0, 1.5]
    assert [free.delay(10**6) for _ in range(2)] == [0.0, 0.0]
