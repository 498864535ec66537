"""What cannot be had from these data, and what made the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persona_big5.report import tables
from persona_big5.report.fragments import Fragment, bullets, details, paragraph, table
from persona_big5.report.sections.absent import RESTS_ON, absent
from persona_big5.report.words import PARTS, count

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings


def show_missing(findings: Findings) -> Fragment:
    """Show what this report does not have, and why: whole sections first, single numbers folded."""
    not_built = tables.not_built(findings)
    left_out = {
        section: reason
        for section, reason in absent(findings).items()
        if section != "planted" and not reason.startswith(tables.NOT_BUILT)
    }
    why = tables.missing(findings)
    return Fragment.of(
        paragraph(f"Not built yet in this version: {', '.join(not_built)}.") if not_built else "",
        bullets(
            [f"{_named(section)}: {reason}" for section, reason in left_out.items()],
            "Left out of this report",
        ),
        details(
            f"Every empty number and its reason ({len(why)} reasons)",
            table(
                why,
                {"reason": "why", "where": "where", "values": "values"},
                "",
                "Each reason with the numbers it leaves empty.",
                formats={"values": count},
            ),
        )
        if len(why)
        else paragraph("Everything else could be estimated."),
    )


def _named(section: str) -> str:
    return "the option or its place" if section == "place" else PARTS[RESTS_ON.get(section, (section,))[0]]


def show_provenance(findings: Findings) -> Fragment:
    """Show what made these numbers."""
    return Fragment.of(
        table(tables.provenance(findings), {"what": "", "value": ""}, "How to get these numbers again."),
        paragraph(f"Variance by {findings.value('variance', 'method')}.")
        if findings.value("variance", "method")
        else "",
    )
