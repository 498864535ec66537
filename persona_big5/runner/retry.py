"""The one owner of retries: which failures are tried again, how often, and how long is waited."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from persona_big5.runner.reply import Failure

ATTEMPTS = 4
"""Attempts at one call, the first included."""

ATTEMPTS_WHEN_LIMITED = 20
"""Attempts at a call that the provider puts off: it asks for patience, and gets about a quarter of an hour."""

_TRIED_AGAIN = frozenset({"rate_limited", "server_error", "timed_out", "dropped", "unreadable", "unreachable"})
_FIRST_WAIT = 0.5  # seconds, doubled with every attempt
LONGEST_WAIT = 60.0
"""Seconds; a server that asks for more is taken at its word up to here."""


def wait_before_retry(failure: Failure, attempt: int) -> float | None:
    """Seconds to wait after a failed attempt, or None if it is not tried again.

    Exponential back-off with full jitter between half and all of the delay; a server's Retry-After is a lower bound.

    Parameters
    ----------
    failure
        What happened.
    attempt
        The attempt that failed, counted from 1.
    """
    most = ATTEMPTS_WHEN_LIMITED if failure.kind == "rate_limited" else ATTEMPTS
    if failure.kind not in _TRIED_AGAIN or attempt >= most:
        return None
    delay = min(_FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT)
    wait = random.uniform(delay / 2, delay)  # noqa: S311  (no secret hangs on it)
    return min(max(wait, failure.retry_after or 0.0), LONGEST_WAIT)
