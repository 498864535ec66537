"""What becomes of a study when the endpoint, the disk or the database misbehaves; then kills, then limits of cost.

One row per fault, 2,000 calls each. Where a fault can leave cells open, it is mended and the same command given again,
in a row of its own. Every cell must end in one state, with the reason where it is no answer; nothing that got a
readable reply may be asked again; what was paid for and not stored must be what the fault destroyed; no call may take
longer than its time-out and a little; the exit code must say what happened.

    python -m benchmarks.faults

1 if anything is not as it must be.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.caps import check_caps
from benchmarks.endpoint import Endpoint, Settings
from benchmarks.kills import check_kills
from benchmarks.ledger import Ledger, read_ledger
from benchmarks.loopback_study import PROGRAM, Finished, Running, write_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

N_PERSONAS, N_ITEMS = 100, 20
CALLS = N_PERSONAS * N_ITEMS
IN_FLIGHT = 64
TIMEOUT, GRACE = 3.0, 2.5  # seconds
SHARE = 0.05
DISK_MB = 8  # holds the plan, and some of the replies
FILE_MB = 3

DONE, USERS_MISTAKE, IN_PART = 0, 2, 3

_HOLD = """
import sys, time, duckdb
while True:
    try:
        held = duckdb.connect(sys.argv[1])
        break
    except duckdb.Error:
        time.sleep(0.001)
print("held", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Seen:
    """What one command came to, with the endpoint's counts and the database's since the first row of the fault."""

    finished: Finished
    stats: dict[str, Any]
    ledger: Ledger

    @property
    def lost(self) -> int:
        """Replies paid for of which the database has nothing readable."""
        return int(self.stats["paid"]) - self.ledger.readable

    @property
    def faults(self) -> dict[str, int]:
        faults: dict[str, int] = self.stats["faults"]
        return faults


def all_answered(_seen: Seen) -> dict[str, int]:
    return {"answered": CALLS}


def counted_as(state: str, fault: str) -> Callable[[Seen], dict[str, int]]:
    """Return an expectation: the cells that met the fault are in that state, the others answered."""
    return lambda seen: {"answered": CALLS - seen.faults[fault], state: seen.faults[fault]}


def stopped(seen: Seen) -> dict[str, int]:
    """Expect a run that could not go on: what came before is answered, the rest not asked."""
    answered = seen.ledger.readable
    return {"answered": answered, "not_asked": CALLS - answered} if 0 < answered < CALLS else {}


@dataclass(frozen=True)
class Fault:
    """One row: how the endpoint misbehaves, what must come of it, and how it is mended."""

    name: str
    settings: dict[str, float] = field(default_factory=dict)
    states: Callable[[Seen], dict[str, int]] = all_answered
    exit_code: int = DONE
    may_lose: Callable[[Seen], int] = lambda _seen: 0
    mended_by: dict[str, float] | None = None


FAULTS = (
    Fault("none"),
    Fault("429, Retry-After 0.2", {"rate_limited": SHARE, "retry_after": 0.2}),
    Fault("500", {"server_error": SHARE}),
    Fault("truncated JSON", {"truncated": SHARE}, may_lose=lambda seen: seen.faults["truncated"]),
    Fault("null content", {"null_content": SHARE}, counted_as("empty", "null_content")),
    Fault("refusals", {"refusal": SHARE}, counted_as("refused", "refusal")),
    Fault("content filter", {"content_filter": SHARE}, counted_as("refused", "content_filter")),
    Fault("dropped connections", {"dropped": SHARE}),
    Fault("2 hangs", {"hangs": 2}),
    Fault("key revoked", {"keys_until": CALLS // 2}, stopped, USERS_MISTAKE, mended_by={"keys_until": 0}),
)


class Bench:
    """One endpoint, one study in a folder, and the table that is printed as it grows."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.failed: list[str] = []
        print(f"{'fault':<28}{'states':<44}{'requests':>9}{'lost':>6}{'again':>6}{'s':>7}{'longest':>9}{'exit':>5}")

    def begin(self, folder: Path, settings: dict[str, float]) -> Path:
        """Write the study, set the endpoint up, and return the database's path."""
        self._endpoint.configure(**{**asdict(Settings()), "latency_ms": 5.0, "jitter_ms": 2.0, **settings})
        self._endpoint.reset()
        limits = {"concurrency": IN_FLIGHT, "timeout": TIMEOUT}
        write_study(folder, self._endpoint.url, n_personas=N_PERSONAS, n_items=N_ITEMS, limits=limits)
        return folder / "study.duckdb"

    def mend(self, settings: dict[str, float]) -> None:
        self._endpoint.configure(**settings)

    def has_asked(self, n_requests: int) -> None:
        """Wait for so many requests."""
        while self._endpoint.stats()["requests"] < n_requests:
            time.sleep(0.02)

    def start(self, folder: Path, database: Path, *prefix: str) -> Running:
        return Running([*prefix, PROGRAM, "run", str(folder / "study.yaml"), "--db", str(database)], folder / "log.txt")

    def seen(self, finished: Finished, database: Path) -> Seen:
        return Seen(finished, self._endpoint.stats(), read_ledger(database))

    def row(self, name: str, seen: Seen, states: dict[str, int], exit_code: int, *, may_lose: int) -> None:
        """Print what was seen, and what of it is not as it must be."""
        ledger = seen.ledger
        shown = ", ".join(f"{count:,} {state}" for state, count in ledger.states.items())
        print(
            f"{name:<28}{shown:<44}{seen.stats['requests']:>9,}{seen.lost:>6}{ledger.asked_again:>6}"
            f"{seen.finished.seconds:>7.1f}{ledger.longest:>8.2f}s{seen.finished.exit_code:>5}",
            flush=True,
        )
        wrong = {
            f"states should be {states}": ledger.states == {state: count for state, count in states.items() if count},
            f"{ledger.asked_again} asked again after a readable reply": ledger.asked_again == 0,
            f"{ledger.without_reason} cells without a reason": ledger.without_reason == 0,
            f"{seen.lost} replies lost, at most {may_lose} can be": 0 <= seen.lost <= may_lose,
            f"a call took longer than its time-out of {TIMEOUT:g} s": ledger.longest <= TIMEOUT + GRACE,
            f"exit should be {exit_code}": seen.finished.exit_code == exit_code,
            "the output has a traceback": "Traceback" not in seen.finished.output,
        }
        for text in (text for text, is_right in wrong.items() if not is_right):
            self.failed.append(f"{name}: {text}")
            print(f"    WRONG: {text}")
        if "Traceback" in seen.finished.output:
            print("    " + seen.finished.output.strip().splitlines()[-1])


def check_fault(bench: Bench, fault: Fault) -> None:
    with tempfile.TemporaryDirectory(prefix="persona-big5-faults-") as name:
        folder = Path(name)
        database = bench.begin(folder, fault.settings)
        seen = bench.seen(bench.start(folder, database).finish(240), database)
        bench.row(fault.name, seen, fault.states(seen), fault.exit_code, may_lose=fault.may_lose(seen))
        if fault.mended_by is not None:
            bench.mend(fault.mended_by)
            seen = bench.seen(bench.start(folder, database).finish(240), database)
            bench.row("  mended, same command", seen, all_answered(seen), DONE, may_lose=fault.may_lose(seen))


def check_full_disk(bench: Bench) -> None:
    """A small disk fills up during the run; where none may be mounted the row is left out."""
    with tempfile.TemporaryDirectory(prefix="persona-big5-faults-") as name, _small_disk(Path(name)) as disk:
        if disk is None:
            print("full disk: left out, no small disk may be mounted here")
            return
        database = bench.begin(disk, {})
        seen = bench.seen(bench.start(disk, database).finish(240), database)
        bench.row("full disk", seen, stopped(seen), IN_PART, may_lose=0)
        _mount(disk, "remount,size=256m")
        seen = bench.seen(bench.start(disk, database).finish(240), database)
        bench.row("  mended, same command", seen, all_answered(seen), DONE, may_lose=0)


def check_file_limit(bench: Bench) -> None:
    """No file may grow beyond a few MB, as under a quota: seen before anything is paid for."""
    with tempfile.TemporaryDirectory(prefix="persona-big5-faults-") as name:
        folder = Path(name)
        database = bench.begin(folder, {})
        blocks = FILE_MB * 2048  # of 512 bytes
        limited = bench.start(folder, database, "sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh")
        seen = bench.seen(limited.finish(240), database)
        bench.row("files limited", seen, {}, USERS_MISTAKE, may_lose=0)
        seen = bench.seen(bench.start(folder, database).finish(240), database)
        bench.row("  mended, same command", seen, all_answered(seen), DONE, may_lose=0)


@contextmanager
def _small_disk(place: Path) -> Iterator[Path | None]:
    """Mount a small disk at a folder; None where that is not permitted."""
    is_mounted = _mount(place, f"size={DISK_MB}m")
    try:
        yield place if is_mounted else None
    finally:
        if is_mounted:
            subprocess.run(["umount", place], check=True)


def _mount(place: Path, options: str) -> bool:
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True).returncode == 0


def check_locked_database(bench: Bench) -> None:
    """Another program opens the database during the run and keeps it beyond the end."""
    with tempfile.TemporaryDirectory(prefix="persona-big5-faults-") as name:
        folder = Path(name)
        database = bench.begin(folder, {"latency_ms": 50.0})
        running = bench.start(folder, database)
        bench.has_asked(1)
        hold = [sys.executable, "-c", _HOLD, str(database)]
        with subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            finished = running.finish(limit=240)
            holder.kill()
        seen = bench.seen(finished, database)
        bench.row("database locked by another", seen, all_answered(seen), DONE, may_lose=0)
        seen = bench.seen(bench.start(folder, database).finish(240), database)
        bench.row("  released, same command", seen, all_answered(seen), DONE, may_lose=0)


def check_faults() -> bool:
    with Endpoint() as endpoint:
        bench = Bench(endpoint)
        for fault in FAULTS:
            check_fault(bench, fault)
        check_full_disk(bench)
        check_file_limit(bench)
        check_locked_database(bench)
    return not bench.failed


def main() -> int:
    """Print the three tables; 1 if anything is not as it must be."""
    passed = [check() for check in (check_faults, check_kills, check_caps)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
