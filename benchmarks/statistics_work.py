"""One piece of statistical work, alone in its process: the best CPU seconds of three after a warm-up, and peak memory.

    python -m benchmarks.statistics_work NAME FOLDER

FOLDER holds the tables of ``benchmarks.statistics_data``. Reading them is part of the work where it starts from a file;
modules are imported before it, but for what is run as a command of the program. Prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.loopback_study import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Work = Callable[[], object]

REPEATS = 3


def polychoric_of_a_form(folder: Path) -> Work:
    from persona_big5.factors.polychoric import polychoric

    scores = _scores(folder / "form.csv")
    return lambda: polychoric(scores)


def polychoric_parallel_analysis(folder: Path) -> Work:
    import numpy as np

    from persona_big5.factors.parallel import parallel_analysis
    from persona_big5.factors.polychoric import polychoric, polychoric_null

    scores = _scores(folder / "bfi.csv")
    return lambda: parallel_analysis(
        np.linalg.eigvalsh(polychoric(scores).matrix), polychoric_null(scores, draws=100, seed=1)
    )


def bootstrap_of_loadings(folder: Path) -> Work:
    from persona_big5.factors.bootstrap import bootstrap_loadings
    from persona_big5.factors.correlation import pearson
    from persona_big5.factors.extraction import fit_factors

    scores = _scores(folder / "bfi.csv")

    def work() -> object:
        solution = fit_factors(pearson(scores).matrix, n_factors=5, rotation="oblimin")
        return bootstrap_loadings(scores, solution, draws=1000, seed=1)

    return work


def components_of_a_study(folder: Path) -> Work:
    import pandas as pd

    from persona_big5.variance import parse_facets, variance_components

    frame, facets = pd.read_csv(folder / "gstudy.csv"), parse_facets("item,run/llm:persona")
    return lambda: variance_components(frame, ["llm", "persona"], facets)


def components_of_millions(folder: Path) -> Work:
    table = str(folder / "millions.parquet")
    return _command("variance", table, "--object", "llm,persona", "--facets", "item_id,run/llm:persona")


def covariances_of_millions(folder: Path) -> Work:
    from persona_big5.store.columns import read_observations
    from persona_big5.variance.covariance import level_covariances
    from persona_big5.variance.design import Facet
    from persona_big5.variance.levels import level_effects
    from persona_big5.variance.tables import runs_by_items

    cell = ["llm", "persona"]
    effects = level_effects([Facet(column) for column in cell])

    def work() -> object:
        frame = read_observations(folder / "millions.parquet", [*cell, "run", "item_id"])
        scores, codes = runs_by_items(frame, [*cell, "run"], "item_id")
        del frame
        return level_covariances(scores, codes[:, :2], cell, cell, effects)

    return work


def whole_analysis(folder: Path) -> Work:
    return _command("analyze", str(folder / "mfq.csv.gz"), "--out", str(folder / "mfq"), "--draws", "500")


WORKS = {
    work.__name__: work
    for work in (
        polychoric_of_a_form,
        polychoric_parallel_analysis,
        bootstrap_of_loadings,
        components_of_a_study,
        components_of_millions,
        covariances_of_millions,
        whole_analysis,
    )
}


def _scores(path: Path) -> NDArray[np.float64]:
    import pandas as pd

    return pd.read_csv(path).to_numpy(float)


def _command(*arguments: str) -> Work:
    """Run the program as from a shell."""
    return lambda: subprocess.run([PROGRAM, *arguments], check=True, stdout=subprocess.DEVNULL)


def _own_peak() -> int:
    """Peak memory of this program in KiB; ``ru_maxrss`` would count that of the process it was forked from."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def _usage() -> tuple[float, float]:
    """CPU seconds, user and system, of this process and of those it waited for; the larger peak memory in MB."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    seconds = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return seconds, max(_own_peak(), children.ru_maxrss) / 1024


def timed(work: Work) -> tuple[float, float]:
    """CPU and wall seconds of doing ``work`` once."""
    cpu, wall = _usage()[0], time.perf_counter()
    work()
    return _usage()[0] - cpu, time.perf_counter() - wall


def main() -> None:
    work = WORKS[sys.argv[1]](Path(sys.argv[2]))
    work()
    cpu, wall = min(timed(work) for _ in range(REPEATS))
    print(json.dumps({"cpu": cpu, "wall": wall, "megabytes": _usage()[1]}))


if __name__ == "__main__":
    main()
