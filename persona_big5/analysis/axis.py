"""The assistant axis in score space: from the mean of the role personas to the default one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from persona_big5.analysis.answers import RESPONDENT
from persona_big5.analysis.document import Missing
from persona_big5.analysis.missing import defined_or
from persona_big5.errors import NotEstimableError
from persona_big5.validity.axis import (
    MOST_OF_VARIANCE,
    Axis,
    Profiles,
    axis_factor_correlations,
    axis_from_origin,
    distances_from_origin,
    run_noise,
)
from persona_big5.variance.groups import distinct_rows
from persona_big5.variance.jackknife import FEW_LEVELS, FEWEST_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.structure import Structure
    from persona_big5.validity.crossed import Estimate
    from persona_big5.variance.groups import FloatArray

DEFAULTS = ("default", "none")
"""Personas that are no role; the first of them that is there is what distances are taken from."""
MOST_WITHOUT_NOISE = 0.05
"""Share of the means that may rest on answers without repetition, where run noise is removed from the rest."""
NO_NOISE = "answers without repetition: run noise is not known"
LOST_IN_NOISE = "not told from run noise"
NO_END = f"fewer than {FEWEST_LEVELS} role personas to leave out, or without one of them it is {LOST_IN_NOISE}"


def axis_entry(
    answers: Answers,
    structures: Mapping[str, Structure | str],
    matrices: Mapping[str, FloatArray],
    level: str | None,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any] | Missing:
    """``axis``: how far the role personas are from the default one, along which direction, and what that direction is.

    Parameters
    ----------
    answers
        Placebo personas left out.
    structures, matrices
        By level (``find_structure``, ``LevelEstimator.matrices``), for the correlations with factors.
    level
        The recommended one, or None.
    progress
        Called with a short sentence when a step begins.

    Returns
    -------
    entry
        In keyed scale scores and in keyed items, overall (directions averaged over llms, variance of role personas
        within llms) and for each llm x variant on its own. Distances are root mean squares over the scales or items, in
        score units, with run noise taken off their squares. Missing rule: items that a default persona never answered
        are left out, then respondents that never answered one of the rest; both are named. Missing without a persona
        ``default`` or ``none``, or with fewer than 3 role personas beside it in every llm.

    Notes
    -----
    See ``axis_from_origin``; intervals over role personas, and llms where there are 4. The run noise of a single llm's
    default is in no interval of that llm. ``distance_rank`` and ``share_rank`` say how special the default is among the
    personas.
    """
    names = answers.levels["persona"]
    default = next((name for name in DEFAULTS if name in names), None)
    if default is None:
        return Missing("no persona 'default' or 'none' to take distances from")
    units, respondents = _respondents(answers)
    group, _ = distinct_rows(respondents[:, :2])
    persona = respondents[:, 2]
    origin = names.index(default)
    is_role = ~np.isin(persona, [names.index(name) for name in DEFAULTS if name in names])
    used = is_role | (persona == origin)
    means = answers.respondent_means(answers.scores) * answers.items.keyed
    items, complete = _complete(means, persona == origin, used)
    if not items.any():
        return Missing(f"persona '{default}' answered no item in every llm")
    noise, single = run_noise(answers.scores * answers.items.keyed, answers.cell, units)
    removed = single[items].mean() <= MOST_WITHOUT_NOISE
    of_items = Profiles(means[:, items], group, persona, noise[:, items] if removed else None, units).take(complete)
    weights = answers.items.take(items).weights * answers.items.keyed[items]
    spaces = {"scales": of_items.weighted(weights), "items": of_items}
    overall: dict[str, Any] = {}
    found: dict[str, Axis] = {}
    for space, profiles in spaces.items():
        progress(f"distance from persona '{default}' in {space}")
        try:
            found[space] = axis_from_origin(profiles, origin)
            overall[space] = _axis(found[space])
        except NotEstimableError as error:
            overall[space] = Missing(str(error))
    if not found:
        return Missing(f"role personas against '{default}': {overall['items'].reason}")
    return {
        "default": default,
        "n_roles": len(np.unique(of_items.condition[of_items.condition != origin])),
        "n_llms": len(np.unique(of_items.group)),
        "noise_removed": bool(removed),
        "overall": {
            **overall,
            "direction": _direction(found.get("scales"), answers.items.take(items).scales),
            "factors": _factors(answers, structures, matrices, level, found.get("items"), items),
        },
        "by_llm": _by_llm(answers, spaces, respondents[complete], origin, progress),
        "distances": _distances(answers, spaces, respondents[complete], origin),
        "warnings": _warnings(answers, items, used & ~complete, is_role & complete, persona, removed=bool(removed)),
    }


def _respondents(answers: Answers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the number of the respondent of each row (N,), and codes of llm, variant and persona of each respondent."""
    return distinct_rows(answers.codes[:, : len(RESPONDENT)])


def _complete(
    means: FloatArray, is_origin: NDArray[np.bool_], used: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark items that every default answered, and respondents in use that answered all of these."""
    known = np.isfinite(means)
    items = np.asarray(known[is_origin].all(axis=0))
    return items, np.asarray(used & known[:, items].all(axis=1))


def _axis(found: Axis) -> dict[str, Any]:
    return {
        "distance": _estimate(found.distance),
        "share_of_variance": _estimate(found.share),
        "angle_with_first_component": _estimate(found.angle),
        "share_of_first_component": _estimate(found.share_of_first),
        f"components_for_{MOST_OF_VARIANCE:.0%}".replace("%", "_percent"): {
            "estimate": found.n_components,
            "least": found.n_components_least,
            "most": found.n_components_most,
        },
        "distance_rank": defined_or(found.distance_rank, LOST_IN_NOISE),
        "share_rank": defined_or(found.share_rank, LOST_IN_NOISE),
        "n_roles": found.n_conditions,
        "n_llms": found.n_groups,
    }


def _estimate(found: Estimate) -> dict[str, Any]:
    no_end = LOST_IN_NOISE if np.isnan(found.estimate) else NO_END
    return {
        "estimate": defined_or(found.estimate, LOST_IN_NOISE),
        "ci_low": defined_or(found.ci_low, no_end),
        "ci_high": defined_or(found.ci_high, no_end),
    }


def _direction(found: Axis | None, scales: tuple[str, ...]) -> dict[str, float] | Missing:
    if found is None:
        return Missing("no axis in scale scores")
    return dict(zip(scales, found.direction.tolist(), strict=True))


def _factors(
    answers: Answers,
    structures: Mapping[str, Structure | str],
    matrices: Mapping[str, FloatArray],
    level: str | None,
    found: Axis | None,
    items: NDArray[np.bool_],
) -> dict[str, Any] | Missing:
    """Correlations of scores along the axis with the factors of the recommended level."""
    if level is None or found is None:
        return Missing("no level is recommended, so there are no factors to compare with")
    structure = structures.get(level, "not among the levels asked for")
    if isinstance(structure, str):
        return Missing(structure)
    if structure.solution is None:
        return Missing(structure.reasons["solution"])
    raw = np.zeros(len(items))
    raw[items] = found.direction * answers.items.keyed[items]
    variables = structure.variables
    covariance = variables.weights @ np.nan_to_num(matrices[level]) @ variables.weights.T
    solution = structure.solution
    try:
        correlations = axis_factor_correlations(
            variables.weights @ raw, covariance, solution.loadings, solution.factor_correlations
        )
    except NotEstimableError as error:
        return Missing(str(error))
    return {"level": level, "correlations": correlations}


def _by_llm(
    answers: Answers,
    spaces: Mapping[str, Profiles],
    respondents: NDArray[np.int64],
    origin: int,
    progress: Callable[[str], None],
) -> list[dict[str, Any]]:
    rows = []
    groups = spaces["items"].group
    for group in np.unique(groups):
        own = groups == group
        entry: dict[str, Any] = {**answers.names(respondents[own][0, :2])}
        progress(f"distance from the default persona: {entry['llm']} / {entry['variant']}")
        for space, profiles in spaces.items():
            try:
                entry[space] = _axis(axis_from_origin(profiles.take(own), origin))
            except NotEstimableError as error:
                entry[space] = Missing(str(error))
        rows.append(entry)
    return rows


def _distances(
    answers: Answers, spaces: Mapping[str, Profiles], respondents: NDArray[np.int64], origin: int
) -> list[dict[str, Any]]:
    by_space = {space: distances_from_origin(profiles, origin) for space, profiles in spaces.items()}
    rows = []
    for i, respondent in enumerate(respondents):
        if respondent[2] == origin:
            continue
        entry: dict[str, Any] = {**answers.names(respondent)}
        for space, found in by_space.items():
            no_default = "the default persona of this llm has no complete profile"
            no_sem = no_default if np.isnan(found.distance[i]) else NO_NOISE
            entry[space] = {
                "distance": defined_or(found.distance[i], no_default),
                "sem": defined_or(found.distance_sem[i], no_sem),
                "along_axis": defined_or(found.along[i], no_default),
                "along_axis_sem": defined_or(found.along_sem[i], no_sem),
            }
        rows.append(entry)
    return rows


def _warnings(
    answers: Answers,
    items: NDArray[np.bool_],
    left_out: NDArray[np.bool_],
    roles: NDArray[np.bool_],
    persona: NDArray[np.int64],
    *,
    removed: bool,
) -> list[str]:
    warnings = []
    if not items.all():
        names = [name for name, kept in zip(answers.items.names, items, strict=True) if not kept]
        warnings.append(f"items that a default persona never answered are left out: {', '.join(names)}")
    if left_out.any():
        warnings.append(f"{int(left_out.sum())} respondents that never answered some item are left out")
    if not removed:
        warnings.append("run noise is not removed (answers without repetition): distances are too large")
    if len(np.unique(persona[roles])) < FEW_LEVELS:
        warnings.append("few role personas: intervals are wide and assume normal effects")
    return warnings
