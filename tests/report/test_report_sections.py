"""What each section shows: of a simulated study, of one where hardly anything could be estimated, of one scale."""

from __future__ import annotations

import pytest

from persona_big5.report import load_findings, show_planted, show_verdict
from persona_big5.report.page import render_page
from persona_big5.report.sections import SECTIONS, SIMULATED, sections_of

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
    for row, one in enumerate(document["variance"]["by_llm"]):
        one.update(persona_variance=None, run_variance=None, ratio=None, robustness=None, susceptibility=None)
        reasons[f"variance.by_llm[{row}].ratio"] = ONCE
    for scale, one in document["reliability"].items():
        one.update(alpha=None, g=None, r_positive_negative=None)
        reasons[f"reliability.{scale}.alpha"] = ONCE


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.id)
def test_what_cannot_be_estimated_is_said_with_its_reason(section, rewrite):
    shown = section.show(load_findings(rewrite(_null))).html
    assert "<img " not in shown
    assert "nan" not in shown.lower()
    if section.id in {"verdict", "variance", "correlations", "factors", "loadings", "llms", "scales", "missing"}:
        assert ONCE in shown


def test_one_missing_level_leaves_the_others_on_show(rewrite):
    def change(document):
        document["factors"]["respondent"] = document["retention"]["respondent"] = None
        document["reasons"] |= {"factors.respondent": ONCE, "retention.respondent": ONCE}

    findings = load_findings(rewrite(change))
    for section in SECTIONS:
        if section.id in {"factors", "loadings"}:
            assert section.show(findings).html.count("<img ") == 1


def test_names_from_outside_may_be_of_any_script(rewrite):
    def change(document):
        for row in document["variance"]["by_llm"]:
            row["llm"] = "模型\u202e\U0001f980 $x_1$"
        document["variance"]["by_level"]["模型 $\\frac{"] = document["variance"]["by_level"].pop("llm")

    findings = load_findings(rewrite(change))
    for section in SECTIONS[:2]:
        assert section.show(findings).html
