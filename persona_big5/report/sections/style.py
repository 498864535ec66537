"""Response style: agreeing, extremes, looking good, carelessness, and what is left once agreement is taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from persona_big5.report import figures, tables
from persona_big5.report.fragments import Fragment, details, figure, paragraph, table
from persona_big5.report.words import count, number, percent, short

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings

BEFORE_AFTER = ("respondent", "respondent_without_style")


def show_style(findings: Findings) -> Fragment:
    """Show the structure before and after agreement is taken out, and the signs of style by scale."""
    before_after = _before_after(findings)
    style = tables.response_style(findings)
    if style is None and not before_after:
        return Fragment.of(paragraph(f"Response style is not shown: {findings.reason('style')}.", "note"))
    signs = paragraph(f"Signs by scale: {findings.reason('style')}.", "note") if style is None else _signs(style)
    return Fragment.of(before_after, _factor(findings), signs)


def _before_after(findings: Findings) -> str:
    """Set numbers of factors and what the first takes beside each other; nothing where one of both is missing."""
    entries = [findings.value("retention", level) for level in BEFORE_AFTER]
    if any(entry is None or entry["parallel_analysis"] is None for entry in entries):
        return ""
    without = {row.level: [row.before, row.after] for row in tables.named_rows(_compared(findings))}
    pieces = [
        table(
            _compared(findings),
            {"level": "", "before": "before", "after": "agreement taken out"},
            "The same respondents before and after.",
            "Corrected level. Agreement is a factor with the same loading on every item as worded. Factors that "
            "vanish without it were agreement; those that stay were not.",
            formats={"before": str, "after": str},
        )
    ]
    if without and all(tables.loadings(findings, level) is not None for level in BEFORE_AFTER):
        drawn = figure(
            figures.loadings(findings, BEFORE_AFTER),
            "Loadings before and after.",
            "As above: reversed items turned round, sorted by scale.",
            "Heatmaps of factor loadings before and after agreement is taken out.",
        )
        pieces.append(details("Loadings before and after agreement is taken out", drawn))
    return "".join(pieces)


def _compared(findings: Findings) -> pd.DataFrame:
    before, after = (findings.value("retention", level) for level in BEFORE_AFTER)

    def first(entry: dict[str, list[float]]) -> float:
        return entry["eigenvalues"][0] / len(entry["eigenvalues"])

    rows = [
        ("factors by parallel analysis", count(before["parallel_analysis"]), count(after["parallel_analysis"])),
        ("first component, share of variance", percent(first(before)), percent(first(after))),
    ]
    return pd.DataFrame(rows, columns=["level", "before", "after"])


def _factor(findings: Findings) -> str:
    factor = findings.value("style", "all", "factor")
    if factor is None:
        return ""
    return paragraph(
        f"Agreement as a factor beside the scales takes {percent(factor['share_of_variance'])} of what respondents "
        f"differ in, with a mean loading of {short(factor['mean_loading'])}. Residual correlations (SRMR) fall from "
        f"{number(factor['srmr_without'], 3)} without it to {number(factor['srmr'], 3)} with it."
    )


def _signs(style: pd.DataFrame) -> str:
    """Write the signs that are known of at least one scale."""
    headings = {
        "mean": "agreeing, mean",
        "sd": "agreeing, SD",
        "share_of_variance": "share of variance",
        "extremity": "extreme answers",
        "desirability": "r with looking good",
        "infrequency": "rare answers",
        "inconsistency": "opposites agreed to",
    }
    return table(
        style.assign(share_of_variance=style["share_of_variance"].clip(lower=0)),
        {"scale": "scale", **{sign: words for sign, words in headings.items() if style[sign].notna().any()}},
        "Signs of style, by scale.",
        "Agreeing: mean answer to forward and reversed items together, 0 is the middle of the response scale "
        "and 1 its end; SD over "
        "respondents; share: how much of what respondents differ in it is (an estimate below 0 is shown as 0). "
        "Extreme answers: the share at either end. Looking good: correlation of the scale with how much respondents "
        "agree to what looks good in the other scales' items. Rare answers: the share that hardly anyone else gives. "
        "Opposites: how much answers to "
        "opposite items contradict each other, against answers at random (1: as much as at random).",
        formats={
            "mean": number,
            "sd": number,
            "share_of_variance": percent,
            "extremity": percent,
            "desirability": short,
            "infrequency": percent,
            "inconsistency": number,
        },
    )
