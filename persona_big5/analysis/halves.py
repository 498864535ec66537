"""Random halves of the personas: how often each number of factors is found, and whether the same factors come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.levels import CORRECTED, LEVELS, LevelEstimator
from persona_big5.analysis.null import null_world
from persona_big5.analysis.structure import descending_eigenvalues
from persona_big5.factors.bootstrap import aligned_loadings
from persona_big5.factors.congruence import paired_phi
from persona_big5.factors.parallel import leading_above, permuted_null
from persona_big5.factors.retention import shares_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.structure import Structure
    from persona_big5.factors.extraction import FactorSolution
    from persona_big5.variance.groups import FloatArray

HALVES = 100
FEWEST_LEVELS = 8
HALVED = ("persona", "llm")
"""What is halved: personas, or llms where there are too few personas."""
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
    facet
        What was halved: ``persona``, or ``llm`` where there are too few personas.
    """

    n_factors: dict[str, dict[int, float]]
    congruence: dict[str, float] | None
    reasons: dict[str, str]
    facet: str = "persona"


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
    """Split the personas (too few: the llms) at random a hundred times and analyse both halves as the whole.

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
    counted = {facet: answers.count([facet]) for facet in HALVED}
    facet = next((facet for facet, n in counted.items() if n >= FEWEST_LEVELS), None)
    if facet is None:
        reason = f"{counted['persona']} personas leave no halves to compare; at least {FEWEST_LEVELS} are needed"
        return PersonaHalves({}, None, dict.fromkeys(found, reason))
    code = answers.code(facet)
    random = np.random.default_rng(seed)
    in_first = [np.isin(code, random.permutation(np.unique(code))[: counted[facet] // 2]) for _ in range(HALVES)]
    thresholds = _thresholds(answers.where(in_first[0]), estimator, matrices, found, draws, random, progress)
    corrected = found.get("respondent")
    k = 0 if corrected is None else corrected.n_factors
    counts: dict[str, list[int]] = {level: [] for level in thresholds}
    compared: dict[str, list[list[FloatArray]]] = {level: [] for level in COMPARED}
    for number, rows in enumerate(in_first, start=1):
        progress(f"random halves of the {facet}s: {number} of {HALVES}")
        first, second = (_covariances(answers.where(part), found) for part in (rows, ~rows))
        for level, threshold in thresholds.items():
            if level in first:
                eigenvalues = descending_eigenvalues(found[level].variables.correlations(first[level]))
                counts[level].append(leading_above(eigenvalues, threshold))
        if corrected is not None and k > 0 and set(COMPARED) <= set(first) & set(second):
            for level in COMPARED:
                compared[level].append([corrected.variables.correlations(half[level]) for half in (first, second)])
    enough = {level: listed for level, listed in counts.items() if len(listed) >= HALVES // 2}
    return PersonaHalves(
        {level: shares_of(listed) for level, listed in enough.items()},
        None if corrected is None or corrected.solution is None else _congruence(compared, corrected.solution),
        {level: "halves cannot tell this level apart" for level in found if level not in enough},
        facet,
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
    progress("worlds without factors of the size of a half")
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


def _congruence(compared: Mapping[str, list[list[FloatArray]]], solution: FactorSolution) -> dict[str, float] | None:
    """Mean congruence of the factors of two halves by level, each half factored and rotated like the solution.

    Pairs with fewer factors in a half are left out at all levels; None where hardly any is left.
    """
    phi = {}
    for level, pairs in compared.items():
        if not pairs:
            return None
        loadings = aligned_loadings(np.array(pairs).reshape(-1, *solution.loadings.shape[:1] * 2), solution)
        first, second = loadings.reshape(len(pairs), 2, *solution.loadings.shape).swapaxes(0, 1)
        phi[level] = np.abs(paired_phi(first, second)).mean(axis=-1)
    known = np.isfinite(list(phi.values())).all(axis=0)
    if known.sum() < HALVES // 2:
        return None
    return {level: float(values[known].mean()) for level, values in phi.items()}
