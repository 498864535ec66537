"""How far a run is while it goes on, and what it came to."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from persona_big5.runner.reply import Failure
    from persona_big5.store import Answer
    from persona_big5.study.estimates import Range


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: calls ``done`` of ``total`` in ``seconds`` of asking, USD spent, llms dropped so far.

    ``estimate`` is what the calls that were open at the start will cost, in USD; None where a price is unknown.
    """

    done: int
    total: int
    seconds: float
    cost: float
    dropped: tuple[str, ...]
    estimate: Range | None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What one execution of a study came to.

    ``asked`` counts calls that ended in this execution, ``remaining`` those still open after it; ``states`` counts
    the administrations they settled or failed; ``settled_before`` is what needed no asking. ``cost`` is in USD, of
    this execution; it has the most that each reply ``lost`` in transit can have cost (these are counted by kind of
    failure). ``dropped`` says for each llm that could not be asked what to mend; ``dropped_parameters`` what a provider
    would not take; ``failed`` how many calls of an llm brought no readable reply after all attempts, and why the
    first of them did not. ``max_cost`` is the limit of cost, and ``cost_before`` what of it was spent before this
    execution. ``stopped`` is why it ended early: ``interrupted``, ``max_cost``, ``limit``, ``disk_full``, or None.
    """

    study: str
    database: Path
    asked: int
    remaining: int
    settled_before: int
    states: dict[str, int]
    cost: float
    lost: dict[str, int]
    lost_cost: float
    retries: int
    seconds: float
    dropped: dict[str, str]
    dropped_parameters: dict[str, tuple[str, ...]]
    failed: dict[str, tuple[int, str]]
    max_cost: float | None
    cost_before: float
    stopped: str | None

    @property
    def is_complete(self) -> bool:
        """Whether everything that was to be asked has been, apart from what a limit left out on purpose."""
        return not self.dropped and not self.failed and self.stopped in {None, "limit"}

    def __str__(self) -> str:
        states = _counts(self.states) or "nothing new"
        lines = [
            f"{self.asked:,} calls in {self.seconds:.1f} s, {self.cost:.4f} USD: {states}",
            f"{self.settled_before:,} administrations were settled before; {self.remaining:,} calls are still open",
            f"stored in {self.database}",
        ]
        if self.retries:
            lines.append(f"{self.retries:,} attempts were tried again")
        if self.lost:
            lines.append(f"lost in transit, perhaps billed: {_counts(self.lost)}; at most {self.lost_cost:.4f} USD")
        lines += [f"dropped: {message}" for message in self.dropped.values()]
        lines += [f"{llm} does not take {', '.join(names)}: not sent" for llm, names in self.dropped_parameters.items()]
        lines += [f"{llm}: {count:,} calls failed, the first: {why}" for llm, (count, why) in self.failed.items()]
        if self.failed:
            lines.append("failed ones have no readable reply after all attempts; the same command asks them again")
        if self.stopped == "max_cost":
            spent = f"{self.cost_before + self.cost:,.4f} of {self.max_cost:,.4f} USD are spent"
            lines.append(f"stopped: {spent}, and the next call might cost more than is left; raise max_cost to go on")
        if self.stopped == "disk_full":
            lines.append(
                "stopped because the disk is full; every reply is kept: make room, and the same command goes on"
            )
        return "\n".join(lines)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(counts.items()))


@dataclass
class Tally:
    """What all workers of a run count in common, and why it stops; everything of it happens in one thread."""

    total: int = 0
    settled_before: int = 0
    taken: int = 0
    done: int = 0
    unsettled: int = 0
    retries: int = 0
    cost: float = 0.0
    lost_cost: float = 0.0
    lost: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    dropped: dict[str, str] = field(default_factory=dict)
    dropped_parameters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failures: dict[str, tuple[int, str]] = field(default_factory=dict)
    stopped: str | None = None
    estimate: Range | None = None
    started: float = field(default_factory=time.monotonic)
    asking_since: float = 0.0

    def stop(self, why: str) -> None:
        """Let no further call begin; the first reason stays, but for an interruption."""
        if self.stopped is None or why == "interrupted":
            self.stopped = why

    def ended(self, answers: Sequence[Answer], failure: Failure | None) -> None:
        """Count a call that will not be tried again."""
        self.done += 1
        self.unsettled += failure is not None and failure.kind != "filtered"
        self.states.update(answer.state for answer in answers)

    def failed(self, llm: str, why: str) -> None:
        """Count a call of an llm that brought no readable reply after all attempts."""
        count, first = self.failures.get(llm, (0, why))
        self.failures[llm] = (count + 1, first)

    def progress(self) -> Progress:
        """Return how far the run is."""
        seconds = time.monotonic() - self.asking_since
        return Progress(self.done, self.total, seconds, self.cost, tuple(self.dropped), self.estimate)

    def summary(self, study: str, database: Path, *, max_cost: float | None, cost_before: float) -> RunSummary:
        """Return what the run came to."""
        return RunSummary(
            study=study,
            database=database,
            asked=self.done,
            remaining=self.total - self.done + self.unsettled,
            settled_before=self.settled_before,
            states=dict(self.states),
            cost=self.cost,
            lost=dict(self.lost),
            lost_cost=self.lost_cost,
            retries=self.retries,
            seconds=time.monotonic() - self.started,
            dropped=self.dropped,
            dropped_parameters=self.dropped_parameters,
            failed=self.failures,
            max_cost=max_cost,
            cost_before=cost_before,
            stopped=self.stopped,
        )
