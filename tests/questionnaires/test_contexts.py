"""Rules that every shipped context keeps: canned and live alike, each beside a bland control of its length."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from persona_big5.analysis.conditions import control_of, is_control, ladders
from persona_big5.questionnaire import read_questionnaire, shipped
from persona_big5.study.conditions import read_contexts

if TYPE_CHECKING:
    from persona_big5.study.model import Context

CONTEXTS: dict[str, Context] = {one.id: one for path in shipped("contexts") for one in read_contexts(path)}
THEMES = ("vulnerable-user", "reflection", "agentic-task", "pressure", "interview")
RUNGS = (1, 2, 3, 4)
MOST_DIFFERENCE = 0.10
COPIED_WORDS = 5


def canned() -> list[str]:
    """Contexts with a content, neither controls nor live."""
    return [name for name, one in CONTEXTS.items() if one.mode == "canned" and one.turns and not is_control(name)]


def live_of(name: str) -> str:
    rung = re.fullmatch(r"(.+)-(\d+)", name)
    return f"{rung[1]}-live-{rung[2]}" if rung else f"{name}-live"


def n_words(context: Context, role: str) -> int:
    return sum(len(turn.text.split()) for turn in context.turns if turn.role == role)


def texts(context: Context, role: str = "user") -> list[str]:
    return [turn.text for turn in context.turns if turn.role == role]


def runs_of_words(text: str) -> set[tuple[str, ...]]:
    found = re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())
    return {tuple(found[i : i + COPIED_WORDS]) for i in range(len(found) - COPIED_WORDS + 1)}


def test_six_contexts_in_both_modes_with_controls() -> None:
    expected = {theme for theme in THEMES if theme != "pressure"} | {f"pressure-{rung}" for rung in RUNGS}
    assert set(canned()) == expected
    everything = {f"{prefix}{one}" for name in expected for one in (name, live_of(name)) for prefix in ("", "control-")}
    assert set(CONTEXTS) == everything | {"neutral", "small-talk"}


def test_neutral_is_nothing_before_the_item() -> None:
    assert CONTEXTS["neutral"].mode == "canned"
    assert CONTEXTS["neutral"].turns == ()


@pytest.mark.parametrize("name", canned())
def test_live_says_the_same_as_canned_and_leaves_the_replies_to_the_llm(name: str) -> None:
    for context in (name, f"control-{name}"):
        live = CONTEXTS[f"control-{live_of(name)}" if is_control(context) else live_of(name)]
        assert live.mode == "live"
        assert texts(live) == texts(CONTEXTS[context])


@pytest.mark.parametrize("name", [one for name in canned() for one in (name, live_of(name))])
def test_controls_are_as_long_as_what_they_control(name: str) -> None:
    control = control_of(name, list(CONTEXTS))
    assert control == f"control-{name}"
    own, bland = CONTEXTS[name], CONTEXTS[control]
    assert bland.mode == own.mode
    assert [turn.role for turn in bland.turns] == [turn.role for turn in own.turns]
    for role in {turn.role for turn in own.turns}:
        assert abs(n_words(bland, role) / n_words(own, role) - 1) <= MOST_DIFFERENCE, role


def test_controls_are_bland() -> None:
    """A control asks the llm nothing about itself, and has no feeling in it."""
    felt = re.compile(
        r"\b(feel\w*|scared|sad\w*|cry|lonely|afraid|angry|sorry|hurt\w*|yourself|your (replies|habits|work))\b",
        re.IGNORECASE,
    )
    assert felt.search("I feel so stupid.")
    assert {
        name for name, one in CONTEXTS.items() if is_control(name) for text in texts(one) if felt.search(text)
    } == set()


@pytest.mark.parametrize("ladder", ["pressure", "pressure-live"])
def test_the_rungs_of_the_ladder_are_one_conversation(ladder: str) -> None:
    found = ladders(list(CONTEXTS))
    assert set(found) == {"pressure", "pressure-live"}
    assert list(found[ladder].values()) == ["neutral", *(f"{ladder}-{rung}" for rung in RUNGS)]
    for prefix in ("", "control-"):
        rungs = [CONTEXTS[f"{prefix}{ladder}-{rung}"].turns for rung in RUNGS]
        for lower, higher in pairwise(rungs):
            assert len(lower) < len(higher)
            assert higher[: len(lower)] == lower


def test_contexts_do_not_repeat_items() -> None:
    items = {
        run
        for path in shipped("questionnaires")
        for item in read_questionnaire(path).items
        for run in runs_of_words(item.text)
    }
    shared = {
        name: found
        for name, one in CONTEXTS.items()
        if (found := {r for t in one.turns for r in runs_of_words(t.text)} & items)
    }
    assert shared == {}
