"""What simulated llms know by heart: the shipped items and personas, recognised by their texts and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from persona_big5.questionnaire import read_questionnaire, shipped
from persona_big5.simulation.draws import uniform
from persona_big5.study.conditions import read_personas

if TYPE_CHECKING:
    from persona_big5.simulation.population import Population

_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class KnownItem:
    """A statement, the scale whose trait it reads, and its key."""

    text: str
    scale: str
    key: int

    def in_format_mood(self, population: Population) -> bool:
        """Whether the second mood of a session moves this item: one item in ``format_mood_every``, by its text."""
        return uniform(population.seed, "format mood", self.text) < 1 / population.format_mood_every


@lru_cache(maxsize=10_000)
def known_item(population: Population, text: str) -> KnownItem:
    """Return the shipped item whose text this is, or contains; any other text gets a planted trait and a key."""
    items = _shipped_items()
    found = text if text in items else max((known for known in items if known in text), key=len, default=None)
    if found is not None:
        return items[found]
    name = (population.seed, "unknown item", text)
    factor = population.factors[int(uniform(*name, "factor") * len(population.factors))]
    return KnownItem(text, factor, 1 if uniform(*name, "key") < 1 / 2 else -1)


@lru_cache(maxsize=10_000)
def persona_anchor(text: str) -> str:
    """Return what personas of the same meaning share: the id a shipped one paraphrases or has, else the text.

    No persona at all is the default persona.
    """
    return _shipped_personas().get(text.strip(), text.strip()) or _DEFAULT


def known_value(label: str, default: float) -> float:
    """Return the value that shipped response scales give to an option's label; ``default`` for any other label."""
    return _shipped_values().get(label, default)


@cache
def _shipped_values() -> dict[str, float]:
    scales = [
        scale for path in shipped("questionnaires") for scale in read_questionnaire(path).response_scales.values()
    ]
    return {label: value for scale in scales for label, value in zip(scale.labels, scale.values, strict=True)}


@cache
def _shipped_items() -> dict[str, KnownItem]:
    questionnaires = [read_questionnaire(path) for path in shipped("questionnaires")]
    return {item.text: KnownItem(item.text, item.scale, item.key) for q in questionnaires for item in q.items}


@cache
def _shipped_personas() -> dict[str, str]:
    personas = [persona for path in shipped("personas") for persona in read_personas(path)]
    return {persona.text.strip(): persona.paraphrase_of or persona.id for persona in personas if persona.text.strip()}
