"""What the simulated llms of a study answer on average: means and variances of every item, known without asking."""

from __future__ import annotations

import math
from itertools import product
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from persona_big5.simulation.library import known_context, known_item, persona_anchor
from persona_big5.simulation.population import POPULATION
from persona_big5.simulation.traits import Respondent, persistent_answer

if TYPE_CHECKING:
    from persona_big5.simulation.population import Population
    from persona_big5.study.model import Study

COLUMNS = [
    "llm", "variant", "recipe", "training_seed", "persona", "group", "context", "item_id", "scale", "mean", "variance",
]  # fmt: skip
_NORMAL = NormalDist()


def planted_answers(study: Study, population: Population = POPULATION) -> pd.DataFrame:
    """Expected score and variance over runs of every respondent, context and item, in keyed direction.

    Moods, noise and the liking for the first place shown (averaged over the study's option orders) are in both; what a
    wording adds and refusals are left out. Of an llm with two selves, the first.

    Returns
    -------
    DataFrame
        ``llm, variant, recipe, training_seed, persona, group, context, item_id, scale, mean, variance``.
    """
    rows = []
    items = [item for questionnaire in study.questionnaires for item in questionnaire.items]
    scales = {item.id: q.response_scales[item.response_scale] for q in study.questionnaires for item in q.items}
    contexts = {one.id: known_context([t.text for t in one.turns if t.role == "user"]) for one in study.contexts}
    for llm in study.llms:
        for variant, persona in product(llm.variants, study.personas):
            respondent = Respondent.of(variant.name or llm.name, persona_anchor(persona.text))
            first = population.place_taking if respondent.llm in population.place_takers else population.position_bias
            for (context, known), item in product(contexts.items(), items):
                planted = known_item(population, item.text)
                spread = math.hypot(population.mood_sd, population.noise_sd)
                if planted.in_format_mood(population):
                    spread = math.hypot(spread, population.format_mood_sd)
                values = np.array(scales[item.id].values)
                latent = persistent_answer(population, planted, respondent, known)
                below = [_NORMAL.cdf((cut - latent) / spread) for cut in population.thresholds(len(values))]
                chances = (1 - first) * np.diff([0.0, *below, 1.0])
                for order in study.administration.option_order:
                    chances[0 if order == "forward" else -1] += first / len(study.administration.option_order)
                mean = float(chances @ values)
                variance = float(chances @ (values - mean) ** 2)
                keyed = mean if item.key > 0 else float(values[0] + values[-1]) - mean
                rows.append(
                    (llm.id, variant.id, variant.recipe, variant.training_seed, persona.id, persona.group, context,
                     item.id, item.scale, keyed, variance)
                )  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)
