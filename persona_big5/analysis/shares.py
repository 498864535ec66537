"""How much is what: variance by level, the G study of each scale, each llm on its own, and placebo personas."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.answers import RESPONDENT, is_placebo, lay_out, varying_facets
from persona_big5.errors import DataError, NotEstimableError
from persona_big5.variance.design import Effect, Facet, crossing, identified_effects
from persona_big5.variance.groups import GroupSums, add_up, distinct_rows
from persona_big5.variance.gstudy import DecisionStudy, GStudy, decision_study, g_study
from persona_big5.variance.levels import LevelComponents, level_components
from persona_big5.variance.robustness import Robustness, robustness

if TYPE_CHECKING:
    import pandas as pd

    from persona_big5.analysis.answers import Answers
    from persona_big5.variance.groups import IntArray

ALL_ITEMS = "all_items"
NUMBERS = {
    "item": (4, 8, 12, 16, 24, 40),
    "wording": (1, 2, 3),
    "run": (1, 2, 3, 5, 10),
}
"""Numbers of conditions tried in the decision study."""


@dataclass(frozen=True, slots=True)
class OfLlm:
    """One llm x variant on its own.

    Attributes
    ----------
    llm, variant
        Their names.
    persona_variance, run_variance
        Components averaged over items; None where they cannot be told apart.
    ratio
        Run : persona; None without both.
    robustness
        R and S of Costa, Alves & Vicente.
    """

    llm: str
    variant: str
    persona_variance: float | None
    run_variance: float | None
    ratio: float | None
    robustness: Robustness


def variance_by_level(answers: Answers) -> LevelComponents | str:
    """Split variance item by item over the facets of a cell that vary, then average; or say why not."""
    if not answers.facets:
        return "one cell only (one llm, variant, persona, context, wording): nothing to split"
    try:
        return level_components(answers.scores, answers.facet_codes, answers.facets)
    except NotEstimableError as error:
        return str(error)


def placebo_variance(frame: pd.DataFrame, everyone: Answers) -> LevelComponents | str:
    """Split variance over placebo personas alone, or say why not.

    It is what "persona variance" is when the persona says the same in other words.
    """
    if len(everyone.placebo_personas) < 2:
        return "fewer than two personas of group 'placebo'"
    try:
        return variance_by_level(lay_out(frame[is_placebo(frame)]))
    except DataError as error:
        return str(error)


def by_llm(answers: Answers) -> list[OfLlm]:
    """Split each llm x variant on its own, over the facets that vary within it."""
    group, pairs = distinct_rows(answers.codes[:, :2])
    found = []
    for number, (llm, variant) in enumerate(pairs):
        own = answers.where(group == number)
        persona = own.code("persona")
        persona_variance = run_variance = ratio = None
        split = variance_by_level(replace(own, facets=varying_facets(own.codes, [])))
        if not isinstance(split, str) and not split.run_reason and "persona" in split.components:
            persona_variance = split.components["persona"].estimate
            run_variance = split.components["run"].estimate
            ratio = split.run_to_persona.estimate if split.run_to_persona else None
        names = answers.levels["llm"][llm], answers.levels["variant"][variant]
        found.append(OfLlm(*names, persona_variance, run_variance, ratio, robustness(own.scores, persona, own.cell)))
    return found


def g_studies(answers: Answers) -> dict[str, tuple[GStudy, DecisionStudy] | str]:
    """Run the G study and D study of each scale with at least two items, and of all items together.

    Items are a random facet, scores keyed, respondents the object. Where sessions are shared (or unknown) runs are a
    facet common to the items of a run; where items are isolated runs are the residual. All interactions of the facets
    are effects, not only those of two: one left out (respondent by item within a wording, say) would pass for universe
    score. A scale that cannot be studied has the reason in words.
    """
    found: dict[str, tuple[GStudy, DecisionStudy] | str] = {}
    groups = {scale: answers.items.members(scale) for scale in answers.items.scales}
    if len(groups) > 1:
        groups[ALL_ITEMS] = np.arange(len(answers.items.names))
    for scale, members in groups.items():
        if len(members) < 2:
            found[scale] = "one item: items are no facet"
            continue
        try:
            found[scale] = _g_study(answers, members)
        except NotEstimableError as error:
            found[scale] = str(error)
    return found


def _g_study(answers: Answers, members: IntArray) -> tuple[GStudy, DecisionStudy]:
    objects = [facet for facet in answers.facets if facet.column in RESPONDENT]
    if not objects:
        raise NotEstimableError("one respondent: no object of measurement")
    conditions = [facet for facet in answers.facets if facet.column not in RESPONDENT]
    columns = [facet.column for facet in answers.facets]
    design = [*objects, *conditions, Facet("item")]
    effects = crossing(design)
    has_runs = len(np.unique(answers.cell)) < len(answers.scores)
    if has_runs:
        design.append(Facet("run", tuple(columns)))
        if answers.session_design != "isolated":
            effects.append(Effect("run", frozenset({"run", *columns})))
    sums = _long_sums(answers, members, columns, with_runs=has_runs)
    identified = identified_effects(effects, sums.grouping, n_observations=sums.n.sum())
    if not identified.effects:
        raise NotEstimableError("; ".join(f"{name} {why}" for name, why in identified.dropped.items()))
    study = g_study(sums, identified.effects, design, [facet.column for facet in objects], dropped=identified.dropped)
    tried = {facet.column: NUMBERS[facet.column] for facet in design if facet.column in NUMBERS}
    return study, decision_study(study, tried)


def _long_sums(answers: Answers, members: IntArray, columns: list[str], *, with_runs: bool) -> GroupSums:
    """Group sums of keyed scores with items as a column: facets, item, and run where cells were asked repeatedly."""
    keyed = answers.keyed_scores[:, members]
    row, item = np.nonzero(np.isfinite(keyed))
    codes = np.column_stack([answers.facet_codes[row], item, *([answers.run[row]] if with_runs else [])])
    values = keyed[row, item][:, None]
    named = [*columns, "item", *(["run"] if with_runs else [])]
    return add_up(codes, named, np.ones_like(values), values, values**2)
