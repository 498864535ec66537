"""``factorability``, ``retention`` and ``factors``, at every level and at ``respondent`` without response style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from persona_big5.analysis.document import NOT_ASKED_FOR, Missing, factorability_entry, factors_entry
from persona_big5.analysis.levels import LEVELS
from persona_big5.analysis.missing import or_missing
from persona_big5.analysis.retention import retention_entry
from persona_big5.analysis.structure import WITHOUT_STYLE, item_eigenvalues
from persona_big5.factors.schmid_leiman import schmid_leiman

if TYPE_CHECKING:
    from collections.abc import Mapping

    from persona_big5.analysis.halves import PersonaHalves
    from persona_big5.analysis.levels import LevelEstimator
    from persona_big5.analysis.structure import Structure
    from persona_big5.factors.extraction import FactorSolution
    from persona_big5.variance.groups import FloatArray

STYLE_LEFT_IN = Missing("halves are compared with style left in")


def dimension_entries(
    structures: Mapping[str, Structure | str],
    halves: PersonaHalves,
    loading_ci: Mapping[str, dict[str, Any] | Missing],
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
) -> dict[str, dict[str, Any]]:
    """Write the three parts, each by level.

    Parameters
    ----------
    structures, halves
        What was found at each level, and in halves of the personas.
    loading_ci
        Intervals of the loadings, by level.
    estimator, matrices
        Item covariance by level: of a level with too few units its eigenvalues are shown with the reason.
    """
    entries: dict[str, dict[str, Any]] = {"factorability": {}, "retention": {}, "factors": {}}
    for level in (*LEVELS, WITHOUT_STYLE):
        structure = structures.get(level, NOT_ASKED_FOR)
        if isinstance(structure, str):
            missing = Missing(structure)
            entries["factorability"][level] = entries["factors"][level] = missing
            entries["retention"][level] = missing
            if level in matrices and structure != NOT_ASKED_FOR:
                eigenvalues = item_eigenvalues(estimator.answers.items, matrices[level])
                entries["retention"][level] = retention_entry(
                    missing, eigenvalues, missing, estimator.n_units(level), "items"
                )
            continue
        variables = structure.variables
        solution = Missing(structure.reasons["solution"]) if structure.solution is None else structure.solution
        dropped = [f"{name}: {reason}" for name, reason in variables.dropped]
        entries["factorability"][level] = factorability_entry(structure.factorability, variables.names)
        entries["retention"][level] = retention_entry(
            structure.retention,
            structure.parallel.eigenvalues,
            _halves(halves, level),
            structure.n_units,
            variables.unit,
        )
        entries["factors"][level] = {
            **factors_entry(solution, structure.n_factors, variables.keyed, "pearson", dropped),
            "loading_ci": solution if isinstance(solution, Missing) else loading_ci[level],
            "schmid_leiman": schmid_leiman_entry(solution),
        }
    return entries


def schmid_leiman_entry(solution: FactorSolution | Missing) -> dict[str, Any] | Missing:
    """``schmid_leiman`` of one entry of ``factors``: the general factor above a solution's correlated ones.

    Returns
    -------
    entry
        ``general {item: loading}``, its share of the common variance ``general_share``, and ``heywood``, the numbers of
        factors that are nothing but the general one. Missing where there is no solution of at least three correlated
        factors.
    """
    found = solution if isinstance(solution, Missing) else or_missing(schmid_leiman, solution)
    if isinstance(found, Missing):
        return found
    if not found.converged:
        return Missing("the correlations of the factors could not be factored")
    general = dict(zip(found.items, found.general.tolist(), strict=True))
    return {"general": general, "general_share": found.general_share, "heywood": list(found.heywood)}


def _halves(halves: PersonaHalves, level: str) -> dict[int, float] | Missing:
    if level in halves.n_factors:
        return halves.n_factors[level]
    return Missing(halves.reasons[level]) if level in halves.reasons else STYLE_LEFT_IN
