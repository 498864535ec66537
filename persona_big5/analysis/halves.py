"""Random halves of the personas: how often each number of factors is found, and whether the same factors come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.levels import CORRECTED, LEVELS, LevelEstimator
from persona_big5.analysis.null import null_world
from persona_big5.analysis.structure import descending_eigenvalues
from persona_big5.errors import NotEstimableError
from persona_big5.factors.congruence import split_half_congruence
from persona_big5.factors.parallel import leading_above, permuted_null
from persona_big5.factors.retention import shares_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.structure import Structure, Variables
    from persona_big5.variance.groups import FloatArray

HALVES = 100
FEWEST_PERSONAS = 8
COMPARED = ("means", "respondent")


@dataclass(frozen=True, slots=True)
class PersonaHalves:
    """What halves of the personas say.

    Attributes
    ----------
    n_factors
        By level, shares of the halves by number of factors (parallel analysis against a null of the halves' own size).
    congruence
        Mean congruence of the factors of two halves, of means and with run noise removed, both with as many factors as
        with run noise removed; None where there is none, or hardly any pair of halves could be compared.
    reasons
        Why a level has no halves, by level.
    """

    n_factors: dict[str, dict[int, float]]
    congruence: dict[str, float] | None
    reasons: dict[str, str]


def persona_halves(
    answers: Answers,
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
    structures: Mapping[str, Structure | str],
    *,
    draws: int,
    seed: int,
    progress: Callable[[str], None] = lambda _: None,
) -> PersonaHalves:
    """Split the personas at random a hundred times, without replacement, and analyse both halves as the whole.

    Every half is analysed with the variables of the whole. Its null has the variances of the whole and the design of
    the first half drawn (halves differ in what is missing only); a bootstrap would double personas instead, and find
    factors where there are none.

    Parameters
    ----------
    answers, estimator, matrices, structures
        The answers, their item covariance by level, and what was found there.
    draws
        Null draws.
    seed
        Everything random derives from it.
    progress
        Called with a short sentence when a step begins.
    """
    found = {name: one for name, one in structures.items() if name in LEVELS and not isinstance(one, str)}
    persona = answers.code("persona")
    personas = np.unique(persona)
    if len(personas) < FEWEST_PERSONAS:
        reason = f"{len(personas)} personas leave no halves to compare; at least {FEWEST_PERSONAS} are needed"
        return PersonaHalves({}, None, dict.fromkeys(found, reason))
    random = np.random.default_rng(seed)
    in_first = [np.isin(persona, random.permutation(personas)[: len(personas) // 2]) for _ in range(HALVES)]
    thresholds = _thresholds(answers.where(in_first[0]), estimator, matrices, found, draws, random, progress)
    corrected = found.get("respondent")
    k = 0 if corrected is None else corrected.n_factors
    counts: dict[str, list[int]] = {level: [] for level in thresholds}
    congruences: list[list[float]] = []
    for number, rows in enumerate(in_first, start=1):
        progress(f"random halves of the personas: {number} of {HALVES}")
        first, second = (_covariances(answers.where(part), found) for part in (rows, ~rows))
        for level, threshold in thresholds.items():
            if level in first:
                eigenvalues = descending_eigenvalues(found[level].variables.correlations(first[level]))
                counts[level].append(leading_above(eigenvalues, threshold))
        if corrected is not None and k > 0 and set(COMPARED) <= set(first) & set(second):
            congruences.append([_congruence(first[one], second[one], corrected.variables, k) for one in COMPARED])
    enough = {level: listed for level, listed in counts.items() if len(listed) >= HALVES // 2}
    known = [pair for pair in congruences if np.isfinite(pair).all()]
    means = dict(zip(COMPARED, np.mean(known, axis=0).tolist(), strict=True)) if len(known) >= HALVES // 2 else None
    return PersonaHalves(
        {level: shares_of(listed) for level, listed in enough.items()},
        means,
        {level: "halves of the personas cannot tell this level apart" for level in found if level not in enough},
    )


def _thresholds(
    half: Answers,
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
    found: Mapping[str, Structure],
    draws: int,
    random: np.random.Generator,
    progress: Callable[[str], None],
) -> dict[str, FloatArray]:
    """95th percentile of each eigenvalue (p,) of worlds without factors of a half's size, by level."""
    progress("worlds without factors of the size of half the personas")
    own = LevelEstimator.of(half)
    nulls: dict[str, list[FloatArray]] = {level: [] for level in found if level in ("run", *CORRECTED)}
    nulls = {level: [] for level in nulls if level not in own.reasons}
    world = null_world(half, estimator, matrices)
    for one in random.spawn(draws):
        drawn = world.draw(own, [level for level in nulls if level in CORRECTED], one)
        if "run" in nulls:
            drawn["run"] = world.draw_runs(own, one)
        for level, listed in nulls.items():
            listed.append(descending_eigenvalues(found[level].variables.correlations(drawn[level])))
    if "means" in found:
        means = found["means"].variables.scores(half.respondent_means(half.scores), half.items)
        if _varies(means):
            nulls["means"] = list(permuted_null(means, draws, int(random.integers(2**31))))
    return {level: np.percentile(listed, 95, axis=0) for level, listed in nulls.items()}


def _varies(scores: FloatArray) -> bool:
    return bool((np.nanmax(scores, axis=0) > np.nanmin(scores, axis=0)).all())


def _covariances(half: Answers, found: Mapping[str, Structure]) -> dict[str, FloatArray]:
    """Item covariance of a half at the levels it can tell apart."""
    return LevelEstimator.of(half).matrices(half.scores, {*COMPARED, *found} - {"pooled"})


def _congruence(first: FloatArray, second: FloatArray, variables: Variables, n_factors: int) -> float:
    """Mean congruence of the factors of two halves; NaN where one has fewer factors than that."""
    try:
        half, other = variables.correlations(first), variables.correlations(second)
        return float(np.mean(split_half_congruence(half, other, n_factors)))
    except NotEstimableError:
        return float("nan")
