"""What an endpoint sent, as plain data, read: a reply, or the failure that a status and a body stand for.

Nothing of it is trusted: whatever has not the type it should have counts as not given.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any

from persona_big5.runner.reply import Failure, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TOKENS_KEPT = 4
"""Tokens of a reply whose alternatives are kept: the answer is among the first."""

_SECRETS = re.compile(r"(?:\b(?:sk|pk|key|hf|gsk|xai)[-_][\w-]{6,}|AIza[\w-]{20,}|(?<=Bearer )[^\s'\"]+)")
_FILTERED = re.compile(r"content[ _]?filter|content_policy_violation|content management policy", re.IGNORECASE)
_ACCESS_STATUS = frozenset({401, 403, 404})
_SHOWN = 500  # characters of an error message


def read_reply(data: object, key: str | None = None) -> Reply:
    """Read the reply of a chat or a completion endpoint, in the shape that OpenAI gave it.

    Parameters
    ----------
    data
        The decoded JSON.
    key
        The key that was sent, to be blanked out of messages.

    Raises
    ------
    Failure
        ``unreadable``: it has no choice with a message or a text.
    """
    choice = _first(_member(data, "choices"))
    message = _member(choice, "message")
    if not isinstance(choice, dict) or not (isinstance(message, dict) or "text" in choice):
        raise Failure("unreadable", f"a reply without a choice: {_shown(data, key)}")
    usage = _member(data, "usage")
    return Reply(
        text=_said(choice, message),
        finish_reason=_string(_member(choice, "finish_reason")),
        model_returned=_string(_member(data, "model")),
        fingerprint=_string(_member(data, "system_fingerprint")),
        tokens_in=_count(_member(usage, "prompt_tokens")),
        tokens_out=_billed(usage),
        tokens_reasoning=_count(_member(_member(usage, "completion_tokens_details"), "reasoning_tokens")),
        thoughts=_string(_member(message, "reasoning_content")) or _string(_member(message, "reasoning")),
        logprobs=list(islice(_positions(_member(choice, "logprobs")), _TOKENS_KEPT)) or None,
    )


def read_failure(status: int, body: str, headers: Mapping[str, str], key: str | None) -> Failure:
    """Return the failure that an answer with an error's status stands for."""
    message = f"{status}: {without_secrets(_error_message(body), key)}"
    if status == 429 and "insufficient_quota" not in body:
        return Failure("rate_limited", message, retry_after=retry_after(headers))
    if _FILTERED.search(body):
        return Failure("filtered", message)
    if status in _ACCESS_STATUS or "insufficient_quota" in body:
        return Failure("access", message)
    if status >= 500 or status in {408, 409, 425}:
        return Failure("server_error", message, retry_after=retry_after(headers))
    return Failure("rejected", message)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server asks to wait, None if it does not say so in seconds."""
    with suppress(ValueError):
        return max(0.0, float(headers.get("retry-after-ms", ""))) / 1000
    with suppress(ValueError):
        return max(0.0, float(headers.get("retry-after", "")))
    return None


def without_secrets(text: str, key: str | None) -> str:
    """Return a message on one line, shortened, without a key or what looks like one."""
    text = " ".join(text.split())
    if key and len(key) >= 4:  # a shorter one would blank out ordinary words
        text = text.replace(key, "[key]")
    for name, value in os.environ.items():
        if name.upper().endswith(("_KEY", "_TOKEN", "_SECRET")) and len(value) >= 8:
            text = text.replace(value, "[key]")
    return "".join(c if c.isprintable() else " " for c in _SECRETS.sub("[key]", text)[:_SHOWN])


def _error_message(body: str) -> str:
    """Return what an error's body says: its message where it is JSON of a known shape, else all of it."""
    with suppress(ValueError, RecursionError):
        data = json.loads(body)
        error = _member(data, "error")
        return _string(_member(error, "message")) or _string(error) or _string(_member(data, "message")) or body
    return body


def _member(data: object, name: str) -> Any:  # noqa: ANN401  (JSON of any shape)
    return data.get(name) if isinstance(data, dict) else None


def _first(data: object) -> object:
    return data[0] if isinstance(data, list) and data else None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _said(choice: object, message: object) -> str | None:
    """Return the text of a choice: a completion's, or a message's; where that comes in parts, those that are text."""
    content = _member(choice, "text") if message is None else _member(message, "content")
    if isinstance(content, list):
        return "".join(part for part in (_string(_member(one, "text")) for one in content) if part) or None
    return content if isinstance(content, str) else _string(_member(message, "refusal"))


def _billed(usage: object) -> int | None:
    """Tokens billed as output: some providers leave thoughts out of these but not out of the total."""
    said, asked, total = (_count(_member(usage, f"{name}_tokens")) for name in ("completion", "prompt", "total"))
    if said is None or asked is None or total is None:
        return said
    return max(said, total - asked)


def _positions(logprobs: object) -> Iterator[dict[str, Any]]:
    """Yield the tokens of a reply with their alternatives, from either shape that endpoints use."""
    content = _member(logprobs, "content")
    if isinstance(content, list):
        for entry in content:
            top = _member(entry, "top_logprobs")
            alternatives = [(_member(one, "token"), _member(one, "logprob")) for one in _list(top)]
            yield from _position(_member(entry, "token"), _member(entry, "logprob"), alternatives)
        return
    tokens, values, tops = (_list(_member(logprobs, name)) for name in ("tokens", "token_logprobs", "top_logprobs"))
    for token, value, top in zip(tokens, values, tops, strict=False):
        yield from _position(token, value, top.items() if isinstance(top, dict) else [])


def _position(
    token: object, logprob: object, alternatives: Iterable[tuple[object, object]]
) -> Iterator[dict[str, Any]]:
    """Yield the description of one token, or nothing if it is none."""
    if isinstance(token, str) and _is_finite(logprob):
        top = [[other, value] for other, value in alternatives if isinstance(other, str) and _is_finite(value)]
        yield {"token": token, "logprob": logprob, "top": top}


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _shown(data: object, key: str | None) -> str:
    return without_secrets(json.dumps(data, default=str), key)
