"""An OpenAI-compatible endpoint on loopback that misbehaves on request, counts everything, and costs nothing.

    python -m benchmarks.endpoint --port 0 --latency-ms 50 --rate-limited 0.05

prints one line of JSON, ``{"url", "port", "pid"}``, and serves until the process that started it is gone, or for
``--max-seconds``. In Python :class:`Endpoint` does the same as a context manager.

``POST /v1/chat/completions`` and ``/v1/completions`` answer as :mod:`benchmarks.loopback_llm` says; ``GET /stats``,
``POST /configure`` (a JSON object of :class:`Settings`) and ``POST /reset`` (counts to nought, draws anew) steer it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httptools

from benchmarks.loopback_llm import answer_probabilities, prompt_tokens, refusal_tokens, reply

if TYPE_CHECKING:
    from benchmarks.loopback_llm import Body, Token

__all__ = ["Endpoint", "Settings", "answer_probabilities"]

_HANG_EVERY = 10  # requests: hangs fall on the tenth, the twentieth, …
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests",
            500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """How the endpoint behaves. Nought or an empty name: never, or no limit."""

    latency_ms: float = 0.0
    jitter_ms: float = 0.0  # mean of an exponential added to the latency
    seed: int = 0  # of faults, jitter, and answers to requests that carry no seed
    spelled: bool = False  # an option's probability is shared by equivalent tokens
    # Faults, as the probability that a request meets each.
    rate_limited: float = 0.0  # 429, with a Retry-After of
    retry_after: float = 1.0  # seconds
    server_error: float = 0.0  # 500
    truncated: float = 0.0  # 200 whose JSON ends half way
    null_content: float = 0.0
    refusal: float = 0.0
    dropped: float = 0.0  # connection closed in place of a reply
    content_filter: float = 0.0  # 400, as a provider's filter answers
    # Troubles of other kinds.
    hangs: int = 0  # so many requests, no more, get no reply ever
    keys_until: int = 0  # after so many requests the key is revoked: 401
    rpm: float = 0.0  # requests a minute; 429 above, with a second's worth of burst
    max_in_flight: int = 0  # 429 above
    slow_model: str = ""  # this one takes
    slow_ms: float = 2000.0  # longer
    dead_model: str = ""  # this one answers 503 to everything
    # USD per million tokens.
    price_input: float = 0.0
    price_output: float = 0.0


_FAULTS = ("rate_limited", "server_error", "truncated", "null_content", "refusal", "dropped", "content_filter")
_KINDS: dict[str, Any] = {one.name: type(one.default) for one in fields(Settings)}


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    unknown = settings.keys() - _KINDS
    if unknown:
        raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
    return {name: _KINDS[name](value) for name, value in settings.items()}


@dataclass(slots=True)
class _Counts:
    """What was asked and sent. ``paid``: replies with status 200, which a provider bills, also when truncated."""

    requests: int = 0
    paid: int = 0
    paid_wasted: int = 0  # of those, generated for a client that had gone
    max_in_flight: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    spent: float = 0.0  # USD
    first: float = 0.0  # time of the first request, by the monotonic clock
    last: float = 0.0  # time of the last reply
    faults: Counter[str] = field(default_factory=Counter)
    status: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    content: bytes
    headers: str = ""
    cost: tuple[int, int] = (0, 0)  # tokens in and out

    def encode(self, *, keep_alive: bool) -> bytes:
        closing = "" if keep_alive else "connection: close\r\n"
        head = (
            f"HTTP/1.1 {self.status} {_REASONS[self.status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(self.content)}\r\n{self.headers}{closing}\r\n"
        )
        return head.encode() + self.content


class _Service:
    """Everything the connections share: settings, counts, draws."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        self.counts = _Counts(max_in_flight=self.in_flight)
        self._fault_draws, self._answer_draws = random.Random(self.settings.seed), random.Random(self.settings.seed + 1)
        self._burst, self._burst_at = self.settings.rpm / 60, time.monotonic()

    def stats(self) -> dict[str, Any]:
        counts = {one.name: getattr(self.counts, one.name) for one in fields(_Counts)}
        first, last = counts.pop("first"), counts.pop("last")
        return {
            **counts,
            "in_flight": self.in_flight,
            "seconds": max(0.0, last - first),
            "cpu_seconds": time.process_time(),
        }

    def trouble(self, model: str) -> str | None:
        """Return what goes wrong with the request just counted, by the name it is counted under."""
        settings, n_requests = self.settings, self.counts.requests
        if settings.keys_until and n_requests > settings.keys_until:
            return "key_revoked"
        if settings.dead_model and model == settings.dead_model:
            return "dead_model"
        if (settings.max_in_flight and self.in_flight > settings.max_in_flight) or not self._within_rpm():
            return "over_limit"
        if n_requests % _HANG_EVERY == 0 and n_requests <= settings.hangs * _HANG_EVERY:
            return "hung"
        uniform = self._fault_draws.random()
        for name in _FAULTS:
            uniform -= getattr(settings, name)
            if uniform < 0:
                return name
        return None

    def _within_rpm(self) -> bool:
        per_second = self.settings.rpm / 60
        if not per_second:
            return True
        now = time.monotonic()
        self._burst = min(max(1.0, per_second), self._burst + (now - self._burst_at) * per_second)
        self._burst_at = now
        if self._burst < 1:
            return False
        self._burst -= 1
        return True

    def delay(self, model: str) -> float:
        """Return the seconds an answer takes."""
        settings = self.settings
        ms = settings.slow_ms if settings.slow_model and model == settings.slow_model else settings.latency_ms
        if settings.jitter_ms:
            ms += self._fault_draws.expovariate(1 / settings.jitter_ms)
        return ms / 1000

    def response(self, body: Body, trouble: str | None, *, chat: bool) -> _Response:
        match trouble:
            case "rate_limited" | "over_limit":
                return _error(
                    429, "Rate limit reached", "rate_limit_exceeded", f"retry-after: {self.settings.retry_after:g}\r\n"
                )
            case "server_error":
                return _error(500, "The server had an error", "server_error")
            case "dead_model":
                return _error(503, "The model is overloaded", "server_error")
            case "key_revoked":
                return _error(401, "Incorrect API key provided", "invalid_api_key")
            case "content_filter":
                return _error(400, "The response was filtered by the content management policy", "content_filter")
        if trouble == "refusal":
            whole = refusal_tokens()
        else:
            whole = reply(body, self._answer_draws.random, spelled=self.settings.spelled)
        tokens = whole[: body.get("max_tokens") or body.get("max_completion_tokens") or None]
        text = None if trouble == "null_content" else "".join(token.text for token in tokens)
        cost = prompt_tokens(body), len(tokens)
        choice = {"index": 0, "finish_reason": "stop" if len(tokens) == len(whole) else "length"}
        choice |= _chat_choice(body, text, tokens) if chat else _choice(body, text, tokens)
        content = json.dumps(_completion(body, choice, cost, self.counts.requests, chat=chat)).encode()
        return _Response(200, content[: len(content) // 2] if trouble == "truncated" else content, cost=cost)

    def bill(self, cost: tuple[int, int], *, wasted: bool) -> None:
        counts, (tokens_in, tokens_out) = self.counts, cost
        counts.paid += 1
        counts.paid_wasted += wasted
        counts.tokens_in += tokens_in
        counts.tokens_out += tokens_out
        counts.spent += (tokens_in * self.settings.price_input + tokens_out * self.settings.price_output) / 1e6

    def steer(self, path: bytes, content: bytes) -> _Response:
        if path == b"/stats":
            return _Response(200, json.dumps(self.stats()).encode())
        if path == b"/reset":
            self.reset()
            return _Response(200, b"{}")
        if path == b"/configure":
            try:
                self.settings = replace(self.settings, **_checked(json.loads(content)))
            except ValueError as error:
                return _error(400, str(error), "invalid_setting")
            self._burst = self.settings.rpm / 60
            return _Response(200, b"{}")
        return _error(404, "no such path", "not_found")


def _error(status: int, message: str, code: str, headers: str = "") -> _Response:
    return _Response(status, json.dumps({"error": {"message": message, "type": code, "code": code}}).encode(), headers)


def _completion(
    body: Body, choice: dict[str, Any], cost: tuple[int, int], number: int, *, chat: bool
) -> dict[str, Any]:
    return {
        "id": f"loopback-{number}",
        "object": "chat.completion" if chat else "text_completion",
        "created": int(time.time()),
        "model": body["model"],
        "system_fingerprint": "fp_loopback",
        "choices": [choice],
        "usage": {"prompt_tokens": cost[0], "completion_tokens": cost[1], "total_tokens": sum(cost)},
    }


def _chat_choice(body: Body, text: str | None, tokens: list[Token]) -> dict[str, Any]:
    wanted, n_top = body.get("logprobs"), body.get("top_logprobs") or 0
    message = {"role": "assistant", "content": text, "refusal": None}
    return {"message": message, "logprobs": _chat_logprobs(tokens, n_top) if wanted else None}


def _choice(body: Body, text: str | None, tokens: list[Token]) -> dict[str, Any]:
    n_top = body.get("logprobs")
    return {"text": text or "", "logprobs": None if n_top is None else _logprobs(tokens, n_top)}


def _chat_logprobs(tokens: list[Token], n_top: int) -> dict[str, Any]:
    def entry(text: str, probability: float) -> dict[str, Any]:
        return {"token": text, "logprob": math.log(probability), "bytes": list(text.encode())}

    return {
        "content": [
            {**entry(token.text, token.probability), "top_logprobs": [entry(*one) for one in token.likely[:n_top]]}
            for token in tokens
        ],
        "refusal": None,
    }


def _logprobs(tokens: list[Token], n_top: int) -> dict[str, Any]:
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [math.log(token.probability) for token in tokens],
        "top_logprobs": [{text: math.log(mass) for text, mass in token.likely[:n_top]} for token in tokens],
        "text_offset": [sum(len(one.text) for one in tokens[:place]) for place in range(len(tokens))],
    }


class _Connection(asyncio.Protocol):
    """One client's connection. Its requests come one after another: no client of LLMs sends several ahead."""

    def __init__(self, service: _Service) -> None:
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._path = b""
        self._chunks: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._pending: _Response | None = None
        self._is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._parser = httptools.HttpRequestParser(self)

    def connection_lost(self, _exception: Exception | None) -> None:
        if not self._is_busy:
            return
        self._service.in_flight -= 1
        self._is_busy = False
        if self._timer:
            self._timer.cancel()
        if self._pending and self._pending.status == 200:
            self._service.bill(self._pending.cost, wasted=True)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._path, self._chunks = b"", []

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        content = b"".join(self._chunks)
        if self._path.endswith(b"/completions"):
            self._complete(content, chat=self._path.endswith(b"/chat/completions"))
        else:
            self._write(self._service.steer(self._path, content))

    def _complete(self, content: bytes, *, chat: bool) -> None:
        service, counts = self._service, self._service.counts
        now = time.monotonic()
        counts.first = counts.first or now
        counts.requests += 1
        service.in_flight += 1
        counts.max_in_flight = max(counts.max_in_flight, service.in_flight)
        self._is_busy, self._pending, self._timer = True, None, None
        try:
            body = json.loads(content)
            model = str(body["model"])
            trouble = service.trouble(model)
            if trouble:
                counts.faults[trouble] += 1
            if trouble == "hung":
                return
            if trouble == "dropped":
                self._timer = self._loop.call_later(service.delay(model), self._transport.abort)
                return
            response = service.response(body, trouble, chat=chat)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            response = _error(400, f"this request cannot be read: {error!r}", "invalid_request")
        delay = 0.0 if response.status in {400, 401, 429} else service.delay(model)
        if delay:
            self._pending = response
            self._timer = self._loop.call_later(delay, self._send, response)
        else:
            self._send(response)

    def _send(self, response: _Response) -> None:
        service = self._service
        self._is_busy, self._pending = False, None
        service.in_flight -= 1
        service.counts.status[response.status] += 1
        service.counts.last = time.monotonic()
        if response.status == 200:
            service.bill(response.cost, wasted=False)
        self._write(response)

    def _write(self, response: _Response) -> None:
        keep_alive = self._parser.should_keep_alive()
        self._transport.write(response.encode(keep_alive=keep_alive))
        if not keep_alive:
            self._transport.close()


async def _serve(settings: Settings, port: int, max_seconds: float) -> None:
    parent, loop = os.getppid(), asyncio.get_running_loop()
    service = _Service(settings)
    server = await loop.create_server(lambda: _Connection(service), "127.0.0.1", port, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}/v1", "port": port, "pid": os.getpid()}), flush=True)
    end = time.monotonic() + max_seconds
    while time.monotonic() < end and os.getppid() == parent:
        await asyncio.sleep(0.5)


class Endpoint:
    """The endpoint as a child process, for the time of a ``with``; keyword arguments are :class:`Settings`."""

    def __init__(self, *, max_seconds: float = 3600, **settings: Any) -> None:  # noqa: ANN401  (bool, number or name)
        self._settings = settings
        self._command = [sys.executable, "-m", "benchmarks.endpoint", f"--max-seconds={max_seconds}"]

    def __enter__(self) -> Self:
        root = Path(__file__).resolve().parents[1]
        self._process = subprocess.Popen(self._command, cwd=root, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        with self._process.stdout as output:
            first = output.readline()
        if not first:
            raise RuntimeError(f"the endpoint did not start (exit {self._process.wait()})")
        self.url = json.loads(first)["url"]
        self.configure(**self._settings)
        self.reset()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.kill()
        self._process.wait()

    def stats(self) -> dict[str, Any]:
        """Return the counts since the start or the last reset."""
        counts: dict[str, Any] = self._call("stats")
        return counts

    def configure(self, **settings: Any) -> None:  # noqa: ANN401
        """Change settings from now on."""
        self._call("configure", _checked(settings))

    def reset(self) -> None:
        """Set the counts to nought and draw faults from the seed anew."""
        self._call("reset", {})

    def _call(self, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.url.removesuffix("v1") + path, data, timeout=30) as response:
            return json.load(response)


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: a free one, which the first line names")
    parser.add_argument("--max-seconds", type=float, default=3600)
    for one in fields(Settings):
        reading: dict[str, Any] = {"type": _KINDS[one.name]} if one.type != "bool" else {"action": "store_true"}
        parser.add_argument(f"--{one.name.replace('_', '-')}", default=one.default, **reading)
    arguments = vars(parser.parse_args())
    port, max_seconds = arguments.pop("port"), arguments.pop("max_seconds")
    asyncio.run(_serve(Settings(**arguments), port, max_seconds))


if __name__ == "__main__":
    main()
