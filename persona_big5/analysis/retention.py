"""``retention``: how many factors by each method, and in random halves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from persona_big5.analysis.document import Missing
from persona_big5.factors.retention import METHODS, Retention

if TYPE_CHECKING:
    from collections.abc import Mapping

    from persona_big5.variance.groups import FloatArray


def retention_entry(
    found: Retention | Missing, eigenvalues: FloatArray, halves: Mapping[int, float] | Missing, n: int, unit: str
) -> dict[str, Any]:
    """One entry of ``retention``.

    Parameters
    ----------
    found
        What each method says, or why none is asked; eigenvalues are given either way.
    eigenvalues
        Of the unreduced correlation matrix, descending.
    halves
        Share of each number of factors among random halves of the units.
    n, unit
        Number of units, and what the variables are: ``items`` or ``scales``.
    """
    if isinstance(found, Missing):
        votes: dict[str, Any] = dict.fromkeys(METHODS, found)
        null: FloatArray | Missing = found
        at_limit: bool | Missing = found
    else:
        votes = {name: Missing(found.reasons[name]) if k is None else k for name, k in found.votes.items()}
        null = found.parallel_analysis.null_percentile
        compared = found.comparison_data
        at_limit = Missing(found.reasons["comparison_data"]) if compared is None else compared.at_limit
    return {
        **votes,
        "comparison_data_at_limit": at_limit,
        "eigenvalues": eigenvalues,
        "null_eigenvalues": null,
        "halves": halves,
        "n": n,
        "variables": unit,
    }
