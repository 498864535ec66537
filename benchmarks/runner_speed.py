"""Speed and memory of the runner beside raw aiohttp, plain litellm and inspect_ai, against one endpoint.

All ask the same personas and items with 64 calls in flight, in interleaved rounds; of them only the runner and
inspect_ai store what comes back. Requests per second are the endpoint's count from the first request to the last reply.
User CPU is that of the client's process, less that of a run of five calls. Figures are medians over the rounds, ratios
medians of the rounds' ratios.

With 50 ms an answer nobody can make more than 64 / 0.05 = 1,280 requests/s, so there it shows who comes near that; what
a client could do is seen where answers take no time.

    python -m benchmarks.runner_speed [number of rounds]

inspect_ai gets an environment of its own, ``.venv-inspect``; where it cannot be installed its row is left out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

from benchmarks.endpoint import Endpoint
from benchmarks.ledger import read_ledger
from benchmarks.loopback_study import PROGRAM, Finished, Running, write_study

IN_FLIGHT = 64
LATENCIES_MS = (50.0, 0.0)
N_PERSONAS, N_ITEMS = 20, 50  # 1,000 calls a run
RUNS = {"ours": 5, "aiohttp": 5, "litellm": 1, "inspect_ai": 1}
"""Runs of every cell, fewer where asking is slow."""
MEMORY_RUNS = (10, 100)

_ROOT = Path(__file__).resolve().parents[1]
_INSPECT = _ROOT / ".venv-inspect"


@dataclass(frozen=True, slots=True)
class Size:
    """Cells of a survey and how often each is asked."""

    n_personas: int
    n_items: int
    runs: int

    @property
    def calls(self) -> int:
        return self.n_personas * self.n_items * self.runs


@dataclass(frozen=True, slots=True)
class Measured:
    """One client in one round: requests per second, user CPU in ms per call, peak memory in MB."""

    rate: float
    user_ms: float
    peak_mb: float


def command(client: str, url: str, size: Size, folder: Path) -> list[str]:
    if client == "ours":
        limits = {"concurrency": IN_FLIGHT, "timeout": 60}
        study = write_study(
            folder, url, n_personas=size.n_personas, n_items=size.n_items, runs=size.runs, limits=limits
        )
        return [PROGRAM, "run", str(study), "--db", str(folder / "study.duckdb")]
    python = str(_INSPECT / "bin" / "python") if client == "inspect_ai" else sys.executable
    numbers = [size.n_personas, size.n_items, size.runs, IN_FLIGHT]
    return [python, "-m", "benchmarks.peer_clients", client, url, *map(str, numbers), str(folder)]


def ask(client: str, endpoint: Endpoint, size: Size) -> tuple[Finished, float]:
    """Ask everything once, from nothing; return what the process came to and requests per second.

    Raises
    ------
    RuntimeError
        Not every call was made and answered, or not every answer stored.
    """
    with tempfile.TemporaryDirectory(prefix="persona-big5-speed-") as name:
        folder = Path(name)
        endpoint.reset()
        finished = Running(command(client, endpoint.url, size, folder), folder / "log.txt", _ROOT).finish()
        stats = endpoint.stats()
        if finished.exit_code or stats["paid"] != size.calls:
            raise RuntimeError(f"{client}: {stats['paid']} of {size.calls} calls answered\n{finished.output[-2000:]}")
        if client == "ours":
            stored = read_ledger(folder / "study.duckdb").states.get("answered", 0)
            if stored != size.calls:
                raise RuntimeError(f"ours: {stored} of {size.calls} answers stored")
    return finished, stats["requests"] / stats["seconds"]


def measure(client: str, endpoint: Endpoint, start_up: float) -> Measured:
    size = Size(N_PERSONAS, N_ITEMS, RUNS[client])
    finished, rate = ask(client, endpoint, size)
    return Measured(rate, 1000 * (finished.user_seconds - start_up) / size.calls, finished.peak_mb)


def has_inspect_ai() -> bool:
    """Make sure of inspect_ai's environment; where that fails, say why."""
    python = str(_INSPECT / "bin" / "python")
    if not Path(python).exists():
        venv.create(_INSPECT, with_pip=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "inspect_ai", "openai"]
    version = [python, "-c", "import importlib.metadata as m; print(m.version('inspect_ai'))"]
    if subprocess.run(version, capture_output=True).returncode:
        installed = subprocess.run(install, capture_output=True, text=True)
        if installed.returncode:
            print(f"inspect_ai left out, it cannot be installed: {installed.stderr.strip().splitlines()[-1]}")
            return False
    print("inspect_ai", subprocess.run(version, capture_output=True, text=True, check=True).stdout.strip())
    return True


def compare_clients(endpoint: Endpoint, clients: list[str], rounds: int) -> dict[float, dict[str, list[Measured]]]:
    """Measure every client in every round, by latency, and print the tables."""
    start_up = {client: ask(client, endpoint, Size(1, 5, 1))[0].user_seconds for client in clients}
    measured: dict[float, dict[str, list[Measured]]] = {ms: {client: [] for client in clients} for ms in LATENCIES_MS}
    for _, latency, client in product(range(rounds), LATENCIES_MS, clients):
        endpoint.configure(latency_ms=latency)
        measured[latency][client].append(measure(client, endpoint, start_up[client]))
    for latency, of_clients in measured.items():
        print_table(latency, of_clients)
    print("\nuser seconds to start up: " + ", ".join(f"{client} {start_up[client]:.1f}" for client in clients))
    return measured


def print_table(latency: float, measured: dict[str, list[Measured]]) -> None:
    print(f"\n{IN_FLIGHT} in flight, {latency:g} ms an answer")
    print(
        f"{'client':<12}{'calls':>7}{'requests/s':>12}{'x aiohttp':>11}{'user ms/call':>14}{'x aiohttp':>11}{'MB':>6}"
    )
    for client, own in measured.items():
        print(
            f"{client:<12}{1000 * RUNS[client]:>7,}{median(m.rate for m in own):>12,.0f}"
            f"{ratio(measured, 'rate', client, 'aiohttp'):>11.2f}{median(m.user_ms for m in own):>14.3f}"
            f"{ratio(measured, 'user_ms', client, 'aiohttp'):>11.2f}{max(m.peak_mb for m in own):>6.0f}"
        )


def ratio(measured: dict[str, list[Measured]], figure: str, client: str, other: str) -> float:
    """Return the median over rounds of one client's figure to another's."""
    pairs = zip(measured[client], measured[other], strict=True)
    return float(median(getattr(one, figure) / getattr(two, figure) for one, two in pairs))


def compare_sizes(endpoint: Endpoint) -> float:
    """Print the memory of a small and a large run; return that of the large one in MB."""
    print()
    endpoint.configure(latency_ms=0, jitter_ms=2)
    peaks = []
    for runs in MEMORY_RUNS:
        size = Size(N_PERSONAS, N_ITEMS, runs)
        finished, rate = ask("ours", endpoint, size)
        peaks.append(finished.peak_mb)
        print(f"ours, {size.calls:>7,} calls of about 2 ms: {finished.peak_mb:.0f} MB at most, {rate:,.0f} requests/s")
    print(f"ten times the calls take {peaks[1] - peaks[0]:+.0f} MB")
    return peaks[1]


def main() -> int:
    """Print the tables and each demand, met or not; 1 if one is not met."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    clients = ["ours", "aiohttp", "litellm", *(["inspect_ai"] if has_inspect_ai() else [])]
    with Endpoint() as endpoint:
        measured = compare_clients(endpoint, clients, rounds)
        slow, instant = (measured[latency] for latency in LATENCIES_MS)
        rate, user = ratio(slow, "rate", "ours", "aiohttp"), ratio(slow, "user_ms", "ours", "aiohttp")
        demands = [
            (f"throughput {rate:.2f} x raw aiohttp at 50 ms, at least 0.75", rate >= 0.75),
            (f"user CPU {user:.2f} x raw aiohttp at 50 ms, at most 5", user <= 5),
        ]
        if "inspect_ai" in clients:
            gain = ratio(instant, "rate", "ours", "inspect_ai")
            demands.append((f"throughput {gain:.1f} x inspect_ai at 0 ms, at least 15", gain >= 15))
        peak = compare_sizes(endpoint)
        demands.append((f"{peak:.0f} MB at 100,000 calls, at most 250", peak <= 250))
    print()
    for text, is_met in demands:
        print(f"{'met    ' if is_met else 'NOT MET'}  {text}")
    return 0 if all(is_met for _, is_met in demands) else 1


if __name__ == "__main__":
    sys.exit(main())
