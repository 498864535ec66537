"""Twenty random trials of a limit of cost: what the endpoint billed is never more than ``--max-cost`` allows.

Each draws prices, faults, latency, calls in flight and a limit below what the whole study would cost, and gives the
same command twice. Billed is every reply with status 200, also when it is truncated or its client has gone.

    python -m benchmarks.caps
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

from benchmarks.endpoint import Endpoint
from benchmarks.loopback_study import PROGRAM, Running, write_study

TRIALS = 20
N_PERSONAS, N_ITEMS = 20, 20
_TOKENS = 85, 1  # of one call, about
_TIMEOUT = 1.0  # seconds
_FAULTS = ("rate_limited", "server_error", "truncated", "null_content", "refusal", "dropped")
_ROUNDING = 1e-9  # USD that sums of floating-point prices may be off


def check_caps(seed: int = 20261121) -> bool:
    """Print a line for every trial; return whether every limit held, and something was asked under most."""
    draws = random.Random(seed)
    print(f"\n{TRIALS} limits of cost, {N_PERSONAS * N_ITEMS} calls each")
    print(f"{'trial':>5}{'limit USD':>12}{'billed USD':>12}{'used':>6}{'requests':>10}{'in flight':>11}  exits, faults")
    right, asked = True, 0
    with Endpoint() as endpoint:
        for number in range(1, TRIALS + 1):
            price = {"input": draws.uniform(0.1, 10), "output": draws.uniform(0.1, 50)}
            faults = {name: draws.choice([0, 0, draws.uniform(0, 0.15)]) for name in _FAULTS}
            in_flight, hangs = draws.randint(1, 64), draws.choice([0, 0, 2])
            latency = {"latency_ms": draws.uniform(0, 30), "jitter_ms": draws.choice([0, 20, 200])}
            billed = {"price_input": price["input"], "price_output": price["output"]}
            whole = N_PERSONAS * N_ITEMS * (_TOKENS[0] * price["input"] + _TOKENS[1] * price["output"]) / 1e6
            limit = whole * draws.uniform(0.1, 0.9)
            endpoint.configure(**faults, **latency, **billed, hangs=hangs, retry_after=0.1, seed=number)
            endpoint.reset()
            exits = _run_twice(endpoint.url, price, in_flight, limit)
            stats = endpoint.stats()
            is_kept = stats["spent"] <= limit + _ROUNDING
            right &= is_kept and set(exits) <= {0, 3}
            asked += stats["paid"] > 0
            met = ", ".join(f"{count} {name}" for name, count in stats["faults"].items())
            used = f"{stats['spent'] / limit:.0%}"
            print(
                f"{number:>5}{limit:>12.6f}{stats['spent']:>12.6f}{used:>6}{stats['requests']:>10,}"
                f"{in_flight:>11}  {exits}, {met}{'' if is_kept else '  WRONG: more than the limit'}",
                flush=True,
            )
    print(f"something was asked in {asked} of {TRIALS} trials")
    return right and asked > TRIALS / 2


def _run_twice(url: str, price: dict[str, float], in_flight: int, limit: float) -> tuple[int, ...]:
    with tempfile.TemporaryDirectory(prefix="persona-big5-caps-") as name:
        folder = Path(name)
        limits = {"concurrency": in_flight, "timeout": _TIMEOUT}
        study = write_study(folder, url, n_personas=N_PERSONAS, n_items=N_ITEMS, limits=limits, price=price)
        command = [PROGRAM, "run", str(study), "--db", str(folder / "study.duckdb"), "--max-cost", repr(limit)]
        return tuple(Running(command, folder / "log.txt").finish(240).exit_code for _ in range(2))


def main() -> int:
    """Print the table; 1 if a limit was passed."""
    right = check_caps()
    print("as it must be" if right else "WRONG")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
