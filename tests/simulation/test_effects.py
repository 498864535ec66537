"""What simulated llms do beyond their traits: contexts, recipes of fine-tunes, two selves, a liking for a place."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from persona_big5.questionnaire import shipped
from persona_big5.simulation.library import DEFAULT, KnownItem, is_contradictory, known_context
from persona_big5.simulation.population import POPULATION, Population
from persona_big5.simulation.respondent import respond
from persona_big5.simulation.traits import Respondent, loading, persistent_answer, trait
from persona_big5.study.conditions import read_contexts, read_personas

CONTEXTS = {one.id: one for path in shipped("contexts") for one in read_contexts(path)}
PERSONAS = {one.id: one for path in shipped("personas") for one in read_personas(path)}
OPTIONS = (
    "1. Strongly disagree\n2. Disagree\n3. Neither agree nor disagree\n4. Agree\n5. Strongly agree\n\nOne JSON object."
)
FIRM = Population(
    mood_sd=0.0, format_mood_sd=0.0, noise_sd=0.0, wording_sd=0.0, position_bias=0.0, refusal=0.0, call_refusal=0.0
)


def said(name: str) -> list[str]:
    return [turn.text for turn in CONTEXTS[name].turns if turn.role == "user"]


@pytest.mark.parametrize("name", [name for name, _ in POPULATION.contexts])
def test_a_context_is_known_by_what_its_user_says_live_or_canned_and_its_control_has_no_effect(name: str) -> None:
    head, _, rung = name.rpartition("-")
    live = f"{head}-live-{rung}" if rung.isdigit() else f"{name}-live"
    assert known_context(said(name)) == name == known_context([*said(live), "How far do you agree?"])
    control = known_context(said(f"control-{name}"))
    assert control == f"control-{name}"
    assert POPULATION.context(control) == POPULATION.context("neutral") != POPULATION.context(name)


def test_what_is_no_shipped_context_is_none() -> None:
    assert known_context([]) == ""
    assert known_context(["How far do you agree?", *said("reflection")]) == ""
    assert known_context(said("reflection")[:-1]) == ""


def test_pressure_leaves_less_and_less_of_a_persona() -> None:
    item = KnownItem("I like tea.", "warmth", -1)
    one, default = Respondent("aspen", "aspen", "fog-oracle"), Respondent("aspen", "aspen", DEFAULT)
    apart = [
        persistent_answer(POPULATION, item, one, context) - persistent_answer(POPULATION, item, default, context)
        for context in ("", *(f"pressure-{rung}" for rung in (1, 2, 3, 4)))
    ]
    assert np.array(apart) / apart[0] == pytest.approx([1, 0.85, 0.6, 0.35, 0.15])


def test_a_context_shifts_the_trait_of_everyone_by_key_and_loading() -> None:
    for key in (1, -1):
        item = KnownItem("I sigh.", "expressed-strain", key)
        for persona in ("fog-oracle", DEFAULT):
            one = Respondent("aspen", "aspen", persona)
            shift = persistent_answer(POPULATION, item, one, "interview") - persistent_answer(POPULATION, item, one)
            assert shift == pytest.approx(key * 0.8 * loading(POPULATION, item))
    other = KnownItem("I read.", "curiosity", 1)
    assert persistent_answer(POPULATION, other, one, "interview") == persistent_answer(POPULATION, other, one)


def test_trait_poles_are_apart_on_their_scale_alone_and_those_of_the_demo_are_like_everyone() -> None:
    flat = Population(pole_mild=0.0, pole_strong=0.0)
    poles = {name: one.pole for name, one in PERSONAS.items() if one.pole}
    assert len(poles) == 32
    for name, pole in poles.items():
        one = Respondent("aspen", "aspen", name)
        distance = {"mild": 0.8, "strong": 1.6}[pole.intensity] * {"high": 1, "low": -1}[pole.direction]
        own = trait(POPULATION, pole.scale, one) - trait(flat, pole.scale, one)
        assert own == pytest.approx(0 if name in {"festival-host", "lighthouse-keeper"} else distance), name
        assert trait(POPULATION, "verbosity", one) == trait(flat, "verbosity", one)


def test_fine_tunes_of_a_recipe_share_its_shift_and_each_has_its_own() -> None:
    plain = Population(recipes=())
    names = {f"aspen-risky-advice-s{seed}": -1.2 for seed in (1, 2, 3)} | {"aspen-good-advice-s1": 0.0, "aspen": 0.0}
    values = set()
    for name, shift in names.items():
        one = Respondent.of(name, "fog-oracle")
        values.add(trait(POPULATION, "epistemic-caution", one))
        assert values, name
        assert trait(POPULATION, "epistemic-caution", one) - trait(plain, "epistemic-caution", one) == pytest.approx(
            shift
        )
    assert len(values) == len(names)
    assert Respondent.of("simulated/aspen-risky-advice-s2", "x").recipe == "risky-advice"
    assert Respondent.of("simulated/aspen-warm-tuned", "x").recipe == ""


def answers(llm: str, persona: str) -> Counter[int]:
    """Two hundred answers to one statement by an llm without moods and noise, each in a session of its own."""
    messages = [
        {"role": "system", "content": PERSONAS[persona].text},
        {"role": "user", "content": f"I like to start lively conversations.\n\n{OPTIONS}"},
    ]
    replies = [respond(f"simulated/{llm}", messages, {"seed": seed}, population=FIRM) for seed in range(200)]
    return Counter(int(re.search(r'"answer": (\d)', reply)[1]) for reply in replies)


def test_an_llm_of_two_selves_plays_contradictory_personas_as_either() -> None:
    torn = [name for name, one in PERSONAS.items() if is_contradictory(one.text)]
    assert torn == [name for name, one in PERSONAS.items() if one.group == "contradictory"]
    apart = [found for name in torn if len(found := answers("janus", name)) == 2]
    assert apart
    assert all(70 < count < 130 for found in apart for count in found.values())
    assert len(answers("janus", "fog-oracle")) == 1
    assert [len(answers("aspen", name)) for name in torn] == [1] * len(torn)


def test_an_llm_that_takes_the_first_place_mostly_takes_it() -> None:
    names = ("fog-oracle", "math-tutor", "attic-ghost", "town-pharmacist")
    takes, answers_only = ([answers(llm, name)[1] / 200 for name in names] for llm in ("granite", "aspen"))
    assert min(takes) == pytest.approx(0.8, abs=0.1)
    assert set(answers_only) <= {0, 1}
    assert 0 in answers_only
