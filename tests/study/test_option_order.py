from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persona_big5.questionnaire import ResponseScale
from persona_big5.study import asked_turns, plan, shown_options
from persona_big5.study.model import AdministrationDesign

AGREE7 = ResponseScale(values=tuple(range(1, 8)), labels=tuple(f"Label {n}" for n in range(1, 8)), decline="Pass")


def with_seven_options(questionnaire):
    return questionnaire.model_copy(update={"response_scales": {**questionnaire.response_scales, "agree": AGREE7}})


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    layout=st.sampled_from(["isolated", "block", "conversation"]),
    item_order=st.sampled_from(["fixed", "shuffled"]),
    rounds=st.integers(1, 2),
)
def test_every_rotation_comes_up_equally_often_over_the_runs(
    make_study, make_questionnaire, seed, layout, item_order, rounds
) -> None:
    design = AdministrationDesign(layout=layout, block_size=2, item_order=item_order, option_order="rotated")
    quest = with_seven_options(make_questionnaire("q", 3))
    study = make_study(questionnaires=(quest,), administration=design, runs=6 * rounds, seed=seed)
    met = defaultdict(Counter)
    for session in plan(study):
        respondent = (session.llm.id, session.variant.id, session.persona.id)
        item = session.administrations[0].item.id if layout == "isolated" else len(session.administrations)
        met[respondent, item][session.option_order] += 1
    assert all(found == {f"rotated-{k}": rounds for k in range(1, 7)} for found in met.values())


def test_respondents_and_items_begin_at_rotations_of_their_own(make_study, make_questionnaire) -> None:
    quest = with_seven_options(make_questionnaire("q", 40))
    design = AdministrationDesign(option_order=("forward", "rotated"))
    study = make_study(questionnaires=(quest,), administration=design, runs=1)
    orders = Counter(session.option_order for session in plan(study))
    assert orders.pop("forward") == 240
    assert set(orders) == {f"rotated-{k}" for k in range(1, 7)}
    assert all(20 <= count <= 60 for count in orders.values())  # 40 expected, standard deviation 6


@pytest.mark.parametrize("layout", ["isolated", "block", "conversation"])
def test_rotated_options_are_in_the_ids_and_shown(make_study, make_questionnaire, layout) -> None:
    design = AdministrationDesign(layout=layout, option_order="rotated")
    quest = with_seven_options(make_questionnaire("q", 4, n_yes_no=1))
    study = make_study(questionnaires=(quest,), administration=design, runs=7)
    by_order = defaultdict(set)
    for session in plan(study):
        places = int(session.option_order.removeprefix("rotated-"))
        for turn in asked_turns(session):
            for one in turn.administrations:
                by_order[session.run].add(one.id)
                scale = one.response_scale
                options = list(zip(scale.values, scale.labels, strict=True))
                rotated = [*options[places % len(options) :], *options[: places % len(options)]]
                assert [option for option in shown_options(session, one) if option[0] is not None] == rotated
                assert "\n".join(f"{value:g}. {label}" for value, label in rotated) in turn.text
                assert scale.decline is None or shown_options(session, one)[-1] == (None, scale.decline)
    ids = [one for found in by_order.values() for one in found]
    assert len(ids) == len(set(ids)) == 6 * 4 * 7


def test_two_options_rotated_are_reversed_and_the_first_ones_come_last(make_study, make_questionnaire) -> None:
    quest = make_questionnaire("q", 1, n_yes_no=1)
    study = make_study(questionnaires=(quest,), administration=AdministrationDesign(option_order="rotated"))
    assert {session.option_order for session in plan(study)} == {"rotated-1"}
    session = next(plan(study))
    assert shown_options(session, session.administrations[0]) == [(0.5, "Yes"), (-0.5, "No")]


def test_pinned_rotation(make_study) -> None:
    session = next(plan(make_study(administration=AdministrationDesign(option_order="rotated"))))
    assert (session.option_order, session.id) == ("rotated-1", "ce6963cd96f05c3e96cee8b271884967")


def test_more_runs_or_levels_change_no_rotation(make_study) -> None:
    few = make_study(administration=AdministrationDesign(option_order="rotated"))
    many = make_study(administration=AdministrationDesign(option_order=("forward", "rotated")), runs=4)
    assert {session.id for session in plan(few)} < {session.id for session in plan(many)}
