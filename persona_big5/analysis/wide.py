"""Factor analysis of any wide table, rows taken as independent: what the command ``factors`` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from persona_big5.analysis import document
from persona_big5.analysis.document import Missing
from persona_big5.analysis.structure import descending_eigenvalues
from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.average_partial import velicer_map
from persona_big5.factors.correlation import pearson, spearman
from persona_big5.factors.extraction import ExtractionMethod, FactorSolution, fit_factors
from persona_big5.factors.factorability import Factorability, factorability
from persona_big5.factors.parallel import ParallelAnalysis, parallel_analysis, permuted_null
from persona_big5.factors.smoothing import nearest_correlation

if TYPE_CHECKING:
    from persona_big5.factors.rotation import RotationMethod
    from persona_big5.variance.groups import FloatArray

FEWEST_ITEMS = 3


@dataclass(frozen=True, slots=True)
class WideFactors:
    """Factors of a wide table: how factorable it is, how many factors it has, and which ones.

    Attributes
    ----------
    items
        Items that vary.
    factorability
        Whether there is anything to factor.
    parallel
        Eigenvalues against permutations.
    map_factors, map_reason
        Number of factors by Velicer's minimum average partial, or why there is none.
    n_factors
        By parallel analysis unless it was given.
    solution
        Loadings; None without a factor.
    keyed
        Signs back to raw direction.
    n_rows
        Rows with at least one answer.
    correlation
        ``pearson`` or ``spearman``.
    notes
        What was left aside.
    """

    items: tuple[str, ...]
    factorability: Factorability
    parallel: ParallelAnalysis
    map_factors: int | None
    map_reason: str
    n_factors: int
    solution: FactorSolution | None
    keyed: FloatArray
    n_rows: int
    correlation: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        found = "no factor exceeds chance" if self.solution is None else str(self.solution)
        number = self.map_reason if self.map_factors is None else f"minimum average partial: {self.map_factors} factors"
        return "\n".join([*self.notes, str(self.factorability), str(self.parallel), number, found])

    def document(self) -> dict[str, Any]:
        """Give one entry of ``factors`` as in ``analysis.json``, with its ``retention`` and ``factorability``."""
        solution = Missing("no factor exceeds chance") if self.solution is None else self.solution
        map_factors = Missing(self.map_reason) if self.map_factors is None else self.map_factors
        return document.write_out(
            {
                **document.factors_entry(solution, self.n_factors, self.keyed, self.correlation, self.notes),
                "retention": document.retention_entry(self.parallel, map_factors, self.n_rows, "items"),
                "factorability": document.factorability_entry(self.factorability, self.items),
            }
        )


def factor_wide(
    frame: pd.DataFrame,
    keys: dict[str, list[tuple[str, int]]] | None = None,
    *,
    n_factors: int | None = None,
    method: ExtractionMethod = "minres",
    rotation: RotationMethod = "oblimin",
    correlation: Literal["pearson", "spearman"] = "pearson",
    draws: int = 100,
    seed: int = 0,
) -> WideFactors:
    """Factor a table of rows x items.

    Parameters
    ----------
    frame
        Items in columns, numbers, NaN missing; correlations use the rows where both items are there. Items always
        answered alike are dropped and named.
    keys
        By scale its items with +1 or -1; reversed items are turned, items in no scale left out.
    n_factors
        None: by parallel analysis (permutations within item).
    method, rotation
        See ``fit_factors``.
    correlation
        Which correlations are factored.
    draws
        Null draws of parallel analysis.
    seed
        Everything random derives from it.

    Raises
    ------
    DataError
        For text in a column, keys of absent items, or fewer than 3 items that vary.
    NotEstimableError
        For more factors than the items can identify.
    """
    signs = {item: sign for listed in (keys or {}).values() for item, sign in listed}
    if absent := [item for item in signs if item not in frame.columns]:
        raise DataError(f"the keys name items that the table does not have: {', '.join(absent)}")
    items = list(signs) or list(frame.columns)
    if text := [item for item in items if not pd.api.types.is_numeric_dtype(frame[item])]:
        raise DataError(f"columns {', '.join(map(repr, text))} hold text, not answers; name the items with --items")
    scores = frame[items].to_numpy(dtype=float)
    varying = np.array([len(np.unique(column[np.isfinite(column)])) > 1 for column in scores.T])
    notes = [f"dropped, always answered alike: {item}" for item, keep in zip(items, varying, strict=True) if not keep]
    items = [item for item, keep in zip(items, varying, strict=True) if keep]
    if len(items) < FEWEST_ITEMS:
        raise DataError(f"{len(items)} items that vary; factors need at least {FEWEST_ITEMS}")
    scores = scores[:, varying]
    scores = scores[np.isfinite(scores).any(axis=1)]
    keyed = np.array([signs.get(item, 1) for item in items], dtype=float)
    with threadpool_limits(1):
        R = {"pearson": pearson, "spearman": spearman}[correlation](scores * keyed).matrix
        parallel = parallel_analysis(descending_eigenvalues(R), permuted_null(scores, draws, seed))
        map_factors, map_reason = None, ""
        try:
            map_factors = velicer_map(R).n_factors
        except NotEstimableError as error:
            map_reason = str(error)
        k = parallel.n_factors if n_factors is None else n_factors
        solution = None
        if k > 0:
            smooth = nearest_correlation(R)
            solution = fit_factors(smooth, k, method=method, rotation=rotation, n_observations=len(scores), items=items)
    return WideFactors(
        items=tuple(items),
        factorability=factorability(R, len(scores)),
        parallel=parallel,
        map_factors=map_factors,
        map_reason=map_reason,
        n_factors=k,
        solution=solution,
        keyed=keyed,
        n_rows=len(scores),
        correlation=correlation,
        notes=tuple(notes),
    )
