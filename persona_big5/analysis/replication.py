"""Replication: are the reported factors found again in other llms, other personas, other contexts and wordings.

What both sides of a comparison share comes back by itself. In 40 worlds without factors, where each of 16 personas has
the same private effect on single items in all of 6 llms, 91 % of the factors of llm families exceeded their null and
none where the personas differed too; with two common factors all did, in either comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from persona_big5.analysis.document import NOT_ASKED_FOR, Missing
from persona_big5.analysis.parts import LEVELS, SPLITS, Pairs, covariance_of_rows, parts_of
from persona_big5.errors import NotEstimableError
from persona_big5.validity.replication import Replication, halves, replicate, replicate_left_out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.parts import Parts
    from persona_big5.analysis.structure import Structure, Variables
    from persona_big5.factors.extraction import FactorSolution
    from persona_big5.variance.groups import FloatArray

FEWEST_FOR_QUANTILE = 20
FAIR = 0.85
"""Congruence from which factors are called fairly similar (Lorenzo-Seva & ten Berge, 2006).

They count as come back even where loadings are so even that items in any order would agree as well.
"""
METHOD = (
    "minres with the reported number of factors in every part; orthogonal Procrustes to the reported factors (families "
    "left out: to the factors of the others); Tucker's phi by factor; null_phi_95 is the 95th percentile of phi when "
    "the items of one part change places among items keyed alike, turned in the same way. Halves of the personas "
    "answer through the same llms, and families are asked the same personas: only the split of both shares neither"
)
RUNS_NOTE = "runs of the same respondents: agreement here is no evidence for traits"


@dataclass(frozen=True, slots=True)
class _Reported:
    """The factors of a level that are looked for."""

    level: str
    variables: Variables
    solution: FactorSolution
    seed: int

    def correlations(self, covariances: FloatArray) -> FloatArray:
        """Correlations (n, p, p) of the variables, from covariances of items (n, items, items)."""
        return np.stack([self.variables.correlations(covariance) for covariance in covariances])


def replication_entry(
    answers: Answers,
    structures: Mapping[str, Structure | str],
    level: str,
    families: Mapping[str, str] | str,
    *,
    seed: int,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any] | Missing:
    """``replication``.

    Parameters
    ----------
    answers
        Laid out, placebo personas left out.
    structures
        By level, as ``find_structure`` gives them.
    level
        The recommended level, ``respondent`` or ``means``; ``respondent`` where none is recommended.
    families
        ``llm_families(frame)``.
    seed
        Everything random derives from it.
    progress
        Called with a short sentence when a step begins.

    Returns
    -------
    entry
        ``level``, ``n_factors``, ``by_llm_family``, ``split_half`` (``personas``, ``llm_families``,
        ``personas_and_llm_families``, ``contexts``, ``wordings``), ``runs`` (apart: no evidence for traits),
        ``n_come_back`` (factors beyond chance, or with phi of at least .85, where neither llms nor
        personas are shared), ``reading`` (what may be
        concluded), ``method``, and the same for the level of plain ``means`` under ``means``.
        Lists have one number per factor, in the order of ``factors.<level>``; ``phi`` is the median over splits or
        families. Missing where the level has no factors.
    """
    if level not in LEVELS:
        return Missing(f"parts are compared at levels {' and '.join(LEVELS)} only, not {level}")
    reported = _reported(level, structures, seed)
    if isinstance(reported, Missing):
        return reported
    progress(f"replication: {SPLITS} halves, llm families left out one by one")
    parts = parts_of(answers, {} if isinstance(families, str) else families, seed)
    source = families if isinstance(families, str) else "column family"
    of_means = Missing("means are the level reported") if level == "means" else _reported("means", structures, seed)
    return {
        **_at_level(answers, reported, parts, source),
        "method": METHOD,
        "means": of_means if isinstance(of_means, Missing) else _at_level(answers, of_means, parts, source),
    }


def _reported(level: str, structures: Mapping[str, Structure | str], seed: int) -> _Reported | Missing:
    structure = structures.get(level, NOT_ASKED_FOR)
    if isinstance(structure, str):
        return Missing(structure)
    if structure.solution is None:
        return Missing(structure.reasons["solution"])
    return _Reported(level, structure.variables, structure.solution, seed)


def _at_level(answers: Answers, reported: _Reported, parts: Parts, source: str) -> dict[str, Any]:
    n_factors = reported.solution.loadings.shape[1]
    by_family = _by_family(reported, parts, source)
    of_respondents = {name: _halves(reported, pairs) for name, pairs in parts.halves.items()}
    apart = of_respondents["llm_families" if answers.count(["persona"]) == 1 else "personas_and_llm_families"]
    return {
        "level": reported.level,
        "n_factors": n_factors,
        "by_llm_family": by_family,
        "split_half": {
            **of_respondents,
            "contexts": _conditions(answers, reported, "context"),
            "wordings": _conditions(answers, reported, "wording"),
        },
        "runs": _runs(answers, reported),
        "n_come_back": apart if isinstance(apart, Missing) else int(_come_back(apart).sum()),
        "reading": _reading(n_factors, by_family, apart),
    }


def _by_family(reported: _Reported, parts: Parts, source: str) -> dict[str, Any] | Missing:
    """Each llm family against the factors of all others."""
    pairs = parts.left_out
    if isinstance(pairs, str):
        return Missing(pairs)
    compared = replicate_left_out(
        reported.correlations(pairs.second[reported.level]),
        reported.correlations(pairs.first[reported.level]),
        reported.solution.loadings,
        groups=reported.variables.keyed,
        seed=reported.seed,
    )
    left_out: dict[str, Any] = {}
    found: list[Replication] = []
    for i, (family, one) in enumerate(zip(parts.families, compared, strict=True)):
        reason = pairs.too_few(slice(i, i + 1)) or (one if isinstance(one, str) else "")
        if reason or isinstance(one, str) or one.n_compared == 0:
            left_out[family] = Missing(reason or "has fewer factors")
            continue
        found.append(one)
        left_out[family] = {"n_respondents": int(pairs.n_first[i]), **_phi(one)}
    if not found:
        return Missing(f"no llm family can be compared: {left_out[parts.families[0]].reason}")
    phi = np.concatenate([one.phi for one in found])
    highest = np.max([one.null_phi_95 for one in found], axis=0)
    return {
        "families_from": source,
        "n_families": len(parts.families),
        "both_sides_share": pairs.shared,
        **_phi(Replication(phi, highest)),
        "phi_lowest": phi.min(axis=0),
        "left_out": left_out,
    }


def _phi(found: Replication) -> dict[str, Any]:
    return {"phi": found.median, "null_phi_95": found.null_phi_95, "above_null": found.above_null}


def _halves(reported: _Reported, pairs: Pairs | str) -> dict[str, Any] | Missing:
    if why := pairs if isinstance(pairs, str) else pairs.too_few():
        return Missing(why)
    assert isinstance(pairs, Pairs)  # a reason in words was given back above
    return _compared(
        reported,
        reported.correlations(pairs.first[reported.level]),
        reported.correlations(pairs.second[reported.level]),
        pairs.shared,
    )


def _compared(reported: _Reported, first: FloatArray, second: FloatArray, shared: str) -> dict[str, Any] | Missing:
    solution = reported.solution
    try:
        found = replicate(
            first,
            second,
            solution.loadings,
            solution.factor_correlations,
            groups=reported.variables.keyed,
            seed=reported.seed,
        )
    except NotEstimableError as error:
        return Missing(str(error))
    if found.n_compared < len(first) / 2:
        k = solution.loadings.shape[1]
        return Missing(f"in {len(first) - found.n_compared} of {len(first)} splits a half has fewer than {k} factors")
    few = Missing(f"fewer than {FEWEST_FOR_QUANTILE} splits ({found.n_compared}): no 5th percentile")
    return {
        "n_splits": found.n_compared,
        "both_sides_share": shared,
        **_phi(found),
        "phi_5": few if found.n_compared < FEWEST_FOR_QUANTILE else found.quantile(0.05),
    }


def _conditions(answers: Answers, reported: _Reported, column: str) -> dict[str, Any] | Missing:
    """Halves of the contexts or of the wordings, the same respondents on both sides."""
    if column not in {facet.column for facet in answers.facets}:
        return Missing(f"every llm and variant was asked in one {column} only")
    levels, codes = np.unique(answers.code(column), return_inverse=True)
    first = halves(len(levels), FEWEST_FOR_QUANTILE, np.random.default_rng(reported.seed))[:, codes]
    return _of_rows(answers, reported, first, "the same respondents")


def _runs(answers: Answers, reported: _Reported) -> dict[str, Any] | Missing:
    """Odd against even runs of the same cells."""
    odd = answers.run % 2 == 1
    if not odd.any():
        return Missing("every cell was asked once")
    found = _of_rows(answers, reported, ~odd[None], "everything but the runs")
    return found if isinstance(found, Missing) else {**found, "evidence": False, "note": RUNS_NOTE}


def _of_rows(answers: Answers, reported: _Reported, first: NDArray[np.bool_], shared: str) -> dict[str, Any] | Missing:
    """Compare parts given by their rows, (n_pairs, N), with all other rows."""
    try:
        one, other = (
            reported.correlations(np.stack([covariance_of_rows(answers, rows, reported.level) for rows in side]))
            for side in (first, ~first)
        )
    except NotEstimableError as error:
        return Missing(str(error))
    return _compared(reported, one, other, shared)


def _come_back(apart: dict[str, Any]) -> NDArray[np.bool_]:
    """Mark the factors that come back where nothing is shared (k,)."""
    return np.asarray(apart["above_null"] | (apart["phi"] >= FAIR))


def _reading(n_factors: int, by_family: dict[str, Any] | Missing, apart: dict[str, Any] | Missing) -> str:
    """Say how many factors come back where nothing is shared, and how many only where the personas are."""
    if isinstance(apart, Missing):
        return (
            "there are no halves that share neither llms nor personas "
            f"({apart.reason}): what comes back may be what both sides share"
        )
    beyond, back = apart["above_null"], _come_back(apart)
    alike = int((beyond & (apart["phi"] >= FAIR)).sum())
    found = (
        f"{int(beyond.sum())} of {n_factors} factors come back beyond chance where neither llms nor personas are "
        f"shared, {alike} of them with phi >= {FAIR}"
    )
    if even := int((back & ~beyond).sum()):
        found += f"; {even} more with phi >= {FAIR}, of loadings so even that items in any order would agree as well"
    shared = 0 if isinstance(by_family, Missing) else int((by_family["above_null"] & ~back).sum())
    if not shared:
        return found
    return (
        f"{found}; {shared} more only where other llms are asked the same personas, which may be what these personas "
        "are by chance and no trait"
    )
