"""Does an answer follow the option or its place in the list: position bias of every scale, and what the orders show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from persona_big5.analysis.shares import variance_by_level
from persona_big5.errors import NotEstimableError
from persona_big5.store.longtable import KEY_DEFAULTS
from persona_big5.validity.style import PositionBias, order_share_of_run_variance, position_bias
from persona_big5.variance.covariance import means_by_group
from persona_big5.variance.groups import distinct_rows

if TYPE_CHECKING:
    from persona_big5.analysis.answers import Answers
    from persona_big5.variance.groups import FloatArray
    from persona_big5.variance.levels import LevelComponents

OVERALL = "all"
BOTH = {"forward", "reversed"}


@dataclass(frozen=True, slots=True)
class OptionPlace:
    """What the orders of options say of one scale.

    Attributes
    ----------
    bias
        Position bias, or why there is none.
    run_noise
        What became of run noise in its share of variance: ``removed``; ``absent``, from expected scores; ``included``,
        as it cannot be told apart.
    share_of_run_variance
        What the orders make of the variance between runs of a cell, or why that cannot be said.
    """

    bias: PositionBias | str
    run_noise: Literal["removed", "absent", "included"]
    share_of_run_variance: float | str


def option_places(answers: Answers, *, noise_free: bool) -> dict[str, OptionPlace]:
    """Position bias by scale and for all items together; ends of the response scales must be known.

    ``noise_free``: all scores are expected ones, without sampling noise.
    """
    items = answers.items
    groups = {scale: items.members(scale) for scale in items.scales} | {OVERALL: np.arange(len(items.names))}
    levels = {facet: answers.code(facet) for facet in ("llm", "persona")}
    found = {}
    for scale, members in groups.items():
        scores, ends = answers.scores[:, members], (items.score_min[members], items.score_max[members])
        bias: PositionBias | str = one_order(answers)
        if not bias:
            try:
                bias = position_bias(scores, answers.cell, answers.option_order, *ends, levels)
            except NotEstimableError as error:
                bias = str(error)
        share: float | str = "the options were shown in one order only"
        if len(np.unique(answers.option_order)) > 1:
            try:
                share = order_share_of_run_variance(scores, answers.cell, answers.option_order, noise_free=noise_free)
            except NotEstimableError as error:
                share = str(error)
        removed = not isinstance(bias, str) and bias.noise_removed
        found[scale] = OptionPlace(bias, "removed" if removed else "absent" if noise_free else "included", share)
    return found


def one_order(answers: Answers) -> str:
    """Say what cannot be seen where the options were not shown both forward and reversed; empty where they were."""
    if set(answers.option_order) >= BOTH:
        return ""
    keyed = answers.items.keyed
    alike = "content" if (keyed > 0).all() or (keyed < 0).all() else "agreeing or disagreeing with everything"
    return (
        "the options were not shown in both orders (forward and reversed): choosing by their place in the list cannot "
        f"be told from {alike}"
    )


@dataclass(frozen=True, slots=True)
class LlmsByPlace:
    """What llms follow in their answers.

    Attributes
    ----------
    n
        Llms (each with its variant) asked in both orders about at least 4 personas, so that each can be judged alone.
    place
        Those in which the place of an option decides more than the option.
    orders_agree
        Whether the two orders agree on who answers higher within llms, whatever the displacement of each llm.
    """

    n: int
    place: tuple[str, ...]
    orders_agree: bool


def llms_by_place(answers: Answers) -> LlmsByPlace:
    """Judge llms, each with its variant, alone; ends of the response scales must be known.

    Taken together, one that follows the place hides the content of another: as they differ in displacement, their
    orders correlate negatively. Where several seem to follow the place, but their orders agree within them once they
    are taken together, none of them does.
    """
    of_llm, n = answers.unit(("llm", "variant")), 0
    place: dict[int, str] = {}
    for number in range(answers.count(("llm", "variant"))):
        own = answers.where(of_llm == number)
        alone = _bias(own, own.scores)
        if alone is None or not np.isfinite(alone.agreement_ci_high):
            continue
        n += 1
        if place_decides(alone):
            llm, variant = (own.levels[column][own.code(column)[0]] for column in ("llm", "variant"))
            place[number] = llm if variant == KEY_DEFAULTS["variant"] else f"{llm} ({variant})"
    if len(place) > 1 and _agree_within(answers.where(np.isin(of_llm, list(place)))):
        place = {}
    return LlmsByPlace(n, tuple(place.values()), _agree_within(answers))


def place_decides_in_most(bias: PositionBias, llms: LlmsByPlace) -> bool:
    """Whether the place decides in most llms, or in all together where it cannot be seen in each."""
    return 2 * len(llms.place) > llms.n or (place_decides(bias) and not llms.orders_agree)


def place_decides(bias: PositionBias) -> bool:
    """Whether the place of an option decides more than what it says, and nothing is seen that follows what it says.

    The agreement of the two orders is below 0, and their correlation over cells is not above 0, both judged by their
    95 % intervals. A correlation without one, as where one persona is all that varies, says nothing.
    """
    return bias.agreement_ci_high < 0 and not bias.r_ci_low > 0


def lost_with_orders(answers: Answers, components: LevelComponents | str) -> float:
    """Share of what personas move (of the ``components`` of these answers) that is lost as orders count as runs.

    Run noise is taken off the variance between respondents: a displacement common to the personas of an llm, which is
    in no difference between them, is taken off with it, and may leave nothing. So it is compared with what is left
    where that displacement is removed first. 0 where nothing is left then, or components are not known.
    """
    without = variance_by_level(replace(answers, scores=_displacement_removed(answers)))
    if isinstance(components, str) or isinstance(without, str):
        return 0.0
    after = _moved_by_personas(without)
    return 1 - _moved_by_personas(components) / after if after > 0 else 0.0


def _moved_by_personas(components: LevelComponents) -> float:
    return sum(part.estimate for name, part in components.components.items() if "persona" in name.split(":"))


def orders_make_most(place: OptionPlace) -> bool:
    """Whether orders make most of the variance between runs of a cell.

    Where that cannot be told from run noise, the order must make most of what answers to an item differ in.
    """
    share = place.share_of_run_variance
    if isinstance(share, str):
        return not isinstance(place.bias, str) and place.bias.share_ci_low > 1 / 2
    return share > 1 / 2


def _agree_within(answers: Answers) -> bool:
    within = _bias(answers, _displacement_removed(answers))
    return within is not None and within.r_ci_low > 0


def _displacement_removed(answers: Answers) -> FloatArray:
    """Scores less the mean of their llm (with its variant) in their order, item by item."""
    _, order = np.unique(answers.option_order, return_inverse=True)
    group = distinct_rows(np.column_stack([answers.unit(("llm", "variant")), order]))[0]
    return answers.scores - means_by_group(answers.scores, group, int(group.max()) + 1)[group]


def _bias(answers: Answers, scores: FloatArray) -> PositionBias | None:
    """Position bias of all items together, None where no cell was asked in both orders."""
    ends = answers.items.score_min, answers.items.score_max
    levels = {facet: answers.code(facet) for facet in ("llm", "persona")}
    try:
        return position_bias(scores, answers.cell, answers.option_order, *ends, levels)
    except NotEstimableError:
        return None
