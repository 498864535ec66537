"""Do the factors come back elsewhere, and are they more than the wording of the items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from persona_big5.report import figures, tables
from persona_big5.report.fragments import Fragment, details, figure, paragraph, table
from persona_big5.report.words import LEVELS, PAIRWISE, count, p_value, percent, short

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings

_MANTEL = {
    "keyed": "reversed items turned round",
    "raw": "as the items are worded",
    "absolute": "direction left aside",
    "keyed_within_scales": "within scales only",
}


def show_replication(findings: Findings) -> Fragment:
    """Show congruence of the factors between parts of the data, beside what chance would give."""
    reading = findings.value("replication", "reading")
    if reading is None:
        return Fragment.of(paragraph(f"Not tested: {findings.reason('replication')}.", "note"))
    splits = tables.congruences(findings)
    level = findings.value("replication", "level")
    spoken = "; ".join(
        f"{what}: {', '.join(f'{row.factor} {short(row.phi)}' for row in tables.named_rows(own))}"
        for what, own in splits.groupby("what", sort=False)
    )
    return Fragment.of(
        paragraph(f"{reading[0].upper()}{reading[1:]}."),
        ""
        if splits.empty
        else figure(
            figures.congruences(findings),
            "Do the factors come back?",
            "Points: Tucker's phi of a factor in one part of the data with the same factor in the other, median over "
            "splits; lines reach down to the 5th percentile (families: to the lowest). Crosses: what 95 % of chance "
            "results stay below, when items change place. From .85 factors are fairly similar, from .95 "
            "equal (grey lines). Parts that share neither llms nor personas are the strongest evidence for traits; "
            f"runs of the same respondents are none. Level: {LEVELS.get(level, level).lower()}. "
            f"n = {count(findings.n_respondents)} respondents. {PAIRWISE}",
            f"Congruence of factors between parts; {spoken}.",
        ),
        _families(findings),
    )


def _families(findings: Findings) -> str:
    found = findings.value("replication", "by_llm_family")
    if found is None or not found.get("left_out"):
        return ""
    rows = [
        {"family": family, "n": entry["n_respondents"], **{f"F{k}": phi for k, phi in enumerate(entry["phi"], start=1)}}
        for family, entry in found["left_out"].items()
        if entry is not None
    ]
    if not rows:
        return ""
    factors = [column for column in rows[0] if column not in {"family", "n"}]
    return details(
        "Each llm family against all others",
        table(
            pd.DataFrame(rows),
            {"family": "family left out", "n": "respondents", **{factor: factor for factor in factors}},
            "",
            f"Tucker's phi of the family's own factors with those of the others. Families: {found['families_from']}.",
            formats={"n": count, **dict.fromkeys(factors, short)},
        ),
    )


def show_semantic(findings: Findings) -> Fragment:
    """Show how far items go together only because they are worded alike."""
    found = findings.value("semantic")
    if found is None:
        return Fragment.of(paragraph(f"Not tested: {findings.reason('semantic')}.", "note"))
    tests = [
        {"which": words, "r": entry["r"], "p": entry["p_greater"]}
        for key, words in _MANTEL.items()
        if (entry := found["mantel"].get(key)) is not None
    ]
    left = found["partialled_out"]
    kept = (
        ""
        if left is None
        else paragraph(
            f"Similarity of the texts accounts for {percent(left['r_squared'])} of the variance of the correlations. "
            f"{count(left['n_factors_before'])} factors are more than chance before it is taken out, "
            f"{count(left['n_factors_after'])} after."
        )
    )
    return Fragment.of(
        paragraph(f"{found['reading'][0].upper()}{found['reading'][1:]}."),
        table(
            pd.DataFrame(tests, columns=["which", "r", "p"]),
            {"which": "correlations of items", "r": "r with similarity", "p": "p"},
            "Are items that are worded alike also answered alike?",
            f"Mantel test: correlation of the items' correlations with the likeness of their texts "
            f"({found['similarity']}), p by items changing place. n = {count(found['n_items'])} items.",
            formats={"r": short, "p": p_value},
        )
        if tests
        else "",
        kept,
    )
