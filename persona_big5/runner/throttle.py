"""How many calls to one llm are in flight: more while that helps, half when the provider has enough, then up again.

Each llm has a throttle of its own, so that a slow or dead one holds up nobody. Llms that share a provider's limit share
it fairly for the reason that TCP connections do: each grows by steps and halves when refused.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PAYS = 0.25
"""Share of a larger number in flight that must come back as a higher rate, or the trial is taken back."""
_LONGEST_REST = 32  # windows between two trials that did not help


class Throttle:
    """Lets at most ``allowed`` calls be in flight, and finds out how many that should be.

    It starts at half of ``most``. After every window of two calls for each one allowed it tries more (twice as many
    until something speaks against it, then a quarter more), keeps them if the rate of replies rises, and else takes
    them back and waits longer before the next trial. A refused call (a rate limit, a time-out) halves ``allowed``, but
    calls that were sent before the last halving do not halve it again. It never falls below one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.allowed = max(1, most // 2)
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._open_again = 0.0
        self._halved = 0.0
        self._doubling = True
        self._before_trial: tuple[int, float] | None = None
        self._rest = 0
        self._patience = 1
        self._was_full = False
        self._start_window(settle=0)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place among the calls in flight, and hold it."""
        if self.in_flight < self.allowed and not self._waiting:
            self.in_flight += 1
        else:
            await self._wait()
        self._was_full = self._was_full or self.in_flight >= self.allowed
        try:
            yield
        finally:
            self.in_flight -= 1
            self._admit()

    async def _wait(self) -> None:
        """Wait in line until somebody hands over a place."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.in_flight -= 1
                self._admit()
            raise

    def closed_for(self) -> float:
        """Seconds that the provider asked to be left alone, with a little more so that not all come back at once."""
        left = self._open_again - time.monotonic()
        return left + random.uniform(0, 0.25) if left > 0 else 0.0  # noqa: S311  (no secret hangs on it)

    def replied(self) -> None:
        """Count a call that ended well; at the end of a window decide on how many are allowed."""
        if self._to_settle > 0:
            self._to_settle -= 1
            if self._to_settle == 0:
                self._since = time.monotonic()
            return
        self._replies += 1
        if self._replies >= 2 * self.allowed:
            self._close_window(self._replies / max(time.monotonic() - self._since, 1e-9))

    def refused(self, sent_at: float, retry_after: float | None) -> None:
        """Take note of a call, sent at that ``time.monotonic()``, that was too many."""
        now = time.monotonic()
        self._open_again = max(self._open_again, now + (retry_after or 0.0))
        if sent_at < self._halved:
            return
        self._halved = now
        self.allowed = max(1, self.allowed // 2)
        self._doubling, self._before_trial, self._rest, self._patience = False, None, 1, 1
        self._start_window(settle=self.in_flight)

    def _close_window(self, rate: float) -> None:
        if self._before_trial is not None:
            allowed, slower = self._before_trial
            self._before_trial = None
            if rate < slower * (1 + _PAYS * (self.allowed / allowed - 1)):
                self.allowed, self._doubling = allowed, False
                self._rest, self._patience = self._patience, min(2 * self._patience, _LONGEST_REST)
                self._start_window(settle=self.allowed)
                return
            self._patience = 1
        if self._rest > 0:
            self._rest -= 1
            self._start_window(settle=0)
        elif self._was_full and self.allowed < self._most:
            self._before_trial = self.allowed, rate
            step = self.allowed if self._doubling else max(1, self.allowed // 4)
            self.allowed = min(self._most, self.allowed + step)
            self._admit()
            self._start_window(settle=self.allowed)
        else:
            self._start_window(settle=0)

    def _start_window(self, *, settle: int) -> None:
        """Begin to count replies, once ``settle`` calls that were sent under another number have come back."""
        self._to_settle, self._replies, self._since, self._was_full = settle, 0, time.monotonic(), False

    def _admit(self) -> None:
        """Hand free places to those who have waited longest."""
        while self._waiting and self.in_flight < self.allowed:
            place = self._waiting.popleft()
            if not place.done():
                self.in_flight += 1
                place.set_result(None)
