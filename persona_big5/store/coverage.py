"""How far a survey is: what is answered, in which states, at what cost and rate, and what was wasted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from persona_big5.store.reading import connect_reading
from persona_big5.store.records import OPEN_STATES

if TYPE_CHECKING:
    from os import PathLike

    import duckdb

RATE_WINDOW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class VariantCoverage:
    """Administrations of one variant of an llm: ``planned`` in force, ``settled`` of them need no further asking."""

    llm: str
    variant: str
    planned: int
    settled: int
    states: dict[str, int]


@dataclass(frozen=True, slots=True)
class Identity:
    """One name under which the provider of a variant answered; more than one for the same variant means it changed."""

    llm: str
    variant: str
    model_returned: str | None
    fingerprint: str | None
    replies: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """State of a database, counted from the tables and the journal.

    Administrations that a later plan supersedes are counted in ``superseded`` and nowhere else. ``cost`` is in USD,
    over the exchanges whose price is known; ``cost_unknown`` counts the others that brought a reply. ``rate`` is
    settled administrations per minute in the last five minutes and ``time_left`` what remains at that rate; both are
    None when nothing came back in that time. ``retries`` counts requests after the first of their turn. Wasted are
    ``failed_attempts``, which brought no readable reply, and ``repeated_replies`` to a turn that another reply answers;
    ``wasted_cost`` is what both cost. ``changed`` lists the variants whose provider answered under more than one model
    name or fingerprint; one that tells neither has not changed.

    By llm: ``failures``, attempts without a readable reply by kind of trouble; ``dropped_parameters``, what its
    provider would not take; ``reasoned_though_off``, readable replies made with thoughts where the study has reasoning
    off; ``fallbacks``, answers that were to come from log-probabilities and were read from the reply. ``lost`` counts
    by kind the failed attempts whose reply may have been made, and billed, before it was lost; ``lost_cost`` is the
    most they can have cost, and a part of ``wasted_cost``.
    """

    planned: int
    settled: int
    superseded: int
    states: dict[str, int]
    coverage: tuple[VariantCoverage, ...]
    exchanges: int
    cost: float
    cost_unknown: int
    tokens_in: int
    tokens_out: int
    rate: float | None
    time_left: timedelta | None
    retries: int
    failed_attempts: int
    repeated_replies: int
    wasted_cost: float
    lost: dict[str, int]
    lost_cost: float
    failures: dict[str, dict[str, int]]
    dropped_parameters: dict[str, tuple[str, ...]]
    reasoned_though_off: dict[str, int]
    fallbacks: dict[str, int]
    changed: tuple[Identity, ...]

    def __str__(self) -> str:
        if not self.planned:
            return "nothing is planned in this database yet"
        share = self.settled / self.planned
        lines = [f"{self.settled:,} of {self.planned:,} administrations settled ({share:.1%})", _counts(self.states)]
        if self.superseded:
            lines.append(f"{self.superseded:,} more are superseded by an edited text")
        width = max((len(f"{row.llm} / {row.variant}") for row in self.coverage), default=0)
        lines += [
            f"  {f'{row.llm} / {row.variant}':<{width}}  {row.settled:>9,} of {row.planned:<9,} {_counts(row.states)}"
            for row in self.coverage
        ]
        unknown = f" and {self.cost_unknown:,} replies of unknown price" if self.cost_unknown else ""
        lines.append(
            f"{self.exchanges:,} exchanges: {self.cost:.4f} USD{unknown}; "
            f"{self.tokens_in:,} tokens in, {self.tokens_out:,} tokens out"
        )
        lines.append(
            f"{self.retries:,} retries; wasted: {self.failed_attempts:,} failed attempts and "
            f"{self.repeated_replies:,} repeated replies, {self.wasted_cost:.4f} USD"
        )
        if self.lost:
            lines.append(
                f"lost in transit, perhaps billed: {_counts(self.lost)}; at most {self.lost_cost:.4f} USD of the waste"
            )
        if self.rate is None:
            lines.append("nothing came back in the last five minutes")
        else:
            left = "" if self.time_left is None else f"; about {_rounded(self.time_left)} left"
            lines.append(f"{self.rate:,.1f} settled a minute over the last five minutes{left}")
        lines += [f"{llm} failed: {_counts(kinds)}" for llm, kinds in self.failures.items()]
        lines += [f"{llm} does not take {', '.join(names)}: not sent" for llm, names in self.dropped_parameters.items()]
        lines += [
            f"{llm} reasoned in {replies:,} replies although reasoning is off"
            for llm, replies in self.reasoned_though_off.items()
        ]
        lines += [
            f"{llm} gave no usable log-probabilities for {answers:,} answers: read from the reply"
            for llm, answers in self.fallbacks.items()
        ]
        for identity in self.changed:
            lines.append(
                f"changed: {identity.llm} / {identity.variant} answered {identity.replies:,} times as "
                f"{identity.model_returned} {identity.fingerprint or ''} "
                f"({identity.first:%Y-%m-%d %H:%M} to {identity.last:%Y-%m-%d %H:%M} UTC)"
            )
        return "\n".join(lines)


def _counts(states: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in states.items())


def _rounded(left: timedelta) -> str:
    return str(timedelta(seconds=round(left.total_seconds())))


def status(path: str | PathLike[str], *, now: datetime | None = None) -> Status:
    """Count what a database has, also while a run is going on.

    Parameters
    ----------
    path
        The database.
    now
        End of the time over which the rate is taken; default: this moment.

    Raises
    ------
    StoreError
        As `connect_reading`.
    """
    now = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    with connect_reading(path) as connection:
        coverage = _coverage(connection)
        connection.execute(_REQUEST, {"open": sorted(OPEN_STATES)})
        totals = _row(connection, _TOTALS)
        superseded = _row(connection, "SELECT count(*) AS superseded FROM administration WHERE superseded")
        recent = _row(connection, _RECENT, {"open": sorted(OPEN_STATES), "since": now - RATE_WINDOW})
        lost = dict(connection.execute(_LOST).fetchall())
        failures: dict[str, dict[str, int]] = {}
        for llm, kind, count in connection.execute(_FAILURES).fetchall():
            failures.setdefault(llm, {})[kind] = count
        dropped = {llm: tuple(names) for llm, names in connection.execute(_DROPPED).fetchall()}
        reasoned = dict(connection.execute(_REASONED).fetchall())
        fallbacks = dict(connection.execute(_FALLBACKS).fetchall())
        changed = tuple(Identity(*row) for row in connection.execute(_CHANGED).fetchall())
    planned = sum(row.planned for row in coverage)
    settled = sum(row.settled for row in coverage)
    states: Counter[str] = Counter()
    for row in coverage:
        states.update(row.states)
    rate = _per_minute(recent["settled"], recent["first"], now)
    return Status(
        planned=planned,
        settled=settled,
        states=dict(sorted(states.items())),
        coverage=coverage,
        rate=rate,
        time_left=timedelta(minutes=(planned - settled) / rate) if rate else None,
        lost=lost,
        failures=failures,
        dropped_parameters=dropped,
        reasoned_though_off=reasoned,
        fallbacks=fallbacks,
        changed=changed,
        **totals,
        **superseded,
    )


def _coverage(connection: duckdb.DuckDBPyConnection) -> tuple[VariantCoverage, ...]:
    found = connection.execute(_STATES).fetchall()
    rows = []
    for (llm, variant), group in groupby(found, key=lambda row: row[:2]):
        states = {state: count for _, _, state, count in group}
        settled = sum(count for state, count in states.items() if state not in OPEN_STATES)
        rows.append(VariantCoverage(llm, variant, sum(states.values()), settled, states))
    return tuple(rows)


def _row(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, object] | None = None
) -> dict[str, Any]:
    result = connection.execute(query, parameters)
    names = [column[0] for column in result.description or ()]
    return dict(zip(names, result.fetchone() or (), strict=True))


def _per_minute(count: int, first: datetime | None, now: datetime) -> float | None:
    """Rate since the window began, or since the first request in it when that is later."""
    if first is None:
        return None
    elapsed = min(now - first, RATE_WINDOW)
    return count / max(elapsed.total_seconds(), 1.0) * 60


_STATES = """
SELECT llm, variant, coalesce(state, 'not_asked') AS state, count(*)
FROM administration LEFT JOIN answer USING (administration)
WHERE NOT superseded
GROUP BY ALL ORDER BY ALL
"""

# One row per exchange. Of the readable replies to one turn all but one are repeated: not the one that answers are read
# from, or else not the first. A turn that asks nothing has no answers, and its reply is not repeated for that.
_REQUEST = """
CREATE TEMP TABLE request AS
WITH used AS (SELECT DISTINCT exchange FROM answer WHERE state NOT IN (SELECT unnest($open))),
unused AS (
    SELECT exchange, session, turn,
        row_number() OVER (PARTITION BY session, turn ORDER BY started_at, exchange) AS place
    FROM exchange ANTI JOIN used USING (exchange)
    WHERE error IS NULL OR failure = 'filtered'),
answered_turn AS (SELECT session, turn FROM exchange SEMI JOIN unused USING (session) SEMI JOIN used USING (exchange)),
repeated AS (
    SELECT exchange FROM unused WHERE place > 1
    UNION SELECT exchange FROM unused SEMI JOIN answered_turn USING (session, turn)),
asked AS (SELECT DISTINCT session, llm, variant, reasoning FROM administration)
SELECT
    llm, variant, model_returned, fingerprint, parameters_dropped, attempt, started_at, tokens_in, tokens_out, cost,
    text IS NOT NULL AS has_text,
    used.exchange IS NOT NULL OR error IS NULL OR coalesce(failure, '') = 'filtered' AS is_readable,
    repeated.exchange IS NOT NULL AS is_repeated,
    coalesce(failure, 'other') AS kind,
    reasoning = 'off' AND (tokens_reasoning > 0 OR thoughts <> ''
        OR regexp_matches(text, '</?(think|thinking|thought|reasoning)>', 'i')) AS reasoned_though_off
FROM exchange LEFT JOIN asked USING (session) LEFT JOIN used USING (exchange) LEFT JOIN repeated USING (exchange)
"""

_TOTALS = """
SELECT
    count(*) AS exchanges,
    coalesce(sum(cost), 0.0) AS cost,
    count(*) FILTER (cost IS NULL AND has_text) AS cost_unknown,
    coalesce(sum(tokens_in), 0)::BIGINT AS tokens_in,
    coalesce(sum(tokens_out), 0)::BIGINT AS tokens_out,
    count(*) FILTER (attempt > 1) AS retries,
    count(*) FILTER (NOT is_readable) AS failed_attempts,
    count(*) FILTER (is_repeated) AS repeated_replies,
    coalesce(sum(cost) FILTER (is_repeated OR NOT is_readable), 0.0) AS wasted_cost,
    coalesce(sum(cost) FILTER (kind IN ('timed_out', 'dropped', 'unreadable')), 0.0) AS lost_cost
FROM request
"""

_LOST = """
SELECT kind, count(*) FROM request WHERE kind IN ('timed_out', 'dropped', 'unreadable') GROUP BY ALL ORDER BY ALL
"""

_FAILURES = """
SELECT llm, kind, count(*) FROM request WHERE NOT is_readable AND llm IS NOT NULL GROUP BY ALL ORDER BY ALL
"""

_DROPPED = """
SELECT llm, list(DISTINCT name ORDER BY name)
FROM (SELECT DISTINCT llm, unnest(from_json(parameters_dropped, '["VARCHAR"]')) AS name FROM request)
WHERE llm IS NOT NULL GROUP BY llm ORDER BY llm
"""

_REASONED = "SELECT llm, count(*) FROM request WHERE is_readable AND reasoned_though_off GROUP BY ALL ORDER BY ALL"

_FALLBACKS = """
SELECT llm, count(*) FROM administration JOIN answer USING (administration)
WHERE answer_mode = 'probability' AND scored_from = 'reply' AND NOT superseded GROUP BY ALL ORDER BY ALL
"""

_RECENT = """
SELECT count(*) AS settled, min(started_at) AS first
FROM answer JOIN exchange USING (exchange)
WHERE state NOT IN (SELECT unnest($open)) AND started_at + to_microseconds((seconds * 1e6)::BIGINT) >= $since
"""

_CHANGED = """
WITH identity AS (
    SELECT llm, variant, model_returned, fingerprint,
        count(*) AS replies, min(started_at) AS first, max(started_at) AS last
    FROM request
    WHERE has_text AND llm IS NOT NULL AND coalesce(model_returned, fingerprint) IS NOT NULL
    GROUP BY ALL)
SELECT * FROM identity
WINDOW variant_of_llm AS (PARTITION BY llm, variant)
QUALIFY count(DISTINCT model_returned) OVER variant_of_llm > 1 OR count(DISTINCT fingerprint) OVER variant_of_llm > 1
ORDER BY llm, variant, first, last
"""
