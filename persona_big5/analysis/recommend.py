"""Which matrix to trust: never the pooled one.

Means or corrected by how much run noise there is, and by what replicates over personas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.answers import CELL, RESPONDENT
from persona_big5.errors import NotEstimableError
from persona_big5.factors.congruence import split_half_congruence
from persona_big5.variance.covariance import respondent_covariance
from persona_big5.variance.groups import cross_sums

if TYPE_CHECKING:
    from collections.abc import Mapping

    from persona_big5.analysis.answers import Answers
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
    matrices: Mapping[str, FloatArray],
    structures: Mapping[str, Structure | str],
    runs_per_respondent: float,
    seed: int,
) -> Recommendation:
    """Choose the corrected matrix if the off-diagonal of run / R exceeds 10 % (Frobenius) of that of means.

    Else by split-half congruence.

    Split halves: at least 100 random halves of the personas, both matrices factored with the corrected one's number of
    factors; a tie goes to
    means. None where the corrected matrix has no factor.
    """
    corrected = structures["respondent"]
    if isinstance(corrected, str):
        return Recommendation(None, corrected)
    if corrected.n_factors == 0:
        return Recommendation(None, "the corrected matrix has no factor beyond chance")
    noise = _off_diagonal(matrices["run"]) / runs_per_respondent / _off_diagonal(matrices["means"])
    if noise > MOST_RUN_NOISE:
        return Recommendation(
            "respondent",
            f"run noise makes up {noise:.0%} of the off-diagonal of the matrix of means (Frobenius norm; more than 10 %): it must be removed",
        )
    kept = f"run noise makes up {noise:.0%} of the off-diagonal of the matrix of means (at most 10 %)"
    congruences = _halves(answers, corrected, seed)
    if congruences is None:
        return Recommendation(
            "means", f"{kept}, and fewer than {FEWEST_PERSONAS} personas leave no halves to compare: means"
        )
    means, respondent = congruences
    level = "respondent" if respondent > means else "means"
    return Recommendation(
        level,
        f"{kept}; congruence over {HALVES} random halves of the personas: means {means:.3f}, corrected {respondent:.3f}",
    )


def _off_diagonal(matrix: FloatArray) -> float:
    return float(np.linalg.norm(matrix - np.diag(np.diag(matrix))))


def _halves(answers: Answers, corrected: Structure, seed: int) -> tuple[float, float] | None:
    persona = answers.codes[:, CELL.index("persona")]
    personas = np.unique(persona)
    if len(personas) < FEWEST_PERSONAS:
        return None
    random = np.random.default_rng(seed)
    found: list[tuple[float, float]] = []
    for _ in range(HALVES):
        half = np.isin(persona, random.permutation(personas)[: len(personas) // 2])
        try:
            halves = [
                respondent_covariance(cross_sums(answers.scores[rows], answers.codes[rows], CELL), RESPONDENT)
                for rows in (half, ~half)
            ]
            found.append(
                (
                    _congruence([half.means for half in halves], corrected),
                    _congruence([half.respondent for half in halves], corrected),
                )
            )
        except NotEstimableError:
            continue  # a half in which some item never varies, or with fewer factors, compares nothing
    if len(found) < HALVES // 2:
        return None
    means, respondent = np.mean(found, axis=0)
    return float(means), float(respondent)


def _congruence(covariances: list[FloatArray], corrected: Structure) -> float:
    first, second = (corrected.variables.correlations(covariance) for covariance in covariances)
    return float(np.mean(split_half_congruence(first, second, corrected.n_factors)))
