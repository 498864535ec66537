from __future__ import annotations

import pytest

from persona_big5.study import load_study, plan, session_messages, summarise
from persona_big5.study.model import AdministrationDesign, Llm, Price, Variant

BLOCK = AdministrationDesign(layout="block", block_size=2, wording=("a", "b"), option_order=("forward", "reversed"))


@pytest.mark.parametrize("design", [AdministrationDesign(), BLOCK])
def test_counts_and_tokens_in_equal_those_of_the_plan(make_study, bland_context, design) -> None:
    study = make_study(administration=design)
    study = study.model_copy(update={"contexts": (*study.contexts, bland_context)})
    summary = summarise(study)
    sessions = list(plan(study))
    assert summary.sessions == len(sessions) == sum(llm.calls for llm in summary.llms)
    assert summary.administrations == sum(len(session.administrations) for session in sessions)
    assert summary.respondents == 6
    for estimate in summary.llms:
        own = [session for session in sessions if session.llm.id == estimate.llm]
        assert estimate.calls == len(own)
        assert estimate.tokens_in == sum(
            4 + -(-len(message["content"]) // 4) for session in own for message in session_messages(session)
        )
        per_answer = 3 if design.layout == "isolated" else 6
        assert estimate.tokens_out == per_answer * sum(len(session.administrations) for session in own)
        assert estimate.tokens_out_limit == 64 * len(own)


def test_cost_needs_a_price_for_every_llm(make_study) -> None:
    priced = Llm(id="p", name="x/p", decoding={"max_tokens": 10}, price=Price(input=2.0, output=5.0))
    study = make_study(llms=(priced,))
    (estimate,) = summarise(study).llms
    assert estimate.cost == pytest.approx((estimate.tokens_in * 2 + estimate.tokens_out * 5) / 1e6, rel=1e-12)
    assert estimate.cost_limit == pytest.approx((estimate.tokens_in * 2 + 20 * 10 * 5) / 1e6, rel=1e-12)
    assert summarise(study).cost == estimate.cost
    assert summarise(study.model_copy(update={"llms": (priced, *make_study().llms)})).cost is None
    unlimited = priced.model_copy(update={"decoding": {}})
    (estimate,) = summarise(study.model_copy(update={"llms": (unlimited,)})).llms
    assert (estimate.tokens_out_limit, estimate.cost_limit) == (None, None)


def test_every_setting_is_stated_and_defaults_are_marked(make_study) -> None:
    summary = summarise(make_study())
    lines = {f"{setting.of or 'study'} {setting}" for setting in summary.settings}
    assert {
        "study personas none, poet",
        "study contexts neutral (default)",
        "study runs 2",
        "study layout isolated (default)",
        "study wording a (default)",
        "study format text (default)",
        "study reasoning off (default)",
        "one temperature 1.0",
        "one max_tokens 64 (default)",
        "two temperature the provider's own (default)",
        "two price litellm's table (default)",
        "two concurrency 16 (default)",
        "two timeout 60.0 (default)",
    } <= lines
    assert "block_size" not in str(summary)
    assert "block_size 2" in str(summarise(make_study(administration=BLOCK)))


def test_facets_with_one_level_are_named(make_study) -> None:
    def named(study) -> list[str]:
        return [line.split(":")[0] for line in summarise(study).not_estimable]

    assert named(make_study()) == ["context", "wording", "option order"]
    assert named(make_study(administration=BLOCK)) == ["context"]
    one = Llm(id="one", name="x/one", variants=(Variant(id="none"),))
    alone = make_study(llms=(one,), runs=1)
    alone = alone.model_copy(update={"personas": alone.personas[:1]})
    assert named(alone) == ["run", "llm", "variant", "persona", "context", "wording", "option order"]


def test_a_summary_prints_itself(make_study) -> None:
    text = str(summarise(make_study(max_cost=2.5)))
    assert text.startswith("small: 60 calls, 60 answers, 6 respondents\nCost: unknown; stops at 2.50 USD\n")
    assert "  one: 20 calls, " in text
    assert "no price in the study" in text


def test_a_million_calls_are_summarised_without_making_them(make_study) -> None:
    assert summarise(make_study(runs=10**6)).sessions == 30 * 10**6


def test_the_shipped_first_survey_states_its_calls() -> None:
    from persona_big5.questionnaire import shipped

    (path,) = [path for path in shipped("studies") if path.stem == "first_survey"]
    study = load_study(path)
    assert summarise(study).sessions == sum(1 for _ in plan(study))
