"""Requests and tokens per minute: when the next call to an llm may start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from persona_big5.study.model import Limits


class Pace:
    """Evenly spaced turns that keep an llm within its limits; without limits every turn is at once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._next = 0.0

    def delay(self, tokens: int) -> float:
        """Take the next turn for a call of about ``tokens`` tokens; return the seconds until it."""
        interval = max(
            60.0 / self._limits.rpm if self._limits.rpm else 0.0,
            60.0 * tokens / self._limits.tpm if self._limits.tpm else 0.0,
        )
        now = time.monotonic()
        start = max(now, self._next)
        self._next = start + interval
        return start - now
