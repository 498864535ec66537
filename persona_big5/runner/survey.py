"""A study's open sessions asked: bounded concurrency per llm, every reply kept before the next call, clean stops.

Each llm has workers of its own that pull from its own lazy plan, so a slow llm holds up nobody and memory does not
grow with the number of calls. The first open session of an llm is its probe: if it cannot be reached, nothing else of
it is tried.
"""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from persona_big5.errors import AccessError, PersonaBig5Error
from persona_big5.runner.door import open_door
from persona_big5.runner.pace import Pace
from persona_big5.runner.reply import Failure, Reply
from persona_big5.runner.retry import wait_before_retry
from persona_big5.scoring.parse import PARSER_VERSION, parse_reply
from persona_big5.simulation.truth import is_simulated, truth
from persona_big5.store import Answer, Exchange, open_for_writing, status
from persona_big5.study import plan, session_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike

    from persona_big5.runner.door import Door
    from persona_big5.runner.reply import Call
    from persona_big5.store import Store
    from persona_big5.study import Session, Study
    from persona_big5.study.model import Llm

_CHARACTERS_PER_TOKEN = 3  # a cautious estimate: a reserve must not be too small
_TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")
_NO_REPLY = Reply(None, None, None, None, None, None, None, None)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: calls ``done`` of ``total`` in ``seconds`` of asking, USD spent, llms dropped so far."""

    done: int
    total: int
    seconds: float
    cost: float
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What one execution of a study came to.

    ``asked`` counts calls that ended in this execution, ``remaining`` those still open after it; ``states`` counts
    the administrations they settled or failed; ``settled_before`` is what needed no asking. ``cost`` is in USD, of
    this execution. ``dropped`` says for each llm that could not be asked what to mend; ``dropped_parameters`` what a
    provider would not take. ``stopped`` is why it ended early: ``interrupted``, ``max_cost``, ``limit``, or None.
    """

    study: str
    database: Path
    asked: int
    remaining: int
    settled_before: int
    states: dict[str, int]
    cost: float
    seconds: float
    dropped: dict[str, str]
    dropped_parameters: dict[str, tuple[str, ...]]
    stopped: str | None

    @property
    def is_complete(self) -> bool:
        """Whether everything that was to be asked has been, apart from what a limit left out on purpose."""
        return not self.dropped and not self.states.get("failed") and self.stopped in {None, "limit"}

    def __str__(self) -> str:
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(self.states.items())) or "nothing new"
        lines = [
            f"{self.asked:,} calls in {self.seconds:.1f} s, {self.cost:.4f} USD: {states}",
            f"{self.settled_before:,} administrations were settled before; {self.remaining:,} calls are still open",
            f"stored in {self.database}",
        ]
        lines += [f"dropped: {message}" for message in self.dropped.values()]
        lines += [f"{llm} does not take {', '.join(names)}: not sent" for llm, names in self.dropped_parameters.items()]
        if self.states.get("failed"):
            lines.append("failed ones have no readable reply after all attempts; the same command asks them again")
        if self.stopped == "max_cost":
            lines.append("stopped before the cost would have passed its limit; raise --max-cost to go on")
        return "\n".join(lines)


def run_study(
    study: Study,
    db: str | PathLike[str],
    *,
    wave: str = "1",
    max_cost: float | None = None,
    concurrency: int | None = None,
    limit: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RunSummary:
    """Ask what the database does not have yet.

    Every reply is in the journal before its worker makes the next call, so that a kill at any instant loses no answer
    and wastes at most the calls in flight; the same call then resumes. States ``failed`` and ``not_asked`` are asked
    again, nothing else is. Ctrl-C lets calls in flight end and takes no new ones; a second one leaves them.

    Parameters
    ----------
    study
        Resolved, as ``load_study`` returns it.
    db
        The database; created where missing. If every llm is simulated, ``truth.json`` is written beside it.
    wave
        Name of this execution of the study; another name asks everything anew.
    max_cost
        USD that the database's study may cost in all; default: the study's own limit. Worst cases of the calls in
        flight count.
    concurrency
        Calls in flight per llm; default: each llm's own limit.
    limit
        Most calls to make.
    progress
        Called after every call.

    Raises
    ------
    AccessError
        No llm could be asked; the message says why for each. What was stored stays.
    PersonaBig5Error
        A cost limit is set and the price of an llm is unknown; or the wave has no name.
    StoreError
        The database cannot be written to.
    """
    if not wave.strip():
        raise PersonaBig5Error("a wave needs a name, for example the date: --wave 2026-11")
    survey = _Survey(
        study=study,
        database=Path(db),
        wave=wave,
        max_cost=study.max_cost if max_cost is None else max_cost,
        concurrency=concurrency,
        limit=limit,
        progress=progress,
    )
    with open_for_writing(db, "run") as store:
        survey.prepare(store)
        if survey.total:
            with open_door() as door:
                survey.enter(door)
                _run_loop(survey)
    return survey.summary()


def _run_loop(survey: _Survey) -> None:
    """Run the survey in a loop of its own, in another thread where this one already has a loop (a notebook)."""
    if _has_loop():
        with ThreadPoolExecutor(1) as executor:
            asking = executor.submit(asyncio.run, survey.run())
            try:
                asking.result()
            except KeyboardInterrupt:
                survey.loop.call_soon_threadsafe(survey.interrupt)
                asking.result()
    else:
        asyncio.run(survey.run())


def _has_loop() -> bool:
    with suppress(RuntimeError):
        return asyncio.get_running_loop().is_running()
    return False


@dataclass
class _Survey:
    """One execution of a study: what is counted and decided in common by all workers, all of them in one thread."""

    study: Study
    database: Path
    wave: str
    max_cost: float | None
    concurrency: int | None
    limit: int | None
    progress: Callable[[Progress], None] | None

    store: Store = field(init=False)
    door: Door = field(init=False)
    loop: asyncio.AbstractEventLoop = field(init=False)
    interruption: asyncio.Event = field(init=False)
    settled: set[str] = field(default_factory=set)
    settled_before: int = 0
    total: int = 0
    done: int = 0
    unsettled: int = 0
    taken: int = 0
    cost: float = 0.0
    cost_before: float = 0.0
    reserved: float = 0.0
    states: Counter[str] = field(default_factory=Counter)
    dropped: dict[str, str] = field(default_factory=dict)
    dropped_parameters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stopped: str | None = None
    started: float = field(default_factory=time.monotonic)
    asking_since: float = 0.0

    def prepare(self, store: Store) -> None:
        """Register the plan, find what is open, write down what is planted; nothing is asked yet."""
        self.store = store
        self.settled = store.settled()
        store.register(self.study, self.wave, self._counted())
        if self.max_cost is not None:
            self.cost_before = status(self.database).cost
        if is_simulated(self.study):
            text = json.dumps(truth(self.study), indent=1, allow_nan=False)
            (self.database.parent / "truth.json").write_text(text + "\n", encoding="utf-8")

    def enter(self, door: Door) -> None:
        """Take the door to the llms; with a cost limit, every price must be known."""
        self.door = door
        if self.max_cost is None:
            return
        unknown = [llm.id for llm in self.study.llms if any(door.price(llm, v) is None for v in llm.variants)]
        if unknown:
            raise PersonaBig5Error(
                f"a cost limit of {self.max_cost:g} USD cannot be kept: no price is known for {', '.join(unknown)}; "
                "give one in the study (price: {input: …, output: …} in USD per million tokens; 0 for your own machine)"
            )

    def _counted(self) -> Iterator[Session]:
        """Yield the whole plan, counting what is open."""
        for session in plan(self.study, self.wave):
            is_open = self._is_open(session)
            self.total += is_open
            self.settled_before += 0 if is_open else len(session.administrations)
            yield session

    def _is_open(self, session: Session) -> bool:
        return any(administration.id not in self.settled for administration in session.administrations)

    async def run(self) -> None:
        """Ask all llms side by side until nothing is open or something stops it."""
        self.loop, self.interruption = asyncio.get_running_loop(), asyncio.Event()
        self.asking_since = time.monotonic()
        asking = asyncio.gather(*(self._ask_llm(llm) for llm in self.study.llms))
        try:
            with self._on_signal(asking):
                await asking
        except asyncio.CancelledError:
            if not self.interruption.is_set():
                raise
        finally:
            await self.door.close()

    def interrupt(self) -> None:
        """Take no new calls, and try none again; those in flight end."""
        self.stopped = "interrupted"
        self.interruption.set()

    @contextmanager
    def _on_signal(self, asking: asyncio.Future[list[None]]) -> Iterator[None]:
        """Turn the first Ctrl-C into a clean stop and the second into leaving the calls in flight."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop() -> None:
            if self.interruption.is_set():
                asking.cancel()
            self.interrupt()

        self.loop.add_signal_handler(signal.SIGINT, stop)
        try:
            yield
        finally:
            self.loop.remove_signal_handler(signal.SIGINT)

    async def _ask_llm(self, llm: Llm) -> None:
        sessions, pace = self._open_sessions(llm), Pace(llm.limits)
        probe = next(sessions, None)
        if probe is None:
            return
        try:
            self.door.check_access(llm)
        except AccessError as error:
            self.dropped[llm.id] = str(error)
            return
        await self._ask(probe, pace)
        await asyncio.gather(*(self._work(sessions, pace) for _ in range(self.concurrency or llm.limits.concurrency)))

    async def _work(self, sessions: Iterator[Session], pace: Pace) -> None:
        for session in sessions:
            await self._ask(session, pace)

    def _open_sessions(self, llm: Llm) -> Iterator[Session]:
        """Open sessions of one llm, until something stops the run; the worst cost of each one given out is reserved."""
        for session in plan(self.study.model_copy(update={"llms": (llm,)}), self.wave):
            if not self._is_open(session):
                continue
            if self.limit is not None and self.taken >= self.limit:
                self.stopped = self.stopped or "limit"
            elif self.max_cost is not None and self._would_cost(session) > self.max_cost:
                self.stopped = self.stopped or "max_cost"
            if self.stopped or llm.id in self.dropped:
                return
            self.taken += 1
            self.reserved += self._reserve(session)
            yield session

    def _would_cost(self, session: Session) -> float:
        return self.cost_before + self.cost + self.reserved + self._reserve(session)

    def _reserve(self, session: Session) -> float:
        """Return what a call may cost at most: its messages, and as many tokens of reply as it may have."""
        price = self.door.price(session.llm, session.variant)
        if price is None:
            return 0.0
        replied = max(session.llm.decoding.get(name) or 0 for name in _TOKEN_LIMITS)
        return _tokens(session_messages(session)) * price[0] + replied * price[1]

    async def _ask(self, session: Session, pace: Pace) -> None:
        """Ask one session until it is settled or given up; every attempt is kept."""
        call = self.door.prepare(session.llm, session.variant, session_messages(session), session.seed)
        if call.dropped:
            self.dropped_parameters[session.llm.id] = tuple(call.dropped)
        for attempt in count(1):
            await self._pause(pace.delay(_tokens(call.messages)))
            if self.interruption.is_set() or session.llm.id in self.dropped:
                break
            wait = await self._attempt(session, call, attempt)
            if wait is None:
                break
            await self._pause(wait)
        self.reserved -= self._reserve(session)
        if self.progress is not None:
            seconds = time.monotonic() - self.asking_since
            self.progress(Progress(self.done, self.total, seconds, self.cost, tuple(self.dropped)))

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not through an interruption."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.interruption.wait(), seconds)

    async def _attempt(self, session: Session, call: Call, attempt: int) -> float | None:
        """Send a call once and keep what comes back; return the seconds to wait if it is to be tried again."""
        started_at, start = datetime.now(UTC).isoformat(), time.perf_counter()
        reply, failure = _NO_REPLY, None
        try:
            reply = await self.door.ask(session.llm, session.variant, call)
        except Failure as error:
            failure = error
        exchange = Exchange(
            id=uuid4().hex,
            session=session.id,
            turn=1,
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
            cost=reply.cost,
            started_at=started_at,
            seconds=time.perf_counter() - start,
            error=None if failure is None else str(failure),
            failure=None if failure is None else failure.kind,
        )
        wait = None if failure is None else wait_before_retry(failure, attempt)
        self._keep(session, exchange, failure, will_retry=wait is not None)
        return wait

    def _keep(self, session: Session, exchange: Exchange, failure: Failure | None, *, will_retry: bool) -> None:
        answers: list[Answer] = []
        if failure is None or failure.kind == "filtered":
            answers = parse_reply(exchange, session)
        elif failure.kind in {"access", "unreachable"}:
            if not will_retry:
                self.dropped[session.llm.id] = self._what_to_mend(session, failure)
        elif not will_retry:
            answers = [
                _failed(administration.id, exchange.id, str(failure)) for administration in session.administrations
            ]
        answers = [answer for answer in answers if answer.administration not in self.settled]
        self.store.record(exchange, answers)
        self.cost += exchange.cost or 0.0
        if answers:
            self.done += 1
            self.unsettled += failure is not None and failure.kind != "filtered"
            self.states.update(answer.state for answer in answers)

    def _what_to_mend(self, session: Session, failure: Failure) -> str:
        llm, where = session.llm, self.door.address(session.llm)
        if failure.kind == "unreachable":
            return f"llm {llm.id}: nothing answers at {where} ({failure}); start the server or mend api_base"
        key = f"the key in {llm.api_key_env}" if llm.api_key_env else "its key"
        name = session.variant.name or llm.name
        return f"llm {llm.id}: {where} refuses access ({failure}); check {key} and the name {name}"

    def summary(self) -> RunSummary:
        """Return what the execution came to; raise AccessError if no llm was left to ask."""
        if len(self.dropped) == len(self.study.llms) and self.stopped != "interrupted":
            raise AccessError("no llm could be asked:\n" + "\n".join(self.dropped.values()) + self._stored())
        return RunSummary(
            study=self.study.id,
            database=self.database,
            asked=self.done,
            remaining=self.total - self.done + self.unsettled,
            settled_before=self.settled_before,
            states=dict(self.states),
            cost=self.cost,
            seconds=time.monotonic() - self.started,
            dropped=self.dropped,
            dropped_parameters=self.dropped_parameters,
            stopped=self.stopped,
        )

    def _stored(self) -> str:
        return f"\n{sum(self.states.values()):,} answers of this run are stored in {self.database}" if self.done else ""


def _failed(administration: str, exchange: str, reason: str) -> Answer:
    return Answer(
        administration=administration,
        exchange=exchange,
        state="failed",
        raw_response=None,
        score=None,
        reason=reason,
        parser_version=PARSER_VERSION,
    )


def _tokens(messages: list[dict[str, str]]) -> int:
    """Estimate the tokens of messages, rather too many than too few."""
    return sum(len(message["content"]) for message in messages) // _CHARACTERS_PER_TOKEN + 8 * len(messages)
