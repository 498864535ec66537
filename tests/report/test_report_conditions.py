"""Sections that only some studies have, on planted tables: contexts, waves, texts, a default persona, many runs."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from persona_big5.analysis import analyze_table
from persona_big5.report import (
    load_findings,
    show_axis,
    show_confirmatory,
    show_design,
    show_drift,
    show_invariance,
    show_missing,
    show_mixtures,
    show_replication,
    show_semantic,
    show_style,
    show_unanswered,
)
from persona_big5.report.sections import sections_of
from persona_big5.report.words import p_value, percent, short, with_interval

PRESSURE = {"neutral": 0.0, "pressure-1": 0.6, "pressure-2": 1.2, "control-pressure-1": 0.0, "control-pressure-2": 0.0}
TEXTS = ["I talk to strangers", "I avoid strangers", "I enjoy parties", "I leave parties early",
         "I keep my desk tidy", "I lose my papers", "I plan the week", "I forget dates"]  # fmt: skip
HOSTILE = "<img src=x onerror=alert(1)>"


def answers(rows, random, *, runs, refused=0.0):
    """Long table of the rows (dicts with ``traits``), 8 items of two traits, keyed in turn, 1 to 5."""
    own = {(row["llm"], row["persona"]): random.normal(0, 0.3, 8) for row in rows}
    table = []
    for row in rows:
        for run in range(runs):
            for item, text in enumerate(TEXTS):
                key = 1 if item % 2 == 0 else -1
                trait = row["traits"][item // 4] + own[row["llm"], row["persona"]][item]
                score = float(np.clip(np.round(3 + key * trait + random.normal(0, 0.5)), 1, 5))
                table.append(
                    {
                        **{name: value for name, value in row.items() if name != "traits"},
                        "run": run, "item_id": f"i{item}", "item_text": text, "scale": ["social", "tidy"][item // 4],
                        "keyed": key, "desirability": 4.0 if key > 0 else 2.0, "score_min": 1.0, "score_max": 5.0,
                        "session": f"{row['llm']} {row['persona']} {row.get('context')} {row.get('wave')} {run}",
                        "state": "refused" if random.random() < refused else "answered", "score": score,
                    }
                )  # fmt: skip
    frame = pd.DataFrame(table)
    return frame.assign(score=frame["score"].where(frame["state"] == "answered"))


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """8 llms x 10 personas x 5 contexts of a ladder of pressure, 2 waves, 2 runs, a default persona."""
    random = np.random.default_rng(11)
    personas = ["default", HOSTILE, *(f"p{number}" for number in range(8))]
    traits = {
        (llm, persona): random.normal(size=2) * (persona != "default") for llm in range(8) for persona in personas
    }
    rows = [
        {"llm": f"m{llm}", "persona": persona, "context": context, "wave": wave,
         "traits": traits[llm, persona] * (1 - 0.4 * moved) + np.array([moved, 0.0])}
        for llm, persona in traits
        for context, moved in PRESSURE.items()
        for wave in ("1", "2")
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("rich")
    analyze_table(answers(rows, random, runs=2, refused=0.02), draws=20).write(folder)
    return load_findings(folder)


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    """2 llms x 6 personas x 40 runs, one of the personas half the time another one."""
    random = np.random.default_rng(12)
    rows = [
        {"llm": f"m{llm}", "persona": f"p{persona}", "traits": random.normal(size=2) * 0.5}
        for llm in range(2)
        for persona in range(6)
    ]
    frame = answers(rows, random, runs=40)
    divided = (frame["persona"] == "p0") & (frame["scale"] == "tidy")
    pole = np.where((frame["run"] % 2 == 0) == (frame["keyed"] > 0), 5.0, 1.0)
    frame["score"] = frame["score"].where(~divided, np.clip(pole + random.integers(-1, 2, len(frame)), 1, 5))
    folder = tmp_path_factory.mktemp("divided")
    analyze_table(frame, draws=20).write(folder)
    return load_findings(folder)


def text_of(fragment):
    """What a reader sees of a section."""
    shown = re.sub(r"base64,[A-Za-z0-9+/=]+", "", fragment.html)
    assert "<img src=x" not in shown
    seen = re.sub("<[^>]*>", " ", shown)
    assert not re.search(r"\b(nan|None|inf)\b", seen)
    return re.sub(r"[ \n]+", " ", seen)


def test_all_sections_of_a_rich_study_are_shown(rich):
    ids = [section.id for section in sections_of(rich)]
    assert {"replication", "semantic", "axis", "drift", "confirmatory", "unanswered", "design"} < set(ids)
    for section in sections_of(rich):
        assert text_of(section.show(rich))


def test_contexts_are_compared_and_ladders_have_slopes(rich):
    shown = text_of(show_drift(rich))
    drift = rich.value("drift")
    change = drift["against_control"]["pressure-2"]["scales"]["social"]
    assert "pressure-2 against control-pressure-2" in shown
    assert f"{change['estimate']:.2f} ({change['ci_low']:.2f} to {change['ci_high']:.2f})" in shown
    assert change["ci_low"] > 0
    assert "Ladders of pressure" in shown
    area = drift["ladders"]["pressure"]["stickiness"]["area"]
    assert f"personas keep {percent(area)}" in shown
    kept = drift["stability"]["wave"]["later"]["2"]["scales"]["social"]["rank_order"]["pearson"]
    assert with_interval(kept["estimate"], kept["ci_low"], kept["ci_high"]) in shown


def test_texts_are_set_against_correlations(rich):
    shown = text_of(show_semantic(rich))
    found = rich.value("semantic")
    assert found["reading"][1:] in shown.replace("&lt;", "<")
    assert f"reversed items turned round {short(found['mantel']['keyed']['r'])}" in shown
    assert p_value(found["mantel"]["keyed"]["p_greater"]) in shown.replace("&lt;", "<")


def test_the_axis_names_its_direction_and_its_most_distant_personas(rich):
    shown = text_of(show_axis(rich))
    overall = rich.value("axis", "overall")
    assert f"{percent(overall['scales']['share_of_variance']['estimate'])} (" in shown
    assert "From &#x27;default&#x27; to the roles" in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown


def test_congruences_stand_beside_their_null_and_the_reading_first(rich):
    html = show_replication(rich).html
    reading = rich.value("replication", "reading")
    assert html.startswith(f"<p>{reading[0].upper()}{reading[1:].replace('>', '&gt;')}")
    assert html.count("<img alt=") == 1
    assert "neither llms nor personas shared: F1" in html


def test_style_is_shown_before_and_after(rich):
    shown = text_of(show_style(rich))
    before, after = (
        rich.value("retention", level, "parallel_analysis") for level in ("respondent", "respondent_without_style")
    )
    assert f"factors by parallel analysis {before} {after} " in shown
    assert f"{short(rich.value('style', 'social', 'desirability'))} " in shown
    assert "r with looking good" in shown


def test_stated_models_bounds_and_design_have_their_numbers(rich):
    fit = rich.value("confirmatory", "levels", "respondent", "fit")
    assert f"{short(fit['cfi'])}" in text_of(show_confirmatory(rich))
    invariance = text_of(show_invariance(rich))
    assert "social" in invariance
    bounds = rich.value("missingness_bounds", "variance_shares", "run")
    assert f"{percent(bounds['least'])} {percent(bounds['most'])}" in text_of(show_unanswered(rich))
    cheapest = rich.value("decision", "social", "cheapest", "0.7")
    assert f"({cheapest['calls']:.0f} calls)" in text_of(show_design(rich))


def test_two_personas_in_one_are_named(divided):
    found = divided.value("mixtures")
    assert found["flagged"] > 0
    shown = text_of(show_mixtures(divided))
    assert f"{found['flagged']} of {found['n_tested']} scale scores" in shown
    assert "p0" in shown


def test_what_this_study_cannot_say_is_listed_once(divided):
    ids = [section.id for section in sections_of(divided)]
    assert "mixtures" in ids
    assert not {"axis", "drift"} & set(ids)
    shown = text_of(show_missing(divided))
    assert f"distance from the default persona: {divided.reason('axis')}".replace("'", "&#x27;") in shown
