"""How much is what: variance by level, the G study of each scale, each llm on its own, and placebo personas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.answers import CELL, RESPONDENT, Answers
from persona_big5.errors import NotEstimableError
from persona_big5.variance.design import Effect, Facet, crossing, identified_effects
from persona_big5.variance.groups import Grouping, GroupSums, distinct_rows, summing
from persona_big5.variance.gstudy import DecisionStudy, GStudy, decision_study, g_study
from persona_big5.variance.levels import LevelComponents, level_components
from persona_big5.variance.robustness import Robustness, robustness

if TYPE_CHECKING:
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

    Variance between personas and between runs (averaged over items), and Costa's R and S.
    """

    llm: str
    variant: str
    persona_variance: float | None
    run_variance: float | None
    ratio: float | None
    robustness: Robustness


def variance_by_level(answers: Answers) -> LevelComponents:
    """Components item by item over the facets of a cell that vary, then averaged."""
    if not answers.facets:
        raise NotEstimableError("one cell only (one llm, variant, persona, context, wording): nothing to split")
    return level_components(answers.scores, answers.facet_codes, answers.facets)


def placebo_variance(answers: Answers) -> LevelComponents | str:
    """Components over placebo personas alone.

    What "persona variance" is when the persona says the same in other words.
    """
    of_placebo = np.isin(answers.codes[:, CELL.index("persona")], _codes(answers, answers.placebo_personas))
    if len(answers.placebo_personas) < 2:
        return "fewer than two personas of group 'placebo'"
    try:
        return variance_by_level(answers.where(of_placebo))
    except NotEstimableError as error:
        return str(error)


def without_placebo(answers: Answers) -> Answers:
    """The answers of all personas but the placebo ones."""
    return answers.where(~np.isin(answers.codes[:, CELL.index("persona")], _codes(answers, answers.placebo_personas)))


def _codes(answers: Answers, personas: tuple[str, ...]) -> list[int]:
    return [code for code, name in enumerate(answers.levels["persona"]) if name in personas]


def by_llm(answers: Answers) -> list[OfLlm]:
    """Each llm x variant on its own: one-way components of personas (cells of one persona together) and runs."""
    group, pairs = distinct_rows(answers.codes[:, :2])
    found = []
    for number, (llm, variant) in enumerate(pairs):
        own = answers.where(group == number)
        persona = own.codes[:, CELL.index("persona")]
        persona_variance = run_variance = ratio = None
        try:
            split = level_components(own.scores, persona[:, None], [Facet("persona")])
            if not split.run_reason and "persona" in split.components:
                persona_variance = split.components["persona"].estimate
                run_variance = split.components["run"].estimate
                ratio = split.run_to_persona.estimate if split.run_to_persona else None
        except NotEstimableError:
            pass
        found.append(
            OfLlm(
                answers.levels["llm"][llm],
                answers.levels["variant"][variant],
                persona_variance,
                run_variance,
                ratio,
                robustness(own.scores, persona),
            )
        )
    return found


def g_studies(answers: Answers) -> dict[str, tuple[GStudy, DecisionStudy] | str]:
    """G study and D study of each scale with at least two items, and of all items together.

    Items a random facet, keyed scores, respondents the object.

    Where sessions are shared (or unknown) runs are a facet common to the items of a run; where items are isolated runs
    are the residual.
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
    effects = crossing(design, max_order=2)
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
    groups, levels = distinct_rows(codes)
    add = summing(groups, len(levels))
    total = add(values)
    return GroupSums(
        Grouping([*columns, "item", *(["run"] if with_runs else [])], levels),
        add(np.ones_like(values)),
        total,
        total,
        add(values**2),
    )
