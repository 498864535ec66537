"""What the dimensions are: their items, as keyed and as worded, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from persona_big5.report import figures, tables
from persona_big5.report.fragments import Fragment, details, figure, paragraph, table
from persona_big5.report.words import LEVELS, MINUS, PAIRWISE, count, short, with_interval

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings

COMPARED = ("pooled", "respondent")
SALIENT = 0.3
"""Loadings from which an item is counted as one of the factor's (the usual convention)."""
_STRONGEST = 5


def show_loadings(findings: Findings) -> Fragment:
    """Show what the factors are made of: pooled beside corrected, and the trusted level with intervals."""
    found = {level: tables.loadings(findings, level) for level in COMPARED}
    if all(loadings is None for loadings in found.values()):
        why = findings.reason("factors", "respondent", "loadings")
        return Fragment.of(paragraph(f"No loadings to show: {why}.", "note"))
    dropped = [row["item"] for row in findings.document["data"]["dropped_items"]]
    left_out = f" {len(set(dropped))} items are left out at some level (see the last sections)." if dropped else ""
    heywood = [
        f"{LEVELS[level].lower()}: {', '.join(map(str, items))}"
        for level in COMPARED
        if (items := findings.value("factors", level, "heywood"))
    ]
    impossible = (
        f" More variance than an item has (Heywood case), to be read with care: {'; '.join(heywood)}."
        if heywood
        else ""
    )
    return Fragment.of(
        _contents(findings),
        figure(
            figures.loadings(findings, COMPARED),
            "What the factors are made of.",
            "Loadings (minres, oblimin): how strongly an item goes with a factor, \N{MINUS SIGN}1 to 1. Items are "
            "sorted by scale; reversed items "
            f"(marked \N{MINUS SIGN}) are turned round, so that a trait shows as one warm block. Columns are in the "
            f"order of the scales; F1, F2 … are "
            f"numbered as in analysis.json. {PAIRWISE}{left_out}{impossible}",
            "Heatmaps of factor loadings by item, pooled rows beside run noise removed; the numbers are in the table "
            "below.",
        ),
        _intervals(findings),
        details(
            "Loadings in raw direction, as the items are worded",
            *(_numbers(findings, level, raw_direction=True) for level in COMPARED),
        ),
        details(
            "Loadings in keyed direction, reversed items turned round",
            *(_numbers(findings, level, raw_direction=False) for level in COMPARED),
        ),
    )


def _contents(findings: Findings) -> str:
    """Say for each factor of the trusted level which items make it, and whether they are worded both ways."""
    level = findings.reported_level
    raw = tables.loadings(findings, level, raw_direction=True)
    if raw is None:
        return ""
    known = tables.scale_and_key(findings, list(raw.index))
    rows = []
    for factor in raw:
        own = raw[factor]
        salient = own[own.abs() >= SALIENT]
        scales = known.loc[salient.index, "scale"].value_counts()
        strongest = salient.loc[salient.abs().sort_values(ascending=False).index[:_STRONGEST]]
        rows.append(
            {
                "factor": factor,
                "scales": ", ".join(f"{scale} ({n})" for scale, n in scales.items()),
                "strongest": ", ".join(f"{item} {short(loading)}" for item, loading in strongest.items()),
                "signs": f"{int((salient > 0).sum())} + / {int((salient < 0).sum())} {MINUS}",
            }
        )
    return table(
        pd.DataFrame(rows),
        {
            "factor": "factor",
            "scales": "its items, by scale",
            "strongest": "strongest items, loadings as worded",
            "signs": "signs",
        },
        f"The factors of the analysis to trust ({LEVELS.get(level, level).lower()}).",
        f"An item counts from a loading of {short(SALIENT)}. Signs: how many of these go with the factor as they are "
        "worded, and how many against it. A factor whose items all have one sign cannot be told from agreeing with "
        "everything, however high its loadings.",
        formats={"signs": str},
    )


def _intervals(findings: Findings) -> str:
    level = findings.reported_level
    if tables.loading_ends(findings, level) is None:
        return ""
    return figure(
        figures.loading_intervals(findings, level),
        f"How sure the loadings are ({LEVELS.get(level, level).lower()}).",
        "Points: loadings, reversed items turned round; lines: 95 % interval over llms and personas drawn anew, every "
        "draw turned to the same factors. Filled where the interval leaves out 0. A factor is clear where its own "
        f"scale's intervals are short and all others cross 0. n = {count(findings.value('retention', level, 'n'))}. "
        f"{PAIRWISE}",
        "Loadings of every item on every factor with their intervals; the numbers are in the table below.",
    )


def _numbers(findings: Findings, level: str, *, raw_direction: bool) -> str:
    """Write the loadings of a level with their intervals."""
    found = tables.loadings(findings, level, raw_direction=raw_direction)
    if found is None:
        return ""
    nothing = found.map(lambda _: float("nan"))
    low, high = tables.loading_ends(findings, level, raw_direction=raw_direction) or (nothing, nothing)
    known, factors = tables.scale_and_key(findings, list(found.index)), list(map(str, found.columns))
    written = {
        factor: [with_interval(*one) for one in zip(found[factor], low[factor], high[factor], strict=True)]
        for factor in factors
    }
    printed = pd.DataFrame(written, index=found.index).assign(
        item=found.index, scale=known["scale"], keyed=["+" if key > 0 else MINUS for key in known["keyed"]]
    )
    return table(
        printed,
        {"item": "item", "scale": "scale", "keyed": "key", **{factor: factor for factor in factors}},
        f"{LEVELS[level]}.",
        formats=dict.fromkeys(factors, str),
    )
