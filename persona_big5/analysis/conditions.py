"""What becomes of respondents from one condition to another: contexts, ladders of pressure, waves, occasions.

A context is named by its study, so names say what it is compared with: ``neutral`` is the base, ``control-X`` is the
bland control of context ``X`` (as long, about nothing), ``control`` that of all others, and ``X-1``, ``X-2`` ... are
the rungs of the ladder ``X``, from ``X-0`` (else ``neutral``) upwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from persona_big5.analysis.answers import RESPONDENT, lay_out
from persona_big5.analysis.axis import DEFAULTS, MOST_WITHOUT_NOISE, NO_NOISE
from persona_big5.analysis.document import Missing
from persona_big5.analysis.missing import defined_or
from persona_big5.errors import DataError, NotEstimableError
from persona_big5.store.longtable import KEY_DEFAULTS
from persona_big5.validity.axis import run_noise
from persona_big5.validity.crossed import Estimate, mean_over_facets
from persona_big5.validity.stability import (
    FEWEST_VARIABLES,
    Change,
    change_of,
    half_life,
    profile_stability,
    rank_order,
    slopes,
)
from persona_big5.validity.stickiness import stickiness
from persona_big5.variance.covariance import means_by_group
from persona_big5.variance.groups import distinct_rows
from persona_big5.variance.jackknife import FEWEST_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from persona_big5.variance.groups import FloatArray, IntArray

NEUTRAL = KEY_DEFAULTS["context"]
CONTROL = "control"
RUNG = re.compile(r"(.+)-(\d+)")
FEWEST_RUNGS = 3
BETWEEN = "\x1f"
NO_END = f"neither llms nor personas have {FEWEST_LEVELS} levels to leave out"
NO_CONTROL = Missing(f"no context '{CONTROL}' or '{CONTROL}-…' of the same length to compare with")


@dataclass(frozen=True, slots=True)
class Measured:
    """Scores of n respondents in K conditions, keyed.

    Attributes
    ----------
    conditions
        Names, the first being what the others are compared with.
    scales
        Names of the s scales.
    respondents
        Names of llm, variant and persona, n of them.
    facets
        Codes of llm and persona, (n,) each.
    scores
        Scale scores (n, K, s), NaN where an item was not answered at all.
    items
        Item scores (n, K, p).
    error
        Error variance of the scale scores (n, K, s); None where answers are not repeated.
    """

    conditions: tuple[str, ...]
    scales: tuple[str, ...]
    respondents: tuple[tuple[str, str, str], ...]
    facets: tuple[IntArray, IntArray]
    scores: FloatArray
    items: FloatArray
    error: FloatArray | None

    def at(self, condition: str) -> int:
        """Place of a condition."""
        return self.conditions.index(condition)


def measure(frame: pd.DataFrame, column: str, in_order: Callable[[Sequence[str]], list[str]]) -> Measured:
    """Average each respondent's answers within each level of a key column (``context``, ``wave``, ``occasion``).

    Raises
    ------
    DataError
        Where no item varies.
    """
    if column != "context":
        others = frame["context"].astype(str) + BETWEEN + frame["wording"].astype(str)
        frame = frame.assign(wording=others, context=frame[column].astype(str), **{column: KEY_DEFAULTS[column]})
    answers = lay_out(frame)
    respondent, codes = distinct_rows(answers.codes[:, : len(RESPONDENT)])
    conditions = in_order(answers.levels["context"])
    place = np.array([conditions.index(name) for name in answers.levels["context"]])
    n, k = len(codes), len(conditions)
    unit = respondent * k + place[answers.code("context")]
    keyed = answers.keyed_scores
    weights = np.abs(answers.items.weights)
    items = means_by_group(keyed, unit, n * k)
    noise, single = run_noise(keyed, answers.cell, unit)
    error: FloatArray | None = None
    if single.mean() <= MOST_WITHOUT_NOISE:
        squares = (noise @ weights.T) ** 2
        error = np.stack([np.bincount(unit, column, n * k) for column in squares.T], axis=1, dtype=float).reshape(
            n, k, -1
        )
    return Measured(
        conditions=tuple(conditions),
        scales=answers.items.scales,
        respondents=tuple(
            (answers.levels["llm"][llm], answers.levels["variant"][variant], answers.levels["persona"][persona])
            for llm, variant, persona in codes
        ),
        facets=(codes[:, 0], codes[:, 2]),
        scores=_of_complete(items, weights).reshape(n, k, -1),
        items=items.reshape(n, k, -1),
        error=error,
    )


def _of_complete(items: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted sums of items (N, s), NaN where one of the items with weight is missing; ``weights`` (s, items)."""
    lost = np.isnan(items).astype(float) @ (weights != 0).T
    return np.where(lost > 0, np.nan, np.nan_to_num(items) @ weights.T)


def contexts_in_order(names: Sequence[str]) -> list[str]:
    """Put ``neutral`` first, then the others by name."""
    return sorted(names, key=lambda name: (name != NEUTRAL, name))


def control_of(context: str, contexts: Sequence[str]) -> str | None:
    """Name the bland control of a context among ``contexts``; None without one, and for controls themselves."""
    if context == NEUTRAL or is_control(context):
        return None
    return next((name for name in (f"{CONTROL}-{context}", CONTROL) if name in contexts), None)


def is_control(context: str) -> bool:
    """Whether a context is a control by its name."""
    return context == CONTROL or context.startswith(f"{CONTROL}-")


def ladders(contexts: Sequence[str]) -> dict[str, dict[float, str]]:
    """Find the ladders among contexts: name of the ladder to {strength: context}, rising, at least three rungs."""
    found: dict[str, dict[float, str]] = {}
    for context in contexts:
        rung = RUNG.fullmatch(context)
        if rung and not is_control(context):
            found.setdefault(rung[1], {})[float(rung[2])] = context
    for rungs in found.values():
        if 0 not in rungs and NEUTRAL in contexts:
            rungs[0.0] = NEUTRAL
    return {name: dict(sorted(rungs.items())) for name, rungs in found.items() if len(rungs) >= FEWEST_RUNGS}


def stability_entry(found: Measured) -> dict[str, Any]:
    """Compare each later condition with the first: ranks, changes and profiles.

    The profile is that of the scales where there are 3, else of the items.
    """
    first, later = found.conditions[0], found.conditions[1:]
    profiles = found.scores if len(found.scales) >= FEWEST_VARIABLES else found.items
    return {
        "first": first,
        "n_respondents": len(found.respondents),
        "later": {
            name: {
                "scales": {scale: _kept(found, i, 0, found.at(name)) for i, scale in enumerate(found.scales)},
                "profile": _profile(profiles[:, 0], profiles[:, found.at(name)], found.facets),
            }
            for name in later
        },
    }


def _kept(found: Measured, scale: int, first: int, later: int) -> dict[str, Any]:
    before, after = found.scores[:, first, scale], found.scores[:, later, scale]
    error = None if found.error is None else found.error[:, first, scale] + found.error[:, later, scale]
    try:
        ranks = rank_order(before, after, found.facets)
        order: dict[str, Any] | Missing = {"pearson": estimate(ranks.pearson), "spearman": ranks.spearman, "n": ranks.n}
    except NotEstimableError as reason:
        order = Missing(str(reason))
    try:
        return {"rank_order": order, "change": _change(change_of(before, after, error, found.facets))}
    except NotEstimableError as reason:
        return {"rank_order": order, "change": Missing(str(reason))}


def _change(found: Change) -> dict[str, Any]:
    return {
        **estimate(found.change),
        "sem": defined_or(found.sem, NO_NOISE),
        "reliably_up": defined_or(found.share_up, NO_NOISE),
        "reliably_down": defined_or(found.share_down, NO_NOISE),
        "n": found.n,
    }


def _profile(first: FloatArray, later: FloatArray, facets: Sequence[IntArray]) -> dict[str, Any] | Missing:
    try:
        found = profile_stability(first, later, facets)
    except NotEstimableError as error:
        return Missing(str(error))
    return {"overall": estimate(found.overall), "distinctive": estimate(found.distinctive), "n": found.n}


def estimate(found: Estimate) -> dict[str, Any]:
    """Write an estimate with its ends, each that is not defined with the reason."""
    undefined = "scores do not differ between respondents"
    return {
        "estimate": defined_or(found.estimate, undefined),
        "ci_low": defined_or(found.ci_low, NO_END),
        "ci_high": defined_or(found.ci_high, NO_END),
    }


def control_entry(found: Measured) -> dict[str, Any] | Missing:
    """Compare each context with its bland control: what is the context's own, and what any conversation does."""
    controls = {context: control_of(context, found.conditions) for context in found.conditions}
    entry = {
        context: {
            "control": control,
            "scales": {
                scale: _kept(found, i, found.at(control), found.at(context))["change"]
                for i, scale in enumerate(found.scales)
            },
        }
        for context, control in controls.items()
        if control is not None
    }
    return entry or NO_CONTROL


def course_entry(frame: pd.DataFrame, occasions: Sequence[str]) -> dict[str, Any] | Missing:
    """Follow anchors through each context: slope against the control's, and half-life of what the context did.

    Parameters
    ----------
    frame
        Rows of anchors, with their occasions.
    occasions
        In order of time; the first is 0, the last 1, those between evenly spaced: slopes are per session, half-lives in
        sessions. What a context did is its difference from the control, without one from ``neutral``.
    """
    contexts = contexts_in_order(frame["context"].astype(str).unique().tolist())
    if len(contexts) < 2:
        return Missing("anchors were asked in one context only")
    both = frame["context"].astype(str) + BETWEEN + frame["occasion"].astype(str)
    try:
        found = measure(frame.assign(context=both, occasion=KEY_DEFAULTS["occasion"]), "context", sorted)
    except DataError as error:
        return Missing(str(error))
    times = np.linspace(0, 1, len(occasions))

    def over_time(context: str) -> FloatArray | None:
        names = [f"{context}{BETWEEN}{occasion}" for occasion in occasions]
        return found.scores[:, [found.at(name) for name in names]] if set(names) <= set(found.conditions) else None

    entry: dict[str, Any] = {}
    for context in contexts:
        own = over_time(context)
        if context == NEUTRAL or is_control(context) or own is None:
            continue
        control = control_of(context, contexts)
        base_name = control or (NEUTRAL if NEUTRAL in contexts else None)
        base = None if base_name is None else over_time(base_name)
        entry[context] = {
            "compared_with": base_name or NO_CONTROL,
            "length_matched": control is not None,
            "scales": {
                scale: _course(own[..., i], None if base is None else base[..., i], times, found.facets)
                for i, scale in enumerate(found.scales)
            },
        }
    return entry or Missing("no context but neutral and controls has anchors at every occasion")


def _course(
    own: FloatArray, base: FloatArray | None, times: FloatArray, facets: tuple[IntArray, IntArray]
) -> dict[str, Any]:
    if base is None:
        return {"slope": _slope(own, times, facets), "slope_of_control": NO_CONTROL, "difference": NO_CONTROL,
                "half_life": NO_CONTROL}  # fmt: skip
    try:
        back = half_life(own - base, times, facets)
        of_return: dict[str, Any] | Missing = {
            "estimate": back.half_life,
            "ci_low": defined_or(back.ci_low, NO_END),
            "ci_high": defined_or(back.ci_high, "it may not return at all"),
            "at_first": back.start,
        }
    except NotEstimableError as error:
        of_return = Missing(str(error))
    return {
        "slope": _slope(own, times, facets),
        "slope_of_control": _slope(base, times, facets),
        "difference": _slope(own - base, times, facets),
        "half_life": of_return,
    }


def _slope(scores: FloatArray, times: FloatArray, facets: tuple[IntArray, IntArray]) -> dict[str, Any] | Missing:
    known = np.isfinite(scores).all(axis=1)
    if not known.any():
        return Missing("no respondent was measured at all of them")
    return estimate(mean_over_facets(slopes(scores[known], times), [codes[known] for codes in facets]))


def ladder_entries(found: Measured, *, seed: int) -> dict[str, Any] | Missing:
    """Climb each ladder of contexts: slope of every scale against that of the control's ladder, and stickiness.

    A control's ladder has rungs ``control-X-1`` ...; where it lacks one the slope is shown alone.
    """
    entries: dict[str, Any] = {}
    for name, rungs in ladders(found.conditions).items():
        levels = np.array(list(rungs))
        own = found.scores[:, [found.at(context) for context in rungs.values()]]
        controls = [
            f"{CONTROL}-{context}" if level > 0 and f"{CONTROL}-{context}" in found.conditions else context
            for level, context in rungs.items()
        ]
        matched = all(is_control(control) for control, level in zip(controls, rungs, strict=True) if level > 0)
        base = found.scores[:, [found.at(context) for context in controls]] if matched else None
        entries[name] = {
            "rungs": list(rungs.values()),
            "levels": levels,
            "scales": {
                scale: {
                    "slope": _slope(own[..., i], levels, found.facets),
                    "slope_of_control": NO_CONTROL if base is None else _slope(base[..., i], levels, found.facets),
                    "difference": NO_CONTROL if base is None else _slope((own - base)[..., i], levels, found.facets),
                }
                for i, scale in enumerate(found.scales)
            },
            "stickiness": stickiness_entry(found, list(rungs.values()), levels, seed=seed),
        }
    return entries or Missing("no ladder: contexts named X-1, X-2 … with neutral or X-0 below")


def stickiness_entry(
    found: Measured, conditions: Sequence[str], levels: FloatArray, *, seed: int
) -> dict[str, Any] | Missing:
    """Ask how much of what sets a persona apart from the default is left at each level.

    Shown at a level is the difference between a persona's scale scores and the default's of the same llm there, along
    the difference at the first level; run noise is taken off the square at the first level, where it is known. Interval
    over respondents.
    """
    names = {persona for _, _, persona in found.respondents}
    default = next((name for name in DEFAULTS if name in names), None)
    if default is None:
        return Missing("no persona 'default' or 'none' to tell a persona's own from")
    origin = {one[:2]: i for i, one in enumerate(found.respondents) if one[2] == default}
    roles = [i for i, one in enumerate(found.respondents) if one[2] not in DEFAULTS and one[:2] in origin]
    if not roles:
        return Missing(f"no persona beside '{default}'")
    places = [found.at(condition) for condition in conditions]
    defaults = [origin[found.respondents[i][:2]] for i in roles]
    difference = found.scores[np.ix_(roles, places)] - found.scores[np.ix_(defaults, places)]
    shown = np.einsum("rks,rs->rk", difference, difference[:, 0])
    if found.error is not None:
        shown[:, 0] -= (found.error[roles, places[0]] + found.error[defaults, places[0]]).sum(axis=1)
    try:
        result = stickiness(shown, levels, seed=seed)
    except NotEstimableError as error:
        return Missing(str(error))
    return {
        "area": result.area,
        "ci_low": result.ci_low,
        "ci_high": result.ci_high,
        "retention": result.retention,
        "retention_ci_low": result.retention_ci_low,
        "retention_ci_high": result.retention_ci_high,
        "n": result.n,
        "default": default,
        "noise_removed": found.error is not None,
    }
