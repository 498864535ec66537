"""Which matrix to trust: means or corrected, by how much run noise there is and by what replicates over personas.

The pooled matrix is never recommended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.halves import HALVES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from persona_big5.analysis.halves import PersonaHalves
    from persona_big5.analysis.levels import LevelEstimator
    from persona_big5.analysis.structure import Structure
    from persona_big5.variance.groups import FloatArray

MOST_RUN_NOISE = 0.10


@dataclass(frozen=True, slots=True)
class Recommendation:
    """``level`` is ``respondent``, ``means`` or None; ``reason`` says by which rule."""

    level: str | None
    reason: str


def recommend(
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
    structures: Mapping[str, Structure | str],
    halves: PersonaHalves,
) -> Recommendation:
    """Choose between the matrix of means and the one with run noise removed (``respondent``).

    The corrected matrix, where the off-diagonal of run / R exceeds 10 % of that of means (Frobenius norm); else the one
    with the higher split-half congruence over random halves of the personas, both factored with the corrected one's
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
    if halves.congruence is None:
        return Recommendation("means", f"{seen}, and no halves could be compared: means")
    means, respondent = halves.congruence["means"], halves.congruence["respondent"]
    compared = (
        f"congruence over {HALVES} random halves of the {halves.facet}s: means {means:.3f}, corrected {respondent:.3f}"
    )
    return Recommendation("respondent" if respondent > means else "means", f"{seen}; {compared}")


def _off_diagonal(matrix: FloatArray) -> float:
    return float(np.sqrt(np.nansum((matrix - np.diag(np.diag(matrix))) ** 2)))
