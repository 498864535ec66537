"""Factor analysis of any wide table, rows taken as independent: what the command ``factors`` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from persona_big5.analysis import document
from persona_big5.analysis.dimensions import schmid_leiman_entry
from persona_big5.analysis.document import Missing
from persona_big5.analysis.retention import retention_entry
from persona_big5.analysis.structure import descending_eigenvalues
from persona_big5.analysis.wide_page import wide_page
from persona_big5.analysis.wide_table import WideTable
from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.bootstrap import LoadingIntervals, bootstrap_loadings
from persona_big5.factors.correlation import pearson, spearman
from persona_big5.factors.extraction import ExtractionMethod, FactorSolution, fit_factors, most_factors
from persona_big5.factors.factorability import Factorability, factorability
from persona_big5.factors.matrices import checked_correlation
from persona_big5.factors.ordered_items import MAX_CATEGORIES
from persona_big5.factors.parallel import parallel_analysis, permuted_null
from persona_big5.factors.polychoric import polychoric, polychoric_null
from persona_big5.factors.retention import Retention, halves_of, retention, shares_of
from persona_big5.factors.smoothing import SMALLEST_EIGENVALUE, nearest_correlation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from persona_big5.analysis.wide_table import Keys
    from persona_big5.factors.rotation import RotationMethod
    from persona_big5.variance.groups import FloatArray

CorrelationMethod = Literal["pearson", "spearman", "polychoric"]

RESAMPLES = 1000
FEWEST_PAIRS = 3
_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class WideFactors:
    """Factors of a wide table: how factorable it is, how many factors it has, and which ones.

    Attributes
    ----------
    variables
        Names of what was correlated.
    unit
        ``items``, or ``scales`` where there were too few rows for items.
    keyed
        Signs back to raw direction (p,).
    n_rows
        Rows with at least one answer.
    correlation
        ``pearson``, ``spearman`` or ``polychoric``.
    correlations, ci_low, ci_high
        Keyed, shape (p, p), with 95 % intervals; pairwise complete.
    factorability
        Whether there is anything to factor.
    retention
        How many factors by each method.
    halves
        Share of each number of factors by parallel analysis among 100 random halves of the rows.
    n_factors
        By parallel analysis unless it was given.
    given
        It was given.
    solution
        Loadings.
    intervals
        Of the loadings, from 1000 resamples of the rows.
    notes
        What was left aside or is missing.
    """

    variables: tuple[str, ...]
    unit: str
    keyed: FloatArray
    n_rows: int
    correlation: CorrelationMethod
    correlations: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    factorability: Factorability
    retention: Retention | Missing
    halves: dict[int, float] | Missing
    n_factors: int | Missing
    given: bool
    solution: FactorSolution | Missing
    intervals: LoadingIntervals | Missing
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return wide_page(self.document())

    def document(self) -> dict[str, Any]:
        """Give one entry of ``factors`` as in ``analysis.json``, and its retention, factorability and correlations."""
        number = 0 if isinstance(self.n_factors, Missing) else self.n_factors
        entry = document.factors_entry(self.solution, number, self.keyed, self.correlation, self.notes)
        return document.write_out(
            {
                **entry,
                "correlation": self.correlation,
                "loading_ci": self._loading_ci(),
                "schmid_leiman": schmid_leiman_entry(self.solution),
                "n_factors": self.n_factors,
                "n_factors_by": "given" if self.given else "parallel_analysis",
                "retention": retention_entry(
                    self.retention, descending_eigenvalues(self.correlations), self.halves, self.n_rows, self.unit
                ),
                "factorability": document.factorability_entry(self.factorability, self.variables),
                "correlations": {
                    "variables": list(self.variables),
                    "matrix": self.correlations,
                    "ci_low": self.ci_low,
                    "ci_high": self.ci_high,
                    "n": self.n_rows,
                    "corrected": False,
                },
            }
        )

    def _loading_ci(self) -> dict[str, Any] | Missing:
        found = self.intervals
        if isinstance(found, Missing):
            return found
        return {
            "low": dict(zip(self.variables, found.low.tolist(), strict=True)),
            "high": dict(zip(self.variables, found.high.tolist(), strict=True)),
            "method": f"95 % percentiles of {found.draws} resamples of the rows, each turned to the solution",
        }


def factor_wide(
    frame: pd.DataFrame,
    keys: Keys | None = None,
    *,
    n_factors: int | None = None,
    method: ExtractionMethod = "minres",
    rotation: RotationMethod = "oblimin",
    correlation: CorrelationMethod = "pearson",
    draws: int = 100,
    seed: int = 0,
    left_aside: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> WideFactors:
    """Factor a table of rows x items.

    Parameters
    ----------
    frame
        Items in columns, numbers, NaN missing; correlations use the rows where both items are there. Items always
        answered alike, and items that repeat another, are dropped and named; missing answers are counted by item.
    keys
        By scale its items with +1 or -1; reversed items are turned, items in no scale left out. With no more rows than
        items, means of the answered items of each scale take the place of items if there are 3 rows for each of them.
    n_factors
        None: by parallel analysis against permutations within item (of the same kind of correlation), unless there are
        no more rows than variables: then no factors are counted or extracted, and the reason is given.
    method, rotation
        See ``fit_factors``.
    correlation
        Which correlations are factored. Fit other than SRMR, and Bartlett's test, are given for Pearson's alone.
    draws
        Null draws of parallel analysis.
    seed
        Everything random derives from it.
    left_aside
        Other columns the rows have, for the notes.
    progress
        Called with a short sentence when a step begins.

    Raises
    ------
    DataError
        For text or infinite numbers in a column, keys of absent items, fewer than 3 items that vary, items never
        answered together.
    NotEstimableError
        For more factors than the items can identify, or ``ml`` of a singular matrix.
    """
    table = WideTable.of(frame, keys)
    if correlation == "polychoric" and (continuous := table.with_more_values_than(MAX_CATEGORIES)):
        raise DataError(
            f"columns {', '.join(map(repr, continuous))} have more than {MAX_CATEGORIES} different values; polychoric "
            "correlations are of answers in ordered categories: use --correlation pearson or spearman"
        )
    with threadpool_limits(1):
        found = _correlations(table.scores, correlation)
        R = checked_correlation(found.matrix, table.names)
        votes = table.too_few_rows or _vote(table.scores, R, correlation, draws, seed, progress)
        halves = table.too_few_rows or _halves(table.scores, correlation, draws, seed, progress)
        counted = votes if isinstance(votes, Missing) else votes.parallel_analysis.n_factors
        k = counted if n_factors is None else n_factors
        is_sample = correlation == "pearson" and not table.too_few_rows
        progress("extracting factors")
        if n_factors is None and isinstance(k, int) and k > most_factors(len(R)):
            solution: FactorSolution | Missing = Missing(f"{k} factors of {len(R)} {table.unit} are not identified")
        else:
            solution = _extract(R, k, table, method, rotation, is_sample=is_sample, seed=seed)
        intervals = table.too_few_rows or _intervals(table.scores, solution, correlation, seed, progress)
        factorable = factorability(R, table.n_rows if is_sample else None)
    if table.too_few_rows:
        factorable = replace(factorable, reasons={**factorable.reasons, "bartlett": table.too_few_rows.reason})
    notes = [f"columns taken as no items: {', '.join(left_aside)}"] if left_aside else []
    notes += [*table.notes, *(f"{note} (numbers: places among the {table.unit} correlated)" for note in found.notes)]
    if isinstance(solution, FactorSolution) and _singular(R):
        notes.append("the correlation matrix is not positive definite: the nearest that is was factored")
    return WideFactors(
        variables=table.names,
        unit=table.unit,
        keyed=table.keyed,
        n_rows=table.n_rows,
        correlation=correlation,
        correlations=R,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        factorability=factorable,
        retention=votes,
        halves=halves,
        n_factors=k,
        given=n_factors is not None,
        solution=solution,
        intervals=intervals,
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class _Correlations:
    """Correlations (p, p) with the ends of their 95 % intervals, and what must be said of them."""

    matrix: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    notes: tuple[str, ...]


def _correlations(scores: FloatArray, correlation: CorrelationMethod) -> _Correlations:
    """Pairwise complete correlations of the kind asked for.

    Intervals on Fisher's scale, with standard error 1/sqrt(n - 3) for Pearson, sqrt((1 + r^2/2)/(n - 3)) for Spearman
    (Bonett & Wright, 2000), and the two-step asymptotic one for polychoric correlations.
    """
    notes: tuple[str, ...] = ()
    if correlation == "polychoric":
        ordered = polychoric(scores, standard_errors=True)
        R, notes = ordered.matrix, ordered.notes
        errors = ordered.standard_errors / np.maximum(1 - R**2, np.finfo(float).tiny)
    else:
        found = (pearson if correlation == "pearson" else spearman)(scores)
        R = found.matrix
        widening = 1 + R**2 / 2 if correlation == "spearman" else np.ones_like(R)
        errors = np.sqrt(widening / np.where(found.n_pairs > FEWEST_PAIRS, found.n_pairs - FEWEST_PAIRS, np.nan))
    perfect = np.abs(R) >= 1
    z = np.arctanh(np.where(perfect, 0.0, R))
    ends = (np.tanh(z + side * _NORMAL_95 * errors) for side in (-1, 1))
    low, high = (np.where(perfect & np.isfinite(errors), R, end) for end in ends)
    return _Correlations(R, low, high, notes)


def _null(scores: FloatArray, correlation: CorrelationMethod, draws: int, seed: int) -> FloatArray:
    """Eigenvalues of the same kind of correlations of shuffled answers (draws, p)."""
    if correlation == "polychoric":
        return polychoric_null(scores, draws, seed)
    return permuted_null(_ranks(scores) if correlation == "spearman" else scores, draws, seed)


def _ranks(scores: FloatArray) -> FloatArray:
    """Mid-ranks within item; their Pearson correlations are Spearman's, but for pairs with missing answers."""
    return pd.DataFrame(scores).rank().to_numpy(dtype=np.float64)


def _vote(
    scores: FloatArray,
    R: FloatArray,
    correlation: CorrelationMethod,
    draws: int,
    seed: int,
    progress: Callable[[str], None],
) -> Retention:
    progress(f"parallel analysis: {draws} permutations")
    parallel = parallel_analysis(descending_eigenvalues(R), _null(scores, correlation, draws, seed))
    return retention(R, parallel, n_observations=len(scores), scores=scores, seed=seed, progress=progress)


def _halves(
    scores: FloatArray, correlation: CorrelationMethod, draws: int, seed: int, progress: Callable[[str], None]
) -> dict[int, float] | Missing:
    """Count factors in random halves of the rows, each against a null of half the rows (that of the first)."""
    try:
        halves = halves_of(scores, seed=seed)
    except NotEstimableError as error:
        return Missing(str(error))
    progress(f"parallel analysis of {len(halves)} random halves of the rows")
    null = _null(scores[halves[0]], correlation, draws, seed)
    counts = []
    for rows in halves:
        half = scores[rows]
        if correlation == "polychoric":
            R = polychoric(half).matrix
        else:
            R = pearson(_ranks(half) if correlation == "spearman" else half).matrix
        counts.append(parallel_analysis(np.linalg.eigvalsh(np.nan_to_num(R)), null).n_factors)
    return shares_of(counts)


def _extract(
    R: FloatArray,
    n_factors: int | Missing,
    table: WideTable,
    method: ExtractionMethod,
    rotation: RotationMethod,
    *,
    is_sample: bool,
    seed: int,
) -> FactorSolution | Missing:
    """Extract from the matrix itself by ML, which refuses what is not positive definite, else from the nearest."""
    if isinstance(n_factors, Missing):
        return n_factors
    if n_factors == 0:
        return Missing("no factor exceeds chance")
    return fit_factors(
        R if method == "ml" else nearest_correlation(R),
        n_factors,
        method=method,
        rotation=rotation,
        n_observations=table.n_rows if is_sample and not _singular(R) else None,
        items=table.names,
        seed=seed,
    )


def _singular(R: FloatArray) -> bool:
    return bool(np.linalg.eigvalsh(R)[0] < SMALLEST_EIGENVALUE)


def _intervals(
    scores: FloatArray,
    solution: FactorSolution | Missing,
    correlation: CorrelationMethod,
    seed: int,
    progress: Callable[[str], None],
) -> LoadingIntervals | Missing:
    """Resample the rows, if there are loadings and they are of Pearson correlations."""
    if isinstance(solution, Missing):
        return solution
    if correlation != "pearson":
        return Missing("built for Pearson correlations only")
    progress(f"intervals of loadings: {RESAMPLES} resamples of the rows")
    try:
        return bootstrap_loadings(scores, solution, draws=RESAMPLES, seed=seed)
    except NotEstimableError as error:
        return Missing(str(error))
