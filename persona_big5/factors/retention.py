"""How many factors: the vote of five methods, and how often halves of the rows agree with the whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from persona_big5.errors import NotEstimableError
from persona_big5.factors.average_partial import VelicerMap, velicer_map
from persona_big5.factors.comparison_data import ComparisonData, comparison_data
from persona_big5.factors.correlation import pearson
from persona_big5.factors.hull import Hull, hull
from persona_big5.factors.kaiser import EmpiricalKaiser, empirical_kaiser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from persona_big5.factors.parallel import ParallelAnalysis

Method = TypeVar("Method")

NOT_A_SAMPLE = "not a sample covariance"
NO_SCORES = "needs the scores themselves, rows independent of each other"
N_HALVES = 100
METHODS = ("parallel_analysis", "map", "ekc", "hull", "comparison_data")


@dataclass(frozen=True, slots=True)
class Retention:
    """How many factors by each method; a method that cannot say is None, with its reason in `reasons`.

    Attributes
    ----------
    parallel_analysis, map, ekc, hull, comparison_data
        Each method's result, with its `n_factors`.
    reasons
        By the names of the methods above.
    """

    parallel_analysis: ParallelAnalysis
    map: VelicerMap | None
    ekc: EmpiricalKaiser | None
    hull: Hull | None
    comparison_data: ComparisonData | None
    reasons: Mapping[str, str]

    @property
    def votes(self) -> dict[str, int | None]:
        """Number of factors by method."""
        methods = (self.parallel_analysis, self.map, self.ekc, self.hull, self.comparison_data)
        counts = [None if method is None else method.n_factors for method in methods]
        return dict(zip(METHODS, counts, strict=True))

    def __str__(self) -> str:
        return ", ".join(f"{name} {'-' if votes is None else votes}" for name, votes in self.votes.items())


def retention(
    R: NDArray[np.float64],
    parallel: ParallelAnalysis,
    *,
    n_observations: int | None = None,
    scores: NDArray[np.float64] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Retention:
    """Ask every method for its number of factors.

    Parameters
    ----------
    R
        Correlation matrix (p, p), never a smoothed one.
    parallel
        Parallel analysis of `R` against the null that its design calls for.
    n_observations
        Respondents behind `R` where it is a sample correlation matrix; None where it is an estimate of another kind,
        for which the empirical Kaiser criterion, Hull and comparison data are not defined.
    scores
        The (n, p) scores behind `R`, NaN missing, for comparison data; None where rows are not independent.
    seed, progress
        See `comparison_data`.

    Notes
    -----
    Comparison data carry the distributions of the items with them and are always compared by Pearson correlations,
    whatever correlations `R` is of.
    """
    reasons: dict[str, str] = {}
    kaiser = elbow = compared = None
    average = _unless_refused("map", lambda: velicer_map(R), reasons)
    if n_observations is None:
        reasons |= dict.fromkeys(("ekc", "hull", "comparison_data"), NOT_A_SAMPLE)
    else:
        kaiser = _unless_refused("ekc", lambda: empirical_kaiser(R, n_observations), reasons)
        elbow = _unless_refused("hull", lambda: hull(R, parallel.n_factors), reasons)
        if scores is None:
            reasons["comparison_data"] = NO_SCORES
        else:
            compared = _unless_refused(
                "comparison_data", lambda: comparison_data(scores, seed=seed, progress=progress), reasons
            )
    return Retention(parallel, average, kaiser, elbow, compared, reasons)


def _unless_refused(name: str, method: Callable[[], Method], reasons: dict[str, str]) -> Method | None:
    """Return what a method finds; None where it refuses the data, and note why."""
    try:
        return method()
    except NotEstimableError as error:
        reasons[name] = str(error)
        return None


def halves_of(scores: NDArray[np.float64], n_halves: int = N_HALVES, seed: int = 0) -> list[NDArray[np.int64]]:
    """Draw random halves of the rows, without replacement, in each of which every item varies.

    Parameters
    ----------
    scores
        Shape (n, p), rows independent of each other; NaN is a missing answer.
    n_halves, seed
        How many halves, and the seed they derive from.

    Returns
    -------
    Positions of n // 2 rows each.

    Raises
    ------
    NotEstimableError
        When half of the rows are no more than the items, or an item is constant in more than every second half.
    """
    n, p = scores.shape
    if n // 2 <= p:
        raise NotEstimableError(f"half of {n} rows are too few for {p} items")
    rng = np.random.default_rng(seed)
    halves: list[NDArray[np.int64]] = []
    for _ in range(2 * n_halves):
        rows = rng.permutation(n)[: n // 2]
        if not len(pearson(scores[rows]).undefined):
            halves.append(rows)
            if len(halves) == n_halves:
                return halves
    raise NotEstimableError(f"an item is constant in more than every second random half of {n} rows")


def shares_of(counts: Iterable[int]) -> dict[int, float]:
    """Share of each number of factors among those found, by ascending number.

    >>> shares_of([5, 4, 5, 5])
    {4: 0.25, 5: 0.75}
    """
    found = Counter(counts)
    total = found.total()
    return {k: found[k] / total for k in sorted(found)}
