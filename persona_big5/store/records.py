"""What is kept of one request: the exchange, verbatim, and the answers read from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

State = Literal[
    "answered", "declined", "refused", "unparsable", "off_scale", "truncated", "empty", "failed", "not_asked"
]
OPEN_STATES: frozenset[str] = frozenset({"failed", "not_asked"})
"""States that the next run asks again; every other state is data and is never asked again."""

LONG_KEY = (
    "llm", "variant", "persona", "context", "item_id", "wording", "option_order", "answer_mode", "format", "reasoning",
    "layout", "wave", "occasion", "run",
)  # fmt: skip
"""Columns that tell the rows of the long table apart."""

FROM_LOG_PROBABILITIES = (
    "option_mass", "option_entropy", "score_low", "score_high", "sampling_variance_low", "sampling_variance_high",
)  # fmt: skip
"""Fields of an answer, all floats, that log-probabilities give."""

ScoredFrom = Literal["reply", "log-probabilities"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request sent and the reply, or the error, that came back. ``text`` is None when no readable reply came.

    ``cost`` is in USD (None: no price known), ``started_at`` ISO 8601 UTC, ``seconds`` wall-clock time of this attempt,
    ``turn`` and ``attempt`` count from 1. ``parameters_dropped`` names what the provider would not take. ``failure`` is
    the kind of trouble that ``error`` tells of. Of a reply lost in transit, which may be billed, ``cost`` is the most
    it can have cost. ``thoughts`` is what a reasoning llm gives beside its reply. ``logprobs`` describes the first
    tokens of the reply, each ``{"token": str, "logprob": float, "top": [[token, logprob], ...]}``. Never holds a key.
    """

    id: str
    session: str
    turn: int
    attempt: int
    messages: list[dict[str, str]]
    parameters_sent: dict[str, Any]
    parameters_dropped: list[str]
    text: str | None
    finish_reason: str | None
    model_returned: str | None
    fingerprint: str | None
    tokens_in: int | None
    tokens_out: int | None
    tokens_reasoning: int | None
    cost: float | None
    started_at: str
    seconds: float
    error: str | None
    failure: str | None = None
    thoughts: str | None = None
    logprobs: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the parser read for one administration.

    ``score`` is in raw direction and None unless ``state`` is ``answered``; ``scored_from`` says whether it is the
    option that the reply names or the expected score by the log-probabilities of the options. Of these, and None
    without them: ``option_mass``, the probability of all options together; ``option_entropy`` in nats; bounds of the
    expected score, where options may be hidden; and bounds of the variance that answers sampled in its place would
    have.
    """

    administration: str
    exchange: str | None
    state: State
    raw_response: str | None
    score: float | None
    reason: str | None
    parser_version: int
    scored_from: ScoredFrom | None = None
    option_mass: float | None = None
    option_entropy: float | None = None
    score_low: float | None = None
    score_high: float | None = None
    sampling_variance_low: float | None = None
    sampling_variance_high: float | None = None
