"""Options shown in both orders: respondents who follow the place, who follow the option, and who do some of both."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from persona_big5.analysis import analyze_table
from persona_big5.analysis.summary import summary

LLMS, PERSONAS, ITEMS = 3, 16, 12


def asked_in_both_orders(random, *, place=0.0, content=1.0, own_place=0.0, noise=0.3, runs=2, llms=LLMS):
    """Answers 1 to 5; ``place`` and ``own_place`` (an SD over respondents) move them towards the end of the list."""
    traits = content * random.normal(size=(llms, PERSONAS, 2)).repeat(ITEMS // 2, axis=2)
    displaced = place + own_place * random.normal(size=(llms, PERSONAS, 1))
    keys = np.where(np.arange(ITEMS) % 2 == 0, 1, -1)
    frames = []
    for order, sign in (("forward", 1), ("reversed", -1)):
        means = (3 + traits * keys + sign * displaced)[:, :, None, :]
        scores = np.clip(np.rint(means + noise * random.normal(size=(llms, PERSONAS, runs, ITEMS))), 1, 5)
        llm, persona, run, item = (axis.ravel() for axis in np.indices(scores.shape))
        frames.append(
            pd.DataFrame(
                {
                    "llm": np.char.add("llm-", llm.astype(str)),
                    "persona": np.char.add("p", persona.astype(str)),
                    "item_id": np.char.add("i", np.char.zfill(item.astype(str), 2)),
                    "option_order": order,
                    "run": run.astype(str),
                    "session": np.char.add(f"{order}-", np.arange(len(llm)).astype(str)),
                    "scale": np.where(item < ITEMS // 2, "one", "two"),
                    "keyed": keys[item],
                    "score_min": 1.0,
                    "score_max": 5.0,
                    "score": scores.ravel(),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def found_in(frame):
    return analyze_table(frame, draws=20, levels=("pooled", "means", "respondent", "run")).document


@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("llms", [1, LLMS])
def test_the_place_of_an_option_is_no_structure(runs, llms):
    """The answers of a small llm: near the first option in either order, more so under some personas."""
    random = np.random.default_rng(1)
    found = found_in(
        asked_in_both_orders(random, place=-1.6, own_place=0.4, content=0.1, noise=0.5, runs=runs, llms=llms)
    )
    verdict, bias = found["verdict"], found["style"]["all"]["position_bias"]
    assert verdict["code"] == "position"
    assert f"{bias['mean_forward']:.2f} with the options forward" in verdict["text"]
    assert f"{bias['mean_reversed']:.2f} with them reversed" in verdict["text"]
    assert f"r between the two {bias['r_between_orders']:.2f}" in verdict["text"]
    assert bias["mean_forward"] < 2 < 4 < bias["mean_reversed"]
    assert bias["share_of_variance"] > 0.9
    assert bias["run_noise"] == ("removed" if runs > 1 else "included")
    assert verdict["reasons"][1].endswith("follows the place" if runs > 1 else "follows the place or is run noise")


def test_always_the_first_option():
    frame = asked_in_both_orders(np.random.default_rng(2), place=-9.0, noise=0.01)
    frame.loc[0, "score"] = 2.0  # the only respondent who ever answered anything else
    found = found_in(frame)
    assert found["verdict"]["code"] == "position"
    assert found["style"]["all"]["position_bias"]["mean"] == pytest.approx(-1, abs=0.01)


def test_two_slips_are_no_agreement_of_the_orders():
    """Always the first option but for one answer in either order: they make r positive, without an interval."""
    frame = asked_in_both_orders(np.random.default_rng(2), place=-9.0, noise=0.01, llms=1, runs=1)
    of_item = frame["item_id"] == "i00"
    frame.loc[of_item & (frame["persona"] == "p0") & (frame["option_order"] == "forward"), "score"] = 2.0
    frame.loc[of_item & (frame["persona"] == "p1") & (frame["option_order"] == "reversed"), "score"] = 4.0
    found = found_in(frame)
    bias = found["style"]["all"]["position_bias"]
    assert bias["r_between_orders"] > 0
    assert bias["r_ci_low"] is None
    assert found["verdict"]["code"] == "position"


@pytest.mark.parametrize("place", [0.0, -0.4])
def test_content_with_a_mild_position_bias_is_structure(place):
    found = found_in(asked_in_both_orders(np.random.default_rng(3), place=place, own_place=abs(place) / 2))
    assert found["verdict"]["code"] == "persona_structure"
    assert found["verdict"]["reasons"][1].startswith("the mean answer is ")
    bias = found["style"]["one"]["position_bias"]
    assert bias["mean"] == pytest.approx(place / 2, abs=0.1)
    assert bias["share_of_variance"] < 0.35
    assert bias["share_of_run_variance"] == pytest.approx(0.0 if place == 0 else 0.7, abs=0.25)


def test_a_strong_common_displacement_leaves_content_to_be_seen():
    """The place outweighs what respondents differ in, but it is the same for all: the orders agree on who differs."""
    frame = asked_in_both_orders(np.random.default_rng(4), place=-0.8, content=0.6, noise=0.2, llms=5)
    found = found_in(frame)
    bias = found["style"]["all"]["position_bias"]
    assert bias["agreement_ci_high"] < 0
    assert bias["r_ci_low"] > 0
    assert found["verdict"]["code"] == "persona_structure"
    assert any("is taken off with run noise, as orders of the options" in why for why in found["verdict"]["reasons"])


def test_random_answers_in_both_orders_follow_no_place():
    frame = asked_in_both_orders(np.random.default_rng(5), content=0.0, noise=2.0)
    found = found_in(frame)
    assert found["verdict"]["code"] == "no_structure"
    bias = found["style"]["all"]["position_bias"]
    assert bias["agreement_ci_low"] < 0 < bias["agreement_ci_high"]


def test_items_that_nobody_differs_in_and_a_mild_bias_are_not_position():
    """All agree on what the items say; the little that the order does is not taken for all there is."""
    frame = asked_in_both_orders(np.random.default_rng(6), content=0.0, place=-0.2, noise=0.6)
    frame["score"] = np.clip(frame["score"] + frame["item_id"].str[1:].astype(int) % 3 - 1, 1, 5)
    assert found_in(frame)["verdict"]["code"] == "run_noise"


def test_a_mood_that_the_orders_make_is_position():
    """Nobody differs in anything but the order, which moves all items of a run together, as a mood would."""
    frame = asked_in_both_orders(np.random.default_rng(6), content=0.0, place=-0.6, noise=0.3)
    frame["score"] = np.clip(frame["score"] + frame["item_id"].str[1:].astype(int) % 3 - 1, 1, 5)
    found = found_in(frame)
    assert found["style"]["all"]["position_bias"]["agreement"] > 0
    assert found["verdict"]["code"] == "position"
    assert found["verdict"]["text"].startswith("Items move together only with the place of the options")


def test_a_mood_of_the_session_asked_in_both_orders_is_run_noise():
    random = np.random.default_rng(13)
    frame = asked_in_both_orders(random, content=0.0, noise=0.3)
    row = frame.groupby(["llm", "persona", "option_order", "run"]).ngroup()
    frame["score"] = np.clip(np.rint(frame["score"] + random.normal(size=row.max() + 1)[row]), 1, 5)
    assert found_in(frame)["verdict"]["code"] == "run_noise"


@pytest.mark.parametrize(("keyed", "alike"), [(1, "content"), (None, "agreeing or disagreeing with everything")])
def test_one_order_says_what_cannot_be_seen(keyed, alike):
    frame = asked_in_both_orders(np.random.default_rng(7))
    frame = frame[frame["option_order"] == "forward"]
    found = found_in(frame if keyed is None else frame.assign(keyed=keyed))
    assert found["style"]["one"]["position_bias"] is None
    assert found["reasons"]["style.all.position_bias"].endswith(f"cannot be told from {alike}")
    assert found["verdict"]["reasons"][1] == found["reasons"]["style.all.position_bias"]


def test_rotated_orders_count_for_run_variance_only():
    frame = asked_in_both_orders(np.random.default_rng(8), place=-0.4)
    frame["option_order"] = frame["option_order"].replace({"reversed": "rotated-2"})
    found = found_in(frame)
    assert found["style"]["all"]["position_bias"] is None
    assert "not shown in both orders" in found["reasons"]["style.all.position_bias"]


def test_without_ends_of_scales_nothing_is_said_of_places():
    frame = asked_in_both_orders(np.random.default_rng(9), place=-1.6)
    found = found_in(frame.assign(score_min=np.nan, score_max=np.nan))
    assert found["style"] is None
    assert found["verdict"]["code"] != "position"
    assert "position bias is not known without the ends" in found["verdict"]["reasons"][1]


def test_few_respondents_leave_the_interval_open_and_decide_nothing():
    frame = asked_in_both_orders(np.random.default_rng(10), place=-1.6, content=0.1, llms=1)
    found = found_in(frame[frame["persona"].isin(["p0", "p1", "p2"])])
    assert found["verdict"]["code"] == "not_decidable"
    assert "at least 4 levels" in found["reasons"]["style.all.position_bias.ci_low"]
    assert "the mean answer is" in summary(found)


def test_expected_scores_have_no_run_noise_in_them():
    frame = asked_in_both_orders(np.random.default_rng(11), place=-1.6, content=0.1, own_place=0.4, noise=0, runs=1)
    expected = frame.assign(answer_mode="probability", scored_from="log-probabilities")
    found = found_in(expected)
    assert found["verdict"]["code"] == "position"
    assert found["verdict"]["reasons"][1].endswith("follows the place")
    bias = found["style"]["all"]["position_bias"]
    assert (bias["run_noise"], bias["share_of_run_variance"]) == ("absent", 1.0)
    fallen = expected.assign(scored_from=["reply"] + ["log-probabilities"] * (len(frame) - 1))
    assert found_in(fallen)["style"]["all"]["position_bias"]["run_noise"] == "included"


def always_first(frame, llms):
    """The same answers, but the first option from so many llms, whatever they are asked."""
    first = frame["llm"].isin([f"llm-{number}" for number in range(llms)])
    return frame.assign(score=np.where(first, np.where(frame["option_order"] == "forward", 1.0, 5.0), frame["score"]))


@pytest.mark.parametrize(("first", "llms"), [(1, 2), (1, 3), (2, 8)])
def test_some_llms_that_follow_the_place_do_not_speak_for_those_that_follow_the_option(first, llms):
    """They differ in displacement, so all together the orders correlate negatively, and within each they agree."""
    frame = asked_in_both_orders(np.random.default_rng(1), llms=llms, runs=1)
    found = found_in(always_first(frame, first))
    assert found["style"]["all"]["position_bias"]["r_between_orders"] < 0
    verdict = found["verdict"]
    assert verdict["code"] == "not_decidable"
    assert "of what personas move is taken off as run noise" in verdict["text"]
    named = ", ".join(f"llm-{number}" for number in range(first))
    assert f"the place of an option decides in {first} of {llms} llms ({named})" in " ".join(verdict["reasons"])


@pytest.mark.parametrize(("first", "llms", "named"), [(2, 3, "llm-0, llm-1"), (3, 4, "llm-0, llm-1, llm-2")])
def test_most_llms_that_follow_the_place_are_named(first, llms, named):
    found = found_in(always_first(asked_in_both_orders(np.random.default_rng(1), llms=llms, runs=1), first))
    assert found["verdict"]["code"] == "position"
    assert found["verdict"]["text"].startswith(f"In {first} of {llms} llms ({named}), answers follow the place")


def test_many_llms_are_counted_and_one_place_for_all_is_said_of_all():
    frame = asked_in_both_orders(np.random.default_rng(1), llms=8, runs=1)
    assert (
        "6 of 8 llms (llm-0, llm-1, llm-2, llm-3, llm-4 and 1 more)"
        in found_in(always_first(frame, 6))["verdict"]["text"]
    )
    assert found_in(always_first(frame, 8))["verdict"]["text"].startswith("Answers follow the place")


@pytest.mark.parametrize("llms", [1, 5])
def test_what_is_lost_with_the_orders_is_not_said_to_be_absent(llms):
    """Content in both orders (r .66), and a displacement common to all that is taken off it as run noise."""
    frame = asked_in_both_orders(np.random.default_rng(1), place=-0.8, content=0.6, llms=llms, runs=1)
    found = found_in(frame)
    assert found["style"]["all"]["position_bias"]["r_ci_low"] > 0.3
    assert found["verdict"]["code"] == "not_decidable"
    assert "options were shown in several orders, which count as runs" in found["verdict"]["text"]
    assert any("respondents seem to differ less than they do" in warning for warning in found["data"]["warnings"])


def test_two_displacements_without_content_are_position():
    """The first option from one llm, the last from the other: no orders agree within either."""
    frame = asked_in_both_orders(np.random.default_rng(1), content=0.0, place=-1.6, llms=2, noise=0.5)
    other = frame["llm"] == "llm-1"
    frame["score"] = np.where(other, 6 - frame["score"], frame["score"])
    found = found_in(frame)
    assert found["style"]["all"]["position_bias"]["mean"] == pytest.approx(0, abs=0.05)
    assert found["verdict"]["code"] == "position"
