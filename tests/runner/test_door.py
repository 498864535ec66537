"""What is sent, what it costs, and what an exception of litellm stands for: no call leaves this process."""

from __future__ import annotations

import pytest

from persona_big5.errors import AccessError
from persona_big5.runner import door as door_module
from persona_big5.runner.door import open_door
from persona_big5.runner.pace import Pace
from persona_big5.runner.reply import Failure
from persona_big5.runner.retry import ATTEMPTS, wait_before_retry
from persona_big5.study.model import Limits, Llm, Price, Variant

NONE = Variant(id="none")
MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def door():
    with open_door() as opened:
        yield opened


def _llm(name, **fields):
    return Llm(id="m", name=name, **fields)


def test_the_seed_and_the_decoding_are_sent(door):
    call = door.prepare(_llm("hosted_vllm/x", decoding={"temperature": 0.7, "top_k": 40}), NONE, MESSAGES, 17)

    assert call.parameters == {"temperature": 0.7, "top_k": 40, "seed": 17}
    assert call.dropped == []


def test_what_a_provider_does_not_take_is_left_out_and_named(door):
    llm = _llm("anthropic/claude-3-5-haiku-20241022", decoding={"temperature": 1.0, "logprobs": True})
    call = door.prepare(llm, NONE, MESSAGES, 17)

    assert call.parameters == {"temperature": 1.0}
    assert call.dropped == ["logprobs", "seed"]


def test_a_simulated_llm_takes_everything(door):
    assert door.prepare(_llm("simulated/oak", decoding={"max_tokens": 5}), NONE, MESSAGES, 3).dropped == []


def test_the_price_is_the_studys_else_the_tables_else_unknown(door):
    priced = _llm("hosted_vllm/x", price=Price(input=2.0, output=8.0))

    assert door.price(priced, NONE) == (2e-6, 8e-6)
    assert door.price(_llm("openai/gpt-4o-mini"), NONE) == (1.5e-07, 6e-07)
    assert door.price(_llm("hosted_vllm/x"), NONE) is None
    assert door.price(_llm("openai/gpt-4o-mini"), Variant(id="t", name="hosted_vllm/tuned")) is None
    assert door.price(_llm("simulated/oak"), NONE) == (0.0, 0.0)


def test_a_hosted_llm_without_a_key_names_the_variable(door, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(AccessError, match="export OPENAI_API_KEY"):
        door.check_access(_llm("openai/gpt-4o-mini"))
    door.check_access(_llm("openai/gpt-4o-mini", api_base="http://127.0.0.1:9/v1"))


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
    clean = door_module._without_secrets(text, key)

    assert "[key]" in clean
    assert not any(secret in clean for secret in ("hunter2", "abcDEF", "eyJ", "other-Secret"))


def test_messages_of_a_server_cannot_drive_the_terminal():
    assert "\x1b" not in door_module._without_secrets("oops \x1b[2J", None)


def test_an_exception_is_judged_by_its_causes(door):
    import httpx
    from litellm import exceptions

    def classify(error, cause=None):
        error.__cause__ = cause
        return door_module._classify(error, None).kind

    about = {"llm_provider": "openai", "model": "m"}
    assert classify(exceptions.InternalServerError("x", **about), httpx.ConnectError("refused")) == "unreachable"
    assert classify(exceptions.InternalServerError("x", **about), httpx.ReadError("dropped")) == "transient"
    assert classify(exceptions.APIError(200, "unreadable", **about)) == "transient"
    assert classify(exceptions.Timeout("slow", **about)) == "transient"
    assert classify(exceptions.RateLimitError("slow down", **about)) == "transient"
    assert classify(exceptions.RateLimitError("insufficient_quota", **about)) == "access"
    assert classify(exceptions.AuthenticationError("no", **about)) == "access"
    assert classify(exceptions.NotFoundError("no such model", **about)) == "access"
    assert classify(exceptions.BadRequestError("bad", **about)) == "rejected"
    assert classify(exceptions.ContentPolicyViolationError("filtered", **about)) == "filtered"
    assert classify(ValueError("anything")) == "transient"


def test_waits_grow_and_end():
    waits = [wait_before_retry(Failure("transient", "x"), attempt) for attempt in range(1, ATTEMPTS + 1)]

    assert waits[-1] is None
    for attempt, wait in enumerate(waits[:-1]):
        assert 0.25 * 2**attempt <= wait <= 0.5 * 2**attempt


def test_a_server_that_asks_for_time_gets_it_within_reason():
    assert wait_before_retry(Failure("transient", "x", retry_after=7), 1) == 7
    assert wait_before_retry(Failure("transient", "x", retry_after=86_400), 1) == 60


@pytest.mark.parametrize("kind", ["access", "rejected", "filtered"])
def test_what_would_fail_again_is_not_tried_again(kind):
    assert wait_before_retry(Failure(kind, "x"), 1) is None


def test_turns_are_evenly_spaced(monkeypatch):
    monkeypatch.setattr("persona_big5.runner.pace.time.monotonic", lambda: 100.0)
    by_requests, by_tokens, free = (Pace(Limits(**limits)) for limits in ({"rpm": 120}, {"tpm": 6000}, {}))

    assert [by_requests.delay(10) for _ in range(3)] == [0.0, 0.5, 1.0]
    assert [by_tokens.delay(tokens) for tokens in (100, 50, 10)] == [0.0, 1.0, 1.5]
    assert [free.delay(10**6) for _ in range(2)] == [0.0, 0.0]
