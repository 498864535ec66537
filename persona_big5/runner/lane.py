"""One llm asked: its sessions turn by turn, each call within the llm's limits, every reply kept before the next call.

Each llm has workers of its own that pull from its own lazy plan, so a slow llm holds up nobody and memory does not
grow with the number of calls. The first open session of an llm is its probe: if it cannot be reached, nothing else of
it is tried.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

from persona_big5.errors import AccessError
from persona_big5.runner.pace import Pace
from persona_big5.runner.reply import LOST, Failure, Reply
from persona_big5.runner.retry import LONGEST_WAIT, wait_before_retry
from persona_big5.runner.throttle import Throttle
from persona_big5.scoring.parse import PARSER_VERSION, parse_reply, without_thoughts
from persona_big5.store import Answer, Exchange
from persona_big5.study import asked_turns, session_messages
from persona_big5.study.model import TOKEN_LIMITS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Iterator, Mapping, Sequence

    from persona_big5.runner.budget import Budget
    from persona_big5.runner.endpoints import Endpoints
    from persona_big5.runner.reply import Call
    from persona_big5.runner.summary import Tally
    from persona_big5.store import Store
    from persona_big5.study import AskedTurn, Session
    from persona_big5.study.model import Llm

_TOKENS_AROUND = 16  # that a message may take beside its text
_BYTES_PER_TOKEN = 4
_DROPPING = frozenset({"access", "unreachable"})  # failures that end the asking of an llm


@dataclass(frozen=True)
class Shared:
    """What the lanes of all llms have in common."""

    endpoints: Endpoints
    store: Store
    budget: Budget
    tally: Tally
    settled: Container[str]
    turns_so_far: Mapping[str, Sequence[str]]
    limit: int | None
    interruption: asyncio.Event
    report: Callable[[], None]

    async def pause(self, seconds: float) -> None:
        """Sleep, but not through an interruption."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.interruption.wait(), seconds)


@dataclass
class Lane:
    """Everything that one llm is asked in a run."""

    llm: Llm
    most_in_flight: int
    shared: Shared
    throttle: Throttle = field(init=False)
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        self.throttle, self.pace = Throttle(self.most_in_flight), Pace(self.llm.limits)
        self._reached = asyncio.Event()

    async def run(self, sessions: Iterator[Session]) -> None:
        """Ask the open sessions of the llm, the first call alone, until something stops it."""
        probe = next(sessions, None)
        if probe is None:
            return
        try:
            self.shared.endpoints.check_access(self.llm)
        except AccessError as error:
            self._drop(str(error))
            return
        asking = asyncio.create_task(self._ask(probe))
        reached = asyncio.create_task(self._reached.wait())
        await asyncio.wait({asking, reached}, return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        if asking.done():
            await asking
        await gather_all(asking, *(self._work(sessions) for _ in range(self.most_in_flight)))

    async def _work(self, sessions: Iterator[Session]) -> None:
        while not self._is_stopped and (session := next(sessions, None)) is not None:
            await self._ask(session)

    @property
    def _is_stopped(self) -> bool:
        return self.shared.tally.stopped is not None or self.llm.id in self.shared.tally.dropped

    @property
    def _gives_up(self) -> bool:
        """Whether a call that is begun is not sent any more: what a limit of calls has let in still is."""
        return self._is_stopped and (self.shared.tally.stopped != "limit" or self.llm.id in self.shared.tally.dropped)

    def _drop(self, why: str) -> None:
        self.shared.tally.dropped[self.llm.id] = why

    async def _ask(self, session: Session) -> None:
        """Ask a session from the first turn that has no reply; a turn that gets none ends it for now."""
        replies = [_said(text) for text in self.shared.turns_so_far.get(session.id, ())]
        for turn in asked_turns(session)[len(replies) :]:
            try:
                exchange = await self._ask_turn(session, turn, replies)
            except Exception:  # a mistake of ours, or a disk that takes nothing: no llm is asked on
                self.shared.tally.stop("error")
                raise
            self.shared.report()
            if exchange is None:
                return
            replies.append(_said(exchange.text))

    async def _ask_turn(self, session: Session, turn: AskedTurn, replies: Sequence[str]) -> Exchange | None:
        """Ask one turn until it is settled or given up; return the exchange that settled it."""
        shared = self.shared
        if shared.limit is not None and shared.tally.taken >= shared.limit:
            shared.tally.stop("limit")
            return None
        shared.tally.taken += 1
        call = shared.endpoints.prepare(session, session_messages(session, replies))
        if call.dropped:
            shared.tally.dropped_parameters[session.llm.id] = tuple(call.dropped)
        most = self._most_cost(session, call)
        failures: Counter[bool] = Counter()
        for attempt in count(1):
            async with self.throttle.turn():
                await shared.pause(self.pace.delay(_likely_tokens(session, call)))
                while not self._gives_up and (closed := self.throttle.closed_for()):
                    await shared.pause(closed)
                if not await shared.budget.reserve(most):
                    shared.tally.stop("max_cost")
                    return None
                if self._gives_up:
                    shared.budget.settle(most, 0.0)
                    shared.tally.taken -= 1
                    return None
                exchange, failure = await self._send(session, call, len(replies) + 1, attempt, most)
            wait = None
            if failure is not None:
                failures[failure.kind == "rate_limited"] += 1
                wait = wait_before_retry(failure, failures[failure.kind == "rate_limited"])
            self._keep(session, turn, exchange, failure, will_retry=wait is not None)
            if wait is None:
                return exchange if failure is None or failure.kind == "filtered" else None
            await shared.pause(wait)
        return None

    async def _send(
        self, session: Session, call: Call, turn: int, attempt: int, most: float
    ) -> tuple[Exchange, Failure | None]:
        """Send a call once; whatever comes of it is paid for, at worst in full."""
        started_at, start = datetime.now(UTC).isoformat(), time.monotonic()
        reply, failure = Reply(), None
        cost: float | None = most
        try:
            reply = await self.shared.endpoints.ask(session, call)
            cost = self._cost(session, reply, most)
            self.throttle.replied()
        except Failure as error:
            failure = error
            is_priced = self.shared.endpoints.price(session.llm, session.variant) is not None
            cost = most if failure.kind in LOST and is_priced else None
            if failure.kind in {"rate_limited", "timed_out"}:
                self.throttle.refused(start, min(failure.retry_after or 0.0, LONGEST_WAIT))
        finally:
            self.shared.budget.settle(most, cost or 0.0)
        exchange = Exchange(
            id=uuid4().hex,
            session=session.id,
            turn=turn,
            attempt=attempt,
            messages=call.messages,
            parameters_sent=call.parameters,
            parameters_dropped=call.dropped,
            text=reply.text,
            finish_reason=reply.finish_reason,
            model_returned=reply.model_returned,
            fingerprint=reply.fingerprint,
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
            tokens_reasoning=reply.tokens_reasoning,
            cost=cost,
            started_at=started_at,
            seconds=time.monotonic() - start,
            error=None if failure is None else str(failure),
            failure=None if failure is None else failure.kind,
            thoughts=reply.thoughts,
            logprobs=reply.logprobs,
        )
        return exchange, failure

    def _keep(
        self, session: Session, turn: AskedTurn, exchange: Exchange, failure: Failure | None, *, will_retry: bool
    ) -> None:
        tally = self.shared.tally
        answers: list[Answer] = []
        if failure is None or failure.kind == "filtered":
            answers = self._parse(exchange, session)
        elif will_retry:
            tally.retries += 1
        elif failure.kind in _DROPPING:
            self._drop(self._what_to_mend(session, failure))
            tally.taken -= 1
        else:
            answers = [_failed(administration.id, exchange) for administration in turn.administrations]
            tally.failed(session.llm.id, str(failure))
        answers = [answer for answer in answers if answer.administration not in self.shared.settled]
        self.shared.store.record(exchange, answers)
        tally.cost += exchange.cost or 0.0
        if failure is not None and failure.kind in LOST:
            tally.lost[failure.kind] += 1
            tally.lost_cost += exchange.cost or 0.0
        if not will_retry and not (failure is not None and failure.kind in _DROPPING):
            tally.ended(answers, failure)
            self._reached.set()

    def _parse(self, exchange: Exchange, session: Session) -> list[Answer]:
        """Read a reply; should that fail, which would be a mistake of ours, the reply is kept before it is told."""
        try:
            return parse_reply(exchange, session)
        except Exception:
            self.shared.store.record(exchange, [])
            raise

    def _cost(self, session: Session, reply: Reply, most: float) -> float | None:
        """Return what a reply cost; at most, where the provider counts no tokens; None where no price is known."""
        price = self.shared.endpoints.price(session.llm, session.variant)
        if price is None:
            return None
        if reply.tokens_in is None or reply.tokens_out is None:
            return most
        return reply.tokens_in * price[0] + reply.tokens_out * price[1]

    def _most_cost(self, session: Session, call: Call) -> float:
        """Return what a call may cost at most: its messages, and as many tokens of reply as it may have."""
        price = self.shared.endpoints.price(session.llm, session.variant)
        if price is None:
            return 0.0
        return _most_tokens(call.messages) * price[0] + _most_replied(session) * price[1]

    def _what_to_mend(self, session: Session, failure: Failure) -> str:
        llm, where = session.llm, self.shared.endpoints.address(session.llm)
        if failure.kind == "unreachable":
            return f"llm {llm.id}: nothing answers at {where} ({failure}); start the server or mend api_base"
        key = f"the key in {llm.api_key_env}" if llm.api_key_env else "its key (name its variable with api_key_env)"
        name = session.variant.name or llm.name
        return f"llm {llm.id}: {where} refuses access ({failure}); check {key} and the name {name}"


async def gather_all(*asking: Awaitable[None]) -> None:
    """Wait for all, also where one fails, so that no call in flight is lost; then raise the first failure."""
    for outcome in await asyncio.gather(*asking, return_exceptions=True):
        if outcome is not None:
            raise outcome


def _said(text: str | None) -> str:
    """Return what stands of a reply in the conversation that goes on: what is said, not what is thought."""
    return without_thoughts(text or "")[0].strip()


def _failed(administration: str, exchange: Exchange) -> Answer:
    return Answer(
        administration=administration,
        exchange=exchange.id,
        state="failed",
        raw_response=None,
        score=None,
        reason=exchange.error,
        parser_version=PARSER_VERSION,
    )


def _most_tokens(messages: Sequence[Mapping[str, str]]) -> int:
    """Tokens that messages can have at most: no token is shorter than a byte."""
    return sum(len(message["content"].encode("utf-8", "replace")) + _TOKENS_AROUND for message in messages)


def _most_replied(session: Session) -> int:
    """Tokens that a reply may have, thoughts included."""
    parameters = session.llm.parameters(session.reasoning)
    return max(parameters.get(name) or 0 for name in TOKEN_LIMITS)


def _likely_tokens(session: Session, call: Call) -> int:
    """Tokens that a provider counts against its limit per minute: those sent, and all that the reply may have."""
    return _most_tokens(call.messages) // _BYTES_PER_TOKEN + _most_replied(session)
