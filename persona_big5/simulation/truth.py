"""What is planted in a study whose llms are all simulated, for comparing what an analysis finds with what is true."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from persona_big5.simulation.library import is_contradictory, known_item, persona_anchor
from persona_big5.simulation.population import POPULATION
from persona_big5.simulation.traits import PREFIX, Respondent, acquiescence, intercept, loading, trait

if TYPE_CHECKING:
    from persona_big5.simulation.population import Population
    from persona_big5.study.model import Study


def is_simulated(study: Study) -> bool:
    """Whether every llm of a study, with all its variants, is a simulated one."""
    names = [name for llm in study.llms for name in (llm.name, *(variant.name for variant in llm.variants)) if name]
    return all(name.startswith(PREFIX) for name in names)


def truth(study: Study, population: Population = POPULATION) -> dict[str, Any]:
    """Return the planted structure of a simulated study, ready for JSON.

    Returns
    -------
    dict
        ``population`` (every constant); ``factors`` (names); ``items`` {item: scale, key, intercept, format_mood};
        ``loadings`` {item: [one per factor]} in keyed direction (multiply by the key for raw direction), other
        factors 0; ``traits`` [{llm, variant, persona, anchor, values: [one per factor], other_self: the same or null}]
        by the study's ids, where personas of one anchor share everything; ``acquiescence`` {llm: shift};
        ``component_shares`` {effect: share of a trait's variance}; ``moods`` {name: standard deviation}.
    """
    items = {item.id: known_item(population, item.text) for q in study.questionnaires for item in q.items}
    factors = [name for name in population.factors if any(item.scale == name for item in items.values())]
    factors += sorted({item.scale for item in items.values()} - set(factors))
    respondents = [
        (llm, variant, persona, Respondent.of(variant.name or llm.name, persona_anchor(persona.text)))
        for llm in study.llms
        for variant in llm.variants
        for persona in study.personas
    ]
    return {
        "population": asdict(population),
        "factors": factors,
        "items": {
            name: {
                "scale": item.scale,
                "key": item.key,
                "intercept": intercept(population, item),
                "format_mood": item.in_format_mood(population),
            }
            for name, item in items.items()
        },
        "loadings": {
            name: [loading(population, item) if item.scale == factor else 0.0 for factor in factors]
            for name, item in items.items()
        },
        "traits": [
            {
                "llm": llm.id,
                "variant": variant.id,
                "persona": persona.id,
                "anchor": respondent.persona,
                "values": [trait(population, factor, respondent) for factor in factors],
                "other_self": [trait(population, factor, respondent.other_self) for factor in factors]
                if respondent.llm in population.two_selves and is_contradictory(persona.text)
                else None,
            }
            for llm, variant, persona, respondent in respondents
        ],
        "acquiescence": {llm.id: acquiescence(population, respondent.llm) for llm, _, _, respondent in respondents},
        "component_shares": {
            "llm": population.llm_share,
            "variant": population.variant_share,
            "persona": population.persona_share,
            "llm:persona": population.llm_persona_share,
        },
        "moods": {"mood": population.mood_sd, "format mood": population.format_mood_sd},
    }
