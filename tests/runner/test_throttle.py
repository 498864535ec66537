"""Calls in flight: grown while it helps, halved when refused, recovered, never stuck; in simulated time."""

from __future__ import annotations

import asyncio
import heapq
import itertools

import pytest

from persona_big5.runner import throttle as throttle_module
from persona_big5.runner.throttle import Throttle


class _Clock(asyncio.SelectorEventLoop):
    """An event loop whose sleeps take no time: it jumps to the next thing that is due."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def time(self):
        return self.now

    def _run_once(self):
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0]._when)
        super()._run_once()


@pytest.fixture
def clock(monkeypatch):
    loop = _Clock()
    monkeypatch.setattr(throttle_module.time, "monotonic", lambda: loop.now)
    yield loop
    loop.close()


class _Server:
    """Answers each call after ``latency``, with at most ``slots`` at work; refuses above ``most`` in flight."""

    def __init__(self, clock, *, latency=0.05, slots=10**6, most=10**6, retry_after=None):
        self.clock, self.latency, self.slots, self.most, self.retry_after = clock, latency, slots, most, retry_after
        self.in_flight = self.highest = self.refusals = 0
        self.free_at = [0.0] * min(slots, 1000)

    async def answer(self):
        self.in_flight += 1
        self.highest = max(self.highest, self.in_flight)
        try:
            if self.in_flight > self.most:
                self.refusals += 1
                await asyncio.sleep(0.001)
                return False
            if self.slots < 10**6:
                begin = max(self.clock.now, heapq.heappop(self.free_at))
                heapq.heappush(self.free_at, begin + self.latency)
                await asyncio.sleep(begin + self.latency - self.clock.now)
            else:
                await asyncio.sleep(self.latency)
            return True
        finally:
            self.in_flight -= 1


def _drive(clock, throttle, server, n_calls, workers):
    """Make calls until so many were answered; return how many were allowed after each reply."""
    allowed, numbers = [], itertools.count()

    async def work():
        while next(numbers) < n_calls:
            answered = False
            while not answered:
                async with throttle.turn():
                    await asyncio.sleep(throttle.closed_for())
                    sent_at = clock.now
                    answered = await server.answer()
                    if answered:
                        throttle.replied()
                        allowed.append(throttle.allowed)
                    else:
                        throttle.refused(sent_at, server.retry_after)
                if not answered:
                    await asyncio.sleep(0.05)

    async def all_of_them():
        await asyncio.gather(*(work() for _ in range(workers)))

    clock.run_until_complete(all_of_them())
    return allowed


def test_it_starts_at_half_and_grows_to_the_most_where_that_helps(clock):
    server = _Server(clock)
    throttle = Throttle(64)

    allowed = _drive(clock, throttle, server, 2000, 64)

    assert allowed[0] == 32
    assert allowed[300] == 64
    assert server.highest == 64


def test_it_does_not_pile_up_calls_that_a_server_works_off_one_after_the_other(clock):
    server = _Server(clock, latency=0.05, slots=4)
    throttle = Throttle(64)

    allowed = _drive(clock, throttle, server, 4000, 64)

    assert max(allowed) <= 64
    assert sum(a <= 40 for a in allowed) > 0.8 * len(allowed)


def test_a_refusal_halves_it_once_for_all_calls_sent_before(clock):
    throttle = Throttle(64)
    throttle.refused(0.0, None)
    clock.now = 1.0
    throttle.refused(0.5, None)
    assert throttle.allowed == 8
    throttle.refused(0.9, None)

    assert throttle.allowed == 8


def test_it_settles_where_a_provider_refuses_more_and_recovers_when_it_no_longer_does(clock):
    server = _Server(clock, most=10, retry_after=0.2)
    throttle = Throttle(64)

    limited = _drive(clock, throttle, server, 2000, 64)
    refused = server.refusals
    server.most = 10**6
    free = _drive(clock, throttle, server, 4000, 64)

    assert 3 <= sorted(limited[-1000:])[500] <= 12
    assert refused < 0.2 * 2000
    assert free[-1] == 64


def test_it_never_freezes_while_every_call_is_refused(clock):
    throttle = Throttle(16)
    for second in range(100):
        clock.now = float(second)
        throttle.refused(clock.now, 0.1)
    assert throttle.allowed == 1

    clock.now += 10
    allowed = _drive(clock, throttle, _Server(clock), 3000, 16)
    assert allowed[-1] == 16


def test_two_llms_behind_one_limit_share_it(clock):
    server = _Server(clock, most=20, retry_after=0.1)
    throttles = Throttle(64), Throttle(64)
    counts = [0, 0]

    async def work(which):
        while clock.now < 60:
            async with throttles[which].turn():
                await asyncio.sleep(throttles[which].closed_for())
                sent_at = clock.now
                if await server.answer():
                    throttles[which].replied()
                    counts[which] += 1
                else:
                    throttles[which].refused(sent_at, 0.1)
            await asyncio.sleep(0.001)

    async def both():
        await asyncio.gather(*(work(which) for which in (0, 1) for _ in range(64)))

    clock.run_until_complete(both())

    assert min(counts) > 0.3 * max(counts)
    assert sum(counts) > 0.5 * 60 * 20 / 0.05


def test_a_provider_that_asks_for_time_gets_it(clock):
    throttle = Throttle(8)
    throttle.refused(0.0, 7.0)

    assert 7.0 <= throttle.closed_for() <= 7.25
    clock.now = 7.5
    assert throttle.closed_for() == 0.0


def test_places_go_to_those_who_have_waited_longest(clock):
    throttle, turns = Throttle(1), [0] * 4

    async def work(which):
        while clock.now < 10:
            async with throttle.turn():
                turns[which] += 1
                await asyncio.sleep(0.1)

    async def all_of_them():
        await asyncio.gather(*(work(which) for which in range(4)))

    clock.run_until_complete(all_of_them())

    assert max(turns) - min(turns) <= 1


def test_a_place_handed_to_somebody_who_leaves_goes_to_the_next(clock):
    async def leave_in_line():
        throttle = Throttle(1)
        first, second, third = throttle.turn(), throttle.turn(), throttle.turn()
        await first.__aenter__()
        leaving, waiting = asyncio.create_task(second.__aenter__()), asyncio.create_task(third.__aenter__())
        await asyncio.sleep(0)
        await first.__aexit__(None, None, None)
        leaving.cancel()
        await asyncio.wait_for(waiting, 1)
        return throttle.in_flight

    assert clock.run_until_complete(leave_in_line()) == 1
