"""What a study's database says came of its calls, read by the program itself as any user would."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.loopback_study import PROGRAM

if TYPE_CHECKING:
    from pathlib import Path

_READABLE = "error IS NULL"
_QUERIES = {
    "states": "SELECT state, count(*) FROM long GROUP BY state ORDER BY state",
    "readable": f"SELECT count(*) FROM exchange WHERE {_READABLE}",
    "asked_again": f"""
        SELECT count(*) FROM exchange AS later JOIN exchange AS earlier USING (session, turn)
        WHERE earlier.{_READABLE} AND later.exchange != earlier.exchange AND later.started_at >= earlier.started_at""",
    "without_reason": """
        SELECT count(*) FROM answer
        WHERE state != 'answered' AND coalesce(reason, '') = '' OR state = 'answered' AND score IS NULL""",
    "longest": "SELECT coalesce(max(seconds), 0) FROM exchange",
}


@dataclass(frozen=True, slots=True)
class Ledger:
    """``states`` counts administrations, the other counts are of exchanges; ``longest`` is in seconds."""

    states: dict[str, int]
    readable: int  # exchanges that brought a readable reply
    asked_again: int  # exchanges after a readable reply to the same
    without_reason: int  # neither an answer with its score nor a state with its reason
    longest: float


def ask_database(database: Path, query: str) -> list[list[Any]]:
    """Return the rows of one query, asked in another process: DuckDB's memory stays out of the measuring one."""
    command = [PROGRAM, "sql", str(database), query, "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    rows: list[list[Any]] = json.loads(answer.stdout)["rows"]
    return rows


def read_ledger(database: Path) -> Ledger:
    states = {state: count for state, count in ask_database(database, _QUERIES["states"])}  # noqa: C416  (rows are lists)
    others = {name: ask_database(database, query)[0][0] for name, query in _QUERIES.items() if name != "states"}
    return Ledger(states=states, **others)
