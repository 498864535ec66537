from __future__ import annotations

from collections import Counter
from itertools import groupby

import pytest

from persona_big5.study import plan
from persona_big5.study.model import AdministrationDesign

ANCHORS = ("q-1", "q-3")


def designed(layout: str, **changes) -> AdministrationDesign:
    return AdministrationDesign(layout=layout, block_size=2, anchors=ANCHORS, **changes)


def occasions(sessions) -> Counter[tuple[str, str]]:
    return Counter((one.item.id, one.occasion) for session in sessions for one in session.administrations)


@pytest.mark.parametrize("layout", ["isolated", "block", "conversation"])
def test_anchors_are_asked_at_three_occasions_and_other_items_once(make_study, layout) -> None:
    study = make_study(administration=designed(layout))
    expected = {(anchor, occasion) for anchor in ANCHORS for occasion in ("start", "middle", "end")}
    expected |= {(item, "") for item in ("q-0", "q-2", "q-4")}
    assert occasions(plan(study)) == dict.fromkeys(expected, 3 * 2 * 2)
    ids = [one.id for session in plan(study) for one in session.administrations]
    assert len(ids) == len(set(ids)) == 9 * 12
    assert set(ids) < {one.id for s in plan(study.model_copy(update={"runs": 3})) for one in s.administrations}


@pytest.mark.parametrize("layout", ["isolated", "block"])
def test_anchors_stand_at_the_start_in_the_middle_and_at_the_end_of_each_run(
    make_study, make_questionnaire, layout
) -> None:
    quests = (make_questionnaire("q", 9), make_questionnaire("r", 3))
    for _, run in groupby(plan(make_study(questionnaires=quests, administration=designed(layout))), lambda s: s.run):
        asked = [session.administrations[0].occasion for session in run]
        pieces = [(occasion, len(list(piece))) for occasion, piece in groupby(asked)]
        assert [occasion for occasion, _ in pieces] == ["start", "", "middle", "", "end"]
        assert len({count for occasion, count in pieces if occasion}) == 1
        first, second = (count for occasion, count in pieces if not occasion)
        assert second - first in {0, 6}  # as sheets are put to six respondents


def test_anchors_of_one_response_scale_share_a_block(make_study, make_questionnaire) -> None:
    quest = make_questionnaire("q", 6, n_yes_no=3)
    design = AdministrationDesign(layout="block", block_size=4, anchors=("q-1", "q-2", "q-5"))
    blocks = {
        (session.administrations[0].occasion, frozenset(one.item.id for one in session.administrations))
        for session in plan(make_study(questionnaires=(quest,), administration=design))
    }
    anchored = {frozenset({"q-1", "q-2"}), frozenset({"q-5"})}
    assert blocks == {(occasion, items) for occasion in ("start", "middle", "end") for items in anchored} | {
        ("", frozenset({"q-0"})),
        ("", frozenset({"q-3", "q-4"})),
    }


def test_a_conversation_repeats_its_anchors_in_one_order(make_study) -> None:
    for session in plan(make_study(administration=designed("conversation"))):
        pieces = [(name, list(piece)) for name, piece in groupby(session.administrations, lambda one: one.occasion)]
        assert [(name, len(piece)) for name, piece in pieces] == [
            ("start", 2), ("", 1), ("middle", 2), ("", 2), ("end", 2),
        ]  # fmt: skip
        orders = {tuple(one.item.id for one in piece) for name, piece in pieces if name}
        assert len(orders) == 1
        assert [one.position for one in session.administrations] == list(range(1, 10))


def test_an_anchor_is_asked_alike_at_each_occasion(make_study) -> None:
    study = make_study(administration=designed("isolated", option_order="rotated"))
    orders = {}
    for session in plan(study):
        (one,) = session.administrations
        cell = (session.llm.id, session.variant.id, session.persona.id, one.item.id, session.run)
        assert orders.setdefault(cell, session.option_order) == session.option_order


def test_items_that_are_no_anchors_keep_their_isolated_ids_and_pinned_ones(make_study) -> None:
    def ids(design):
        sessions = plan(make_study(administration=design))
        return {one.id: (one.item.id, one.occasion) for session in sessions for one in session.administrations}

    plain, anchored = ids(AdministrationDesign()), ids(designed("isolated"))
    assert {cell for key, cell in plain.items() if key not in anchored} == {(anchor, "") for anchor in ANCHORS}
    first = next(plan(make_study(administration=designed("conversation")))).administrations[0]
    assert (first.item.id, first.occasion, first.id) == ("q-1", "start", "d621f8be05e891e2fdab32d1b5ead8d6")
