"""What each section shows: of a simulated study, of one where hardly anything could be estimated, of one scale."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from persona_big5.analysis import analyze_table
from persona_big5.report import load_findings, show_factors, show_loadings, show_missing, show_planted, show_verdict
from persona_big5.report.page import render_page
from persona_big5.report.sections import SECTIONS, sections_of
from persona_big5.report.sections.verdict import SIMULATED

OPTIONAL = (
    "replication", "semantic", "confirmatory", "invariance", "axis", "mixtures", "drift", "missingness_bounds",
    "probability", "scores",
)  # fmt: skip
ONCE = "every cell was asked once: run noise cannot be told from the respondent"


def test_a_simulated_study_is_said_to_be_one_before_anything_else(simulated):
    findings = load_findings(simulated)
    assert SIMULATED in show_verdict(findings).html.splitlines()[0]
    sections = sections_of(findings)
    assert "planted" in [section.id for section in sections]
    page = render_page("x", sections, {section.id: "" for section in sections}, simulated=True)
    assert "report on a simulated population" in page


def test_planted_is_shown_against_recovered(simulated):
    shown = show_planted(load_findings(simulated)).html
    assert shown.count("<img ") == 2
    assert "congruence: warm" in shown


def test_without_a_truth_there_is_no_comparison(folder):
    assert "planted" not in [section.id for section in sections_of(load_findings(folder))]
    assert "Nothing to compare" in show_planted(load_findings(folder)).html


def _null(document):
    """One run of everything: what rests on repeated askings is null, with its reason."""
    reasons = document["reasons"]
    for part in ("correlations", "retention", "factors", "factorability"):
        for level in document[part]:
            document[part][level] = None
            reasons[f"{part}.{level}"] = ONCE
    document["variance"].update(by_level=None, run_to_persona_ratio=None, placebo=None)
    document["style"], document["recommended_level"] = None, {"level": None, "reason": ONCE}
    reasons |= {"variance.by_level": ONCE, "style": ONCE, "recommended_level.level": ONCE}
    for part in OPTIONAL:
        document[part] = None
        reasons[part] = ONCE
    for scale in document["decision"]:
        document["decision"][scale] = None
        reasons[f"decision.{scale}"] = ONCE
    for row, one in enumerate(document["variance"]["by_llm"]):
        one.update(persona_variance=None, run_variance=None, ratio=None, robustness=None, susceptibility=None)
        reasons[f"variance.by_llm[{row}].ratio"] = ONCE
    for scale, one in document["reliability"].items():
        one.update(dict.fromkeys(set(one) - {"n_items", "n_reversed"}))
        reasons[f"reliability.{scale}.alpha"] = ONCE


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.id)
def test_what_cannot_be_estimated_is_said_with_its_reason(section, rewrite):
    shown = section.show(load_findings(rewrite(_null))).html
    assert "<img " not in shown
    assert "nan" not in shown.lower()
    if section.id not in {"planted", "data", "provenance"}:
        assert ONCE in shown


def test_one_missing_level_leaves_the_others_on_show(rewrite):
    def change(document):
        document["factors"]["respondent"] = document["retention"]["respondent"] = None
        document["reasons"] |= {"factors.respondent": ONCE, "retention.respondent": ONCE}

    findings = load_findings(rewrite(change))
    assert show_factors(findings).html.count("<img ") == 2  # scree and halves of the other levels
    assert show_loadings(findings).html.count("<img ") == 1  # no intervals: these are of the missing level
    assert ONCE in show_factors(findings).html


def test_a_report_without_anything_optional_names_what_is_left_out_in_one_place(rewrite):
    findings = load_findings(rewrite(_null))
    ids = [section.id for section in sections_of(findings)]
    assert ids[:2] == ["verdict", "variance"]
    assert not {"replication", "semantic", "confirmatory", "invariance", "axis", "mixtures", "drift", "scores"} & set(
        ids
    )
    shown = show_missing(findings).html
    listed = shown[shown.index("Left out of this report") : shown.index("</ul>")]
    assert listed.count("<li>") == len(OPTIONAL) + 1  # and the place of options, for a reason of its own
    assert listed.count(ONCE) == len(OPTIONAL)


@pytest.fixture(params=["one respondent", "one run", "one item", "no keys"], scope="module")
def little(request, tmp_path_factory):
    """Folder of the analysis of a table that can hardly say anything."""
    n_llms, n_personas, runs, n_items = {
        "one respondent": (1, 1, 5, 4),
        "one run": (2, 5, 1, 4),
        "one item": (2, 5, 3, 1),
        "no keys": (1, 6, 2, 4),
    }[request.param]
    random = np.random.default_rng(5)
    rows = [
        {"llm": f"m{llm}", "persona": f"p{persona}", "run": run, "item": f"i{item}", "score": random.integers(1, 6)}
        for llm in range(n_llms)
        for persona in range(n_personas)
        for run in range(runs)
        for item in range(n_items)
    ]
    folder = tmp_path_factory.mktemp("little")
    analyze_table(pd.DataFrame(rows), draws=20).write(folder)
    return folder


def test_tables_that_say_little_still_have_a_whole_report(little):
    findings = load_findings(little)
    for section in SECTIONS:
        shown = re.sub(r"base64,[A-Za-z0-9+/=]+", "", section.show(findings).html)
        assert shown
        assert not re.search(r"\b(nan|None|inf)\b", re.sub("<[^>]*>", " ", shown)), section.id
    assert sections_of(findings)[-2].id == "missing"


def test_names_from_outside_may_be_of_any_script(rewrite):
    def change(document):
        for row in document["variance"]["by_llm"]:
            row["llm"] = "模型\u202e\U0001f980 $x_1$"
        document["variance"]["by_level"]["模型 $\\frac{"] = document["variance"]["by_level"].pop("llm")

    findings = load_findings(rewrite(change))
    for section in SECTIONS[:2]:
        assert section.show(findings).html
