"""A hard limit on what a study may cost: the worst case of every call in flight has its place below it."""

from __future__ import annotations

import asyncio


class Budget:
    """What was spent, what the calls in flight may still cost at most, and what is left; in USD.

    Parameters
    ----------
    limit
        What may be spent in all; None for no limit.
    spent
        What was spent before.
    """

    def __init__(self, limit: float | None, spent: float) -> None:
        self._limit = limit
        self._spent = spent
        self._reserved = 0.0
        self._in_flight = 0
        self._settled = asyncio.Event()

    async def reserve(self, most: float) -> bool:
        """Set aside what a call may cost at most; False if it will not fit even when all in flight have come back.

        While it may fit once others have cost less than their worst case, it waits for them.
        """
        while self._limit is not None and self._spent + self._reserved + most > self._limit:
            if not self._in_flight or self._spent + most > self._limit:
                return False
            self._settled.clear()
            await self._settled.wait()
        self._reserved += most
        self._in_flight += 1
        return True

    def settle(self, most: float, cost: float) -> None:
        """Turn what was set aside for a call into what it cost."""
        self._in_flight -= 1
        self._reserved = self._reserved - most if self._in_flight else 0.0
        self._spent += cost
        self._settled.set()
