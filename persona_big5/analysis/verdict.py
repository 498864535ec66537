"""The answer in one sentence: a code, its words, and the evidence in the order in which it was weighed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.null import planted_world
from persona_big5.analysis.structure import descending_eigenvalues
from persona_big5.factors.congruence import tucker_phi
from persona_big5.factors.retention import leading_above
from persona_big5.variance.levels import PERSONA_EFFECTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.levels import LevelEstimator
    from persona_big5.analysis.structure import Structure
    from persona_big5.variance.groups import FloatArray
    from persona_big5.variance.levels import LevelComponents

PLANTED_FACTORS, PLANTED_LOADING, PLANTED_DRAWS, NEEDED_POWER = 5, 0.7, 50, 0.8
SAME_DIRECTION = 0.85
DOMINANT = 3.0
MOOD = 1.5
"""How far the first eigenvalue of runs must exceed its null percentile to be called a mood, not a chance."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer in one sentence.

    Attributes
    ----------
    code
        One of the codes of ``analysis.json``.
    text
        The sentence.
    reasons
        The evidence, in the order in which it was weighed.
    """

    code: str
    text: str
    reasons: tuple[str, ...]


def judge(
    answers: Answers,
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
    structures: Mapping[str, Structure | str],
    components: LevelComponents | str,
    *,
    seed: int,
) -> Verdict:
    """Weigh the evidence and give the verdict of the first question that decides.

    Can runs be told from respondents? Do personas move answers? Do items move together with run noise removed, and if
    not, would it have been seen? Is the first component response style, or is it the only one?
    """
    structure = structures["respondent"]
    if isinstance(structure, str):
        return Verdict("not_decidable", f"Whether there is structure cannot be decided: {structure}.", (structure,))
    reasons = [_shares(components)]
    k = structure.n_factors
    eigenvalues = structure.parallel.eigenvalues
    reasons.append(
        f"with run noise removed, {k} of {len(eigenvalues)} eigenvalues exceed those of worlds with these variances "
        f"and no factors ({structure.n_units} respondents, {len(structure.variables.names)} {structure.variables.unit})"
    )
    reasons.extend(_naive(structures))
    if _persona_variance_may_be_zero(components):
        text = "Answers differ between llms, but personas do not move them beyond run noise."
        return Verdict("llm_identity", text, tuple(reasons))
    if k == 0:
        return _without_factors(answers, estimator, matrices, structures, structure, reasons, seed)
    style, content = _first_component(structure)
    if structure.variables.unit == "items" and (structure.variables.keyed > 0).all():
        reasons.append(
            "no item is reversed (or keys are unknown): agreement with everything cannot be told from content"
        )
    reasons.append(
        f"first component against agreement with everything: phi {style:.2f}; against the keys: phi {content:.2f}"
    )
    if style >= SAME_DIRECTION and style > content:
        text = "The largest thing that respondents differ in is response style: agreeing whatever the item says."
        return Verdict("response_style", text, tuple(reasons))
    if k == 1 or (content >= SAME_DIRECTION and eigenvalues[0] > DOMINANT * eigenvalues[1]):
        share = eigenvalues[0] / len(eigenvalues)
        text = f"One general factor dominates what respondents differ in ({share:.0%} of the variance)."
        return Verdict("general_factor", text, tuple(reasons))
    text = f"Personas and llms differ in {k} dimensions once run noise is removed."
    return Verdict("persona_structure", text, tuple(reasons))


def _without_factors(
    answers: Answers,
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
    structures: Mapping[str, Structure | str],
    structure: Structure,
    reasons: list[str],
    seed: int,
) -> Verdict:
    found = _power(answers, estimator, matrices, structure, seed)
    reasons.append(f"five planted factors with these variances would be found in {found:.0%} of {PLANTED_DRAWS} worlds")
    if found < NEEDED_POWER:
        text = "No structure was found, but these data could not show it: whether there is any cannot be decided."
        return Verdict("not_decidable", text, tuple(reasons))
    run = structures.get("run", "")
    if not isinstance(run, str) and run.parallel.eigenvalues[0] > MOOD * run.parallel.null_percentile[0]:
        text = (
            "Items move together within runs only: what looks like traits is a mood of the session, "
            "and respondents have no structure."
        )
        return Verdict("run_noise", text, tuple(reasons))
    return Verdict("no_structure", "Respondents differ, but no items move together beyond chance.", tuple(reasons))


def _power(
    answers: Answers, estimator: LevelEstimator, matrices: Mapping[str, FloatArray], structure: Structure, seed: int
) -> float:
    """Share of worlds with five planted factors in which at least five are found against the null of the data."""
    world = planted_world(answers, estimator, matrices, n_factors=PLANTED_FACTORS, loading=PLANTED_LOADING)
    found = 0
    for random in np.random.default_rng(seed).spawn(PLANTED_DRAWS):
        drawn = estimator.matrices(world.draw(random), ["respondent"])["respondent"]
        eigenvalues = descending_eigenvalues(structure.variables.correlations(drawn))
        found += leading_above(eigenvalues, structure.parallel.null_percentile) >= PLANTED_FACTORS
    return found / PLANTED_DRAWS


def _shares(components: LevelComponents | str) -> str:
    if isinstance(components, str):
        return components
    parts = [f"{name} {100 * component.share:.0f} %" for name, component in components.components.items()]
    return "variance: " + ", ".join(parts)


def _naive(structures: Mapping[str, Structure | str]) -> list[str]:
    counts = {level: found.n_factors for level, found in structures.items() if not isinstance(found, str)}
    named = [
        f"{counts[level]} from {words}"
        for level, words in (("pooled", "pooled rows"), ("means", "means"))
        if level in counts
    ]
    return [f"the naive analyses say {' and '.join(named)}"] if named else []


def _persona_variance_may_be_zero(components: LevelComponents | str) -> bool:
    """Both persona effects are within their error of 0 (judged untruncated: the interval reaches 0)."""
    if isinstance(components, str):
        return False
    own = [components.components[name] for name in PERSONA_EFFECTS if name in components.components]
    known = [component for component in own if np.isfinite(component.ci_low)]
    return "llm" in components.components and bool(known) and all(component.ci_low == 0 for component in known)


def _first_component(structure: Structure) -> tuple[float, float]:
    """Congruence |phi| of the first principal component, in raw direction, with all ones and with the keys."""
    signs = structure.variables.keyed
    raw = structure.correlations * np.outer(signs, signs)
    first = np.linalg.eigh(raw)[1][:, -1:]
    targets = np.column_stack([np.ones_like(signs), signs])
    style, content = np.abs(tucker_phi(first, targets))[0]
    return float(style), float(content)
