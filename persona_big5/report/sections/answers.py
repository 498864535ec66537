"""What was asked, what became of it, and what the missing answers could have done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from persona_big5.report import tables
from persona_big5.report.fragments import Fragment, details, paragraph, table, tiles
from persona_big5.report.words import count, effect_name, number, percent, with_interval

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings


def show_data(findings: Findings) -> Fragment:
    """Show what was asked, and what became of it."""
    data = findings.document["data"]
    dropped = pd.DataFrame(data["dropped_items"], columns=["item", "reason"])
    design = {
        "shared": "shared by the items of a session",
        "isolated": "each item asked on its own",
        "unknown": "not recorded, treated as shared",
    }
    facts = {
        "llms": data["n_llms"],
        "llms and their fine-tunes": data["n_variants"],
        "personas": data["n_personas"],
        "contexts": data["n_contexts"],
        "items": data["n_items"],
        "askings": data["n_rows"],
    }
    placebo = data.get("placebo_personas") or []
    return Fragment.of(
        tiles({what: count(n) for what, n in facts.items()}),
        paragraph(f"Sessions: {design.get(data['session_design'], data['session_design'])}."),
        paragraph(f"Placebo personas, left out of everything but their own check: {', '.join(map(str, placebo))}.")
        if placebo
        else "",
        table(
            tables.states(findings),
            {"state": "state", "count": "askings", "share": "share", "meaning": "meaning"},
            "What became of each asking.",
            "Only answered ones have a score. The others are missing answers, not zeros, and are seldom "
            "missing at random.",
            formats={"count": count, "share": lambda share: number(100 * share, 1) + "\N{NARROW NO-BREAK SPACE}%"},
        ),
        details(f"Items left out at some level ({len(dropped)})", table(dropped, {"item": "item", "reason": "why"}, ""))
        if len(dropped)
        else paragraph("No item was left out."),
    )


def show_unanswered(findings: Findings) -> Fragment:
    """Show how much is missing, whether refusing is a trait of its own, and what the missing answers could change."""
    found = findings.value("missingness_bounds")
    if found is None:
        return Fragment.of(paragraph(f"No bounds: {findings.reason('missingness_bounds')}.", "note"))
    return Fragment.of(
        paragraph(
            f"{number(100 * found['share_missing'], 1)} % of the {count(found['n_asked'])} answers asked for are "
            f"missing, {number(100 * found['share_refused'], 1)} % refused or declined. Nothing is filled in; the "
            "worst that the missing answers could have done is shown instead."
        ),
        _share_bounds(findings),
        _refusing(findings),
    )


def _share_bounds(findings: Findings) -> str:
    shares = findings.value("missingness_bounds", "variance_shares")
    if shares is None:
        return paragraph(f"No bounds: {findings.reason('missingness_bounds', 'variance_shares')}.", "note")
    rows = [{"effect": effect_name(effect), **share} for effect, share in shares.items() if share is not None]
    return table(
        pd.DataFrame(rows),
        {"effect": "share of", "complete": "answers that are there", "least": "least", "most": "most"},
        "Variance shares, whatever the missing answers were.",
        "Least and most: over fillings meant to be extreme: all missing answers at the lower or upper end, respondents "
        "pushed apart or together, runs pushed apart or together.",
        formats=dict.fromkeys(["complete", "least", "most"], percent),
    )


def _refusing(findings: Findings) -> str:
    correlations = findings.value("missingness_bounds", "refusal", "correlations") or {}
    rows = [
        {"scale": scale, "r": with_interval(one["estimate"], one["ci_low"], one["ci_high"])}
        for scale, one in correlations.items()
        if one is not None
    ]
    if not rows:
        return ""
    return table(
        pd.DataFrame(rows),
        {"scale": "scale", "r": "r with refusing"},
        "Who refuses?",
        "Correlation over respondents of the share of answers refused or declined with the scale; 95 % interval over "
        "llms and personas. Where it is not 0, what is missing is missing for a reason.",
        formats={"r": str},
    )
