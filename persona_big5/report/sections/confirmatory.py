"""The keyed scales as a stated model: does it fit, and do llms answer by the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from persona_big5.report.fragments import Fragment, bullets, details, paragraph, table
from persona_big5.report.words import LEVELS, NOTHING, count, number, p_value, short

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings

_STEPS = {"configural": "same items", "metric": "same loadings", "scalar": "same levels", "strict": "same noise"}


def show_confirmatory(findings: Findings) -> Fragment:
    """Show how the stated scales fit respondents and runs."""
    found = findings.value("confirmatory")
    if found is None:
        return Fragment.of(paragraph(f"Not fitted: {findings.reason('confirmatory')}.", "note"))
    parts = {"both levels together": found, **{LEVELS[name]: entry for name, entry in found["levels"].items() if entry}}
    rows = [{"what": what, **_fit(entry.get("fit"))} for what, entry in parts.items()]
    n = f"n = {count(found['n_respondents'])} respondents, {count(found['n_rows'])} runs"
    return Fragment.of(
        table(
            pd.DataFrame(rows),
            {"what": "", "chi2": "chi\N{SUPERSCRIPT TWO}", "df": "df", "p": "p", "cfi": "CFI", "rmsea": "RMSEA",
             "srmr": "SRMR"},
            "Fit of the scales as stated.",
            f"Each item measures its own scale and no other. CFI from .95, RMSEA up to .06 and SRMR up to .08 count as "
            f"good. Two-level maximum likelihood, {n} without a missing answer.",
            formats={"chi2": number, "df": count, "p": p_value, "cfi": short, "rmsea": str, "srmr": short},
        ),
        _scales_of(found),
        bullets(found["warnings"], "To be minded"),
    )  # fmt: skip


def _fit(fit: dict[str, Any] | None) -> dict[str, Any]:
    known = dict.fromkeys(("chi2", "df", "p", "cfi", "rmsea", "srmr", "rmsea_low", "rmsea_high")) | (fit or {})
    low, high = known["rmsea_low"], known["rmsea_high"]
    ends = "" if low is None or high is None else f" ({number(low, 3)} to {number(high, 3)})"
    return {**known, "rmsea": number(known["rmsea"], 3) + ends}


def _scales_of(found: dict[str, Any]) -> str:
    """Correlations of the scales as factors of respondents, free of measurement error."""
    own = found["levels"].get("respondent")
    if own is None or own.get("factor_correlations") is None or len(own["factors"]) < 2:
        return ""
    names = {f"{place}": name for place, name in enumerate(own["factors"])}  # a scale may be called anything
    frame = pd.DataFrame(own["factor_correlations"], columns=list(names)).assign(scale=own["factors"])
    return details(
        "Correlations of the scales in this model",
        table(
            frame,
            {"scale": "", **names},
            "",
            "Between respondents, run noise and noise of items taken out. Above about .85 two scales are hardly two.",
            formats=dict.fromkeys(names, short),
        ),
    )


def show_invariance(findings: Findings) -> Fragment:
    """Show how far llms may be compared on each scale."""
    found = findings.value("invariance")
    if found is None:
        return Fragment.of(paragraph(f"Not compared: {findings.reason('invariance')}.", "note"))
    entries = {**found["by_scale"], "all scales": found["all_scales"]}
    compared = {scale: entry for scale, entry in entries.items() if entry is not None}
    rows = [
        {
            "scale": scale,
            "llms": len(entry["groups"]),
            "cfi": ((entry["steps"]["configural"] or {}).get("fit") or {}).get("cfi"),
            **{step: _holds(entry["steps"][step]) for step in _STEPS},
            "conclusion": entry["conclusion"],
        }
        for scale, entry in compared.items()
    ]
    where = {scale: ("by_scale", scale) if scale in found["by_scale"] else ("all_scales",) for scale in entries}
    left = [
        f"{scale}: {findings.reason('invariance', *where[scale])}" for scale, entry in entries.items() if entry is None
    ]
    warnings = list(dict.fromkeys(warning for entry in compared.values() for warning in entry["warnings"]))
    return Fragment.of(
        table(
            pd.DataFrame(rows),
            {"scale": "scale", "llms": "llms", "cfi": "CFI", **_STEPS, "conclusion": "what follows"},
            "Do llms answer by the same model?",
            "Each step adds to the one before it. Relations between scales may be compared over llms where loadings "
            "are the same, means only where levels are the same too. CFI: fit of the first step; below .90 the "
            "model itself does not hold.",
            formats={"llms": count, "cfi": short},
        )
        if rows
        else "",
        bullets(left, "Not compared"),
        bullets(warnings, "To be minded"),
    )


def _holds(step: dict[str, Any] | None) -> str:
    return NOTHING if step is None else "holds" if step["holds"] else "fails"
