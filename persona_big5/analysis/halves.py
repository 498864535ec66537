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
    from collections.abc import Callable, Mapping, Sequence

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.structure import Structure, Variables
    from persona_big5.variance.groups import FloatArray

HALVES = 100
FEWEST_LEVELS = 8
HALVED = ("persona", "llm")
"""What is halved: personas, or llms where there are too few personas."""
COMPARED = ("means", "respondent")
NOT_TOLD = "not compared in halves, or halves cannot tell this level apart"


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
    random = np.random.default_rng(seed)
    present = np.unique(answers.code(facet))
    first = np.zeros((HALVES, int(present[-1]) + 1))
    for half in first:
        half[random.permutation(present)[: len(present) // 2]] = 1.0
    one = answers.where(first[0][answers.code(facet)] > 0)
    thresholds = _thresholds(one, estimator, matrices, found, draws, random, progress)
    progress(f"{HALVES} random halves of the {facet}s")
    levels = {*COMPARED, *found} - {"pooled", "split_run"}
    halves = [estimator.resampled({facet: counts}, levels) for counts in (first, 1.0 - first)]
    counts = {
        level: _counts(halves[0][level], found[level].variables, threshold) for level, threshold in thresholds.items()
    }
    corrected = found.get("respondent")
    enough = {level: listed for level, listed in counts.items() if len(listed) >= HALVES // 2}
    known = corrected is not None and corrected.solution is not None and set(COMPARED) <= set(halves[0])
    return PersonaHalves(
        {level: shares_of(listed) for level, listed in enough.items()},
        _congruence(halves, corrected) if corrected is not None and known else None,
        {level: NOT_TOLD for level in found if level not in enough},
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
    nulls: dict[str, list[FloatArray]] = {
        level: [] for level in found if level in ("run", *CORRECTED) and level != "split_run"
    }
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


def _counts(covariances: FloatArray, variables: Variables, threshold: FloatArray) -> list[int]:
    """Count the factors of each half whose variables are all defined."""
    used = variables.weights.any(axis=0)
    defined = np.isfinite(covariances[:, used][:, :, used]).all(axis=(1, 2))
    matrices = [variables.correlations(covariance) for covariance in covariances[defined]]
    return [leading_above(descending_eigenvalues(R), threshold) for R in matrices]


def _congruence(halves: Sequence[Mapping[str, FloatArray]], corrected: Structure) -> dict[str, float] | None:
    """Mean congruence of the factors of two halves by level, each half factored and rotated like the solution.

    Pairs with fewer factors in a half are left out at both levels; None where hardly any is left.
    """
    assert corrected.solution is not None
    phi = {}
    for level in COMPARED:
        first, second = (
            aligned_loadings(
                np.array([corrected.variables.correlations(covariance) for covariance in half[level]]),
                corrected.solution,
            )
            for half in halves
        )
        phi[level] = np.abs(paired_phi(first, second)).mean(axis=-1)
    known = np.isfinite(list(phi.values())).all(axis=0)
    if known.sum() < HALVES // 2:
        return None
    return {level: float(values[known].mean()) for level, values in phi.items()}
