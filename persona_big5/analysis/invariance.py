"""Do the scales measure the same thing in every llm, so that llms may be compared on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from persona_big5.analysis.confirmatory import FEWEST_ITEMS, NOT_CONVERGED, fit_of, stated_scales
from persona_big5.analysis.document import Missing
from persona_big5.errors import NotEstimableError
from persona_big5.factors.confirmatory import Measurement, measurement_invariance
from persona_big5.factors.confirmatory.invariance import STEPS
from persona_big5.factors.confirmatory.one_level import complete_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from persona_big5.analysis.answers import Answers
    from persona_big5.factors.confirmatory.invariance import Invariance, Step
    from persona_big5.variance.groups import FloatArray

FIRST = "the first step has none before it"
NO_DF = "no degrees of freedom in one of the two steps"
MOST_MEANS = 1000
"""Items times llms for which the four steps take about five seconds; more only where they are asked for."""
ROWS_PER_ITEM = 5
MOST_REASONS = 3


def invariance_entry(
    answers: Answers, *, any_size: bool = False, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any] | Missing:
    """``invariance``: configural, metric, scalar and strict invariance of the keyed scales over llms.

    The groups are llms (with their variants), the rows of a group the means of its personas over runs, run noise
    included. An llm needs more personas with all answers than the model has items: those that have fewer, or whose
    covariance is singular, are left out and named. All scales together need many personas, so each scale is compared
    on its own too.

    Parameters
    ----------
    answers
        Without placebo personas.
    any_size
        Compare more than ``MOST_MEANS`` means of items in llms too, which takes minutes.
    progress
        Called with a short sentence when a step begins.

    Returns
    -------
    ``all_scales`` and ``by_scale {scale: …}``, each Missing with its reason or ``groups, n, left_out [{group,
    reason}], steps {configural|metric|scalar|strict: {fit, chi2_change, df_change, p_change, cfi_change, rmsea_change,
    holds}}, factors, factor_means, factor_sd, conclusion, warnings``. Factor means (groups x factors) are in
    standard deviations of the first group, and Missing unless the scalar step holds. Missing altogether where nothing
    can be compared.
    """
    stated, _ = stated_scales(answers.items)
    if not stated:
        return Missing(f"no scale of at least {FEWEST_ITEMS} items is stated for these items")
    groups = _personas_by_llm(answers)
    if len(groups) < 2:
        return Missing("one llm: nothing to compare")
    entries: dict[str, Any] = {"all_scales": Missing("there is one scale"), "by_scale": {}}
    for scale, items in stated.items():
        progress(f"invariance over llms: {scale}")
        entries["by_scale"][scale] = _compare(
            groups, Measurement({scale: items}), answers.items.names, any_size=any_size
        )
    if len(stated) > 1:
        progress("invariance over llms: all scales")
        entries["all_scales"] = _compare(groups, Measurement(stated), answers.items.names, any_size=any_size)
    found = [entry for entry in (entries["all_scales"], *entries["by_scale"].values()) if isinstance(entry, dict)]
    shortest = min(stated, key=lambda scale: len(stated[scale]))
    return entries if found else entries["by_scale"][shortest]


def _personas_by_llm(answers: Answers) -> dict[str, FloatArray]:
    """Keyed means of the personas (personas, items) of every llm with its variant."""
    means = answers.respondent_means(answers.scores * answers.items.keyed)
    first = np.unique(answers.respondent, return_index=True)[1]
    llm, variant = answers.code("llm")[first], answers.code("variant")[first]
    several = len(np.unique(answers.code("variant"))) > 1
    groups = {}
    for i, j in sorted(set(zip(llm.tolist(), variant.tolist(), strict=True))):
        name = answers.levels["llm"][i] + (f" {answers.levels['variant'][j]}" if several else "")
        groups[name] = means[(llm == i) & (variant == j)]
    return groups


def _compare(
    groups: Mapping[str, FloatArray], measurement: Measurement, items: tuple[str, ...], *, any_size: bool
) -> dict[str, Any] | Missing:
    """One entry; groups of whom no likelihood can be had are left out with the reason."""
    n_items = len(measurement.items)
    usable, left_out = {}, {}
    for name, rows in groups.items():
        try:
            complete_rows(rows, measurement, items)
            usable[name] = rows
        except NotEstimableError as error:
            left_out[name] = str(error).replace("complete rows", "personas with all answers")
    if len(usable) < 2:
        several = list(dict.fromkeys(left_out.values()))
        why = "; ".join(several[:MOST_REASONS]) + ("; …" if len(several) > MOST_REASONS else "")
        return Missing(f"{len(usable)} of {len(groups)} llms can be used: {why}")
    if len(usable) * n_items > MOST_MEANS and not any_size:
        size = f"{n_items} items of {len(usable)} llms"
        return Missing(f"{size}: more than {MOST_MEANS} means take long and are fitted only on demand (--confirm)")
    try:
        found = measurement_invariance(usable, measurement, items=items)
    except NotEstimableError as error:
        return Missing(str(error))
    warnings = []
    least = ROWS_PER_ITEM * n_items
    if min(found.n) < least:
        warnings.append(
            f"{min(found.n)} personas for {n_items} items in the smallest group (fewer than {least}): "
            "chi2 is too large, CFI and RMSEA are worse than of more personas, and differences may go unseen"
        )
    return _entry(found, measurement, left_out, warnings)


def _entry(
    found: Invariance, measurement: Measurement, left_out: Mapping[str, str], warnings: list[str]
) -> dict[str, Any]:
    by_name = {step.name: step for step in found.steps}
    steps: dict[str, Any] = dict.fromkeys(STEPS, Missing("a step before it could not be fitted"))
    steps |= {name: _step_entry(step) for name, step in by_name.items()}
    comparable = "scalar" in by_name and by_name["scalar"].holds
    why_not = Missing("the scalar step does not hold: factor means of llms may not be compared")
    return {
        "groups": list(found.groups),
        "n": list(found.n),
        "left_out": [{"group": group, "reason": reason} for group, reason in left_out.items()],
        "steps": steps,
        "factors": list(measurement.factors),
        "factor_means": found.factor_means if comparable else why_not,
        "factor_sd": found.factor_sd if comparable else why_not,
        "conclusion": found.conclusion,
        "warnings": warnings,
    }


def _step_entry(step: Step) -> dict[str, Any] | Missing:
    if not step.converged:
        return Missing(NOT_CONVERGED)
    changes = {
        "chi2_change": step.chi2_change,
        "df_change": step.df_change,
        "p_change": step.p_change,
        "cfi_change": step.cfi_change,
        "rmsea_change": step.rmsea_change,
    }
    why = Missing(FIRST if step.chi2_change is None else NO_DF)
    return {
        "fit": fit_of(step.fit),
        **{name: why if value is None else value for name, value in changes.items()},
        "holds": step.holds,
    }
