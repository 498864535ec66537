"""A simulated llm: a plain function from a model name, messages and parameters to the text of a reply."""

from __future__ import annotations

from bisect import bisect
from secrets import randbits
from typing import TYPE_CHECKING, Any

from persona_big5.simulation.draws import normal, uniform
from persona_big5.simulation.library import is_contradictory, known_context, known_item, persona_anchor
from persona_big5.simulation.phrasing import FORMS, OPENERS, Choice, phrase_block, phrase_json, phrase_one
from persona_big5.simulation.population import POPULATION
from persona_big5.simulation.prompt import Prompt, read_prompt
from persona_big5.simulation.traits import Respondent, persistent_answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from persona_big5.simulation.library import KnownItem
    from persona_big5.simulation.population import Population

_REFUSALS = (
    "I'd rather not answer that one",
    "As an AI, I can't rate that about myself",
    "I'm not able to give a rating here",
)
_CALL_REFUSAL = "I'm sorry, but as an AI language model I can't answer questions about my own personality."
_ODD_STYLE = 0.15  # share of replies not phrased in the llm's habitual way


def respond(
    model_name: str,
    messages: Sequence[dict[str, str]],
    parameters: Mapping[str, Any],
    *,
    population: Population = POPULATION,
) -> str:
    """Answer one request as the simulated llm ``model_name`` would.

    Nothing is known of the request but what is passed. The persona is the system message, the wording, statements and
    options are read from the last message; of the turns between them, a shipped context at their beginning has the
    effect that the population gives it, and nothing else has any. The mood of the session and all its noise are drawn
    from ``parameters["seed"]``; without one, the reply cannot be repeated. A persona, its paraphrases and the shipped
    default answer from the same traits, and so does no persona at all. An unknown statement gets a trait, a key and a
    loading from its text.

    Parameters
    ----------
    model_name
        Name of the llm, with or without ``simulated/``; what follows a hyphen is its variant.
    messages
        As :func:`persona_big5.study.session_messages` writes them.
    parameters
        Of the request; only ``seed`` is used.
    population
        Numbers of the population.

    Returns
    -------
    str
        A reply phrased as llms phrase them, now and then a refusal.
    """
    prompt = read_prompt(messages)
    respondent = Respondent.of(model_name, persona_anchor(prompt.persona))
    session = (population.seed, parameters.get("seed", randbits(62)), respondent.variant, respondent.persona)
    return _Sitting(population, prompt, respondent, session).reply()


class _Sitting:
    """One respondent answering one request; ``session`` names all that is drawn anew."""

    def __init__(
        self, population: Population, prompt: Prompt, respondent: Respondent, session: tuple[str | int, ...]
    ) -> None:
        self.population = population
        self.prompt = prompt
        self.respondent = respondent
        self.session = session
        reluctant = uniform(population.seed, "reluctant", respondent.persona) < population.reluctant_personas
        self.reluctance = population.reluctance if reluctant else 1.0
        self.position_bias = (
            population.place_taking if respondent.llm in population.place_takers else population.position_bias
        )
        self.context = known_context(prompt.said_before)
        has_two_selves = respondent.llm in population.two_selves and is_contradictory(prompt.persona)
        self.answering = respondent.other_self if has_two_selves and self._happens("self", 1 / 2) else respondent

    def reply(self) -> str:
        if self._happens("call refusal", self.population.call_refusal * self.reluctance) or not self.prompt.options:
            return _CALL_REFUSAL
        choices = [self._choice(label, known_item(self.population, text)) for label, text in self.prompt.statements]
        style = self.session if self._happens("odd style", _ODD_STYLE) else (self.population.seed, self.respondent.llm)
        form = list(FORMS)[int(uniform(*style, "form") * len(FORMS))]
        opener = OPENERS[int(uniform(*style, "opener") * len(OPENERS))]
        if self.prompt.wants_json or uniform(*style, "json") < 1 / len(FORMS):
            return phrase_json(choices, opener, fenced=uniform(*style, "fence") < 1 / 2)
        if self.prompt.is_block:
            return phrase_block(choices, form, opener, one_line=uniform(*style, "line") < 1 / 4)
        return phrase_one(choices[0], form, opener)

    def _happens(self, what: str, probability: float) -> bool:
        return uniform(*self.session, what) < probability

    def _choice(self, statement: str, item: KnownItem) -> Choice:
        displayed = self.prompt.options
        highest = max(value for value, _ in displayed)
        if self._happens(f"refusal {item.text}", self.population.refusal * self.reluctance):
            words = (*_REFUSALS, self.prompt.decline or _REFUSALS[0])
            said = words[int(uniform(*self.session, "words", item.text) * len(words))]
            return Choice(statement, None, said, 0, highest)
        if self._happens(f"first option {item.text}", self.position_bias):
            place = 0
        else:
            ordered = sorted(displayed)
            cuts = self.population.thresholds(len(ordered))
            place = displayed.index(ordered[bisect(cuts, self._latent(item))])
        value, label = displayed[place]
        return Choice(statement, value, label, place, highest)

    def _latent(self, item: KnownItem) -> float:
        population = self.population
        wording = population.wording_sd * normal(population.seed, "wording", item.text, self.prompt.frame)
        mood = population.mood_sd * normal(*self.session, "mood")
        if item.in_format_mood(population):
            mood += population.format_mood_sd * normal(*self.session, "format mood")
        noise = population.noise_sd * normal(*self.session, "noise", item.text)
        return persistent_answer(population, item, self.answering, self.context) + wording + mood + noise
