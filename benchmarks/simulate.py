"""Everything that is shown on worlds whose truth is known: structure, verdicts, coverage of intervals, recovery.

    python -m benchmarks.simulate [worlds of each kind, 40 by default]

With 40 worlds of each kind there are 2,000 replicates for coverage and 20 populations for recovery. Each part is a
program of its own and is ended when its time is up, which counts as failed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

WORLDS = 40
START = 300
"""Seconds that every part may take beside those for its worlds."""


@dataclass(frozen=True, slots=True)
class Part:
    """One program.

    Attributes
    ----------
    module, title
        Where it is, and what it shows.
    per_world
        Its own number, for each world of a kind.
    seconds
        Seconds that it may take for each world of a kind.
    """

    module: str
    title: str
    per_world: float
    seconds: float

    def limit(self, worlds: int) -> float:
        """Seconds that it may take in all."""
        return START + self.seconds * worlds


PARTS = (
    Part("benchmarks.worlds", "planted, crossed and null worlds", 1, 120),
    Part("benchmarks.coverage", "coverage of intervals", 50, 20),
    Part("benchmarks.recovery", "recovery of structure", 0.5, 10),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a part came to: whether all is as it must be, and its last line."""

    met: bool
    line: str


def run(part: Part, worlds: int) -> Outcome:
    """Run a part, its lines shown as they come."""
    number = max(round(part.per_world * worlds), 1)
    command = [sys.executable, "-u", "-m", part.module, str(number)]
    limit, started = part.limit(worlds), time.monotonic()
    last = "nothing printed"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        killer = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))  # with the workers it started
        killer.start()
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
        process.wait()
        killer.cancel()
    if time.monotonic() - started >= limit:
        last = f"not done within {limit:.0f} s"
    return Outcome(process.returncode == 0, last)


def main() -> int:
    """Print what every part prints, then one line for each; 1 if any is not as it must be."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS
    bound = sum(part.limit(worlds) for part in PARTS) / 60
    print(f"{worlds} worlds of each kind; ends within {bound:.0f} minutes, on two idle cores in a third of that")
    outcomes = []
    for part in PARTS:
        print(f"\n{part.title}", flush=True)
        outcomes.append(run(part, worlds))
    print()
    for part, outcome in zip(PARTS, outcomes, strict=True):
        print(f"{'met    ' if outcome.met else 'NOT met'}  {part.title}: {outcome.line}")
    return 0 if all(outcome.met for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
