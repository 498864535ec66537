"""What comes back from an llm: a reply, or a failure with the kind of trouble that decides what is done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

FailureKind = Literal["transient", "unreachable", "access", "rejected", "filtered"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it is sent: messages, and parameters sent and left out because the provider does not take them."""

    messages: list[dict[str, str]]
    parameters: dict[str, Any]
    dropped: list[str]


@dataclass(frozen=True, slots=True)
class Reply:
    """A readable reply; ``cost`` is in USD and None where no price is known."""

    text: str | None
    finish_reason: str | None
    model_returned: str | None
    fingerprint: str | None
    tokens_in: int | None
    tokens_out: int | None
    tokens_reasoning: int | None
    cost: float | None


class Failure(Exception):  # noqa: N818  (a result of asking, not a mistake of the user)
    """No readable reply.

    ``transient``: a rate limit, a server's error, a time-out, a dropped connection, an unreadable body.
    ``unreachable``: nothing answers at the address. ``access``: key, permission or model name is wrong. ``rejected``:
    this request is refused by the server and would be again. ``filtered``: the provider's content filter refused it.
    Never carries a key.
    """

    def __init__(self, kind: FailureKind, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after
