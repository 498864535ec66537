"""Does an answer follow the option or its place in the list: position bias of every scale, and what the orders show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from persona_big5.errors import NotEstimableError
from persona_big5.validity.style import PositionBias, order_share_of_run_variance, position_bias

if TYPE_CHECKING:
    from persona_big5.analysis.answers import Answers

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


def place_decides(bias: PositionBias) -> bool:
    """Whether the place of an option decides more than what it says, and nothing is seen that follows what it says.

    The agreement of the two orders is below 0, and their correlation over cells is not above 0, both judged by their
    95 % intervals.
    """
    if not bias.agreement_ci_high < 0:
        return False
    r = bias.r_between_orders
    return r is None or not (bias.r_ci_low if np.isfinite(bias.r_ci_low) else r) > 0
