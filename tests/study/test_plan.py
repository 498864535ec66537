from __future__ import annotations

import dataclasses
import tracemalloc
from collections import Counter
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persona_big5.questionnaire import locate
from persona_big5.study import load_study, plan
from persona_big5.study.model import AdministrationDesign, Context, Limits, Llm, Persona, Price, Turn, Variant

BLOCK = AdministrationDesign(layout="block", block_size=2)
CONVERSATION = AdministrationDesign(layout="conversation")
LAYOUTS = [AdministrationDesign(), BLOCK, CONVERSATION]


def ids(study, wave="1") -> list[str]:
    return [one.id for session in plan(study, wave) for one in session.administrations]


def cells(study) -> dict[str, tuple[str, str, str, str, int]]:
    """What each id stands for."""
    return {
        one.id: (session.llm.id, session.variant.id, session.persona.id, one.item.id, session.run)
        for session in plan(study)
        for one in session.administrations
    }


@pytest.mark.parametrize("design", LAYOUTS)
def test_every_cell_is_planned_once(make_study, design) -> None:
    study = make_study(administration=design)
    planned = Counter(cells(study).values())
    respondents = [("one", "none"), ("two", "none"), ("two", "tuned")]
    expected = {
        (llm, variant, persona, f"q-{n}", run)
        for llm, variant in respondents
        for persona in ("none", "poet")
        for n in range(5)
        for run in (1, 2)
    }
    assert set(planned) == expected
    assert set(planned.values()) == {1}
    assert len(ids(study)) == len(set(ids(study))) == 60


def test_ids_and_order_are_the_same_each_time_and_in_each_release(make_study) -> None:
    study = make_study()
    first = list(plan(study))
    assert first == list(plan(study))
    # Stored answers are found again by these: a change here orphans every database.
    session = first[0]
    shown = (session.llm.id, session.variant.id, session.persona.id, session.administrations[0].item.id)
    assert shown == ("one", "none", "poet", "q-3")
    hashed = (
        '[{"decoding":{"max_tokens":64,"temperature":1},"interface":"chat","llm":"one","name":"x/one",'
        '"persona":"You are a poet. {item} {options}","variant":["none",null]},'
        '{"answer_mode":"sample","context":[],"format":"text","message_format":1,"occasion":"","option_order":"forward",'
        '"reasoning":"off","wording":"How well does this fit? {item}"},[1,"1"],null,'
        '{"decline":"Pass","item":"Statement 3 of q.","labels":["Disagree","Neither","Agree"],"values":[1,2,3]}]'
    )
    assert session.administrations[0].id == blake2b(hashed.encode(), digest_size=16).hexdigest()
    assert session.administrations[0].id == "c31e01f5570d85b2e7e58920ae8cf23d"
    assert (session.id, session.seed) == ("13496c09f2745b83242586a6894b60c8", 1898588406)
    block = next(plan(make_study(administration=BLOCK)))
    assert [(one.item.id, one.id) for one in block.administrations] == [
        ("q-2", "485f24f6bcc9b7162c609328bab5285b"),
        ("q-1", "5b2612b3c83e73a07de7500454c3b10c"),
    ]
    conversation = next(plan(make_study(administration=CONVERSATION)))
    assert [(one.item.id, one.id) for one in conversation.administrations] == [
        ("q-1", "a2c88d8e82512c6a1b56d8ce43ce32bd"),
        ("q-3", "f7c110832759ded65e8d15c36cf7905e"),
        ("q-0", "f97c360a711303c2cc7aa431654f403f"),
        ("q-2", "4b035116d16996ba0def1bac5400ee4d"),
        ("q-4", "4c0a34d3ea07907f0979f9f766ed01f7"),
    ]
    live = Context(id="live", mode="live", turns=(Turn(role="user", text="Who are you?"),))
    session = next(plan(make_study(contexts=(live,))))
    assert (session.id, session.seed) == ("c415e7e0bdada06e3e558ccfee5cd13e", 986563995)


@pytest.mark.parametrize("design", LAYOUTS)
def test_more_runs_llms_variants_personas_contexts_or_questionnaires_keep_every_id(
    make_study, make_questionnaire, bland_context, design
) -> None:
    study = make_study(administration=design)
    before = cells(study)
    variants = (*study.llms[0].variants, Variant(id="new", name="x/new"))
    larger = [
        {"runs": 3},
        {"llms": (Llm(id="new", name="x/one", decoding=study.llms[0].decoding), *study.llms)},
        {"llms": (study.llms[0].model_copy(update={"variants": variants}), study.llms[1])},
        {"personas": (Persona(id="new", group="new", text="New."), *study.personas)},
        {"contexts": (bland_context, *study.contexts)},
        {"questionnaires": (make_questionnaire("z", 3), *study.questionnaires)},
        {"administration": design.model_copy(update={"wording": ("b", "a"), "option_order": ("reversed", "forward")})},
    ]
    for change in larger:
        after = cells(study.model_copy(update=change))
        assert before.items() < after.items(), change


def test_another_isolated_item_keeps_every_id_and_in_blocks_changes_those_of_its_questionnaire(
    make_study, make_questionnaire
) -> None:
    more = make_questionnaire("q", 6)
    assert set(ids(make_study())) < set(ids(make_study(questionnaires=(more,))))
    other = make_questionnaire("other", 3)
    few = make_study(administration=BLOCK, questionnaires=(make_questionnaire("q", 5), other))
    many = make_study(administration=BLOCK, questionnaires=(more, other))
    kept = set(ids(few)) & set(ids(many))
    assert {cell for key, cell in cells(few).items() if cell[3].startswith("other")} <= {
        cells(few)[key] for key in kept
    }


@pytest.mark.parametrize("design", LAYOUTS)
def test_address_price_limits_and_descriptions_change_nothing_that_is_asked(make_study, design) -> None:
    study = make_study(administration=design)
    one, two = study.llms
    update = {
        "api_base": "http://elsewhere:1/v1",
        "api_key_env": "OTHER",
        "price": Price(input=1, output=2),
        "limits": Limits(concurrency=1),
        "family": "f",
        "size": 1e9,
    }
    described = two.variants[1].model_copy(update={"recipe": "r", "training_seed": 3, "tags": ("t",)})
    two_described = two.model_copy(update={"variants": (two.variants[0], described)})
    renamed = tuple(one.model_copy(update={"id": f"{one.id}-renamed", "group": "g"}) for one in study.personas)
    for change in (
        {"llms": (one.model_copy(update=update), two)},
        {"llms": (one, two_described)},
        {"personas": renamed},
        {"contexts": (Context(id="other-name", mode="canned"),)},
        {"max_cost": 3.0},
        {"study": "other-name"},
    ):
        changed = study.model_copy(update=change)
        assert ids(changed) == ids(study), change
        assert [session.seed for session in plan(changed)] == [session.seed for session in plan(study)]


def test_what_is_sent_is_in_the_id_and_changes_only_what_it_belongs_to(make_study, make_questionnaire) -> None:
    study = make_study()
    before = cells(study)
    quest = study.questionnaires[0]
    item = quest.items[0].model_copy(update={"text": "Another text."})
    agree = quest.response_scales["agree"]

    def with_scale(**update):
        scales = {**quest.response_scales, "agree": agree.model_copy(update=update)}
        return {"questionnaires": (quest.model_copy(update={"response_scales": scales}),)}

    reworded = {"questionnaires": (quest.model_copy(update={"items": (item, *quest.items[1:])}),)}
    one, two = study.llms
    hotter = one.model_copy(update={"decoding": {**one.decoding, "temperature": 0.5}})
    poet = study.personas[1].model_copy(update={"text": "You are a bard."})
    turns = (Turn(role="user", text="Hi."), Turn(role="assistant", text="Hi!"))
    everything = set(before.values())
    changes = [
        (with_scale(labels=("No", "Neither", "Agree")), everything),
        (with_scale(values=(0.0, 1.0, 2.0)), everything),
        (with_scale(decline=None), everything),
        ({"questionnaires": (quest.model_copy(update={"wordings": {"a": "Well? {item}"}}),)}, everything),
        (reworded, {c for c in everything if c[3] == "q-0"}),
        ({"llms": (hotter, two)}, {c for c in everything if c[0] == "one"}),
        ({"llms": (one.model_copy(update={"name": "x/uno"}), two)}, {c for c in everything if c[0] == "one"}),
        (
            {"llms": (one, two.model_copy(update={"variants": (two.variants[0], Variant(id="tuned", name="x/v2"))}))},
            {c for c in everything if c[1] == "tuned"},
        ),
        ({"personas": (study.personas[0], poet)}, {c for c in everything if c[2] == "poet"}),
        ({"contexts": (Context(id="neutral", mode="canned", turns=turns),)}, everything),
        ({"administration": AdministrationDesign(format="json")}, everything),
        ({"administration": AdministrationDesign(option_order=("reversed",))}, everything),
        ({"administration": AdministrationDesign(reasoning="on")}, everything),
        ({"administration": BLOCK}, everything),
        ({"administration": CONVERSATION}, everything),
        ({"contexts": (Context(id="neutral", mode="live", turns=turns[:1]),)}, everything),
    ]  # fmt: skip
    for change, concerned in changes:
        after = cells(study.model_copy(update=change))
        assert set(after.values()) == everything
        assert {before[key] for key in before.keys() - after.keys()} == concerned, change
    assert not set(ids(study, "2")) & set(before)


def test_whole_numbers_in_decoding_are_the_same_however_they_are_written(make_study) -> None:
    study = make_study()
    whole = study.llms[0].model_copy(update={"decoding": {"max_tokens": 64.0, "temperature": 1}})
    assert ids(study.model_copy(update={"llms": (whole, study.llms[1])})) == ids(study)


def test_blocks_hold_one_response_scale_and_are_dealt_anew_for_each_respondent_and_run(
    make_study, make_questionnaire
) -> None:
    study = make_study(questionnaires=(make_questionnaire("q", 12, n_yes_no=5),), administration=BLOCK, runs=3)
    deals = set()
    for session in plan(study):
        scales = {one.response_scale.labels for one in session.administrations}
        assert len(scales) == 1
        assert [one.position for one in session.administrations] == list(range(1, len(session.administrations) + 1))
        assert 1 <= len(session.administrations) <= 2
        deals.add(tuple(one.item.id for one in session.administrations))
    respondent_runs = 3 * 2 * 3
    assert len(list(plan(study))) == respondent_runs * (4 + 3)
    assert len(deals) > 40  # one deal for all would be 7


def test_a_conversation_holds_all_items_of_a_questionnaire_in_an_order_of_its_own(
    make_study, make_questionnaire
) -> None:
    quests = (make_questionnaire("q", 6, n_yes_no=3), make_questionnaire("r", 4))
    sessions = list(plan(make_study(questionnaires=quests, administration=CONVERSATION, runs=3)))
    assert len(sessions) == 3 * 2 * 3 * 2
    for session in sessions:
        items = [one.item for one in session.administrations]
        assert sorted(items, key=lambda item: item.id) == list(session.questionnaire.items)
        assert [one.position for one in session.administrations] == list(range(1, len(items) + 1))
    assert (
        len({tuple(one.item.id for one in session.administrations) for session in sessions}) > 20
    )  # one order for all would be 2
    fixed = CONVERSATION.model_copy(update={"item_order": "fixed"})
    for session in plan(make_study(questionnaires=quests, administration=fixed)):
        assert tuple(one.item for one in session.administrations) == session.questionnaire.items


def test_all_that_stands_in_a_conversation_is_in_the_ids_of_all_its_items(make_study, make_questionnaire) -> None:
    def with_quest(quest):
        return set(ids(make_study(questionnaires=(quest,), administration=CONVERSATION)))

    quest = make_questionnaire("q", 4, n_yes_no=1)
    last = quest.items[-1]
    yes_no = quest.response_scales["yes-no"]
    reworded = quest.model_copy(update={"items": (*quest.items[:-1], last.model_copy(update={"text": "Other."}))})
    labels = {**quest.response_scales, "yes-no": yes_no.model_copy(update={"labels": ("Never", "Always")})}
    for changed in (reworded, quest.model_copy(update={"response_scales": labels}), make_questionnaire("q", 5)):
        assert not with_quest(quest) & with_quest(changed)


def test_reasoning_is_in_the_id_where_it_is_used_and_not_where_it_is_the_default(make_study) -> None:
    study = make_study()
    before = cells(study)
    both = study.administration.model_copy(update={"reasoning": ("on", "off"), "format": ("json", "text")})
    assert before.items() < cells(study.model_copy(update={"administration": both})).items()
    one, two = study.llms
    harder = one.model_copy(update={"reasoning": one.reasoning.model_copy(update={"on": {"reasoning_effort": "high"}})})
    assert cells(study.model_copy(update={"llms": (harder, two)})) == before
    silent = one.model_copy(update={"reasoning": one.reasoning.model_copy(update={"off": {"think": False}})})
    after = cells(study.model_copy(update={"llms": (silent, two)}))
    assert {cell[0] for key, cell in before.items() if key not in after} == {"one"}
    on = AdministrationDesign(reasoning="on")
    thinking = cells(study.model_copy(update={"administration": on}))
    harder_thinking = cells(study.model_copy(update={"administration": on, "llms": (harder, two)}))
    assert {cell[0] for key, cell in thinking.items() if key not in harder_thinking} == {"one"}


def test_fixed_order_keeps_the_questionnaires_own(make_study) -> None:
    design = AdministrationDesign(layout="block", block_size=3, item_order="fixed")
    blocks = {tuple(one.item.id for one in s.administrations) for s in plan(make_study(administration=design))}
    assert blocks == {("q-0", "q-1", "q-2"), ("q-3", "q-4")}


def test_another_seed_deals_otherwise_but_asks_the_same_isolated_items(make_study) -> None:
    study = make_study()
    other = study.model_copy(update={"seed": 8})
    assert set(ids(other)) == set(ids(study))
    assert ids(other) != ids(study)
    blocks = make_study(administration=BLOCK)
    assert set(ids(blocks.model_copy(update={"seed": 8}))) != set(ids(blocks))


def test_seeds_are_31_bits_and_differ_between_sessions(make_study) -> None:
    sessions = list(plan(make_study()))
    seeds = [session.seed for session in sessions]
    assert len(set(seeds)) == len({session.id for session in sessions}) == len(sessions)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_llms_alternate_and_runs_follow_each_other(make_study) -> None:
    sessions = list(plan(make_study()))
    assert [session.run for session in sessions] == [1] * 30 + [2] * 30
    for start in range(0, len(sessions), 6):  # six respondents take each sheet before the next is begun
        sheet = sessions[start : start + 6]
        assert len({(s.llm.id, s.variant.id, s.persona.id) for s in sheet}) == 6
        assert len({s.administrations[0].item.id for s in sheet}) == 1
    orders = {tuple((s.llm.id, s.variant.id, s.persona.id) for s in sessions[n : n + 6]) for n in range(0, 60, 6)}
    assert len(orders) > 5


def test_a_plan_takes_no_memory_for_its_length(make_study) -> None:
    study = make_study(runs=10**9)
    tracemalloc.start()
    sessions = plan(study)
    next(sessions)
    before, _ = tracemalloc.get_traced_memory()
    assert sum(len(s.administrations) for s in islice(sessions, 3000)) == 3000
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 100_000


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    n_items=st.integers(1, 7),
    block_size=st.integers(2, 5),
    layout=st.sampled_from(["isolated", "block", "conversation"]),
    item_order=st.sampled_from(["fixed", "shuffled"]),
    runs=st.integers(1, 3),
    seed=st.integers(0, 2**63 - 1),
    more_runs=st.integers(0, 2),
)
def test_any_design_covers_its_cells_once_and_grows_without_changing(
    make_study, make_questionnaire, n_items, block_size, layout, item_order, runs, seed, more_runs
) -> None:
    design = AdministrationDesign(
        layout=layout, block_size=block_size, item_order=item_order, option_order=("forward", "reversed")
    )
    quests = (make_questionnaire("q", n_items, n_yes_no=n_items // 2), make_questionnaire("r", 2))
    study = make_study(questionnaires=quests, administration=design, runs=runs, seed=seed)
    found = ids(study)
    assert len(found) == len(set(found)) == 3 * 2 * 2 * (n_items + 2) * runs
    assert set(found) <= set(ids(study.model_copy(update={"runs": runs + more_runs})))


def test_sessions_are_frozen(make_study) -> None:
    session = next(plan(make_study()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        session.run = 3


def test_the_shipped_demo_is_one_call_for_each_respondent_and_run() -> None:
    study = load_study(locate("studies", "demo", Path()))
    sessions = list(plan(study))
    assert len(sessions) == 576
    assert {len(session.administrations) for session in sessions} == {40}
