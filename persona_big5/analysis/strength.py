"""How strongly each llm, persona and other level moves answers: what a world without factors must have of the data.

Where a few levels do most of what an effect does, answers have as many dimensions as there are such levels, by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.variance.design import RESIDUAL
from persona_big5.variance.groups import summing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.levels import LevelEstimator
    from persona_big5.variance.groups import FloatArray, IntArray

PERSONA_ALONE = frozenset({"persona"})
FOLLOWING = (frozenset({"llm", "persona"}), frozenset({"variant", "persona"}))
"""Effects that hold how far an llm, or a variant of the only llm, follows personas."""
FEWEST_FOLLOWERS = 3
"""Two llms have one covariance: how far each of them follows cannot be told from it."""
_ROUNDS = 100
_SETTLED = 1e-6


@dataclass(frozen=True, slots=True)
class Strength:
    """Strength of the levels of the effects.

    Attributes
    ----------
    variances
        By effect and item, not below 0, that of ``llm:persona`` without what is of how far llms follow personas.
    of_level
        By effect, SD over the items of what each of its levels does, root mean square 1 over levels.
    following
        By row, how far its llm follows what personas do to all, mean 1 over llms (N,).
    """

    variances: dict[str, FloatArray]
    of_level: dict[str, FloatArray]
    following: FloatArray


def strength(
    answers: Answers, estimator: LevelEstimator, variances: Mapping[str, FloatArray], noise: FloatArray
) -> Strength:
    """Estimate how strong each level is.

    Parameters
    ----------
    answers
        Whose levels: those of ``estimator``, or a part of them.
    estimator, variances
        Effects, and their variances by item (``LevelEstimator.variances``).
    noise
        By row, SD of its run errors relative to the average (N,).

    Notes
    -----
    A level's deviation is its mean less those of the effects within it; its mean square over items less the noise that
    means have is its squared strength, drawn towards the average until the levels differ by no more than what is left
    of their variance without that of mean squares of independent items of equally strong levels. How far llms follow is
    a single factor of their covariances over personas and items, found from the off-diagonals.
    """
    known = np.isfinite(answers.scores)
    mean = np.where(known, answers.scores, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    scores = np.where(known, answers.scores - mean, 0.0)
    held, following, spread = _following(answers, estimator, scores, known)
    variance = {name: np.nan_to_num(np.maximum(values, 0.0)) for name, values in variances.items()}
    fitted: dict[frozenset[str], FloatArray] = {}
    of_level: dict[str, FloatArray] = {}
    for effect in sorted(estimator.effects, key=lambda effect: len(effect.columns)):
        within = {columns: one for columns, one in fitted.items() if columns < effect.columns}
        if held and held <= effect.columns:
            within[PERSONA_ALONE] = within[PERSONA_ALONE] * following[:, None]
        if effect.columns == held:
            variance[effect.name] = np.maximum(variance[effect.name] - spread * variance["persona"], 0.0)
        level = answers.unit(effect.columns)
        rows = np.bincount(level)
        left = np.where(known, scores - sum(within.values(), np.zeros(1)), 0.0)
        counts = _sums(known.astype(np.float64), level, len(rows))
        deviation = _sums(left, level, len(rows)) / np.maximum(counts, 1.0)
        fitted[effect.columns] = deviation[level]
        of_runs = variance[RESIDUAL].sum() * np.bincount(level, weights=noise**2) / rows**2
        of_level[effect.name] = _relative(deviation**2, of_runs, float(variance[effect.name].sum()))
    return Strength(variance, of_level, following)


def _relative(squares: FloatArray, of_runs: FloatArray, variance: float) -> FloatArray:
    """Turn squared deviations (levels, items) into relative strengths (levels,)."""
    size = squares.sum(axis=1)
    other = max(float((size - of_runs).mean()) - variance, 0.0)
    own = size - of_runs - other
    differ = float(own.var())
    if own.mean() <= 0 or differ <= 0:
        return np.ones(len(size))
    by_chance = 2.0 * float((squares.mean(axis=0) ** 2).sum())
    drawn = own.mean() + np.sqrt(max(1.0 - by_chance / differ, 0.0)) * (own - own.mean())
    square = np.maximum(drawn, 0.0)
    return np.asarray(np.sqrt(square / square.mean()))


def _following(
    answers: Answers, estimator: LevelEstimator, scores: FloatArray, known: NDArray[np.bool_]
) -> tuple[frozenset[str], FloatArray, float]:
    """Say which effect holds how far llms follow personas (empty: not known), by row how far, and its variance."""
    alike = frozenset[str](), np.ones(len(scores)), 0.0
    columns = {effect.columns for effect in estimator.effects}
    held = next((one for one in FOLLOWING if {one, PERSONA_ALONE} <= columns), None)
    if held is None:
        return alike
    llm, persona = answers.unit(held - PERSONA_ALONE), answers.unit(PERSONA_ALONE)
    shape = (int(llm.max()) + 1, int(persona.max()) + 1)
    if shape[0] < FEWEST_FOLLOWERS:
        return alike
    cell = llm * shape[1] + persona
    asked = _sums(known.astype(np.float64), cell, shape[0] * shape[1]).reshape(*shape, -1)
    means = _sums(scores, cell, shape[0] * shape[1]).reshape(asked.shape) / np.maximum(asked, 1.0)
    both = (asked > 0).astype(np.float64)
    centre = means.sum(axis=1) / np.maximum(both.sum(axis=1), 1.0)
    means = np.where(both > 0, means - centre[:, None], 0.0).reshape(shape[0], -1)
    both = both.reshape(shape[0], -1)
    found = _one_factor(means @ means.T / np.maximum(both @ both.T, 1.0))
    return alike if found is None else (held, found[llm], float(found.var()))


def _one_factor(products: FloatArray) -> FloatArray | None:
    """Find loadings of mean 1 whose products are nearest to the off-diagonals, up to a factor; None without any."""
    products = products - np.diag(np.diag(products))
    loadings = np.ones(len(products))
    for _ in range(_ROUNDS):
        squares = loadings**2
        new = products @ loadings / np.maximum(squares.sum() - squares, _SETTLED)
        if new.mean() <= 0:
            return None
        new = (loadings + new / new.mean()) / 2  # half a step: whole ones may go back and forth
        settled = np.abs(new - loadings).max() < _SETTLED
        loadings = new
        if settled:
            return np.asarray(loadings)
    return None


def _sums(values: FloatArray, codes: IntArray, n: int) -> FloatArray:
    return summing(codes, n)(values)
