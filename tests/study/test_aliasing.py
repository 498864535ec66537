from __future__ import annotations

import numpy as np
import pytest

from persona_big5.study import plan, summarise
from persona_big5.study.aliasing import aliasing
from persona_big5.study.model import AdministrationDesign

WORDINGS = {"wording": ("a", "b")}
TWO = {**WORDINGS, "option_order": ("forward", "reversed")}


def lines(study) -> list[str]:
    return [str(alias) for alias in aliasing(study)]


def test_nothing_is_aliased_in_a_crossed_design(make_study) -> None:
    study = make_study(administration=AdministrationDesign(format=("json", "text"), **TWO))
    found = aliasing(study)
    assert [alias.effect for alias in found] == [
        "persona", "wording", "option order", "format", "item", "run",
        "wording:option order", "wording:format", "wording:item", "option order:format", "option order:item",
        "format:item", "persona:wording", "persona:option order", "persona:format", "persona:item",
    ]  # fmt: skip
    assert all(alias.is_free for alias in found)
    alone = aliasing(study.model_copy(update={"personas": study.personas[:1]}))
    assert alone == tuple(alias for alias in found if "persona" not in alias.effect)


def test_of_one_run_each_item_meets_one_wording(make_study) -> None:
    study = make_study(administration=AdministrationDesign(design="fraction", **WORDINGS), runs=1)
    assert lines(study) == [
        "persona: free",
        "wording: fully with item",
        "item: partly with wording",
        "wording:item: cannot be estimated",
        "persona:wording: fully with persona:item",
        "persona:item: partly with persona:wording",
    ]
    assert summarise(study).not_estimable[-1] == (
        "wording: this fraction ties it to item, so what it adds cannot be told from that"
    )


def test_two_runs_of_four_manners_are_a_half_fraction(make_study, make_questionnaire) -> None:
    """Each item meets two opposite manners: its difference of wordings is its difference of option orders."""
    study = make_study(
        questionnaires=(make_questionnaire("q", 16),), administration=AdministrationDesign(design="fraction", **TWO)
    )
    found = {alias.effect: alias for alias in aliasing(study)}
    assert "option order:item" in found["wording"].fully
    assert "wording:item" in found["option order"].fully
    assert "item" in found["wording:option order"].fully
    assert not {"wording", "option order", "run"} & {*found["wording"].fully, *found["option order"].fully}


def test_over_a_full_turn_all_effects_of_administration_are_free(make_study, make_questionnaire) -> None:
    quests = (make_questionnaire("q", 16), make_questionnaire("r", 8))
    for runs in (4, 9):
        design = AdministrationDesign(design="fraction", **TWO)
        found = aliasing(make_study(questionnaires=quests, administration=design, runs=runs))
        free = {alias.effect for alias in found if alias.is_free}
        assert {name for name in free if "persona" not in name} == {
            "item", "wording", "option order", "wording:option order",
        }  # fmt: skip
        assert {name for name in free if "persona" in name} == {
            "persona", "persona:item", "persona:wording", "persona:option order",
        }  # fmt: skip
        for alias in found:
            assert alias.is_free or (
                not alias.fully and set(alias.partly) <= {"run", "wording:item", "option order:item"}
            )


def test_a_conversation_ties_its_manner_to_its_run_and_says_so(make_study) -> None:
    design = AdministrationDesign(design="fraction", layout="conversation", **WORDINGS)
    study = make_study(administration=design, runs=4)
    assert "wording: fully with run" in lines(study)
    tie = "wording: this fraction ties it to run, so what it adds cannot be told from that"
    assert tie in summarise(study).not_estimable
    one_run = summarise(study.model_copy(update={"runs": 1}))
    assert "wording: this fraction deals one level only in so few runs; give more runs" in one_run.not_estimable
    assert not any("wording" in line for line in summarise(make_study(administration=design.model_copy(
        update={"design": "crossed"}))).not_estimable)  # fmt: skip


@pytest.mark.parametrize("runs", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("layout", ["isolated", "block", "conversation"])
def test_more_of_the_same_items_and_runs_change_no_verdict(make_study, make_questionnaire, layout, runs) -> None:
    """What is left out to save time would tell nothing new: a fit of all items and runs comes to the same."""
    design = AdministrationDesign(design="fraction", layout=layout, block_size=3, item_order="fixed", **TWO)
    quest = make_questionnaire("q", 16)
    study = make_study(questionnaires=(quest,), administration=design, runs=runs)
    one = study.model_copy(update={"llms": study.llms[:1], "personas": study.personas[:1]})
    rows = [
        (administration.item.id, session.wording, session.option_order, session.run)
        for session in plan(one)
        for administration in session.administrations
    ]
    columns = [np.unique(column, return_inverse=True)[1] for column in zip(*rows, strict=True)]
    item, wording, order, run = (np.eye(column.max() + 1)[column] for column in columns)

    def rank(*parts) -> int:
        return int(np.linalg.matrix_rank(np.hstack([np.ones((len(rows), 1)), *parts])))

    for effect, other, name, other_name in (
        (wording, run, "wording", "run"),
        (wording, item, "wording", "item"),
        (wording, order, "wording", "option order"),
        (order, run, "option order", "run"),
        (run, item, "run", "item"),
    ):
        found = {alias.effect: alias for alias in aliasing(study)}
        own, left = rank(effect) - 1, rank(other, effect) - rank(other)
        if own == 0:
            assert name not in found
        else:
            assert (other_name in found[name].fully) == (left == 0)
            assert (other_name in found[name].partly) == (0 < left < own)


@pytest.mark.parametrize("runs", [1, 3])
def test_interactions_with_persona_are_aliased_as_their_main_effects_are(make_study, runs) -> None:
    """Held to ranks on the whole plan of two personas, in which every contrast of theirs is a column."""
    study = make_study(administration=AdministrationDesign(design="fraction", **TWO), runs=runs)
    rows = [
        (session.persona.id, session.wording, session.option_order, session.administrations[0].item.id)
        for session in plan(study)
        if session.llm.id == "one"
    ]
    columns = [np.unique(column, return_inverse=True)[1] for column in zip(*rows, strict=True)]
    persona, wording, order, item = (np.eye(column.max() + 1)[column] for column in columns)
    main = {"wording": wording, "option order": order, "item": item}
    times_persona = {f"persona:{name}": columns * (persona[:, :1] - 0.5) for name, columns in main.items()}
    beside = np.hstack([np.ones((len(rows), 1)), persona, *main.values()])

    def rank(*parts) -> int:
        return int(np.linalg.matrix_rank(np.hstack([beside, *parts])))

    found = {alias.effect: alias for alias in aliasing(study)}
    for name, effect in times_persona.items():
        own = rank(effect) - rank()
        for other_name, other in times_persona.items():
            if other_name != name:
                left = rank(effect, other) - rank(other)
                assert (other_name in found[name].fully) == (left == 0)
                assert (other_name in found[name].partly) == (0 < left < own)


def test_twice_as_many_items_and_further_turns_of_runs_come_to_the_same(make_study, make_questionnaire) -> None:
    def found(items: int, runs: int) -> list[str]:
        design = AdministrationDesign(design="fraction", **TWO)
        quests = (make_questionnaire("q", items),)
        return lines(make_study(questionnaires=quests, administration=design, runs=runs))

    assert found(32, 8) == found(64, 8) == found(32, 16)
