"""How many dimensions: the votes of all methods at all levels, eigenvalues beside chance, random halves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persona_big5.report import figures, tables
from persona_big5.report.fragments import Fragment, bullets, figure, paragraph, table
from persona_big5.report.words import LEVELS, PAIRWISE, count, percent

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings


def show_factors(findings: Findings) -> Fragment:
    """Show how many factors each method counts at each level, and how stable that number is."""
    counts = tables.factor_counts(findings)
    if counts.empty:
        return Fragment.of(paragraph(f"No level could be analysed: {findings.reason('retention', 'pooled')}.", "note"))
    return Fragment.of(_votes(findings), _without_votes(findings), _scree(findings), _halves(findings))


def _votes(findings: Findings) -> str:
    counts = tables.factor_counts(findings)
    trusted = findings.value("recommended_level", "level")
    return table(
        counts.assign(
            level=[
                f"{row.level} \N{LEFTWARDS ARROW} trust" if row.key == trusted else row.level
                for row in tables.named_rows(counts)
            ],
            most=[_most(halves) for halves in counts["halves"]],
        ),
        {
            "level": "level",
            "units": "n",
            "variables": "of",
            "parallel_analysis": "parallel analysis",
            "map": "MAP",
            "ekc": "EKC",
            "hull": "Hull",
            "comparison_data": "comparison data",
            "most": "halves",
        },
        "Number of factors by method and level.",
        "Parallel analysis decides: it counts eigenvalues above those of worlds without any factor. Second opinions, "
        "where they are defined: minimum average partial (MAP), empirical Kaiser criterion (EKC), Hull, comparison "
        "data. Halves: the number that most random halves of the respondents have, and in how many of them. Methods "
        "that agree on pooled rows may agree on run noise. Scales stand for items where units are too few.",
        formats={"units": count, **dict.fromkeys(tables.VOTES, count), "most": str},
    )


def _without_votes(findings: Findings) -> str:
    """Name the levels that have no vote, those with the same reason together."""
    why: dict[str, list[str]] = {}
    for level, entry in findings.document["retention"].items():
        if entry is None or entry["parallel_analysis"] is None:
            reason = findings.reason("retention", level, "parallel_analysis")
            why.setdefault(reason, []).append(LEVELS.get(level, level))
    return bullets([f"{', '.join(levels)}: {reason}" for reason, levels in why.items()], "No number")


def _most(halves: dict[str, float] | None) -> str:
    if not halves:
        return "\N{EN DASH}"
    k, share = max(halves.items(), key=lambda one: one[1])
    return f"{k} in {percent(share)}"


def _scree(findings: Findings) -> str:
    counts = tables.factor_counts(findings)
    draws = findings.value("provenance", "settings", "draws")
    spoken = "; ".join(
        f"{row.level}: {count(row.parallel_analysis)} of {row.units} units" for row in tables.named_rows(counts)
    )
    return figure(
        figures.scree(findings),
        "How many factors are more than chance.",
        f"Beside each title: how many are counted. Solid: eigenvalues of the correlation matrix, the first 14; "
        f"dashed: 95th percentile of {draws} worlds of the same size and variances "
        "without any factor. A filled point is counted: it and all before it lie above the dashed line. A "
        f"noise-corrected matrix can have negative eigenvalues. {PAIRWISE}",
        f"Scree plots; factors counted: {spoken}.",
    )


def _halves(findings: Findings) -> str:
    counts = tables.factor_counts(findings)
    known = counts[counts["halves"].notna()]
    if known.empty:
        return ""
    spoken = "; ".join(f"{row.level}: {_most(row.halves)}" for row in tables.named_rows(known))
    return figure(
        figures.halves(findings),
        "Does the number hold in half of the respondents?",
        "Each row: in how many random halves each number of factors is found, each half against worlds of its own "
        f"size; n is that of the table above. A number to rely on has nearly all halves in one cell. {PAIRWISE}",
        f"Heatmap of the numbers of factors in random halves; {spoken}.",
    )
