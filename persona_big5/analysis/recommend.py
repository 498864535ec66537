"""Which matrix to trust: means or corrected, by how much run noise there is and by what replicates over personas.

The pooled matrix is never recommended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.answers import CELL, RESPONDENT
from persona_big5.errors import NotEstimableError
from persona_big5.factors.congruence import split_half_congruence
from persona_big5.variance.covariance import pairwise_covariance, respondent_covariance
from persona_big5.variance.groups import cross_sums

if TYPE_CHECKING:
    from collections.abc import Mapping

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.levels import LevelEstimator
    from persona_big5.analysis.structure import Structure
    from persona_big5.variance.groups import FloatArray

MOST_RUN_NOISE = 0.10
HALVES = 100
FEWEST_PERSONAS = 8


@dataclass(frozen=True, slots=True)
class Recommendation:
    """``level`` is ``respondent``, ``means`` or None; ``reason`` says by which rule."""

    level: str | None
    reason: str


def recommend(
    answers: Answers,
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
    structures: Mapping[str, Structure | str],
    *,
    seed: int,
) -> Recommendation:
    """Choose between the matrix of means and the one with run noise removed (``respondent``).

    The corrected matrix, where the off-diagonal of run / R exceeds 10 % of that of means (Frobenius norm); else the one
    with the higher split-half congruence over 100 random halves of the personas, both factored with the corrected one's
    number of factors, a tie going to means. None where the corrected matrix has no factor or cannot be had.
    """
    corrected = structures["respondent"]
    if isinstance(corrected, str):
        return Recommendation(None, corrected)
    if corrected.n_factors == 0:
        return Recommendation(None, "the corrected matrix has no factor beyond chance")
    if "run" not in matrices:
        return Recommendation("means", f"there is no run noise to remove: {estimator.reasons['run']}")
    noise = _off_diagonal(matrices["run"]) / estimator.runs_per_respondent() / _off_diagonal(matrices["means"])
    seen = f"run noise makes up {noise:.0%} of the off-diagonal of the matrix of means"
    if noise > MOST_RUN_NOISE:
        return Recommendation("respondent", f"{seen} (Frobenius norm; more than 10 %): it must be removed")
    seen = f"{seen} (at most 10 %)"
    congruences = _halves(answers, corrected, seed)
    if congruences is None:
        reason = f"{seen}, and fewer than {FEWEST_PERSONAS} personas leave no halves to compare: means"
        return Recommendation("means", reason)
    means, respondent = congruences
    compared = f"congruence over {HALVES} random halves of the personas: means {means:.3f}, corrected {respondent:.3f}"
    return Recommendation("respondent" if respondent > means else "means", f"{seen}; {compared}")


def _off_diagonal(matrix: FloatArray) -> float:
    return float(np.sqrt(np.nansum((matrix - np.diag(np.diag(matrix))) ** 2)))


def _halves(answers: Answers, corrected: Structure, seed: int) -> tuple[float, float] | None:
    persona = answers.code("persona")
    personas = np.unique(persona)
    if len(personas) < FEWEST_PERSONAS:
        return None
    random = np.random.default_rng(seed)
    found: list[tuple[float, float]] = []
    for _ in range(HALVES):
        half = np.isin(persona, random.permutation(personas)[: len(personas) // 2])
        try:
            halves = [answers.where(rows) for rows in (half, ~half)]
            means = [pairwise_covariance(part.respondent_means(part.scores)) for part in halves]
            cells = [cross_sums(part.scores, part.codes, CELL) for part in halves]
            respondents = [respondent_covariance(part, RESPONDENT).respondent for part in cells]
            found.append((_congruence(means, corrected), _congruence(respondents, corrected)))
        except NotEstimableError:
            continue  # a half in which some item never varies, or with fewer factors, compares nothing
    if len(found) < HALVES // 2:
        return None
    of_means, of_respondents = np.mean(found, axis=0)
    return float(of_means), float(of_respondents)


def _congruence(covariances: list[FloatArray], corrected: Structure) -> float:
    first, second = (corrected.variables.correlations(covariance) for covariance in covariances)
    return float(np.mean(split_half_congruence(first, second, corrected.n_factors)))
