"""What comes back from an llm: a reply, or a failure with the kind of trouble that decides what is done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

FailureKind = Literal[
    "rate_limited",
    "server_error",
    "timed_out",
    "dropped",
    "unreadable",
    "unreachable",
    "access",
    "rejected",
    "filtered",
]
LOST: frozenset[FailureKind] = frozenset({"timed_out", "dropped", "unreadable"})
"""Kinds of failure that may have been billed: the reply was made, or may have been, and was lost in transit."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it is sent: messages, and parameters sent and left out because the provider does not take them."""

    messages: list[dict[str, str]]
    parameters: dict[str, Any]
    dropped: list[str]


@dataclass(frozen=True, slots=True)
class Reply:
    """A readable reply.

    ``tokens_out`` is what is billed as output, thoughts included. ``logprobs`` describes the first tokens of the text,
    each ``{"token": str, "logprob": float, "top": [[token, logprob], ...]}``.
    """

    text: str | None = None
    finish_reason: str | None = None
    model_returned: str | None = None
    fingerprint: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_reasoning: int | None = None
    thoughts: str | None = None
    logprobs: list[dict[str, Any]] | None = None


class Failure(Exception):  # noqa: N818  (a result of asking, not a mistake of the user)
    """No readable reply; never carries a key.

    ``rate_limited``: too many requests. ``server_error``: the server could not answer. ``timed_out``: no reply in time.
    ``dropped``: the connection broke after the request. ``unreadable``: a reply that is no readable JSON.
    ``unreachable``: nothing answers at the address. ``access``: key, permission or model name is wrong. ``rejected``:
    this request is refused by the server and would be again. ``filtered``: the provider's content filter refused it.
    """

    def __init__(self, kind: FailureKind, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after
