"""Factor scores of respondents: how well they are determined, how well they come back in other runs, and the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from persona_big5.analysis.answers import CELL, RESAMPLED, RESPONDENT
from persona_big5.analysis.document import Missing
from persona_big5.analysis.structure import WITHOUT_STYLE
from persona_big5.errors import NotEstimableError
from persona_big5.factors.correlation import fisher_z
from persona_big5.factors.scores import (
    ENOUGH_TO_RANK,
    LEAST_ANSWERED,
    Determinacy,
    FactorScores,
    determinacy,
    factor_scores,
    score_weights,
)
from persona_big5.factors.smoothing import positive_part
from persona_big5.variance.jackknife import FEWEST_LEVELS, Replicates, interval
from persona_big5.variance.resampling import leave_out_counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.levels import LevelEstimator
    from persona_big5.analysis.structure import Structure, Variables
    from persona_big5.factors.extraction import FactorSolution
    from persona_big5.factors.scores import ScoringMethod
    from persona_big5.variance.groups import FloatArray, IntArray

OF_RESPONDENTS = ("means", "respondent")
"""Levels whose factors are of respondents, so that a respondent's mean answers can be scored on them."""
METHODS: tuple[ScoringMethod, ...] = ("regression", "ten_berge")
NOT_OF_RESPONDENTS = "factors of this level are no traits of single respondents"
NOT_OF_ANSWERS = "agreement with everything is taken out of covariances here, not out of single answers"
NOT_RESAMPLED = f"neither llms nor personas have at least {FEWEST_LEVELS} levels to resample"
TOO_FEW_ANSWERS = "items are too seldom answered together in several runs"
METHOD = (
    "regression and ten Berge scores of respondents' mean answers, weighted by the covariance that the model implies "
    "for such means (run noise included where the level has it removed)"
)
MISSING_RULE = (
    f"regression scores rest on what a respondent answered, if that is at least {LEAST_ANSWERED:.0%} of the variables, "
    "ten Berge scores on complete respondents; nothing is imputed"
)
_SMALLEST_UNIQUENESS = 0.005


@dataclass(frozen=True, slots=True)
class LevelScores:
    """Scores at one level.

    Attributes
    ----------
    determinacy
        Of the factors by respondents' means over all their runs.
    scores
        By method, of the respondents in the order of their codes.
    reliability
        Share of the variance of regression scores that is not run noise (k,), or the reason why it is not known.
    interval
        Both ends of its 95 % interval (k,), or the reason why there is none.
    runs
        Runs of a respondent (see `LevelEstimator.runs_per_respondent`).
    unit
        ``items`` or ``scales``.
    """

    determinacy: Determinacy
    scores: dict[ScoringMethod, FactorScores]
    reliability: FloatArray | str
    interval: tuple[FloatArray, FloatArray] | str
    runs: float
    unit: str


def respondent_scores(
    answers: Answers,
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
    structures: Mapping[str, Structure | str],
) -> dict[str, LevelScores | str]:
    """Score respondents at every level of ``structures``; the reason in words where that cannot be done.

    A respondent's variables are the means of its answers, less the mean over respondents, keyed, in standard deviations
    of the level. A scale is the mean of its answered items. At level ``respondent`` the solution is of what respondents
    would answer in infinitely many runs; their means have run noise in addition, which lowers determinacy and shrinks
    the scores. Reliability is var(true) / (var(true) + var(run) / R) of the scores, by the covariance components of
    respondents and runs; its interval is a jackknife over llms and personas (Fisher's z).

    Parameters
    ----------
    answers, estimator, matrices, structures
        The answers, their item covariance by level as the estimator gives it, and what was found there.
    """
    found: dict[str, LevelScores | str] = {}
    for level, structure in structures.items():
        if isinstance(structure, str):
            found[level] = structure
        elif level == WITHOUT_STYLE:
            found[level] = NOT_OF_ANSWERS
        elif level not in OF_RESPONDENTS:
            found[level] = NOT_OF_RESPONDENTS
        elif structure.solution is None:
            found[level] = structure.reasons["solution"]
        else:
            try:
                found[level] = _at_level(level, answers, estimator, matrices, structure.variables, structure.solution)
            except NotEstimableError as error:
                found[level] = str(error)
    return found


def _at_level(
    level: str,
    answers: Answers,
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
    variables: Variables,
    solution: FactorSolution,
) -> LevelScores:
    used = np.flatnonzero(variables.weights.any(axis=0))
    weights = variables.weights[:, used]
    block = np.ix_(used, used)
    sds = np.sqrt(np.diag(weights @ matrices[level][block] @ weights.T))
    to_variables = weights / sds[:, None]
    runs = estimator.runs_per_respondent() if "run" not in estimator.reasons else 1.0
    covariance = _implied(solution)
    if level == "respondent" and "run" in matrices:
        covariance = covariance + positive_part(to_variables @ matrices["run"][block] @ to_variables.T) / runs
    z = _variables(answers, to_variables, used)
    of_items = score_weights(solution, covariance).T @ to_variables
    scores = {method: factor_scores(z, solution, covariance, method) for method in METHODS}
    reliability, ends = _reliability(answers, estimator, matrices, of_items, used, runs)
    return LevelScores(determinacy(solution, covariance), scores, reliability, ends, runs, variables.unit)


def _implied(solution: FactorSolution) -> FloatArray:
    """Covariance of the variables by the model, positive definite also in a Heywood case."""
    unique = np.maximum(solution.uniquenesses, _SMALLEST_UNIQUENESS)
    return np.asarray(solution.structure @ solution.loadings.T + np.diag(unique))


def _variables(answers: Answers, to_variables: FloatArray, used: IntArray) -> FloatArray:
    """Variables of each respondent (respondents, variables), from the items answered; NaN where none was."""
    means = answers.respondent_means(answers.scores)[:, used]
    known = np.isfinite(means)
    centred = np.where(known, means - np.nanmean(means, axis=0), 0.0)
    size = np.abs(to_variables)
    share = known @ size.T / size.sum(axis=1)
    return np.asarray(np.divide(centred @ to_variables.T, share, out=np.full(share.shape, np.nan), where=share > 0))


def _reliability(
    answers: Answers,
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
    of_items: FloatArray,
    used: IntArray,
    runs: float,
) -> tuple[FloatArray | str, tuple[FloatArray, FloatArray] | str]:
    """Reliability of scores over runs (k,) and its interval; ``of_items`` (k, items used) are their weights."""
    for level in ("respondent", "run"):
        if level not in matrices:
            return (estimator.reasons[level],) * 2

    def share(respondent: FloatArray, run: FloatArray) -> FloatArray:
        """From covariances (..., items, items) to (..., k)."""
        block = (..., used[:, None], used)
        true = np.einsum("ki,...ij,kj->...k", of_items, respondent[block], of_items)
        noise = np.einsum("ki,...ij,kj->...k", of_items, run[block], of_items) / runs
        return np.asarray(np.maximum(true, 0.0) / (np.maximum(true, 0.0) + noise))

    estimate = share(matrices["respondent"], matrices["run"])
    if not np.isfinite(estimate).all():
        return (TOO_FEW_ANSWERS,) * 2
    replicates: dict[str, FloatArray] = {}
    for column, counts in leave_out_counts(answers.codes, CELL, RESAMPLED).items():
        without = estimator.resampled({column: counts}, ("respondent", "run"))
        replicates[column] = fisher_z(share(without["respondent"], without["run"]))
    if not replicates:
        return estimate, NOT_RESAMPLED
    low, high = (np.tanh(end) for end in interval(fisher_z(estimate), Replicates(replicates)))
    return estimate, (low, high) if np.isfinite(low).all() else TOO_FEW_ANSWERS


def scores_entry(found: Mapping[str, LevelScores | str]) -> dict[str, dict[str, Any] | Missing]:
    """``scores`` of analysis.json: every level of ``found`` (see `respondent_scores`)."""
    return {level: Missing(one) if isinstance(one, str) else _entry(one) for level, one in found.items()}


def _entry(found: LevelScores) -> dict[str, Any]:
    precise = found.determinacy
    regression = found.scores["regression"]
    scored = np.asarray(np.isfinite(regression.scores).all(axis=1))
    n_variables = int(regression.n_answered.max(initial=0))
    notes = [
        f"no ranking of respondents on factor {number}: determinacy squared is {rho**2:.2f}, and below "
        f"{ENOUGH_TO_RANK:g} other scores that are as good may correlate as little as {2 * rho**2 - 1:.2f} with these"
        for number, rho in enumerate(precise.determinacy, start=1)
        if rho**2 < ENOUGH_TO_RANK
    ]
    reliability = Missing(found.reliability) if isinstance(found.reliability, str) else found.reliability
    low, high = (Missing(found.interval),) * 2 if isinstance(found.interval, str) else found.interval
    return {
        "determinacy": precise.determinacy,
        "minimum_correlation": precise.minimum_correlation,
        "standard_error": precise.standard_error,
        "may_rank": precise.may_rank,
        "reliability": reliability,
        "reliability_ci_low": low,
        "reliability_ci_high": high,
        "runs_per_respondent": found.runs,
        "n_respondents": len(scored),
        "n_scored": int(scored.sum()),
        "n_incomplete": int((regression.n_answered < n_variables).sum()),
        "variables": found.unit,
        "method": METHOD,
        "missing": MISSING_RULE,
        "notes": notes,
    }


def scores_table(answers: Answers, found: Mapping[str, LevelScores | str]) -> pd.DataFrame:
    """``factor_scores.parquet``: one row per level, method and respondent.

    Columns ``level, method, llm, variant, persona, n_answered, factor_1, ..., standard_error_1, ...``; scores are in
    standard deviations of the factors (those of ``factors.<level>``, in their order), NaN without enough answers.
    """
    who = answers.respondent_names()
    parts = []
    for level, one in found.items():
        for method, scores in {} if isinstance(one, str) else one.scores.items():
            numbers = range(scores.scores.shape[1])
            values = {f"factor_{k + 1}": scores.scores[:, k] for k in numbers}
            errors = {f"standard_error_{k + 1}": scores.standard_errors[:, k] for k in numbers}
            head = {"level": level, "method": method, **who, "n_answered": scores.n_answered}
            parts.append(pd.DataFrame({**head, **values, **errors}))
    columns = ["level", "method", *RESPONDENT, "n_answered"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
