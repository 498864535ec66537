"""Replication: are the reported factors found again in other llms, other personas, other contexts and wordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from persona_big5.analysis.answers import CELL, RESPONDENT
from persona_big5.analysis.document import NOT_ASKED_FOR, Missing
from persona_big5.errors import NotEstimableError
from persona_big5.validity.replication import Replication, halves, replicate, replicate_left_out
from persona_big5.variance.groups import Grouping, GroupSums, cross_sums
from persona_big5.variance.resampling import resampled_covariances

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.structure import Structure, Variables
    from persona_big5.factors.extraction import FactorSolution
    from persona_big5.variance.groups import FloatArray, IntArray

SPLITS = 100
FEWEST_PERSONAS = 8
FEWEST_RESPONDENTS = 8
"""In each part."""
FEWEST_FOR_QUANTILE = 20
FAIR = 0.85
"""Congruence from which factors are called fairly similar (Lorenzo-Seva & ten Berge, 2006)."""
LEVELS = ("respondent", "means")
METHOD = (
    "minres with the reported number of factors in every part; orthogonal Procrustes to the reported factors (families "
    "left out: to the factors of the others); Tucker's phi by factor; null_phi_95 is the 95th percentile of phi when "
    "the items of one part change places among items keyed alike, turned in the same way. Halves of the personas "
    "answer through the same llms, and families are asked the same personas: only the split of both shares neither"
)
RUNS_NOTE = "runs of the same respondents: agreement here is no evidence for traits"


@dataclass(frozen=True, slots=True)
class _Reported:
    """The factors that are looked for, and what the parts are computed from."""

    answers: Answers
    cells: GroupSums
    respondents: IntArray
    level: str
    variables: Variables
    solution: FactorSolution
    seed: int

    def levels_of(self, column: str) -> IntArray:
        """Level of each respondent in a column of ``RESPONDENT``."""
        return self.respondents[:, RESPONDENT.index(column)]


def llm_families(frame: pd.DataFrame) -> dict[str, str] | str:
    """Family of each llm by the column ``family`` of a long table; why there is none, in words, where it has none.

    An llm without an entry is a family of its own.
    """
    if "family" not in frame.columns or frame["family"].isna().all():
        return "no column family: each llm counts as a family of its own"
    pairs = frame[["llm", "family"]].dropna().astype(str).drop_duplicates()
    twice = sorted(pairs.loc[pairs["llm"].duplicated(), "llm"])
    if twice:
        return f"column family differs within llm {twice[0]!r}: each llm counts as a family of its own"
    return dict(zip(pairs["llm"], pairs["family"], strict=True))


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
        ``reading`` (what may be concluded), ``method``, and the same for the level of plain ``means`` under ``means``.
        Lists have one number per factor, in the order of ``factors.<level>``; ``phi`` is the median over splits or
        families. Missing where the level has no factors.
    """
    if level not in LEVELS:
        return Missing(f"parts are compared at levels {' and '.join(LEVELS)} only, not {level}")
    cells = cross_sums(answers.scores, answers.codes, CELL)
    found = {one: structures.get(one, NOT_ASKED_FOR) for one in LEVELS}
    entry = _at_level(answers, cells, found[level], level, families, seed, progress)
    if isinstance(entry, Missing):
        return entry
    means: dict[str, Any] | Missing = Missing("means are the level reported")
    if level != "means":
        means = _at_level(answers, cells, found["means"], "means", families, seed, progress)
    return {**entry, "method": METHOD, "means": means}


def _at_level(
    answers: Answers,
    cells: GroupSums,
    structure: Structure | str,
    level: str,
    families: Mapping[str, str] | str,
    seed: int,
    progress: Callable[[str], None],
) -> dict[str, Any] | Missing:
    if isinstance(structure, str):
        return Missing(structure)
    if structure.solution is None:
        return Missing(structure.reasons["solution"])
    progress(f"replication at level {level}: {SPLITS} halves, llm families left out one by one")
    respondents = cells.grouping.coarser(RESPONDENT)[0].levels
    reported = _Reported(answers, cells, respondents, level, structure.variables, structure.solution, seed)
    family, names = _family_of_respondents(reported, families)
    by_family = _by_family(reported, family, names, families)
    llm_families, both = _llm_families(reported, family), _both(reported, family)
    one_persona = len(np.unique(reported.levels_of("persona"))) == 1
    return {
        "level": level,
        "n_factors": structure.n_factors,
        "by_llm_family": by_family,
        "split_half": {
            "personas": _personas(reported),
            "llm_families": llm_families,
            "personas_and_llm_families": both,
            "contexts": _conditions(reported, "context"),
            "wordings": _conditions(reported, "wording"),
        },
        "runs": _runs(reported),
        "reading": _reading(structure.n_factors, by_family, llm_families if one_persona else both),
    }


def _family_of_respondents(reported: _Reported, families: Mapping[str, str] | str) -> tuple[IntArray, list[str]]:
    """Code of the family of each respondent, and the families' names; an llm without one is its own."""
    known = {} if isinstance(families, str) else families
    of_llm = [known.get(llm, llm) for llm in reported.answers.levels["llm"]]
    present = reported.levels_of("llm")
    names = sorted({of_llm[llm] for llm in np.unique(present)})
    return np.array([names.index(of_llm[llm]) for llm in present], dtype=np.int64), names


def _by_family(
    reported: _Reported, family: IntArray, names: list[str], families: Mapping[str, str] | str
) -> dict[str, Any] | Missing:
    if len(names) < 2:
        return Missing(f"one llm family ({names[0]}): there is no other to compare it with")
    of_respondent = family == np.arange(len(names))[:, None]
    matrices = _correlations(reported, np.concatenate([of_respondent, ~of_respondent]))
    left_out: dict[str, Any] = {}
    found: list[Replication] = []
    for i, name in enumerate(names):
        why = _too_few(of_respondent[i : i + 1], ~of_respondent[i : i + 1])
        if why:
            left_out[name] = Missing(why)
            continue
        try:
            one = replicate_left_out(
                matrices[len(names) + i],
                matrices[i],
                reported.solution.loadings,
                groups=reported.variables.keyed,
                seed=reported.seed,
            )
        except NotEstimableError as error:
            left_out[name] = Missing(str(error))
            continue
        found.append(one)
        left_out[name] = {
            "n_respondents": int(of_respondent[i].sum()),
            "phi": one.phi[0],
            "null_phi_95": one.null_phi_95,
            "above_null": one.above_null,
        }
    source = {"families_from": families if isinstance(families, str) else "column family", "n_families": len(names)}
    if not found:
        return Missing(f"no llm family can be compared: {left_out[names[0]].reason}")
    phi, null = np.concatenate([one.phi for one in found]), np.array([one.null_phi_95 for one in found])
    return {
        **source,
        "both_sides_share": "the same personas",
        "phi": np.median(phi, axis=0),
        "phi_lowest": phi.min(axis=0),
        "null_phi_95": null.max(axis=0),
        "above_null": np.median(phi, axis=0) > null.max(axis=0),
        "left_out": left_out,
    }


def _personas(reported: _Reported) -> dict[str, Any] | Missing:
    persona, n = _coded(reported.levels_of("persona"))
    if n < FEWEST_PERSONAS:
        return Missing(f"fewer than {FEWEST_PERSONAS} personas")
    marks = halves(n, SPLITS, np.random.default_rng(reported.seed))[:, persona]
    return _split_entry(reported, marks, ~marks, "the same llms")


def _llm_families(reported: _Reported, family: IntArray) -> dict[str, Any] | Missing:
    n = int(family.max()) + 1
    if n < 2:
        return Missing("one llm family")
    marks = halves(n, SPLITS, np.random.default_rng(reported.seed))[:, family]
    return _split_entry(reported, marks, ~marks, "the same personas")


def _both(reported: _Reported, family: IntArray) -> dict[str, Any] | Missing:
    """One half of the families with one half of the personas against the other half of both."""
    persona, n_personas = _coded(reported.levels_of("persona"))
    n_families = int(family.max()) + 1
    if n_families < 2 or n_personas < FEWEST_PERSONAS:
        return Missing(f"fewer than 2 llm families or {FEWEST_PERSONAS} personas")
    random = np.random.default_rng(reported.seed)
    of_personas = halves(n_personas, SPLITS, random)
    of_families = halves(n_families, len(of_personas), random)
    of_families = of_families[np.arange(len(of_personas)) % len(of_families)]
    personas, llms = of_personas[:, persona], of_families[:, family]
    return _split_entry(reported, llms & personas, ~llms & ~personas, "neither llms nor personas")


def _reading(n_factors: int, by_family: dict[str, Any] | Missing, apart: dict[str, Any] | Missing) -> str:
    """Say how many factors come back where nothing is shared, and how many only where the personas are."""
    if isinstance(apart, Missing):
        return (
            "there are no halves that share neither llms nor personas "
            f"({apart.reason}): what comes back may be what both sides share"
        )
    back = apart["above_null"]
    alike = int((back & (apart["phi"] >= FAIR)).sum())
    found = (
        f"{int(back.sum())} of {n_factors} factors come back beyond chance where neither llms nor personas are shared, "
        f"{alike} of them with phi >= {FAIR}"
    )
    shared = 0 if isinstance(by_family, Missing) else int((by_family["above_null"] & ~back).sum())
    if not shared:
        return found
    return (
        f"{found}; {shared} more only where other llms are asked the same personas, which may be what these personas "
        "are by chance and no trait"
    )


def _coded(levels: IntArray) -> tuple[IntArray, int]:
    unique, codes = np.unique(levels, return_inverse=True)
    return codes.astype(np.int64), len(unique)


def _split_entry(
    reported: _Reported, first: NDArray[np.bool_], second: NDArray[np.bool_], shared: str
) -> dict[str, Any] | Missing:
    """Entry of splits given by the respondents on either side, each (splits, respondents)."""
    if why := _too_few(first, second):
        return Missing(why)
    matrices = _correlations(reported, np.concatenate([first, second]))
    return _compared(reported, matrices[: len(first)], matrices[len(first) :], shared)


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
        k = reported.solution.loadings.shape[1]
        return Missing(f"in {len(first) - found.n_compared} of {len(first)} splits a half has fewer than {k} factors")
    few = Missing(f"fewer than {FEWEST_FOR_QUANTILE} splits ({found.n_compared}): no 5th percentile")
    return {
        "n_splits": found.n_compared,
        "both_sides_share": shared,
        "phi": found.median,
        "phi_5": few if found.n_compared < FEWEST_FOR_QUANTILE else found.quantile(0.05),
        "null_phi_95": found.null_phi_95,
        "above_null": found.above_null,
    }


def _too_few(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> str:
    fewest = int(min(first.sum(axis=1).min(), second.sum(axis=1).min()))
    if fewest >= FEWEST_RESPONDENTS:
        return ""
    return f"fewer than {FEWEST_RESPONDENTS} respondents in a part ({fewest})"


def _correlations(reported: _Reported, parts: NDArray[np.bool_]) -> FloatArray:
    """Correlations (n_parts, p, p) in parts given by their respondents (n_parts, respondents)."""
    covariances = _covariances(reported.cells, parts, reported.level)
    return np.stack([reported.variables.correlations(covariance) for covariance in covariances])


def _covariances(cells: GroupSums, parts: NDArray[np.bool_], level: str) -> FloatArray:
    """Covariance of items in each part: a resample in which a respondent counts once or not at all."""
    respondent = cells.grouping.coarser(RESPONDENT)[1]
    levels = np.column_stack([cells.grouping.levels, respondent])
    by_respondent = GroupSums(
        Grouping((*cells.grouping.columns, "respondent"), levels), cells.n, cells.left, cells.products
    )
    counts = {"respondent": parts.astype(float)}
    return resampled_covariances(by_respondent, ["respondent"], (), counts, [level])[level]


def _conditions(reported: _Reported, column: str) -> dict[str, Any] | Missing:
    """Halves of the contexts or of the wordings, the same respondents on both sides."""
    if column not in {facet.column for facet in reported.answers.facets}:
        return Missing(f"every llm and variant was asked in one {column} only")
    codes, n = _coded(reported.cells.grouping.levels[:, CELL.index(column)])
    marks = halves(n, FEWEST_FOR_QUANTILE, np.random.default_rng(reported.seed))[:, codes]
    try:
        first, second = (
            np.stack([_matrix(reported, _only(reported.cells, rows)) for rows in side]) for side in (marks, ~marks)
        )
    except NotEstimableError as error:
        return Missing(str(error))
    return _compared(reported, first, second, "the same respondents")


def _runs(reported: _Reported) -> dict[str, Any] | Missing:
    """Odd against even runs of the same cells."""
    answers = reported.answers
    odd = answers.run % 2 == 1
    if not odd.any():
        return Missing("every cell was asked once")
    try:
        first, second = (
            _matrix(reported, cross_sums(answers.scores[rows], answers.codes[rows], CELL)) for rows in (~odd, odd)
        )
    except NotEstimableError as error:
        return Missing(str(error))
    found = _compared(reported, first[None], second[None], "everything but the runs")
    return found if isinstance(found, Missing) else {**found, "evidence": False, "note": RUNS_NOTE}


def _only(cells: GroupSums, rows: NDArray[np.bool_]) -> GroupSums:
    grouping = Grouping(cells.grouping.columns, cells.grouping.levels[rows])
    return GroupSums(grouping, cells.n[rows], cells.left[rows], cells.products[rows])


def _matrix(reported: _Reported, cells: GroupSums) -> FloatArray:
    """Correlations (p, p) in a part given by its cells."""
    n_respondents = len(cells.by(RESPONDENT).grouping)
    if n_respondents < FEWEST_RESPONDENTS:
        raise NotEstimableError(f"fewer than {FEWEST_RESPONDENTS} respondents in a part ({n_respondents})")
    covariance = _covariances(cells, np.ones((1, n_respondents), dtype=bool), reported.level)[0]
    if not np.isfinite(covariance).any():
        raise NotEstimableError("no cell of a part was asked twice: run noise cannot be removed from it")
    return reported.variables.correlations(covariance)
