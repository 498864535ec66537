"""Speed and memory of the statistics beside R, each piece of work in a process of its own.

    python -m benchmarks.statistics_speed [name of a piece of work ...]

CPU seconds (user and system) are the best of three after a warm-up, with one BLAS thread. What is run as a command of
the program counts from the shell, start included; R's figures leave out the loading of its packages. They are
published ones of another machine, 1.7 to 3.2 times as slow as that on which the limits were set; where Rscript is
installed with psych and lme4, R does the same work on this machine, once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PUBLISHED = "R 4.2.2, psych 2.2.9, lme4 1.1-31; medians, single thread, one machine"
_IN_R = Path(__file__).with_suffix(".R")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Demand:
    """What a piece of work may take.

    Attributes
    ----------
    work
        Its name in ``benchmarks.statistics_work``.
    title
        In words.
    table
        The table of ``benchmarks.statistics_data`` that it is done on.
    seconds
        CPU seconds at most.
    megabytes
        Peak memory at most, None where none is demanded.
    in_r
        Published CPU seconds of R, None where it has no such function or none that could.
    """

    work: str
    title: str
    table: str
    seconds: float
    megabytes: float | None = None
    in_r: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """CPU and wall seconds of the best repetition, and peak memory over all of them."""

    cpu: float
    wall: float
    megabytes: float

    def meets(self, demand: Demand) -> bool:
        return self.cpu <= demand.seconds and self.megabytes <= (demand.megabytes or float("inf"))


DEMANDS = (
    Demand("polychoric_of_a_form", "polychoric, 135 items x 4000", "form.csv", 0.4, in_r=137),
    Demand("polychoric_parallel_analysis", "polychoric parallel analysis, bfi, 100 draws", "bfi.csv", 2.5, in_r=430),
    Demand("bootstrap_of_loadings", "bootstrap of loadings, bfi, 1000 draws", "bfi.csv", 2.5, in_r=38),
    Demand("components_of_a_study", "variance components, 9,600 rows", "gstudy.csv", 0.02, in_r=4.4),
    Demand("components_of_millions", "variance, 10^7 rows of Parquet, from the shell", "millions.parquet", 6, 600),
    Demand("covariances_of_millions", "covariance matrices by level of the same", "millions.parquet", 6, 1200),
    Demand("whole_analysis", "analyze mfq_base, 500 draws, from the shell", "mfq.csv.gz", 30),
)


def python(module: str, *arguments: str) -> str:
    """Run a module of the benchmarks with one BLAS thread; return what it printed.

    Raises
    ------
    RuntimeError
        It ended with an error.
    """
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    return _printed(command)


def _printed(command: list[str]) -> str:
    done = subprocess.run(command, env=os.environ | _ONE_THREAD, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def in_r(folder: Path) -> dict[str, float]:
    """CPU seconds of R by name of the work, on this machine; empty where it or a package is not installed."""
    if not shutil.which("Rscript"):
        return {}
    try:
        lines = _printed(["Rscript", str(_IN_R), str(folder)]).splitlines()
    except RuntimeError as error:
        print(f"R left out: {error}")
        return {}
    print(f"measured here: {lines[0]}")
    return {name: float(seconds) for name, seconds in (line.split() for line in lines[1:])}


def line(demand: Demand, measured: Measured, *, generated: bool, here: float | None) -> str:
    """One row of the table."""
    memory = f"{measured.megabytes:,.0f}" + (f" of {demand.megabytes:,.0f}" if demand.megabytes else "")
    cells = f"{demand.title:<47}{measured.cpu:>8.3f}{demand.seconds:>7g}{measured.wall:>8.2f}{memory:>14}"
    for seconds in (demand.in_r, here):
        cells += f"{seconds:>9,.1f}{seconds / measured.cpu:>8,.0f} x" if seconds else f"{'-':>9}{'':>10}"
    return cells + ("  met" if measured.meets(demand) else "  NOT met") + "  (generated table)" * generated


def main() -> int:
    """Print one line per piece of work, met or not; 1 if one is not met."""
    chosen = [demand for demand in DEMANDS if demand.work in sys.argv[1:] or len(sys.argv) == 1]
    started, met = time.perf_counter(), 0
    print(f"published: {PUBLISHED}")
    with tempfile.TemporaryDirectory(prefix="persona-big5-statistics-") as name:
        folder = Path(name)
        generated = json.loads(python("statistics_data", name))
        seconds_here = in_r(folder) if len(sys.argv) == 1 else {}
        print(f"{'':<47}{'CPU s':>8}{'limit':>7}{'wall s':>8}{'MB':>14}{'R, publ.':>9}{'':>10}{'R, here':>9}{'':>10}")
        for demand in chosen:
            try:
                measured = Measured(**json.loads(python("statistics_work", demand.work, name)))
            except RuntimeError as error:
                print(f"{demand.title:<47}NOT met: {error}", flush=True)
                continue
            met += measured.meets(demand)
            here = seconds_here.get(demand.work)
            print(line(demand, measured, generated=generated[demand.table], here=here), flush=True)
    print(f"{met} of {len(chosen)} met; {time.perf_counter() - started:.0f} s")
    return 0 if met == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
