from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persona_big5.questionnaire import Item, load_questionnaire
from persona_big5.study import plan
from persona_big5.study.model import AdministrationDesign, Persona

FACETS = ("wording", "option_order", "format", "reasoning")
LEVELS = {
    "wording": ["a", "b"],
    "option_order": ["forward", "reversed", "rotated"],
    "format": ["text", "json"],
    "reasoning": ["off", "on"],
}

designs = st.fixed_dictionaries(
    {name: st.permutations(levels).flatmap(lambda few: st.integers(1, len(few)).map(lambda n: tuple(few[:n])))
     for name, levels in LEVELS.items()}
)  # fmt: skip


def manner(session) -> tuple[str, ...]:
    order = session.option_order.split("-")[0]
    return (session.wording, order, session.format, session.reasoning)


def crossed(study):
    design = study.administration.model_copy(update={"design": "crossed"})
    return study.model_copy(update={"administration": design})


def ids(study) -> set[str]:
    return {one.id for session in plan(study) for one in session.administrations}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(levels=designs, n_items=st.integers(1, 13), more=st.integers(1, 3), seed=st.integers(0, 2**63 - 1))
def test_isolated_items_meet_manners_in_balance(make_study, make_questionnaire, levels, n_items, more, seed) -> None:
    design = AdministrationDesign(design="fraction", **levels)
    many = len(design.manners)
    quests = (make_questionnaire("q", n_items), make_questionnaire("r", 3))
    study = make_study(questionnaires=quests, administration=design, runs=many + more, seed=seed)
    by_run, by_item, by_cell = defaultdict(Counter), defaultdict(Counter), defaultdict(set)
    for session in plan(study):
        (one,) = session.administrations
        by_cell[one.item.id, session.run].add(manner(session))
        if (session.llm.id, session.variant.id, session.persona.id) == ("one", "none", "none"):
            group = (session.questionnaire.id, one.item.scale, one.item.key)
            by_run[session.run, group][manner(session)] += 1
            if session.run <= many:
                by_item[one.item.id][manner(session)] += 1
    assert all(len(manners) == 1 for manners in by_cell.values())  # the same for every respondent
    assert len(by_cell) == (n_items + 3) * (many + more)
    assert all(len(met) == many and set(met.values()) == {1} for met in by_item.values())
    for counts in by_run.values():
        assert max(counts.values()) - min(counts.values()) <= 1
        assert len(counts) == min(many, counts.total())
        for facet, name in enumerate(FACETS):
            marginal = Counter(dict.fromkeys(getattr(design, name), 0))
            for combination, count in counts.items():
                marginal[combination[facet]] += count
            assert max(marginal.values()) - min(marginal.values()) <= 1


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    levels=designs,
    layout=st.sampled_from(["isolated", "block", "conversation"]),
    item_order=st.sampled_from(["fixed", "shuffled"]),
    anchors=st.sampled_from([(), ("q-1",)]),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_fraction_is_part_of_the_crossed_design_and_asks_every_item_once_a_run(
    make_study, make_questionnaire, levels, layout, item_order, anchors, seed
) -> None:
    design = AdministrationDesign(
        design="fraction", layout=layout, block_size=2, item_order=item_order, anchors=anchors, **levels
    )
    quests = (make_questionnaire("q", 5, n_yes_no=2), make_questionnaire("r", 3))
    study = make_study(questionnaires=quests, administration=design, seed=seed, llms=make_study().llms[:1])
    asked = Counter(
        (session.persona.id, one.item.id, one.occasion, session.run)
        for session in plan(study)
        for one in session.administrations
    )
    assert set(asked.values()) == {1}
    assert len(asked) == 2 * 2 * (8 + 2 * len(anchors))
    few, full = ids(study), ids(crossed(study))
    assert few <= full
    assert len(full) == len(few) * len(design.manners)
    more = {"runs": 4, "personas": (*study.personas, Persona(id="new", group="g", text="New."))}
    assert few < ids(study.model_copy(update={**more, "questionnaires": (make_questionnaire("z", 2), *quests)}))
    assert [session.id for session in plan(study)] == [session.id for session in plan(study)]


def test_over_all_runs_sessions_of_blocks_and_conversations_meet_every_manner(make_study) -> None:
    for layout, order in (("block", "fixed"), ("block", "shuffled"), ("conversation", "shuffled")):
        design = AdministrationDesign(
            design="fraction", layout=layout, block_size=2, item_order=order, wording=("a", "b"),
            option_order=("forward", "reversed"),
        )  # fmt: skip
        met = defaultdict(Counter)
        by_run = defaultdict(set)
        for session in plan(make_study(administration=design, runs=4)):
            by_run[session.run].add(manner(session))
            for one in session.administrations:
                met[session.llm.id, session.variant.id, session.persona.id, one.item.id][manner(session)] += 1
        assert all(len(manners) == 4 and set(manners.values()) == {1} for manners in met.values())
        assert {len(manners) for manners in by_run.values()} == ({3} if order == "fixed" else {1})


def test_another_seed_deals_otherwise(make_study) -> None:
    design = AdministrationDesign(design="fraction", wording=("a", "b"), option_order=("forward", "reversed"))
    dealt = [frozenset(ids(make_study(administration=design, seed=seed))) for seed in range(10)]
    assert len(set(dealt)) > 5


def test_an_item_added_at_the_end_keeps_the_manners_of_all_but_its_neighbours(make_study, make_questionnaire) -> None:
    design = AdministrationDesign(design="fraction", wording=("a", "b"), option_order=("forward", "reversed"))
    few = make_study(administration=design, questionnaires=(make_questionnaire("q", 24),))
    more = make_study(administration=design, questionnaires=(make_questionnaire("q", 25),))
    assert ids(few) < ids(more)  # 12 of each key: three times four neighbours
    quest = make_questionnaire("q", 8)
    first = Item(id="first", scale="other", key=1, text="First.", response_scale="agree")
    other = quest.model_copy(
        update={"scales": {**quest.scales, "other": quest.scales["calm"]}, "items": (*quest.items, first)}
    )
    assert ids(make_study(administration=design, questionnaires=(quest,))) < ids(
        make_study(administration=design, questionnaires=(other,))
    )


@pytest.mark.parametrize("run", [1, 2, 3])
def test_the_shipped_questionnaire_is_balanced_over_all_its_items(make_study, run) -> None:
    design = AdministrationDesign(
        design="fraction", wording=("a", "b"), option_order=("forward", "reversed"), format=("text", "json")
    )
    quest = load_questionnaire("broad-five", Path())
    study = make_study(questionnaires=(quest,), administration=design, runs=3, llms=make_study().llms[:1])
    sessions = [session for session in plan(study) if session.run == run]
    for facet in range(3):
        assert set(Counter(manner(session)[facet] for session in sessions).values()) == {40}


def test_pinned_fraction(make_study) -> None:
    design = AdministrationDesign(design="fraction", wording=("a", "b"), option_order=("forward", "reversed"))
    sessions = [s for s in plan(make_study(administration=design)) if (s.llm.id, s.persona.id) == ("one", "none")]
    dealt = sorted((s.administrations[0].item.id, s.run, s.wording, s.option_order) for s in sessions)
    assert dealt == [
        ("q-0", 1, "a", "forward"),
        ("q-0", 2, "b", "reversed"),
        ("q-1", 1, "a", "reversed"),
        ("q-1", 2, "b", "forward"),
        ("q-2", 1, "b", "forward"),
        ("q-2", 2, "a", "reversed"),
        ("q-3", 1, "b", "forward"),
        ("q-3", 2, "a", "reversed"),
        ("q-4", 1, "b", "reversed"),
        ("q-4", 2, "a", "forward"),
    ]
