"""A run killed with SIGKILL at 20 random instants, and given again each time, beside one left alone.

At every kill the endpoint's count of replies paid for is held against the readable replies stored: at most those in
flight may be missing. In the end both databases must hold the same administrations, texts, states and scores.

    python -m benchmarks.kills
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.endpoint import Endpoint
from benchmarks.ledger import ask_database, read_ledger
from benchmarks.loopback_study import PROGRAM, Running, write_study

N_PERSONAS, N_ITEMS = 100, 50
CALLS = N_PERSONAS * N_ITEMS
KILLS = 20
IN_FLIGHT = 32
STARTING_S = 4.0  # every fifth kill falls within these first seconds, before, while or after the plan is stored

_FINAL = """
    SELECT administration, exchange.text, state, score
    FROM administration LEFT JOIN answer USING (administration) LEFT JOIN exchange USING (exchange)
    ORDER BY administration"""


def start(folder: Path, database: Path) -> Running:
    return Running([PROGRAM, "run", str(folder / "study.yaml"), "--db", str(database)], folder / "log.txt")


def kill_at_random(running: Running, endpoint: Endpoint, draws: random.Random, number: int) -> None:
    """Kill a run at some instant: now and then while it starts, else after some of the calls."""
    if number % 5 == 0:
        time.sleep(draws.uniform(0, STARTING_S))
    else:
        asked = endpoint.stats()["requests"] + draws.uniform(1, 2 * CALLS / (KILLS + 5))
        while running.is_going_on and endpoint.stats()["requests"] < asked:
            time.sleep(0.002)
        time.sleep(draws.uniform(0, 0.05))
    running.kill()
    running.finish()
    while endpoint.stats()["in_flight"]:
        time.sleep(0.01)


def check_kills(seed: int = 20261121) -> bool:
    """Print a line for every kill; return whether nothing was lost and the final tables are the same."""
    draws = random.Random(seed)
    print(f"\n{KILLS} kills in one run of {CALLS:,} calls, {IN_FLIGHT} in flight")
    print(f"{'kill':>4}{'requests':>10}{'paid':>8}{'stored':>8}{'wasted by it':>14}")
    right = True
    with tempfile.TemporaryDirectory(prefix="persona-big5-kills-") as name, Endpoint(latency_ms=20) as endpoint:
        folder = Path(name)
        killed, undisturbed = folder / "killed.duckdb", folder / "undisturbed.duckdb"
        limits = {"concurrency": IN_FLIGHT, "timeout": 60}
        write_study(folder, endpoint.url, n_personas=N_PERSONAS, n_items=N_ITEMS, limits=limits)
        wasted = 0
        for number in range(1, KILLS + 1):
            kill_at_random(start(folder, killed), endpoint, draws, number)
            stats, stored = endpoint.stats(), read_ledger(killed).readable if killed.exists() else 0
            by_this = stats["paid"] - stored - wasted
            wasted += by_this
            right &= 0 <= by_this <= IN_FLIGHT
            print(f"{number:>4}{stats['requests']:>10,}{stats['paid']:>8,}{stored:>8,}{by_this:>14}", flush=True)
        right &= _ends_well(start(folder, killed), "the run killed, given once more")
        ledger = read_ledger(killed)
        paid = endpoint.stats()["paid"]
        print(f"{CALLS:,} calls, {paid:,} paid for, {wasted} wasted; {ledger.asked_again} stored ones asked again")
        right &= ledger.asked_again == 0 and paid == CALLS + wasted
        right &= _ends_well(start(folder, undisturbed), "the run left alone")
        differing = sum(
            one != other
            for one, other in zip(ask_database(killed, _FINAL), ask_database(undisturbed, _FINAL), strict=True)
        )
        print(f"{differing} of {CALLS:,} administrations differ from the run left alone")
    return right and not differing


def _ends_well(running: Running, name: str) -> bool:
    finished = running.finish()
    if finished.exit_code:
        print(f"WRONG: {name} ends with {finished.exit_code}\n{finished.output[-1000:]}")
    return finished.exit_code == 0


def main() -> int:
    """Print it all; 1 if anything was lost, paid twice or different."""
    right = check_kills()
    print("as it must be" if right else "WRONG")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
