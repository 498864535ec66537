"""Whole simulated populations drawn as arrays, to test methods on many of them.

The numbers are those of the simulated llms; each population has a seed of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from persona_big5.simulation.population import Population

LOWEST, HIGHEST = 1, 5
ITEMS_PER_FACTOR = 8


@dataclass(frozen=True, slots=True)
class World:
    """A simulated population.

    Attributes
    ----------
    frame
        The long table of its answers.
    loadings
        The planted truth, shape (items, factors), signed by key.
    """

    frame: pd.DataFrame
    loadings: NDArray[np.float64]


def draw_world(
    population: Population,
    seed: int,
    *,
    n_llms: int = 6,
    n_variants: int = 2,
    n_personas: int = 12,
    n_placebo: int = 3,
    runs: int = 3,
) -> World:
    """Draw a population and its answers to eight items per factor, half of them reversed.

    All items of a run share a session. As with the simulated llms, the traits of the persona ``default`` are shared by
    its paraphrases and by no persona at all.

    Parameters
    ----------
    population
        The numbers to draw with.
    seed
        Everything random derives from it.
    n_llms
        Number of llms.
    n_variants
        Variants of each llm, the unmodified one included.
    n_personas
        Personas with traits of their own, ``default`` included.
    n_placebo
        Paraphrases of ``default``, of group ``placebo``. Respondents = llms x variants x (personas + 1 + placebo).
    runs
        Runs of each cell.
    """
    random = np.random.default_rng(seed)
    k = len(population.factors)
    n_items = k * ITEMS_PER_FACTOR
    factor = np.repeat(np.arange(k), ITEMS_PER_FACTOR)
    keys = np.tile([1, -1], n_items // 2)
    loadings = np.zeros((n_items, k))
    loadings[np.arange(n_items), factor] = keys * random.uniform(
        population.loading_low, population.loading_high, n_items
    )

    names = ["default", "none", *(f"placebo-{i + 1}" for i in range(n_placebo))] + [
        f"persona-{i}" for i in range(1, n_personas)
    ]
    same_as = np.r_[np.zeros(2 + n_placebo, dtype=int), np.arange(1, n_personas)]
    traits = _traits(population, random, n_llms, n_variants, n_personas)[:, :, same_as]
    specific = population.specific_sd * random.standard_normal((n_llms, n_variants, n_personas, n_items))[:, :, same_as]
    persistent = (
        population.intercept_sd * random.standard_normal(n_items)
        + traits @ loadings.T
        + specific * keys
        + population.acquiescence_sd * random.standard_normal((n_llms, 1, 1, 1))
    )
    shape = (*persistent.shape[:3], runs)
    latent = persistent[:, :, :, None, :] + population.mood_sd * random.standard_normal((*shape, 1))
    in_format = np.arange(n_items) % population.format_mood_every == 0
    latent = latent + population.format_mood_sd * random.standard_normal((*shape, 1)) * in_format
    latent = latent + population.noise_sd * random.standard_normal((*shape, n_items))
    scores = LOWEST + np.digitize(latent, population.thresholds(HIGHEST - LOWEST + 1)).astype(float)
    scores[random.random(scores.shape) < population.position_bias] = LOWEST
    scores[random.random(scores.shape) < population.refusal] = np.nan
    return World(_long(population, scores, names, factor, keys), loadings)


def _traits(
    population: Population, random: np.random.Generator, n_llms: int, n_variants: int, n_personas: int
) -> NDArray[np.float64]:
    """Trait values (llms, variants, personas, factors) from the population's components."""
    k = len(population.factors)
    parts = (
        (population.llm_share, (n_llms, 1, 1, k)),
        (population.variant_share, (n_llms, n_variants, 1, k)),
        (population.persona_share, (1, 1, n_personas, k)),
        (population.llm_persona_share, (n_llms, 1, n_personas, k)),
    )
    traits = np.zeros((n_llms, n_variants, n_personas, k))
    for share, shape in parts:
        traits += np.sqrt(share) * random.standard_normal(shape)
    return traits


def _long(
    population: Population,
    scores: NDArray[np.float64],
    personas: list[str],
    factor: NDArray[np.int64],
    keys: NDArray[np.int64],
) -> pd.DataFrame:
    llm, variant, persona, run, item = (axis.ravel() for axis in np.indices(scores.shape))
    names = np.array(personas, dtype=object)[persona]
    cell = np.ravel_multi_index((llm, variant, persona, run), scores.shape[:4])
    return pd.DataFrame(
        {
            "llm": np.char.add("llm-", llm.astype(str)),
            "variant": np.where(variant == 0, "none", np.char.add("tuned-", variant.astype(str))),
            "persona": names,
            "persona_group": np.where(np.char.startswith(names.astype(str), "placebo"), "placebo", "other"),
            "item_id": np.char.add("item-", np.char.zfill((item + 1).astype(str), 2)),
            "run": (run + 1).astype(str),
            "wave": "1",
            "session": np.char.add("session-", cell.astype(str)),
            "scale": np.array(population.factors, dtype=object)[factor[item]],
            "keyed": keys[item],
            "score_min": float(LOWEST),
            "score_max": float(HIGHEST),
            "state": np.where(np.isnan(scores.ravel()), "refused", "answered"),
            "score": scores.ravel(),
        }
    )
