"""The loopback endpoint is held to its word: what other tests and benchmarks count by it must be so."""

from __future__ import annotations

import json
import math
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.endpoint import Endpoint, answer_probabilities

OPTIONS = "1. Disagree\n2. Neither\n3. Agree\nI would rather not say"
ITEM = f"How well does this describe you?\n\nI keep lists.\n\n{OPTIONS}\n\nAnswer with the number only."
BLOCK = (
    f"Which fit?\n\nS1. I keep lists.\nS2. I lose them.\n\n{OPTIONS}\n\nAnswer every statement on a line of its own."
)


@pytest.fixture(scope="module")
def _endpoint():
    with Endpoint(max_seconds=120) as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(_endpoint):
    _endpoint.configure(**dict.fromkeys(CHANGED, 0))
    _endpoint.reset()
    return _endpoint


CHANGED = (
    "spelled", "latency_ms", "rate_limited", "truncated", "dropped", "hangs", "keys_until", "rpm", "max_in_flight",
    "price_input", "price_output",
)  # fmt: skip


def body(text, **fields):
    return {"model": "m", "messages": [{"role": "user", "content": text}], **fields}


def post(endpoint, request, path="/chat/completions"):
    data = json.dumps(request).encode()
    with urllib.request.urlopen(endpoint.url + path, data, timeout=10) as response:
        return json.load(response)


def text_of(reply):
    return reply["choices"][0]["message"]["content"]


def status_of(endpoint, request):
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(endpoint, request)
    caught.value.close()
    return caught.value.code


def send(endpoint, request):
    """Send a request and leave the connection open, unread."""
    port = int(endpoint.url.rsplit(":", 1)[1].removesuffix("/v1"))
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    data = json.dumps(request).encode()
    client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(data) + data)
    return client


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.01)


def test_samples_follow_the_distribution_that_is_told(endpoint):
    n = 2000
    drawn = Counter(text_of(post(endpoint, body(ITEM, seed=seed))) for seed in range(n))
    for value, probability in zip("123", answer_probabilities(body(ITEM)), strict=True):
        sd = math.sqrt(probability * (1 - probability) / n)
        assert abs(drawn[value] / n - probability) < 4 * sd + 1 / n
    assert sum(drawn.values()) == n


def test_log_probabilities_are_those_of_the_distribution_also_when_spelled(endpoint):
    endpoint.configure(spelled=True)
    reply = post(endpoint, body(ITEM, logprobs=True, top_logprobs=20))
    top = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    number = {"one": 1, "two": 2, "three": 3}
    mass = Counter()
    for one in top:
        mass[int(number.get(one["token"], one["token"].strip()))] += math.exp(one["logprob"])
    assert len(top) == 9
    assert [mass[value] for value in (1, 2, 3)] == pytest.approx(answer_probabilities(body(ITEM)), abs=1e-12)


def test_a_seed_fixes_the_answer_and_temperature_zero_takes_the_likeliest(endpoint):
    assert len({text_of(post(endpoint, body(ITEM, seed=11))) for _ in range(5)}) == 1
    probabilities = answer_probabilities(body(ITEM))
    likeliest = str(probabilities.index(max(probabilities)) + 1)
    assert text_of(post(endpoint, body(ITEM, temperature=0))) == likeliest


def test_blocks_and_json_are_answered_in_their_form(endpoint):
    lines = text_of(post(endpoint, body(BLOCK, seed=1))).split("\n")
    assert [line[:4] for line in lines] == ["S1: ", "S2: "]
    assert {line[4:] for line in lines} <= {"1", "2", "3"}
    answers = json.loads(text_of(post(endpoint, body(BLOCK + "\nAnswer with one JSON object only: {}."))))
    assert answers.keys() == {"S1", "S2"}
    assert post(endpoint, {"model": "m", "prompt": ITEM}, "/completions")["choices"][0]["text"] in {"1", "2", "3"}


def test_a_limit_of_tokens_cuts_and_says_so(endpoint):
    choice = post(endpoint, body(BLOCK, max_tokens=2))["choices"][0]
    assert choice["finish_reason"] == "length"
    assert "S2" not in choice["message"]["content"]


def test_what_is_sent_is_billed_also_when_truncated_or_to_nobody(endpoint):
    endpoint.configure(price_input=1.0, price_output=10.0)
    usage = post(endpoint, body(ITEM))["usage"]
    cost = (usage["prompt_tokens"] + 10 * usage["completion_tokens"]) / 1e6
    endpoint.configure(truncated=1)
    with pytest.raises(json.JSONDecodeError):
        post(endpoint, body(ITEM))
    endpoint.configure(truncated=0, latency_ms=500)
    client = send(endpoint, body(ITEM))
    wait_for(lambda: endpoint.stats()["in_flight"] == 1)
    client.close()
    wait_for(lambda: endpoint.stats()["in_flight"] == 0)
    stats = endpoint.stats()
    assert (stats["requests"], stats["paid"], stats["paid_wasted"]) == (3, 3, 1)
    assert stats["spent"] == pytest.approx(3 * cost, rel=1e-9)


def test_refused_calls_are_not_billed(endpoint):
    endpoint.configure(rate_limited=1)
    assert status_of(endpoint, body(ITEM)) == 429
    endpoint.configure(rate_limited=0, keys_until=2)
    post(endpoint, body(ITEM))
    assert status_of(endpoint, body(ITEM)) == 401
    endpoint.configure(keys_until=0, rpm=60)
    post(endpoint, body(ITEM))
    assert status_of(endpoint, body(ITEM)) == 429
    stats = endpoint.stats()
    assert stats["paid"] == 2
    assert stats["faults"] == {"rate_limited": 1, "key_revoked": 1, "over_limit": 1}


def test_hangs_are_as_many_as_asked_for(endpoint):
    endpoint.configure(hangs=2)
    clients = [send(endpoint, body(ITEM)) for _ in range(40)]
    wait_for(lambda: endpoint.stats()["paid"] == 38)
    assert endpoint.stats()["in_flight"] == 2
    for client in clients:
        client.close()


def test_an_unknown_setting_is_refused(endpoint):
    with pytest.raises(ValueError, match="no such setting: latency"):
        endpoint.configure(latency=3)


def test_it_ends_with_the_process_that_started_it():
    root = Path(__file__).resolve().parents[2]
    starter = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-m', 'benchmarks.endpoint', '--max-seconds', '60'])\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", starter], cwd=root, stdout=subprocess.PIPE) as parent:
        pid = json.loads(parent.stdout.readline())["pid"]
        parent.send_signal(signal.SIGKILL)
        wait_for(lambda: not is_alive(pid))


def is_alive(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"
