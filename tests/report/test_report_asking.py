"""What the manner of asking does: the place of options, probabilities beside samples."""

from __future__ import annotations

import re

from persona_big5.report import load_findings, show_drift, show_place, show_probability, show_variance
from persona_big5.report.sections import sections_of

BIAS = {
    "mean": -0.81, "ci_low": -0.9, "ci_high": -0.72, "share_of_variance": 0.97, "share_ci_low": 0.9,
    "share_ci_high": 1.0, "run_noise": "removed", "agreement": -0.6, "agreement_ci_low": -0.7,
    "agreement_ci_high": -0.5,
    "r_between_orders": -0.87, "r_ci_low": -0.95, "r_ci_high": -0.7, "mean_forward": 1.39, "mean_reversed": 4.64,
    "n_items": 20, "n_cells": 12, "share_of_run_variance": 0.94,
}  # fmt: skip
OF_LLM = {
    "n_cells": 1240, "n_fallback": 3, "mean_option_mass": 0.987, "mean_entropy": 0.91, "share_exact": 0.25,
    "sampling_variance": {"low": 0.401, "high": 0.522}, "sampling_variance_compared": {"low": 0.411, "high": 0.412},
    "observed_run_variance": 0.45, "observed_ci_low": 0.4, "observed_ci_high": 0.5, "n_cells_compared": 240,
}  # fmt: skip
HOSTILE = "<img src=x onerror=alert(1)>"


def cells(html):
    """The printed text of a table's rows, a tuple for each."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [tuple(re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[dh].*?</t[dh]>", row)) for row in rows]


def drift_of(change, p):
    means = {"start": 4.0, "middle": 4.1, "end": 4.0 + change}
    told = {name: {"estimate": mean, "ci_low": mean - 0.1, "ci_high": mean + 0.1} for name, mean in means.items()}
    later = {name: {"estimate": told[name]["estimate"] - 4, "ci_low": 0.01, "ci_high": 0.2} for name in list(means)[1:]}
    return {
        "n_items": 2,
        "n_units": 14,
        "n_askings": 56,
        "mean": told,
        "change": later,
        "f": 3.2,
        "df": [2, 12],
        "p": p,
    }


def test_both_orders_are_shown_side_by_side(rewrite):
    def change(document):
        for entry in document["style"].values():
            entry["position_bias"] = BIAS
        document["style"]["warm"]["position_bias"] = {**BIAS, "r_between_orders": None, "share_of_run_variance": None}

    findings = load_findings(rewrite(change))
    shown = show_place(findings).html
    by_scale = {row[0]: row for row in cells(shown)}
    warm, whole = by_scale["warm"], by_scale["all"]
    assert warm[-3:] == ("\N{EN DASH}", "97\N{NARROW NO-BREAK SPACE}%", "\N{EN DASH}")
    assert whole == (
        "all", "1.39", "4.64", "\N{MINUS SIGN}0.81", "\N{MINUS SIGN}0.90 to \N{MINUS SIGN}0.72", "\N{MINUS SIGN}.87",
        "97\N{NARROW NO-BREAK SPACE}%", "94\N{NARROW NO-BREAK SPACE}%",
    )  # fmt: skip
    assert "run noise is taken off." in shown
    assert "n = 12 cells" in shown
    assert "orders of the options make 94\N{NARROW NO-BREAK SPACE}%" in show_variance(findings).html


def test_one_order_is_said_with_what_to_do(folder):
    shown = show_place(load_findings(folder)).html
    assert "not shown in both orders" in shown
    assert "option_order: [forward, reversed]" in shown
    assert "orders of the options" not in show_variance(load_findings(folder)).html


def test_probabilities_and_samples_are_compared(rewrite):
    def change(document):
        llms = [{"llm": name, "variant": "none", **OF_LLM} for name in ("oak", HOSTILE)]
        document["probability"] = {**OF_LLM, "n_cells": 2480, "by_llm": llms}

    findings = load_findings(rewrite(change))
    assert "probability" in [section.id for section in sections_of(findings)]
    shown = show_probability(findings).html
    assert "<img" not in shown
    _, oak, hostile, whole, _, compared, *_ = cells(shown)
    assert oak == (
        "oak", "none", "1,240", "3", "99\N{NARROW NO-BREAK SPACE}%", "0.91", "0.40 to 0.52",
        "25\N{NARROW NO-BREAK SPACE}%",
    )  # fmt: skip
    assert "onerror" in hostile[0]
    assert whole[:3] == ("all", "", "2,480")
    assert compared == ("oak", "none", "240", "0.41", "0.45", "0.40 to 0.50")


def test_probabilities_alone_say_why_there_is_no_comparison(rewrite):
    alone = {"observed_run_variance": None, "observed_ci_low": None, "observed_ci_high": None, "n_cells_compared": 0}

    def change(document):
        own = {**OF_LLM, **alone, "sampling_variance": None, "sampling_variance_compared": None, "mean_entropy": None}
        document["probability"] = {**own, "by_llm": [{"llm": "oak", "variant": "none", **own}]}
        document["reasons"]["probability.observed_run_variance"] = "nothing was sampled"

    shown = show_probability(load_findings(rewrite(change))).html
    assert "Not compared with sampled answers: nothing was sampled." in shown
    assert len(cells(shown)) == 2  # heading and the one llm, no row for all
    assert cells(shown)[1][5:7] == ("\N{EN DASH}", "\N{EN DASH}")


def test_anchors_show_their_change_at_each_later_occasion(rewrite):
    def change(document):
        scales = {"warm": drift_of(0.3, 0.0004), "calm": None, "all": drift_of(0.2, None)}
        document["drift"] = {"unit": "persona", "occasions": ["start", "middle", "end"], "scales": scales}

    findings = load_findings(rewrite(change))
    assert "drift" in [section.id for section in sections_of(findings)]
    shown = cells(show_drift(findings).html)
    assert shown[0] == ("scale", "anchors", "personas", "mean, start", "later", "change", "95 % interval", "p")
    assert shown[2] == ("warm", "2", "14", "4.00", "end", "0.30", "0.01 to 0.20", "&lt; 0.001")
    assert shown[3][:1] + shown[3][4:6] + shown[3][-1:] == ("all", "middle", "0.10", "\N{EN DASH}")
    assert len(shown) == 5
