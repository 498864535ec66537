"""How much is what: variance by level, the G study of each scale, each llm on its own, and placebo personas."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from persona_big5.analysis.answers import RESPONDENT, is_placebo, lay_out, varying_facets
from persona_big5.analysis.document import ITEM_LEVELS, Missing, variance_entry
from persona_big5.errors import DataError, NotEstimableError
from persona_big5.variance.design import Effect, Facet, crossing, identified_effects
from persona_big5.variance.groups import distinct_rows
from persona_big5.variance.gstudy import DecisionStudy, GCoefficients, GStudy, decision_study, g_coefficients, g_study
from persona_big5.variance.levels import LevelComponents, level_components
from persona_big5.variance.robustness import Robustness, robustness
from persona_big5.variance.sums import GroupSums, add_up

if TYPE_CHECKING:
    import pandas as pd

    from persona_big5.analysis.answers import Answers
    from persona_big5.variance.components import Ratio
    from persona_big5.variance.groups import FloatArray, IntArray

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
    run_to_persona
        The same with its interval; None without both.
    robustness
        R and S of Costa, Alves & Vicente.
    g_study
        Coefficients of each scale with this llm's respondents as objects, or why not.
    """

    llm: str
    variant: str
    persona_variance: float | None
    run_variance: float | None
    ratio: float | None
    run_to_persona: Ratio | None
    robustness: Robustness
    g_study: dict[str, GCoefficients | str]


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


def placebo_entry(
    frame: pd.DataFrame, everyone: Answers, answers: Answers, components: LevelComponents | str
) -> dict[str, Any] | Missing:
    """``variance.placebo``: what "persona variance" is among paraphrases, and whether personas exceed it.

    Parameters
    ----------
    frame
        The long table, placebo personas included.
    everyone
        The same laid out.
    answers, components
        Without placebo personas, and ``variance_by_level`` of them.

    Returns
    -------
    entry
        ``persona_variance``, ``ratio``, ``by_level`` of placebo personas alone, and ``excess`` {``estimate``,
        ``ci_low``, ``ci_high``, ``p_above_zero``}: persona + llm:persona of the personas less that of the placebo ones,
        with intervals over llms and both sets of personas (each at least 4).
    """
    found = placebo_variance(frame, everyone)
    if isinstance(found, str):
        return Missing(found)
    placebo_llms = lay_out(frame[is_placebo(frame)]).levels["llm"]
    entry = variance_entry(found)
    persona = found.components.get("persona")
    return {
        "persona_variance": Missing("persona is no facet there") if persona is None else persona.estimate,
        "ratio": entry["run_to_persona_ratio"],
        "by_level": entry["by_level"],
        "excess": _excess(components, found, same_llms=placebo_llms == answers.levels["llm"]),
    }


def _excess(
    components: LevelComponents | str, placebo: LevelComponents, *, same_llms: bool
) -> dict[str, Any] | Missing:
    if isinstance(components, str):
        return Missing(components)
    if components.persona is None or placebo.persona is None:
        return Missing("persona is no facet of both sets of personas")
    excess = components.persona.excess_over(placebo.persona, same_llms=same_llms)
    if excess is None:
        return Missing("fewer than 4 personas, or fewer than 4 placebo personas: nothing to resample")
    return {
        name: value if np.isfinite(value) else Missing("no spread at all") for name, value in asdict(excess).items()
    }


def by_llm(answers: Answers) -> list[OfLlm]:
    """Split each llm x variant on its own, over the facets that vary within it."""
    group, pairs = distinct_rows(answers.codes[:, :2])
    keyed = answers.keyed_scores
    found = []
    for number, (llm, variant) in enumerate(pairs):
        rows = group == number
        own = answers.where(rows)
        own = replace(own, facets=varying_facets(own.codes, []))
        persona_variance = run_variance = run_to_persona = None
        split = variance_by_level(own)
        if not isinstance(split, str) and not split.run_reason and "persona" in split.components:
            persona_variance = split.components["persona"].estimate
            run_variance = split.components["run"].estimate
            run_to_persona = split.run_to_persona
        found.append(
            OfLlm(
                answers.levels["llm"][llm],
                answers.levels["variant"][variant],
                persona_variance,
                run_variance,
                None if run_to_persona is None else run_to_persona.estimate,
                run_to_persona,
                robustness(own.scores, own.code("persona"), own.cell),
                {
                    scale: _own_coefficients(own, keyed[rows], answers.items.members(scale))
                    for scale in own.items.scales
                },
            )
        )
    return found


def _own_coefficients(own: Answers, keyed: FloatArray, members: IntArray) -> GCoefficients | str:
    try:
        study = _design(own, keyed, members)
        return g_coefficients(study.sums, study.effects, study.design, study.objects)
    except NotEstimableError as error:
        return str(error)


def by_llm_entries(answers: Answers) -> list[dict[str, Any]]:
    """``variance.by_llm``: one entry per llm x variant.

    Its variances and their ratio with interval and the p value that it is 1, robustness and susceptibility, and
    ``g_study`` {scale: {g_coefficient, phi, sem}} with the llm's own respondents as objects.
    """
    return [_by_llm_entry(one, answers) for one in by_llm(answers)]


def _by_llm_entry(one: OfLlm, answers: Answers) -> dict[str, Any]:
    runs = Missing("one persona, or no repeated runs that differ")
    ratio = one.run_to_persona
    no_end = Missing("fewer than 4 personas, or their variance may be 0")
    known = {} if ratio is None else {"low": ratio.ci_low, "high": ratio.ci_high, "p": ratio.p_equal_one}
    ends = {name: value if np.isfinite(value) else no_end for name, value in known.items()}
    return {
        "llm": one.llm,
        "variant": one.variant,
        "persona_variance": runs if one.persona_variance is None else one.persona_variance,
        "run_variance": runs if one.run_variance is None else one.run_variance,
        "ratio": runs if ratio is None else ratio.estimate,
        "ratio_ci_low": ends.get("low", runs),
        "ratio_ci_high": ends.get("high", runs),
        "ratio_p_equal_one": ends.get("p", runs),
        **_robustness_entry(one.robustness),
        "n_complete_personas": one.robustness.n_personas,
        "g_study": {scale: _coefficients_entry(answers, scale, found) for scale, found in one.g_study.items()},
    }


def _robustness_entry(found: Robustness) -> dict[str, float | Missing]:
    if found.n_personas == 0:
        incomplete = Missing("no persona answered every item in every cell")
        return {"robustness": incomplete, "susceptibility": incomplete}
    never = "repeated answers never differ" if np.isinf(found.robustness) else "every cell was asked once"
    one = Missing("one persona answered every item in every cell; at least two are needed")
    return {
        "robustness": found.robustness if np.isfinite(found.robustness) else Missing(never),
        "susceptibility": found.susceptibility if found.n_personas > 1 else one,
    }


def _coefficients_entry(answers: Answers, scale: str, found: GCoefficients | str) -> dict[str, Any] | Missing:
    if isinstance(found, str):
        return Missing(found)
    entry: dict[str, Any] = asdict(found)
    return entry if item_levels_known(answers, scale) else entry | {"phi": ITEM_LEVELS, "sem": ITEM_LEVELS}


def item_levels_known(answers: Answers, scale: str) -> bool:
    """Whether item means are on one footing: nothing is reversed, or the ends of the response scales are known."""
    members = slice(None) if scale == ALL_ITEMS else answers.items.members(scale)
    return answers.ends_known or bool((answers.items.keyed[members] > 0).all())


def g_studies(answers: Answers) -> dict[str, tuple[GStudy, DecisionStudy] | str]:
    """Run the G study and D study of each scale with at least two items, and of all items together.

    Items are a random facet, scores keyed, respondents the object. Where sessions are shared (or unknown) runs are a
    facet common to the items of a run; where items are isolated runs are the residual. All interactions of the facets
    are effects, not only those of two: one left out (respondent by item within a wording, say) would pass for universe
    score. A scale that cannot be studied has the reason in words.
    """
    found: dict[str, tuple[GStudy, DecisionStudy] | str] = {}
    keyed = answers.keyed_scores
    groups = {scale: answers.items.members(scale) for scale in answers.items.scales}
    if len(groups) > 1:
        groups[ALL_ITEMS] = np.arange(len(answers.items.names))
    for scale, members in groups.items():
        try:
            found[scale] = _g_study(answers, keyed, members)
        except NotEstimableError as error:
            found[scale] = str(error)
    return found


def _g_study(answers: Answers, keyed: FloatArray, members: IntArray) -> tuple[GStudy, DecisionStudy]:
    own = _design(answers, keyed, members)
    study = g_study(own.sums, own.effects, own.design, own.objects, dropped=own.dropped)
    tried = {facet.column: NUMBERS[facet.column] for facet in own.design if facet.column in NUMBERS}
    return study, decision_study(study, tried)


@dataclass(frozen=True, slots=True)
class _Design:
    """What a G study of a scale is computed from."""

    sums: GroupSums
    effects: tuple[Effect, ...]
    design: list[Facet]
    objects: list[str]
    dropped: dict[str, str]


def _design(answers: Answers, keyed: FloatArray, members: IntArray) -> _Design:
    if len(members) < 2:
        raise NotEstimableError("one item: items are no facet")
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
    sums = _long_sums(answers, keyed[:, members], columns, with_runs=has_runs)
    identified = identified_effects(effects, sums.grouping, n_observations=sums.n.sum())
    if not identified.effects:
        raise NotEstimableError("; ".join(f"{name} {why}" for name, why in identified.dropped.items()))
    return _Design(sums, identified.effects, design, [facet.column for facet in objects], identified.dropped)


def _long_sums(answers: Answers, keyed: FloatArray, columns: list[str], *, with_runs: bool) -> GroupSums:
    """Group sums of keyed scores with items as a column: facets, item, and run where cells were asked repeatedly."""
    row, item = np.nonzero(np.isfinite(keyed))
    codes = np.column_stack([answers.facet_codes[row], item, *([answers.run[row]] if with_runs else [])])
    values = keyed[row, item][:, None]
    named = [*columns, "item", *(["run"] if with_runs else [])]
    return add_up(codes, named, np.ones_like(values), values - values.mean(axis=0) if len(values) else values, None)
